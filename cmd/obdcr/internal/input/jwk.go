package input

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// maxModulus bounds an RSA key, in bytes: checking it costs with the cube of its length.
const maxModulus = 1024

// Why a private JWK is not read. The texts repeat nothing of the key.
var (
	errJWKType   = errors.New("kty or crv is none that Open Banking uses: RSA, or EC with P-256")
	errJWKMember = errors.New("a member of the key is missing, or is no base64url: n, e and d, or x, y and d are due")
	errJWKPair   = errors.New("its members contradict each other: the key is damaged")
)

// jwkName calls a JWK by its type, with its article.
func jwkName(v jsonscan.Value, kind Kind) string {
	side := "public"
	if kind == PrivateJWK {
		side = "private"
	}
	kty, _ := v.MemberText("kty")
	crv, _ := v.MemberText("crv")
	switch kty {
	case "RSA":
		return "an RSA " + side + " key (JWK)"
	case "EC":
		return "an EC " + side + " key (JWK)"
	case "OKP":
		if crv == "Ed25519" {
			return "an Ed25519 " + side + " key (JWK)"
		}
	}
	return "a " + side + " key of another type (JWK " + text.Quote(kty) + ")"
}

// privateJWK reads a private key from a JWK (RFC 7518 sections 6.2.2 and 6.3.2).
func privateJWK(v jsonscan.Value) (crypto.Signer, error) {
	kty, _ := v.MemberText("kty")
	crv, _ := v.MemberText("crv")
	switch {
	case kty == "RSA":
		return rsaJWK(v)
	case kty == "EC" && crv == "P-256":
		return ecJWK(v)
	}
	return nil, errJWKType
}

func rsaJWK(v jsonscan.Value) (crypto.Signer, error) {
	numbers := map[string]*big.Int{}
	for _, name := range []string{"n", "e", "d", "p", "q"} {
		b, ok := octets(v, name)
		if _, there := v.Member(name); there && !ok || len(b) > maxModulus {
			return nil, errJWKMember
		}
		if ok {
			numbers[name] = new(big.Int).SetBytes(b)
		}
	}
	n, e, d, p, q := numbers["n"], numbers["e"], numbers["d"], numbers["p"], numbers["q"]
	if n == nil || e == nil || d == nil || (p == nil) != (q == nil) || !e.IsInt64() || e.Int64() > 1<<31-1 {
		return nil, errJWKMember
	}
	if p == nil {
		if p, q = factors(n, e, d); p == nil {
			return nil, errJWKPair
		}
	}
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: int(e.Int64())}, D: d, Primes: []*big.Int{p, q}}
	if key.Validate() != nil {
		return nil, errJWKPair
	}
	key.Precompute()
	return key, nil
}

// factors finds the primes of an RSA key whose maker left them out (RFC 7518 section
// 6.3.2), as NIST SP 800-56B appendix C does; nil if the members belong to no key. Each
// number tried finds them with a chance of one half.
func factors(n, e, d *big.Int) (p, q *big.Int) {
	one, last := big.NewInt(1), new(big.Int).Sub(n, big.NewInt(1))
	power := new(big.Int).Mul(e, d)
	power.Sub(power, one)
	if power.Sign() <= 0 || n.Bit(0) == 0 {
		return nil, nil
	}
	halved := power.TrailingZeroBits()
	power.Rsh(power, halved)
	for _, try := range []int64{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71} {
		root := new(big.Int).Exp(big.NewInt(try), power, n)
		for range halved {
			square := new(big.Int).Exp(root, big.NewInt(2), n)
			if square.Cmp(one) == 0 && root.Cmp(one) != 0 && root.Cmp(last) != 0 {
				p = new(big.Int).GCD(nil, nil, root.Sub(root, one), n)
				return p, new(big.Int).Div(n, p)
			}
			root = square
		}
		if root.Cmp(one) != 0 {
			break // no key has such members
		}
	}
	return nil, nil
}

func ecJWK(v jsonscan.Value) (crypto.Signer, error) {
	d, ok := octets(v, "d")
	x, okX := octets(v, "x")
	y, okY := octets(v, "y")
	const size = 32 // bytes of a coordinate on P-256
	if !ok || !okX || !okY || len(d) > size || len(x) > size || len(y) > size {
		return nil, errJWKMember
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), new(big.Int).SetBytes(d).FillBytes(make([]byte, size)))
	if err != nil {
		return nil, errJWKPair
	}
	point := append([]byte{4}, new(big.Int).SetBytes(x).FillBytes(make([]byte, size))...)
	point = append(point, new(big.Int).SetBytes(y).FillBytes(make([]byte, size))...)
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil || !key.PublicKey.Equal(public) {
		return nil, errJWKPair
	}
	return key, nil
}

// octets decodes a member in base64url without padding.
func octets(v jsonscan.Value, name string) ([]byte, bool) {
	s, clean := v.MemberText(name)
	if !clean || s == "" {
		return nil, false
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	return b, err == nil
}
