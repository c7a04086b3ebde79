package dcr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// Provisioner makes OAuth clients in the bank's authorization server. Both methods must
// be idempotent: the Registrar repeats a call, after a crash for example, and the result
// must be the same. They must be safe for concurrent use, and end when the context does.
// The Registrar takes a panic for an error.
type Provisioner interface {
	// Provision makes the client. It replaces a client of the same ID. A *Refusal refuses
	// the client for good: the sender gets 400 once the change is undone. An error that
	// wraps ErrLost says that the authorization server does not have the client any more.
	// Any other error is an outage: 503. With an error three members of the result count:
	// by ClientID and State the Registrar takes a client back that was made all the same,
	// and with Unchanged it does not try to.
	Provision(ctx context.Context, p Provisioning) (Provisioned, error)
	// Deprovision removes the client with all its tokens and grants. A client that does
	// not exist is no error. An error that wraps ErrLost says that the authorization
	// server may still have the client, and that no call can remove it: the Registrar logs
	// the fact and goes on. It repeats the call after any other error.
	Deprovision(ctx context.Context, d Deprovisioning) error
}

// ErrLost means that the authorization server does not have a client any more, or does
// not take changes to it, because what it gave to manage the client by was lost.
// Reprovision makes such a client anew.
var ErrLost = errors.New("dcr: the authorization server has lost the client, or the means to manage it")

// Provisioning is the client that the authorization server shall have.
type Provisioning struct {
	Client store.Client // a copy: the Provisioner may change it
	// ClientID is the client_id of the client. For a new client it is Client.ID, and the
	// authorization server may choose another one.
	ClientID string
	// Secret is the client secret if it is new, or if the record holds it sealed. It is
	// zero if Client.SecretHash is nil. It is also zero if the client keeps its old
	// secret, or gets it back after a failed update: then Client.SecretHash is the hash
	// of that secret. So an authorization server that checks secrets itself must keep
	// the last two.
	Secret claims.Secret
	// State is the last Provisioned.State of this client; zero for none.
	State claims.Secret
	// Recreate says that an operator repairs the client (Reprovision): the authorization
	// server may have lost it. The Provisioner may make it anew, with another client_id.
	Recreate bool
}

// Provisioned is what the authorization server has decided about the client. The zero
// value means that it took the client as it was given.
type Provisioned struct {
	// ClientID is the client_id if the authorization server chose another one: 1 to 36
	// letters, digits, - and _. "" leaves Provisioning.ClientID. The Store then needs
	// the method of store.ClientIDs.
	ClientID string
	// Subject is the sub of the client's own access tokens, where that is not its
	// client_id. "" leaves what it was.
	Subject string
	// State is what the Provisioner needs to manage the client later, such as a
	// registration access token. The record keeps it sealed with Config.SealingKey. Zero
	// leaves what it was.
	State claims.Secret
	// Members are added to the answers about the client: a JSON object. They win over
	// registered members of the same name. client_id, client_id_issued_at, the secret and
	// the registration access token cannot be among them. Nil adds none.
	Members json.RawMessage
	// Unchanged says, with an error, that the authorization server certainly changed
	// nothing: it was not reached, or it refused the whole call. The Registrar takes the
	// change back without another call. So the sender can repeat the request at once, also
	// during an outage, and no orphan is suspected.
	Unchanged bool
}

// unchangedError is an error of a Provisioner after which there is nothing to take back in
// the authorization server.
type unchangedError struct{ error }

func (e unchangedError) Unwrap() error { return e.error }

// Deprovisioning names the client that the authorization server shall remove.
type Deprovisioning struct {
	ID       string        // of the record
	ClientID string        // the ID of the record if the server never gave another one
	State    claims.Secret // as in Provisioning
}

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
			r.logOrphan(&c, err)
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

