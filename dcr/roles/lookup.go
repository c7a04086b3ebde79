package roles

import (
	"errors"
	"net/http"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
)

// Lookup finds the application that a request comes from, and its environment.
// [ByToken] makes one. A nil error vouches for both. A *dcr.Error with a status from
// 400 to 599 is answered with that, any other error with 503.
type Lookup func(*http.Request) (claims.Application, claims.Environment, error)

// ByToken makes the look-up for [Require] of a bank's APIs: from the access token of
// the one Authorization header (Bearer, RFC 6750 section 2.1) and the client
// certificate to the application, by [dcr.Registrar.Application]. It is an error that
// either argument is nil, or that the Registrar has no Tokens.
func ByToken(registrar *dcr.Registrar, source cert.Source) (Lookup, error) {
	if registrar == nil || source == nil || !registrar.HasTokens() {
		return nil, errors.New("roles: a look-up needs a Registrar with Tokens, and a certificate source")
	}
	return func(r *http.Request) (claims.Application, claims.Environment, error) {
		caller, err := dcr.CallerOf(r, source)
		if err != nil {
			return claims.Application{}, "", err
		}
		return registrar.Application(r.Context(), caller)
	}, nil
}
