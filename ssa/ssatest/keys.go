package ssatest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed" // for the keys
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"sync"

	"github.com/obdcr/obdcr/claims"
)

//go:embed testdata/public-test-keys.pem
var publicTestKeys []byte

// Places in a set of keys. Each software takes the next two of the rest, for
// signing and for transport.
const (
	caKey = iota
	serverKey
	directoryKey
	foreignKey
	firstSoftwareKey
	keysOfASet = 16
)

// The sets share no key.
const (
	sandboxSet = iota
	productionSet
)

// PublicTestKeys is how many keys PublicTestKey has.
const PublicTestKeys = 2 * keysOfASet

// PublicTestKey returns one of the RSA keys of 2048 bits that are embedded in the package, by
// its number from 0 on. Danger: everybody has their private parts. A Directory uses them too,
// so a program that wants keys which differ from a Directory's makes its own.
func PublicTestKey(number int) (*rsa.PrivateKey, error) {
	if number < 0 || number >= PublicTestKeys {
		return nil, fmt.Errorf("ssatest: there is no public test key %d: the last one is %d", number, PublicTestKeys-1)
	}
	return keySet(number / keysOfASet).rsaKey(number % keysOfASet)
}

// Repeatable returns a signer by key that signs the same digest with the same signature each
// time, whatever randomness it is given. It is for documents that must not differ from one run
// to the next.
func Repeatable(key crypto.Signer) crypto.Signer { return repeatable{key} }

// keySet gives the keys of one set by their place.
type keySet int

// rsaKey is the RSA key at a place. Beyond the embedded ones it is made of their primes, and
// where those are used up it is a new key.
func (s keySet) rsaKey(place int) (*rsa.PrivateKey, error) {
	if place < 0 || place >= keysOfASet*keysOfASet {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	first, second := place%keysOfASet, (place+place/keysOfASet)%keysOfASet
	key, err := s.embedded(first)
	if err != nil || first == second {
		return key, err
	}
	other, err := s.embedded(second)
	if err != nil {
		return nil, err
	}
	return ofPrimes(key.Primes[0], other.Primes[1])
}

// embedded is the key at one of the first places.
func (s keySet) embedded(place int) (*rsa.PrivateKey, error) {
	all := embedded()
	at := int(s)*keysOfASet + place
	if at >= len(all) {
		return nil, fmt.Errorf("ssatest: there is no embedded key %d", at)
	}
	return all[at]()
}

// ofPrimes makes a key of the primes of two others, which takes a hundredth of the time that
// new primes take. Keys that share a prime give each other away: these are public as it is.
func ofPrimes(p, q *big.Int) (*rsa.PrivateKey, error) {
	one := big.NewInt(1)
	order := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	const e = 65537
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: e},
		D: new(big.Int).ModInverse(big.NewInt(e), order), Primes: []*big.Int{p, q}}
	key.Precompute()
	if err := key.Validate(); err != nil {
		return nil, fmt.Errorf("ssatest: %w", err)
	}
	return key, nil
}

// ecKey is the P-256 key at a place, derived from the place alone.
func (s keySet) ecKey(place int) (*ecdsa.PrivateKey, error) {
	seed := sha256.Sum256(fmt.Appendf(nil, "public test key %d of set %d", place, s))
	return ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
}

// signer is the signing key for an algorithm at a place.
func (s keySet) signer(alg claims.Algorithm, place int) (crypto.Signer, error) {
	switch alg {
	case claims.PS256:
		return s.rsaKey(place)
	case claims.ES256:
		return s.ecKey(place)
	}
	return nil, fmt.Errorf("ssatest: algorithm %.20q; use PS256 or ES256", string(alg))
}

// embedded parses each key when it is first wanted.
var embedded = sync.OnceValue(func() (keys []func() (*rsa.PrivateKey, error)) {
	for block, rest := pem.Decode(publicTestKeys); block != nil; block, rest = pem.Decode(rest) {
		keys = append(keys, sync.OnceValues(func() (*rsa.PrivateKey, error) {
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, err
			}
			rsaKey, ok := key.(*rsa.PrivateKey)
			if !ok {
				return nil, errors.New("ssatest: an embedded key is no RSA key")
			}
			return rsaKey, nil
		}))
	}
	return keys
})

// repeatable signs the same digest with the same signature. For PSS the salt comes
// from the digest, which crypto/rsa takes from the reader it is given; for ECDSA
// the nonce is that of RFC 6979, which crypto/ecdsa takes when there is no reader.
type repeatable struct{ key crypto.Signer }

// Public is the public key.
func (r repeatable) Public() crypto.PublicKey { return r.key.Public() }

// Sign signs a digest and leaves the reader aside.
func (r repeatable) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if _, ok := r.key.(*rsa.PrivateKey); ok {
		return r.key.Sign(&saltStream{seed: digest}, digest, opts)
	}
	return r.key.Sign(nil, digest, opts)
}

// saltStream is SHA-256 over seed and a counter.
type saltStream struct {
	seed []byte
	next byte
	left []byte
}

// Read always fills p.
func (s *saltStream) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		if len(s.left) == 0 {
			block := sha256.Sum256(append([]byte{'s', 'a', 'l', 't', s.next}, s.seed...))
			s.left = block[:]
			s.next++
		}
		c := copy(p[n:], s.left)
		n, s.left = n+c, s.left[c:]
	}
	return len(p), nil
}
