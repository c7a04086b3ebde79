package upstream

import (
	"context"
	"fmt"
	"net/http"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
)

// Deprovision implements dcr.Provisioner: DELETE (RFC 7592 section 2.3).
//
//	answer                                   means
//	204, and 200 that is empty or JSON       done
//	404 or 410 as JSON with a member error   done: there is no such client
//	any other 404 or 410, empty or as JSON   the client is asked for by GET; if that is answered
//	                                         by 401, 404 or 410, too, dcr.ErrLost
//	401, as JSON or empty                    dcr.ErrLost: the client is gone, or its token is
//	                                         dead; the server does not tell which
//	any other answer, or none in time        an error; the call is to be repeated
//
// A record without a registration access token is dcr.ErrLost, too.
func (e *Endpoint) Deprovision(ctx context.Context, d dcr.Deprovisioning) error {
	held, err := e.read(d.State)
	switch {
	case err != nil:
		return err
	case held == nil:
		return fmt.Errorf("%w: the record has no registration access token", dcr.ErrLost)
	}
	a, _, err := e.call(ctx, http.MethodDelete, held.Address, claims.NewSecret(held.Token), nil)
	switch {
	case err != nil:
		return fmt.Errorf("upstream: deletion: %w", err)
	case a.removed():
		return nil
	case a.status == http.StatusUnauthorized && a.known():
		return fmt.Errorf("%w: the registration access token of %s is refused: the client is gone, or its token is", dcr.ErrLost, text.Quote(held.ClientID))
	case lost(a.status) && a.known():
		return e.missing(ctx, held, &a)
	}
	return a.outage("a deletion is not answered by the client")
}

// removed reports whether an answer to a DELETE says that the client is gone. A page of a
// gateway does not say so, and a 404 without a reason may be a gateway's.
func (a *answer) removed() bool {
	value, err := a.object()
	_, refused := value.Member("error")
	switch a.status {
	case http.StatusNoContent:
		return true
	case http.StatusOK:
		return a.fault == nil && (a.body == "" || err == nil && !refused)
	case http.StatusNotFound, http.StatusGone:
		return err == nil && refused
	}
	return false
}

// missing asks for a client whose DELETE was answered by a 404 or 410 without a reason. The
// error is dcr.ErrLost if the server does not show the client either.
func (e *Endpoint) missing(ctx context.Context, held *registration, deleted *answer) error {
	a, _, err := e.call(ctx, http.MethodGet, held.Address, claims.NewSecret(held.Token), nil)
	switch {
	case err != nil:
		return fmt.Errorf("upstream: deletion: the answer is %d, and the client cannot be asked for: %w", deleted.status, err)
	case lost(a.status) && a.known():
		return fmt.Errorf("%w: a DELETE of %s is answered by %d, and a GET by %d, which may be a gateway's",
			dcr.ErrLost, text.Quote(held.ClientID), deleted.status, a.status)
	}
	return deleted.outage(fmt.Sprintf("a deletion is not done: a GET of the client is answered by %d, and the DELETE", a.status))
}
