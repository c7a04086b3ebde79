package conform

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
	"fmt"
	"math/big"
	"strings"
	"time"
)

// algorithmOf is the algorithm of a key: PS256, or ES256 for one on P-256.
func algorithmOf(key crypto.Signer) string {
	if _, is := key.Public().(*ecdsa.PublicKey); is {
		return "ES256"
	}
	return "PS256"
}

// sign makes a compact JWS with any header and any payload. The key, and RS256 in the header, choose how
// it is signed: a case must be able to send what a good signer refuses to make.
func sign(header map[string]any, payload []byte, key crypto.Signer) (string, error) {
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	signed := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(payload)
	return signParts(signed, key, header["alg"] == "RS256")
}

// signParts signs header and payload as they are encoded. Without a key the signature is empty.
func signParts(signed string, key crypto.Signer, rs256 bool) (string, error) {
	if key == nil {
		return signed + ".", nil
	}
	digest := sha256.Sum256([]byte(signed))
	var signature []byte
	var err error
	switch public := key.Public().(type) {
	case *ecdsa.PublicKey:
		signature, err = signES(key, digest[:], (public.Curve.Params().BitSize+7)/8)
	case *rsa.PublicKey:
		var options crypto.SignerOpts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
		if rs256 {
			options = crypto.SHA256
		}
		signature, err = key.Sign(rand.Reader, digest[:], options)
	default:
		err = fmt.Errorf("a key of type %T signs nothing", public)
	}
	if err != nil {
		return "", err
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// signES signs by ECDSA, and writes R and S side by side as RFC 7518 section 3.4 demands.
func signES(key crypto.Signer, digest []byte, size int) ([]byte, error) {
	der, err := key.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	r, s, err := parseES(der)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 2*size)
	r.FillBytes(out[:size])
	s.FillBytes(out[size:])
	return out, nil
}

// parseES reads a signature in DER.
func parseES(der []byte) (r, s *big.Int, err error) {
	var pair struct{ R, S *big.Int }
	if _, err = asn1.Unmarshal(der, &pair); err != nil {
		return nil, nil, err
	}
	return pair.R, pair.S, nil
}

// decoded reads header and payload of a compact JWS without looking at the signature; "" for what cannot
// be read.
func decoded(token string) (header, payload string) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", ""
	}
	for i, to := range []*string{&header, &payload} {
		if data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[i], "=")); err == nil {
			*to = strings.ToValidUTF8(string(data), "\uFFFD")
		}
	}
	return header, payload
}

// assertionLifetime is how long a client assertion is valid.
const assertionLifetime = 5 * time.Minute

// signHS256 signs a message by a secret.
func (p *play) signHS256(m *message, secret string) string {
	payload, err := json.Marshal(m.claims)
	if err != nil {
		p.broken("the assertion cannot be written: %s", err)
	}
	token, err := sign(m.header, payload, nil)
	if err != nil {
		p.broken("the assertion cannot be written: %s", err)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(strings.TrimSuffix(token, ".")))
	return token + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