// takeBack undoes a create or an update that failed half-way by cause, and reports whether
// it did. If that fails too, Reconcile undoes it later. It has half of the time that the
// change has, and a quarter for a last write: nothing works on a change any more that is
// twice as old as ChangeTimeout.
func (r *Registrar) takeBack(ctx context.Context, w *work, cause error) (undone bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.changeTimeout/2)
	defer cancel()
	revert := r.revert
	switch {
	case w.pending: // nothing was provisioned
		revert = r.undo
	case errors.Is(cause, errForeignID) || errors.Is(cause, store.ErrExists):
		// Another record has the client_id: to remove the client would remove that one's.
		revert = r.undo
		r.logOrphan(&w.client, cause)
	case errors.As(cause, new(unchangedError)):
		revert = r.undo
		if errors.Is(cause, ErrLost) {
			r.logLost(&w.client, cause)
		}
	}
	err := guarded(func() error { return revert(ctx, &w.client) })
	if err == nil {
		return true
	}
	r.log.Error("a change is left to Reconcile", "operation", w.op, "client_id", clientIDOf(&w.client), "error", text.Bounded{Err: err})
	given := w.client.UpstreamState
	if before := w.client.Previous; before == nil && given != nil || before != nil && !bytes.Equal(before.UpstreamState, given) {
		// Reconcile needs what the authorization server gave, also where the time of ctx went
		// by. If this fails, Reconcile logs that the server may hold the client.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.changeTimeout/4)
		defer cancel()
		if err := raced(r.store.Update(ctx, w.client, store.Change{})); err != nil && !errors.Is(err, errRaced) {
			r.log.Error("what the authorization server gave to manage a client by cannot be stored", "client_id", clientIDOf(&w.client), "error", text.Bounded{Err: err})
		}
	}
	return false
}

// revert undoes a record that is Creating or Updating: in the authorization server
// first, then in the store. In this order Reconcile can still find the change if the
// process dies in between. If another process took the change over, revert sets the
// authorization server to what the store has now. It writes into c what the server gives.
func (r *Registrar) revert(ctx context.Context, c *store.Client) error {
	if r.provisioner != nil {
		if err := r.restore(ctx, c); err != nil {
			return err
		}
	}
	return r.undo(ctx, c)
}

// undo undoes a record that is Creating or Updating in the store, where the authorization
// server has what was before already.
func (r *Registrar) undo(ctx context.Context, c *store.Client) error {
	r.reached("undo.reverted")
	err := raced(r.unfinished.Undo(ctx, c.ID, c.Version))
	if errors.Is(err, errRaced) {
		return r.align(ctx, c.ID)
	}
	return err
}

// restore sets the authorization server to the version of a record that is in force, or
// removes the client if none is. It stores what the server gave to manage the client by,
// which Undo keeps. A server that refuses what was in force, has lost the client, or gives
// an answer that cannot be taken, is logged: the record goes back all the same, and
// Reprovision tries again.
func (r *Registrar) restore(ctx context.Context, record *store.Client) error {
	c, visible := record.Visible()
	if !visible {
		return r.deprovision(ctx, *record)
	}
	c.ClientID, c.OwnSubject, c.UpstreamState = record.ClientID, record.OwnSubject, record.UpstreamState
	err := r.provision(ctx, &c, claims.Secret{}, false)
	var refusal *Refusal
	switch {
	case errors.Is(err, ErrLost):
		r.logLost(&c, err)
		err = nil
	case errors.As(err, &refusal):
		r.log.Error("the authorization server refuses a client as it was: it may have the new content, or none; see its policies, then call Reprovision",
			"id", c.ID, "client_id", clientIDOf(&c), "error", text.Bounded{Err: err})
		err = nil
	case errors.Is(err, errUnfit):
		r.log.Error("the authorization server has a client as it was, and its answer cannot be taken: mend the server, or call Reprovision for another client_id",
			"id", c.ID, "client_id", clientIDOf(&c), "error", text.Bounded{Err: err})
		err = nil
	}
	if bytes.Equal(record.UpstreamState, c.UpstreamState) {
		return err
	}
	record.ClientID, record.OwnSubject = c.ClientID, c.OwnSubject
	record.UpstreamState, record.UpstreamMembers = c.UpstreamState, c.UpstreamMembers
	stored := raced(r.store.Update(ctx, *record, store.Change{}))
	if stored == nil {
		record.Version++
	}
	return errors.Join(err, stored)
}

// logLost says that the authorization server does not have a client any more. While it was
// being made anew, the server may have made it.
func (r *Registrar) logLost(c *store.Client, err error) {
	r.log.Error("the authorization server has lost a client, or does not take changes to it: Reprovision makes it anew; "+
		"if that stopped half-way, the server may hold a second client of the record",
		"id", c.ID, "client_id", clientIDOf(c), "error", text.Bounded{Err: err})
}

// align sets the authorization server to what the store has now.
func (r *Registrar) align(ctx context.Context, id string) error {
	if r.provisioner == nil {
		return nil
	}
	record, err := r.store.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		record, err = store.Client{ID: id, State: store.Deleting}, nil
	}
	if err != nil {
		return err
	}
	return r.restore(ctx, &record)
}
