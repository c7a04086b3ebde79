package roles

import (
	"errors"
	"net/http"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
)

// Lookup finds the application that sent a request, and its environment. [ByToken] makes
// one. Require trusts both if the error is nil. It answers a *dcr.Error with its status
// (400 to 599), and any other error with 503.
type Lookup func(*http.Request) (claims.Application, claims.Environment, error)

// ByToken makes a Lookup for [Require]. It takes the access token of the one Authorization
// header (Bearer, RFC 6750 section 2.1) and the client certificate, and asks
// [dcr.Registrar.Application] for the application. ByToken returns an error if an argument
// is nil, or if the Registrar has no Tokens.
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
