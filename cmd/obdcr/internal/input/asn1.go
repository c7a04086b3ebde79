package input

import (
	"crypto"
	"crypto/dsa" //nolint:staticcheck // named, never used
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
)

// item is a key or a certificate of a file.
type item struct {
	kind        Kind
	what        string
	certificate *x509.Certificate // of a Certificate
	key         crypto.PrivateKey // of a PrivateKey that could be read
	other       bool              // a PrivateKey of a type that is not read
}

// readDER recognises DER: the whole of data is one ASN.1 sequence, or one certificate
// after the other.
func readDER(f *File, data string) bool {
	if len(data) < 2 || data[0] != 0x30 {
		return false
	}
	if data[1] == 0x80 && strings.Contains(data, "\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01") { // BER of indefinite length
		f.Kind, f.bytes = PKCS12, data
		return true
	}
	der := []byte(data)
	var sequence asn1.RawValue
	rest, err := asn1.Unmarshal(der, &sequence)
	if err != nil {
		return false
	}
	if len(rest) > 0 {
		certs, err := x509.ParseCertificates(der)
		if err != nil {
			return false
		}
		for _, c := range certs {
			f.items = append(f.items, certificateItem(c))
		}
	} else if found, ok := derItem(der); ok {
		f.items = []item{found}
	} else {
		return false
	}
	f.bytes = data
	f.settle()
	return true
}

// readBase64 recognises DER in base64 without the lines of PEM around it, as directories
// show certificates.
func readBase64(f *File) bool {
	if len(f.text) < 64 {
		return false
	}
	der, err := base64.StdEncoding.DecodeString(f.text) // it skips line breaks
	if err != nil {
		return false
	}
	return readDER(f, string(der))
}

// derItem reads one DER structure.
func derItem(der []byte) (item, bool) {
	if c, err := x509.ParseCertificate(der); err == nil {
		return certificateItem(c), true
	}
	if key, ok := privateDER(der); ok {
		return keyItem(key), true
	}
	if public, err := x509.ParsePKIXPublicKey(der); err == nil {
		return item{kind: PublicKey, what: "a public key (" + publicName(public) + ")"}, true
	}
	if public, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return item{kind: PublicKey, what: "a public key (" + publicName(public) + ")"}, true
	}
	if _, err := x509.ParseCertificateRequest(der); err == nil {
		return item{kind: CertificateRequest}, true
	}
	if _, err := x509.ParseRevocationList(der); err == nil {
		return item{kind: RevocationList}, true
	}
	if what := otherKey(der); what != "" {
		return item{kind: PrivateKey, what: what, other: true}, true
	}
	kind := structure(der)
	return item{kind: kind}, kind != Unknown
}

// maxKeyDER bounds a private key, in bytes: to check an RSA key costs with the cube of its
// length. One of 16,384 bits has 9 KiB.
const maxKeyDER = 16 << 10

// privateDER reads a private key in one of its three structures.
func privateDER(der []byte) (any, bool) {
	if len(der) > maxKeyDER {
		return nil, false
	}
	for _, parse := range []func([]byte) (any, error){
		x509.ParsePKCS8PrivateKey,
		func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
		func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
	} {
		if key, err := parse(der); err == nil {
			return key, true
		}
	}
	return nil, false
}

