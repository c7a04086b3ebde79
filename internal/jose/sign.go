package jose

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"strconv"

	"github.com/obdcr/obdcr/internal/quote"
)

// Sign makes a compact JWS over payload. alg is PS256, ES256 or RS256 and must fit
// the signer's key, which may live in an HSM; kid has 1 to 128 bytes; typ is left
// out when empty (Gate accepts no other than "JWT"). The result is one that Parse
// reads back. The error is an *Error of kind ErrAlgorithm, ErrHeader, ErrKey, or
// ErrSignature when the signer itself fails; ErrMalformed for a token that would
// be too long.
func Sign(payload []byte, signer crypto.Signer, alg, kid, typ string) (string, error) {
	if err := checkAlgorithm(alg, []string{PS256, ES256, RS256}); err != nil {
		return "", err
	}
	if kid == "" || len(kid) > MaxKeyIDSize || !plain(kid) {
		return "", fail(ErrHeader, "kid must be a plain string of 1 to "+strconv.Itoa(MaxKeyIDSize)+" bytes")
	}
	if !plain(typ) {
		return "", fail(ErrHeader, "typ must be a plain string")
	}
	if signer == nil {
		return "", fail(ErrKey, "there is no signing key")
	}
	if err := checkKeyFor(Key{Public: signer.Public()}, alg); err != nil {
		return "", err
	}
	header := appendString([]byte(`{"alg":"`+alg+`","kid":`), kid)
	if typ != "" {
		header = appendString(append(header, `,"typ":`...), typ)
	}
	header = append(header, '}')

	token := encoding.AppendEncode(nil, header)
	token = append(token, '.')
	token = encoding.AppendEncode(token, payload)
	signature, err := signDigest(signer, alg, sha256.Sum256(token))
	if err != nil {
		return "", err
	}
	token = encoding.AppendEncode(append(token, '.'), signature)
	if len(token) > MaxTokenSize {
		return "", fail(ErrMalformed, "the token would be longer than "+strconv.Itoa(MaxTokenSize)+" bytes")
	}
	return string(token), nil
}

func signDigest(signer crypto.Signer, alg string, digest [sha256.Size]byte) ([]byte, error) {
	var opts crypto.SignerOpts = crypto.SHA256
	if alg == PS256 {
		opts = &rsa.PSSOptions{SaltLength: sha256.Size, Hash: crypto.SHA256}
	}
	signature, err := signer.Sign(rand.Reader, digest[:], opts)
	if err != nil {
		return nil, fail(ErrSignature, "the signing key failed: "+quote.ASCII(err.Error()))
	}
	if alg == ES256 {
		if signature, err = fixedSize(signature); err != nil {
			return nil, err
		}
	}
	if !verifyDigest(signer.Public(), alg, digest[:], signature) {
		return nil, fail(ErrSignature, "the signing key made a signature that its public key does not verify")
	}
	return signature, nil
}

// fixedSize turns an ASN.1 ECDSA signature into the form of RFC 7518 section 3.4.
func fixedSize(signature []byte) ([]byte, error) {
	var pair struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(signature, &pair)
	if err != nil || len(rest) > 0 || !fits(pair.R) || !fits(pair.S) {
		return nil, fail(ErrSignature, "the signing key made no ECDSA signature for P-256")
	}
	out := make([]byte, 2*p256Size)
	pair.R.FillBytes(out[:p256Size])
	pair.S.FillBytes(out[p256Size:])
	return out, nil
}

func fits(n *big.Int) bool { return n.Sign() > 0 && n.BitLen() <= 8*p256Size }
