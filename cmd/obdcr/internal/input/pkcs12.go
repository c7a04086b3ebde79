package input

import (
	"crypto"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// storeTime is how long a PKCS#12 store may take to open. Its maker chooses the cost of
// the password: some 10 ms are usual.
const storeTime = 20 * time.Second

// keyStore is what a PKCS#12 store holds: one key or none, and certificates, first that of
// the key.
type keyStore struct {
	key          crypto.PrivateKey
	certificates []*x509.Certificate
}

// ErrPassword means that a store needs a password, or another one.
var ErrPassword = errors.New("the password does not open it")

// Why else a PKCS#12 store is not read.
var (
	errStoreSlow  = errors.New("it takes too long to open")
	errStoreForm  = errors.New("it is written in a form that is not read here")
	errStoreEmpty = errors.New("it has neither a private key nor a certificate")
)

// store opens the PKCS#12 store of the file. Without a password it tries the empty one.
func (f *File) store(password *Password) (*keyStore, error) {
	given := ""
	if password != nil {
		given = password.text.Reveal()
	}
	opened, err := openStore(f.bytes, given)
	name := f.word("")
	var refused *Error
	switch {
	case err == nil:
		return opened, nil
	case errors.Is(err, ErrPassword) && password == nil:
		refused = f.unfit("its password", "give --password-file FILE, the password in its first line", nil)
	case errors.Is(err, ErrPassword) && given == "":
		refused = f.unfit("its password", "write it into the first line of "+password.name+": that is empty", nil)
	case errors.Is(err, ErrPassword):
		refused = f.unfit("its password", "give the right one: that in "+password.name+" does not open it", nil)
	default:
		refused = f.unfit("a store with one key and its certificates", "convert it into a file that you alone can read",
			Command{"openssl", "pkcs12", "-in " + name, "-nodes", "-out " + f.word("-plain.pem")})
		if several, ok := errors.AsType[*severalKeys](err); ok {
			refused.Fix, refused.Command = several.fix(f)
		}
		if errors.Is(err, errStoreEmpty) {
			refused.Fix, refused.Command = "give a store that has them", nil
		}
		refused.Reason = err.Error()
	}
	refused.cause = err
	return nil, refused
}

// openStore opens a store within storeTime. The error is ErrPassword, errStoreSlow or
// errStoreForm.
func openStore(data, password string) (*keyStore, error) {
	timer := time.NewTimer(storeTime)
	defer timer.Stop()
	return before(timer.C, func() (*keyStore, error) { return decodeStore([]byte(data), password) })
}

// before returns what open returns, or errStoreSlow if the end comes first. open cannot be
// stopped: it goes on until the command ends.
func before(end <-chan time.Time, open func() (*keyStore, error)) (*keyStore, error) {
	type result struct {
		store *keyStore
		err   error
	}
	done := make(chan result, 1)
	go func() {
		defer func() {
			if recover() != nil {
				done <- result{err: errStoreForm}
			}
		}()
		store, err := open()
		done <- result{store, err}
	}()
	select {
	case r := <-done:
		return r.store, r.err
	case <-end:
		return nil, errStoreSlow
	}
}

func decodeStore(data []byte, password string) (*keyStore, error) {
	key, leaf, others, err := pkcs12.DecodeChain(data, password)
	if err == nil {
		return sorted(key, append([]*x509.Certificate{leaf}, others...)), nil
	}
	if wrongPassword(err) {
		return nil, ErrPassword
	}
	return decodeParts(data, password)
}

func wrongPassword(err error) bool {
	return errors.Is(err, pkcs12.ErrIncorrectPassword) || errors.Is(err, pkcs12.ErrDecryption)
}

// sorted puts the certificate of the key first: a store may have them in any order.
func sorted(key crypto.PrivateKey, certs []*x509.Certificate) *keyStore {
	if signer, ok := key.(crypto.Signer); ok {
		for i, c := range certs {
			if public, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); ok && public.Equal(signer.Public()) {
				certs = slices.Insert(slices.Delete(slices.Clone(certs), i, i+1), 0, c)
				break
			}
		}
	}
	return &keyStore{key: key, certificates: certs}
}
