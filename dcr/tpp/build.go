package tpp

import (
	"crypto"
	"encoding/json"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jose"
)

// BuildRequest signs the claims of a registration request and returns the compact JWS to
// send. signer holds the private key, from a file or in an HSM. kid is the one under
// which the directory publishes the public key. alg is PS256 or ES256. BuildRequest does
// not judge the claims: [Lint] does.
func BuildRequest(c claims.Request, signer crypto.Signer, kid string, alg claims.Algorithm) (string, error) {
	payload, err := json.Marshal(&c)
	if err != nil {
		return "", failure("request: %w", err)
	}
	return signRequest(payload, signer, kid, alg)
}

// signRequest signs the payload of a request.
func signRequest(payload []byte, signer crypto.Signer, kid string, alg claims.Algorithm) (string, error) {
	if signer == nil || kid == "" {
		return "", failure("a request needs a signer and its kid")
	}
	if alg != claims.PS256 && alg != claims.ES256 {
		return "", failure("algorithm %.20q is not one of PS256 and ES256", string(alg))
	}
	token, err := jose.Sign(payload, signer, string(alg), kid, "JWT")
	if err != nil {
		return "", failure("request: %w", err)
	}
	return token, nil
}
