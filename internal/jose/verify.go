package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
)

// Key is a public key with what its JWK says about it (RFC 7517 section 4).
type Key struct {
	ID           string           // kid, "" if it has none
	Algorithm    string           // alg, "" if the key does not say
	Use          string           // use, "" if the key does not say
	Ops          []string         // key_ops; nil means absent
	Public       crypto.PublicKey // *rsa.PublicKey or *ecdsa.PublicKey
	Certificates [][]byte         // x5c in DER, the first for this key; nil if absent or broken
	X5TS256      []byte           // x5t#S256, 32 bytes; nil if absent or broken
}

// Verify returns nil if Payload was signed with the key. It applies Gate to the header,
// then checks that the key may be used for this token, then checks the signature, once. A
// key may be used if all of this holds:
//   - Its type is that of the header's alg. Its own alg, if it has one, equals that.
//   - Its use is "sig" or absent. Its key_ops, if it has any, hold "verify".
//   - It is an RSA key of 2048 to 8192 bits with an odd exponent from 2^16+1 to 2^31-1, or
//     an ECDSA key on P-256.
//
// For PS256 the salt is exactly 32 bytes long (RFC 7518 section 3.5). Verify does not
// compare the key's ID with the header's kid: the caller has chosen the key. The error is
// an *Error of kind ErrAlgorithm, ErrHeader, ErrKey or ErrSignature.
func (j *JWS) Verify(key Key, allowed []string) error {
	if err := j.Gate(allowed); err != nil {
		return err
	}
	if err := checkKeyFor(key, j.alg); err != nil {
		return err
	}
	digest := j.digest()
	if !verifyDigest(key.Public, j.alg, digest[:], j.signature) {
		return fail(ErrSignature, "the token was changed, or signed with another key")
	}
	return nil
}

// digest hashes what is signed. Verify asks for it last, so that a token that is refused
// by its header or for its key costs no hash.
func (j *JWS) digest() [sha256.Size]byte {
	hash, sum := sha256.New(), [sha256.Size]byte{}
	var chunk [1 << 10]byte // on the stack
	for rest := j.input; rest != ""; {
		n := copy(chunk[:], rest)
		hash.Write(chunk[:n])
		rest = rest[n:]
	}
	hash.Sum(sum[:0])
	return sum
}

func verifyDigest(public crypto.PublicKey, alg string, digest, signature []byte) bool {
	switch pub := public.(type) {
	case *rsa.PublicKey:
		if alg == RS256 {
			return rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest, signature) == nil
		}
		opts := rsa.PSSOptions{SaltLength: sha256.Size, Hash: crypto.SHA256}
		return alg == PS256 && rsa.VerifyPSS(pub, crypto.SHA256, digest, signature, &opts) == nil
	case *ecdsa.PublicKey:
		if alg != ES256 || len(signature) != 2*p256Size {
			return false
		}
		r := new(big.Int).SetBytes(signature[:p256Size])
		s := new(big.Int).SetBytes(signature[p256Size:])
		return ecdsa.Verify(pub, digest, r, s)
	}
	return false
}

// checkAlgorithm refuses an alg that is not allowed, or that this package does not know.
func checkAlgorithm(alg string, allowed []string) error {
	known := alg == PS256 || alg == ES256 || alg == RS256
	if known && slices.Contains(allowed, alg) {
		return nil
	}
	if len(allowed) == 0 {
		return fail(ErrAlgorithm, "the list of allowed algorithms is empty; name at least one")
	}
	got := "alg is absent or not a string"
	if alg != "" {
		got = "alg is " + text.Quote(alg)
	}
	return fail(ErrAlgorithm, got+"; use one of "+strings.Join(allowed, ", "))
}

// checkKeyFor reports whether the key may verify a token with the header's alg.
func checkKeyFor(key Key, alg string) error {
	switch {
	case key.Algorithm != "" && key.Algorithm != alg:
		return fail(ErrKey, "the key is for "+text.Quote(key.Algorithm)+", the header says "+alg)
	case key.Use != "" && key.Use != "sig":
		return fail(ErrKey, "the key's use is "+text.Quote(key.Use)+`, not "sig"`)
	case key.Ops != nil && !slices.Contains(key.Ops, "verify"):
		return fail(ErrKey, `the key's key_ops do not hold "verify"`)
	}
	if err := checkPublic(key.Public); err != nil {
		return err
	}
	_, isRSA := key.Public.(*rsa.PublicKey)
	if isRSA == (alg == ES256) {
		return fail(ErrKey, "a key of this type cannot verify "+alg)
	}
	return nil
}

// p256Size is the size of a coordinate and of r and s (RFC 7518 sections 3.4, 6.2.1.2).
const p256Size = 32

// FIPS 186-5 section 5.5(e) wants exponents above 2^16. All implementations agree on
// those up to 2^31-1.
const (
	minExponent = 1<<16 + 1
	maxExponent = 1<<31 - 1
)

// checkPublic refuses keys that must not be used at all, whatever for.
func checkPublic(public crypto.PublicKey) error {
	switch pub := public.(type) {
	case *rsa.PublicKey:
		if pub == nil || pub.N == nil {
			return fail(ErrKey, "the RSA key is empty")
		}
		return checkRSA(pub)
	case *ecdsa.PublicKey:
		if pub == nil || pub.Curve != elliptic.P256() {
			return fail(ErrKey, "the ECDSA key is not on P-256")
		}
		if _, err := uncompressed(pub); err != nil {
			return fail(ErrKey, errNoPoint.Error())
		}
		return nil
	}
	return fail(ErrKey, "the key is neither RSA nor ECDSA")
}

// uncompressed is the point of a key (SEC 1 section 2.3.3): 4, x, y. A key without
// coordinates is an error here, where crypto/ecdsa panics.
func uncompressed(pub *ecdsa.PublicKey) (point []byte, err error) {
	defer func() {
		if recover() != nil {
			err = errNoPoint
		}
	}()
	return pub.Bytes()
}

func checkRSA(pub *rsa.PublicKey) error {
	bits := pub.N.BitLen()
	switch {
	case pub.N.Sign() <= 0 || bits < MinRSAKeyBits || bits > MaxRSAKeyBits:
		return fail(ErrKey, "an RSA key of "+strconv.Itoa(bits)+" bits; use "+
			strconv.Itoa(MinRSAKeyBits)+" to "+strconv.Itoa(MaxRSAKeyBits))
	case pub.E < minExponent || pub.E > maxExponent || pub.E%2 == 0:
		return fail(ErrKey, "the RSA exponent is out of range; use 65537")
	case pub.N.Bit(0) == 0:
		return fail(ErrKey, "the RSA modulus is even")
	case isROCA(pub.N):
		return fail(ErrKey, "the RSA key can be factored (CVE-2017-15361, ROCA); make a new one")
	}
	return nil
}
