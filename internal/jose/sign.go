package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"reflect"
	"strconv"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/obdcr/obdcr/internal/text"
)

// Sign makes a compact JWS over payload. alg is PS256, ES256 or RS256 and must fit
// the signer's key, which may live in an HSM; kid has 1 to 128 bytes; typ is left
// out when empty (Gate accepts that of a JWT alone). The result is one that Parse
// reads back and whose signature was verified with the signer's public key. The error
// is an *Error of one of these kinds:
//   - ErrAlgorithm, ErrHeader: alg, kid or typ is not allowed.
//   - ErrKey: there is no signer, or its key is not one for alg.
//   - ErrSigning: the signer failed; what it returned is wrapped.
//   - ErrMalformed: the token would be too long.
//
// The JOSE library makes the signature and nothing else. This package writes the
// token, since the library does not escape the names of members.
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
	if IsNil(signer) {
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
	signature, err := signInput(signer, alg, token)
	if err != nil {
		return "", err
	}
	token = encoding.AppendEncode(append(token, '.'), signature)
	if len(token) > MaxTokenSize {
		return "", fail(ErrMalformed, "the token would be longer than "+strconv.Itoa(MaxTokenSize)+" bytes")
	}
	return string(token), nil
}

// IsNil reports whether there is no signer: nil, or a nil pointer, which would panic when
// it is asked for its public key.
func IsNil(signer crypto.Signer) bool {
	v := reflect.ValueOf(signer)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// signInput signs the token up to its second dot and verifies what came out: a device
// may hold another key than it says, or fail halfway.
func signInput(signer crypto.Signer, alg string, input []byte) ([]byte, error) {
	library, err := jws.NewSigner(jwa.SignatureAlgorithm(alg))
	if err != nil {
		return nil, fail(ErrAlgorithm, "the JOSE library does not sign with "+alg)
	}
	signature, err := library.Sign(input, device{signer})
	if err != nil {
		return nil, &Error{Kind: ErrSigning, detail: text.Quote(err.Error()), cause: err}
	}
	digest := sha256.Sum256(input)
	if !verifyDigest(signer.Public(), alg, digest[:], signature) {
		return nil, fail(ErrSigning, "it made a signature that its public key does not verify")
	}
	return signature, nil
}

// device is the caller's key as the JOSE library uses it.
type device struct{ crypto.Signer }

var errNoSignature = errors.New("it made no ECDSA signature of P-256")

// Sign asks the key for a signature. The salt of PSS gets its length as a number (RFC
// 7518 section 3.5), where the library has a constant that a device may not know. The
// form of an ECDSA signature is checked before the library sees it: the library panics
// when a number in it is longer than 32 bytes.
func (d device) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if _, isPSS := opts.(*rsa.PSSOptions); isPSS {
		opts = &rsa.PSSOptions{SaltLength: sha256.Size, Hash: crypto.SHA256}
	}
	signature, err := d.Signer.Sign(random, digest, opts)
	if err != nil {
		return nil, err
	}
	if _, isECDSA := d.Public().(*ecdsa.PublicKey); isECDSA && !isP256(signature) {
		return nil, errNoSignature
	}
	return signature, nil
}

// isP256 reports whether a signature in ASN.1 has the two numbers of P-256, as the library
// reads them. signInput verifies it.
func isP256(signature []byte) bool {
	var pair struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(signature, &pair)
	fits := func(n *big.Int) bool { return n.Sign() > 0 && n.BitLen() <= 8*p256Size }
	return err == nil && len(rest) == 0 && fits(pair.R) && fits(pair.S)
}
