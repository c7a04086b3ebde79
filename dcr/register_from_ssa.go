package dcr

import (
	"context"
	"net/http"
	"slices"

	"github.com/obdcr/obdcr/claims"
)

// RegisterFromSSA registers a client from a software statement alone, a compact JWS: it is
// RegisterManual of a person who may act for every organisation and chooses nothing. The
// caller must check who may do so. A policy that offers tls_client_auth alone admits no such
// registration, because there is no certificate whose subject could be registered: 405,
// ErrNotOffered.
func (r *Registrar) RegisterFromSSA(ctx context.Context, statement string) (registration *Registration, err error) {
	m := Manual{Statement: statement, Reach: Reach{All: true}}
	return r.manually(ctx, OpCreate, func(o *operation) (*Registration, error) {
		if !slices.ContainsFunc(r.authMethods(), func(m claims.AuthMethod) bool { return m != claims.TLSClientAuth }) {
			return nil, &Error{Status: http.StatusMethodNotAllowed, Description: "this bank registers nobody by a statement alone", Err: ErrNotOffered}
		}
		return r.registerManual(ctx, &m, o)
	})
}
