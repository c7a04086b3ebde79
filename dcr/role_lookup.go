package dcr

import (
	"errors"
	"net/http"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
)

// RoleLookup makes the look-up for [RequireRole] of a bank's APIs: from the access
// token of the one Authorization header (Bearer, RFC 6750 section 2.1) and the client
// certificate, through Tokens and Store, to the application of the client. It checks
// what Get does, but for the path: the token is valid and bound to the certificate,
// its client is registered still and not younger than the token, and the certificate
// is one of its software now. A refusal is an *Error, 401 or 503; the Observer is not
// told. It is an error that the Registrar has no Tokens, or that source is nil.
func (r *Registrar) RoleLookup(source cert.Source) (RoleLookup, error) {
	if r.tokens == nil || source == nil {
		return nil, errors.New("dcr: a look-up of roles needs a Registrar with Tokens, and a certificate source")
	}
	return func(request *http.Request) (claims.Application, claims.Environment, error) {
		leaf, err := source(request)
		if err != nil {
			return claims.Application{}, "", unauthorized("a client certificate is required", "", err)
		}
		client, err := r.identify(request.Context(), Caller{Token: bearerToken(request.Header), Certificate: leaf})
		if err != nil {
			return claims.Application{}, "", err
		}
		if _, err := r.owns(request.Context(), client, leaf); err != nil {
			return claims.Application{}, "", err
		}
		return client.Application, client.Environment, nil
	}, nil
}
