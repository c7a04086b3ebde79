package dcr

import (
	"context"
	"errors"
	"fmt"

	"github.com/obdcr/obdcr/store"
)

// Provisioner makes OAuth clients in the bank's authorization server. Both methods
// may be called again with what they have done already, after a crash say, and then
// have the same result; they must be safe for concurrent use, and end when the
// context does. A panic counts as an error.
type Provisioner interface {
	// Provision makes the client, or replaces it by this one. secret is its client
	// secret where that is new or sealed; "" where client.SecretHash is nil,
	// and also where the client keeps, or after a failed update has again, the one
	// that hashes to it. So an authorization server that checks secrets itself
	// forgets a secret only when the next one but one replaces it.
	Provision(ctx context.Context, client store.Client, secret string) error
	// Deprovision removes the client with all its tokens and grants. That there is
	// none is no error.
	Deprovision(ctx context.Context, clientID string) error
}

// readableSecret is the secret of a client whose record holds it sealed, "" where it
// does not. An authorization server that were told of none would go on with another
// one than the client has: that it does not open is an error.
func (r *Registrar) readableSecret(c store.Client) (string, error) {
	if c.SealedSecret == nil {
		return "", nil
	}
	return r.OpenSecret(c)
}

// guarded calls what the bank has supplied. A panic in it is an error: a change that
// has begun must come to one of its ends.
func guarded(do func() error) (err error) {
	defer func() {
		if found := recover(); found != nil {
			err = fmt.Errorf("dcr: panic: %.200q", fmt.Sprint(found))
		}
	}()
	return do()
}

// takeBack compensates for a create or an update that failed half-way. What it
// cannot do now, Reconcile does.
func (r *Registrar) takeBack(ctx context.Context, op Operation, c store.Client) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ChangeTimeout)
	defer cancel()
	if err := guarded(func() error { return r.revert(ctx, c) }); err != nil {
		r.log.Error("a change is left to Reconcile", "operation", op, "client_id", c.ID, "error", err)
	}
}

// revert undoes a record that is Creating or Updating, elsewhere first: as long as
// the record says so, the change can be found. Where another process has taken the
// change over, what this one did elsewhere must not outlast what that one does.
func (r *Registrar) revert(ctx context.Context, c store.Client) error {
	if r.provisioner != nil {
		if err := r.provision(ctx, c); err != nil {
			return err
		}
	}
	r.reached("undo.reverted")
	err := lost(r.unfinished.Undo(ctx, c.ID, c.Version))
	if errors.Is(err, errLost) {
		return r.align(ctx, c.ID)
	}
	return err
}

// provision brings the authorization server to what is in force of a record.
func (r *Registrar) provision(ctx context.Context, record store.Client) error {
	if c, visible := record.Visible(); visible {
		secret, err := r.readableSecret(c)
		if err != nil {
			return err
		}
		return r.provisioner.Provision(ctx, c.Clone(), secret)
	}
	return r.provisioner.Deprovision(ctx, record.ID)
}

// align brings the authorization server to what the store says now.
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
	return r.provision(ctx, record)
}
