package dcr

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// unchangedError is an error of a Provisioner after which there is nothing to take back in
// the authorization server.
type unchangedError struct{ error }

func (e unchangedError) Unwrap() error { return e.error }

const (
	maxClientID = 36       // characters of a client_id (OBIE DCR, data dictionary)
	maxMembers  = 64 << 10 // bytes of Provisioned.Members
	maxState    = 64 << 10 // bytes of Provisioned.State
)

// errForeignID means that the authorization server gave a client_id that another record has.
var errForeignID = errors.New("dcr: the authorization server gave a client_id a second time")

// errUnfit means that the authorization server did as it was told, and that its answer is
// none that a record can keep.
var errUnfit = errors.New("dcr: the answer of the authorization server cannot be taken")

// withheld are the members that only the Registrar writes into an answer, or that nobody
// does: the last two would let a TPP go round the bank.
var withheld = []string{"client_id", "client_id_issued_at", "client_secret", "client_secret_expires_at",
	"registration_access_token", "registration_client_uri"}

// readableSecret opens the sealed secret of a record. It is zero if the record has none.
// A secret that does not open is an error: without it the authorization server would
// keep an old secret that the client no longer has.
func (r *Registrar) readableSecret(c store.Client) (claims.Secret, error) {
	if c.SealedSecret == nil {
		return claims.Secret{}, nil
	}
	return r.OpenSecret(c)
}

// provision gives the authorization server the client of a record, and writes into the
// record what the server decided. The record is not stored here. secret is the new one,
// zero for none.
func (r *Registrar) provision(ctx context.Context, c *store.Client, secret claims.Secret, recreate bool) error {
	state, err := r.openState(*c)
	if err != nil {
		return err
	}
	if secret.IsZero() {
		if secret, err = r.readableSecret(*c); err != nil {
			return err
		}
	}
	decided, err := r.provisioner.Provision(ctx, Provisioning{Client: c.Clone(), ClientID: clientIDOf(c), Secret: secret, State: state, Recreate: recreate})
	err = r.take(ctx, c, decided, recreate, err)
	if err != nil && c.ClientID == "" && isClientID(decided.ClientID) && !errors.Is(err, errForeignID) {
		c.ClientID = decided.ClientID // Deprovision is told which client was made
	}
	return err
}

// take writes into a record what the authorization server decided. failed is the error that
// came with it.
func (r *Registrar) take(ctx context.Context, c *store.Client, decided Provisioned, recreate bool, failed error) error {
	foreign := r.ownsClientID(ctx, c, decided.ClientID)
	if errors.Is(foreign, errForeignID) {
		return errors.Join(failed, foreign) // and no state: it would remove the client of another record
	}
	if !decided.State.IsZero() {
		// It comes first: with it the client can be removed if the rest is no good.
		sealed, err := r.sealState(c.ID, decided.State)
		if err != nil {
			return errors.Join(failed, fmt.Errorf("%w: %w", errUnfit, err))
		}
		c.UpstreamState = sealed
	}
	switch {
	case failed != nil && decided.Unchanged && decided.State.IsZero():
		return unchangedError{failed}
	case failed != nil || foreign != nil:
		return errors.Join(failed, foreign)
	}
	if err := r.decide(c, decided, recreate); err != nil {
		return fmt.Errorf("%w: %w", errUnfit, err)
	}
	return nil
}

// decide writes into a record what the authorization server decided, but for the state.
func (r *Registrar) decide(c *store.Client, d Provisioned, recreate bool) error {
	id, had := d.ClientID, c.ClientID
	switch {
	case id == "" || id == clientIDOf(c):
		id = clientIDOf(c)
	case !isClientID(id) || len(id) > maxClientID:
		return fmt.Errorf("dcr: the authorization server chose the client_id %s, which is not 1 to %d letters, digits, - and _", text.Quote(id), maxClientID)
	case had != "" && !recreate:
		return fmt.Errorf("dcr: the authorization server changed the client_id of client %s to %s in an update", had, text.Quote(id))
	case r.clientIDs == nil:
		return fmt.Errorf("dcr: the authorization server chose a client_id, and the store has not the method of store.ClientIDs")
	}
	if had != "" && id != had {
		// It is said before it is stored: a crash in between must not hide it.
		r.log.Error("the authorization server made a client anew with another client_id: tell its TPP", "id", c.ID, "client_id", id, "client_id_before", had)
	}
	c.ClientID = id
	if d.Subject != "" {
		c.OwnSubject = d.Subject
	}
	if len(d.Members) == 0 {
		c.UpstreamMembers = nil
		return nil
	}
	if len(d.Members) > maxMembers {
		return fmt.Errorf("dcr: the members that the authorization server adds have more than %d bytes", maxMembers)
	}
	members, err := appendMembers(nil, string(d.Members), func(string) bool { return true })
	if err != nil {
		return fmt.Errorf("dcr: the members that the authorization server adds: %w", err)
	}
	for _, m := range members {
		if slices.Contains(withheld, m.name) {
			return fmt.Errorf("dcr: the authorization server must not add the member %s", m.name)
		}
	}
	c.UpstreamMembers = d.Members
	return nil
}

// ownsClientID returns an error if the client_id that the authorization server chose is that
// of another record.
func (r *Registrar) ownsClientID(ctx context.Context, c *store.Client, id string) error {
	if id == "" || id == clientIDOf(c) || r.clientIDs == nil {
		return nil
	}
	other, err := r.clientIDs.GetByClientID(ctx, id)
	switch {
	case err == nil && other.ID != c.ID:
		return fmt.Errorf("%w: record %s has %s", errForeignID, other.ID, text.Quote(id))
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	}
	return nil
}

// deprovision removes the client of a record from the authorization server. A client that
// is lost, or that another record has, is logged.
func (r *Registrar) deprovision(ctx context.Context, c store.Client) error {
	state, err := r.openState(c)
	if err != nil {
		return err
	}
	if c.State == store.Creating && c.ClientID != "" {
		// It is asked once more: when the server gave the client_id, the store may have been out.
		unnamed := c
		unnamed.ClientID = ""
		if err := r.ownsClientID(ctx, &unnamed, c.ClientID); errors.Is(err, errForeignID) {
			r.logOrphan(&unnamed, err) // the client_id is that of a client that must stay
			return nil
		} else if err != nil {
			return err
		}
	}
	err = r.provisioner.Deprovision(ctx, Deprovisioning{ID: c.ID, ClientID: clientIDOf(&c), State: state})
	switch {
	case errors.Is(err, ErrLost) && !state.IsZero():
		r.log.Error("the authorization server does not let a client be removed: it is gone there already, as after a removal that was interrupted, "+
			"or the means to manage it are not good any more; look for the client_id there, and remove the client if there is one",
			"id", c.ID, "client_id", clientIDOf(&c), "software_id", text.Echo(c.SoftwareID), "error", text.Bounded{Err: err})
		return nil
	case errors.Is(err, ErrLost):
		r.logOrphan(&c, err)
		return nil
	}
	return err
}

// logOrphan says that the authorization server may hold a client of which no record is left.
func (r *Registrar) logOrphan(c *store.Client, err error) {
	r.log.Error("the authorization server may hold a client that nobody knows: find it by the record's id and remove it there",
		"id", c.ID, "client_id", clientIDOf(c), "software_id", text.Echo(c.SoftwareID), "error", text.Bounded{Err: err})
}
