package ssatest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"

	"github.com/obdcr/obdcr/claims"
)

// Forgery has the differences of a token from a good one. What is not set stays as
// in a good one.
type Forgery struct {
	// Header is the header, byte for byte, instead of one made of the next three.
	Header    []byte
	Algorithm string         // alg
	KeyID     string         // kid
	Members   map[string]any // further members; a nil value removes one
	// Key signs instead of the rightful key. How it signs follows from its type:
	// RSA gives PS256, or RS256 where Algorithm says so, ECDSA gives ES256.
	Key        crypto.Signer
	SaltLength int // of PS256, 32 when 0
	// Secret makes an HS256 signature instead.
	Secret []byte
	// Unsigned leaves the signature empty, as alg none does.
	Unsigned bool
}

// token signs payload as f says, after f was filled in with the defaults.
func (f Forgery) token(payload any) (string, error) {
	body, err := marshal(payload)
	if err != nil {
		return "", err
	}
	header := f.Header
	if header == nil {
		members := map[string]any{"alg": f.Algorithm, "kid": f.KeyID, "typ": "JWT"}
		apply(members, f.Members)
		if header, err = json.Marshal(members); err != nil {
			return "", err
		}
	}
	input := encode(header) + "." + encode(body)
	signature, err := f.signature(input)
	if err != nil {
		return "", err
	}
	return input + "." + encode(signature), nil
}

func (f Forgery) orElse(alg claims.Algorithm, kid string, key crypto.Signer) Forgery {
	if f.Algorithm == "" {
		f.Algorithm = string(alg)
	}
	if f.KeyID == "" {
		f.KeyID = kid
	}
	if f.Key == nil {
		f.Key = key
	}
	if f.SaltLength == 0 {
		f.SaltLength = sha256.Size
	}
	return f
}

func (f Forgery) signature(input string) ([]byte, error) {
	if f.Unsigned {
		return nil, nil
	}
	if f.Secret != nil {
		mac := hmac.New(sha256.New, f.Secret)
		mac.Write([]byte(input))
		return mac.Sum(nil), nil
	}
	digest := sha256.Sum256([]byte(input))
	switch f.Key.Public().(type) {
	case *ecdsa.PublicKey:
		der, err := f.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil {
			return nil, err
		}
		return fixedSize(der)
	default:
		if f.Algorithm == string(claims.RS256) {
			return f.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
		}
		return f.Key.Sign(rand.Reader, digest[:], &rsa.PSSOptions{SaltLength: f.SaltLength, Hash: crypto.SHA256})
	}
}

// fixedSize turns ASN.1 into the form of RFC 7518 section 3.4.
func fixedSize(der []byte) ([]byte, error) {
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return nil, err
	}
	out := make([]byte, 64)
	pair.R.FillBytes(out[:32])
	pair.S.FillBytes(out[32:])
	return out, nil
}

// marshal gives bytes and text as they are, and everything else as JSON.
func marshal(payload any) ([]byte, error) {
	switch p := payload.(type) {
	case []byte:
		return p, nil
	case json.RawMessage:
		return p, nil
	case string:
		return []byte(p), nil
	case claims.Request: // its MarshalJSON is the pointer's
		return json.Marshal(&p)
	case claims.SSA:
		return json.Marshal(&p)
	}
	return json.Marshal(payload)
}

// apply puts changes into members; a nil value removes.
func apply(members, changes map[string]any) {
	for name, value := range changes {
		if value == nil {
			delete(members, name)
			continue
		}
		members[name] = value
	}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
