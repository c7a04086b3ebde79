package input

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/jsonscan"
)

// SigningKey returns the private key that signs requests, and its kid where the file tells
// one. It reads PEM, DER, a JWK, a key set with one private key (or with one of the given
// kid), and PKCS#12 with the password. The key is RSA or EC on P-256. The error is an
// *Error, and never holds a part of the key.
func (f *File) SigningKey(kid string, password *Password) (key crypto.Signer, found string, err error) {
	private, found, err := f.privateKey(kid, password)
	if err != nil {
		return nil, "", err
	}
	refused := f.unsuited(private)
	switch k := private.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits >= jose.MinRSAKeyBits && bits <= jose.MaxRSAKeyBits {
			return k, found, nil
		}
		refused.Reason = fmt.Sprintf("banks take RSA keys of %d to %d bits", jose.MinRSAKeyBits, jose.MaxRSAKeyBits)
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P256() {
			return k, found, nil
		}
	}
	return nil, "", refused
}

// unsuited makes the error for a private key of a type that is not wanted.
func (f *File) unsuited(private crypto.PrivateKey) *Error {
	fix, command := f.newKey()
	refused := f.unfit(wanted[PrivateKey], fix, command)
	refused.Found = "this is " + privateName(private)
	if f.Kind == PKCS12 {
		refused.Found = "this is a PKCS#12 store with " + privateName(private)
	}
	return refused
}

// TransportKey returns the private key of a client certificate. It reads what SigningKey
// reads, and keys of every type that TLS takes. The error is an *Error.
func (f *File) TransportKey(password *Password) (crypto.Signer, error) {
	private, _, err := f.privateKey("", password)
	if err != nil {
		return nil, err
	}
	switch k := private.(type) {
	case *rsa.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, f.unsuited(private)
}

// HoldsKey reports whether the file has a private key beside a certificate, so that one
// flag is enough for both. It opens a PKCS#12 store with the password.
func (f *File) HoldsKey(password *Password) bool {
	if f.Kind == PKCS12 {
		store, err := f.store(password)
		return err == nil && store.key != nil
	}
	return f.Kind == KeyAndCertificate
}

// privateKey returns the one private key of the file.
func (f *File) privateKey(kid string, password *Password) (crypto.PrivateKey, string, error) {
	switch f.Kind {
	case PrivateKey, KeyAndCertificate:
		key, err := f.onlyKey()
		return key, "", err
	case PrivateJWK:
		return f.jwk(f.object)
	case KeySet:
		return f.chosen(kid)
	case PKCS12:
		store, err := f.store(password)
		if err != nil {
			return nil, "", err
		}
		if store.key == nil {
			refused := f.unfit(wanted[PrivateKey], "give the store that holds the key", nil)
			refused.Reason = "it has certificates alone"
			return nil, "", refused
		}
		return store.key, "", nil
	}
	return nil, "", f.withoutKey(password)
}

// withoutKey makes the error for a file that is no private key that can be read.
func (f *File) withoutKey(password *Password) *Error {
	refused := f.not(PrivateKey)
	if f.Kind == EncryptedKey && password != nil {
		refused.Reason = password.flag + " is for PKCS#12 alone: openssl asks for this password"
	}
	return refused
}

// onlyKey returns the key of PEM or DER.
func (f *File) onlyKey() (crypto.PrivateKey, error) {
	var only crypto.PrivateKey
	count, other := 0, false
	for _, i := range f.items {
		if i.kind == PrivateKey {
			only, other = i.key, i.other
			count++
		}
	}
	switch {
	case count > 1:
		return nil, f.unfit(wanted[PrivateKey], "leave one private key in the file: it has several", nil)
	case other:
		return nil, f.not(PrivateKey)
	case only == nil: // PEM that says so and holds something else
		return nil, f.unfit(wanted[PrivateKey], "copy the file again, or make a new key: this one cannot be decoded", nil)
	}
	return only, nil
}

func (f *File) jwk(v jsonscan.Value) (crypto.PrivateKey, string, error) {
	key, err := privateJWK(v)
	if err != nil {
		refused := f.not(PrivateKey)
		refused.Reason = err.Error()
		if !errors.Is(err, errJWKType) {
			refused.Fix, refused.Command = "copy the key again, whole, or make a new one", nil
		}
		return nil, "", refused
	}
	kid, _ := v.MemberText("kid")
	return key, kid, nil
}

// chosen returns the private key of a set, by its kid if there are several.
func (f *File) chosen(kid string) (crypto.PrivateKey, string, error) {
	entries := privateEntries(f.object)
	if kid != "" {
		for _, entry := range entries {
			if id, _ := entry.MemberText("kid"); id == kid {
				return f.jwk(entry)
			}
		}
	}
	switch {
	case len(entries) == 0:
		return nil, "", f.not(PrivateKey)
	case len(entries) == 1:
		return f.jwk(entries[0])
	}
	return nil, "", f.unfit(wanted[PrivateKey], "name one key of the set by --kid: it has several private keys", nil)
}

// Certificates returns the certificates of a client, the client's own first. It reads PEM,
// DER and PKCS#12 with the password. It warns of a private key beside the certificate
// unless keyDue. The error is an *Error.
func (f *File) Certificates(password *Password, keyDue bool) ([]*x509.Certificate, error) {
	return f.certificates(Certificate, password, keyDue)
}

// Authorities returns the certificates of CAs. It reads what Certificates reads, and warns
// of a private key. The error is an *Error.
func (f *File) Authorities(password *Password) ([]*x509.Certificate, error) {
	return f.certificates(Certificates, password, false)
}

func (f *File) certificates(want Kind, password *Password, keyDue bool) ([]*x509.Certificate, error) {
	switch f.Kind {
	case Certificate, Certificates, KeyAndCertificate:
	case PKCS12:
		store, err := f.store(password)
		if err != nil {
			return nil, err
		}
		if len(store.certificates) == 0 {
			refused := f.unfit(wanted[want], "give the store that holds the certificate", nil)
			refused.Reason = "it has a private key alone"
			return nil, refused
		}
		if store.key != nil && !keyDue {
			f.advise("the store holds a private key, which is not used here\n  note: " + keepOut)
		}
		return store.certificates, nil
	default:
		return nil, f.not(want)
	}
	var found []*x509.Certificate
	for _, i := range f.items {
		if i.certificate != nil {
			found = append(found, i.certificate)
		}
	}
	if f.Kind == KeyAndCertificate && !keyDue {
		f.advise("the file holds a private key, which is not used here\n  note: " + keepOut)
	}
	return found, nil
}