// structure recognises what package x509 does not read: a sequence by its first elements.
func structure(der []byte) Kind {
	var store struct {
		Version int
		Content struct {
			Type asn1.ObjectIdentifier
			Rest asn1.RawValue `asn1:"optional,explicit,tag:0"`
		}
		MAC asn1.RawValue `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(der, &store); err == nil && store.Version == 3 {
		return PKCS12
	}
	var signed struct {
		Type asn1.ObjectIdentifier
		Rest asn1.RawValue `asn1:"explicit,tag:0"`
	}
	if _, err := asn1.Unmarshal(der, &signed); err == nil && signed.Type.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}) {
		return PKCS7
	}
	var encrypted struct {
		Algorithm struct {
			ID         asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		Data []byte
	}
	if rest, err := asn1.Unmarshal(der, &encrypted); err == nil && len(rest) == 0 && isEncryption(encrypted.Algorithm.ID) {
		return EncryptedKey
	}
	return Unknown
}

// isEncryption reports whether an algorithm encrypts by a password: those of PKCS #5 and
// of PKCS #12.
func isEncryption(id asn1.ObjectIdentifier) bool {
	s := id.String()
	return strings.HasPrefix(s, "1.2.840.113549.1.5.") || strings.HasPrefix(s, "1.2.840.113549.1.12.1.")
}

func certificateItem(c *x509.Certificate) item {
	return item{kind: Certificate, certificate: c}
}

func keyItem(key any) item {
	return item{kind: PrivateKey, key: key, what: privateName(key)}
}

// privateName calls a private key by its type, with its article.
func privateName(key any) string {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return fmt.Sprintf("an RSA private key of %d bits", k.N.BitLen())
	case *ecdsa.PrivateKey:
		return "an EC private key on " + k.Curve.Params().Name
	case ed25519.PrivateKey:
		return "an Ed25519 private key"
	case *ecdh.PrivateKey:
		return "an X25519 private key"
	}
	return PrivateKey.String()
}

func publicName(key any) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA, %d bits", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "EC, " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	case *ecdh.PublicKey:
		return "X25519"
	case *dsa.PublicKey:
		return "DSA"
	}
	return "of another type"
}

// readPEM reads all blocks of PEM.
func readPEM(f *File) {
	if rest := f.text; !strings.Contains(rest, "\n") && strings.Contains(rest, `\n`) { // as .env files write it
		f.text = strings.ReplaceAll(strings.ReplaceAll(rest, `\r`, ""), `\n`, "\n")
	}
	rest := []byte(f.text)
	for {
		block, next := pem.Decode(rest)
		if block == nil {
			break
		}
		rest = next
		if block.Type == "EC PARAMETERS" || block.Type == "DH PARAMETERS" {
			continue
		}
		f.items = append(f.items, pemItem(block))
	}
	if len(f.items) == 0 {
		f.Kind = DamagedPEM
		return
	}
	f.settle()
}

// pemItem reads one block.
func pemItem(block *pem.Block) item {
	if block.Headers["DEK-Info"] != "" {
		return item{kind: EncryptedKey, what: "an encrypted private key (PEM with DEK-Info)"}
	}
	switch block.Type {
	case "ENCRYPTED PRIVATE KEY":
		return item{kind: EncryptedKey, what: "an encrypted private key (PKCS#8)"}
	case "OPENSSH PRIVATE KEY":
		return item{kind: OpenSSHKey}
	case "PKCS7", "CMS":
		return item{kind: PKCS7}
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		return item{kind: CertificateRequest}
	}
	if found, ok := derItem(block.Bytes); ok {
		return found
	}
	if strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return item{kind: PrivateKey, what: "a private key that cannot be decoded"}
	}
	return item{kind: OtherPEM, what: "PEM of the type " + text.Quote(block.Type)}
}

// settle gives the file the kind of its items together.
func (f *File) settle() {
	count := map[Kind]int{}
	for _, i := range f.items {
		count[i.kind]++
	}
	first := f.items[0]
	keys, certs := count[PrivateKey], count[Certificate]
	switch {
	case keys > 0 && certs > 0:
		f.Kind = KeyAndCertificate
	case keys > 0:
		f.Kind = PrivateKey
		for _, i := range f.items {
			if i.kind == PrivateKey {
				f.detail = i.what
				break
			}
		}
	case certs > 1:
		f.Kind, f.detail = Certificates, fmt.Sprintf("a file of %d certificates", certs)
	default:
		f.Kind, f.detail = first.kind, first.what
		if certs == 1 {
			f.Kind, f.detail = Certificate, certificateName(f.items)
		}
	}
}

// certificateName calls a certificate by its use where that is not a client's.
func certificateName(items []item) string {
	for _, i := range items {
		if i.certificate != nil && i.certificate.IsCA {
			return "the certificate of a CA"
		}
	}
	return ""
}
