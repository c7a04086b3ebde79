package dcr

import (
	"context"
	"errors"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// Provisioner makes OAuth clients in the bank's authorization server. Both methods must
// be idempotent: the Registrar repeats a call, after a crash for example, and the result
// must be the same. They must be safe for concurrent use, and end when the context does.
// The Registrar takes a panic for an error.
type Provisioner interface {
	// Provision makes the client. It replaces a client of the same ID.
	Provision(ctx context.Context, p Provisioning) (Provisioned, error)
	// Deprovision removes the client with all its tokens and grants. A client that does
	// not exist is no error.
	Deprovision(ctx context.Context, d Deprovisioning) error
}

// Provisioning is the client that the authorization server shall have.
type Provisioning struct {
	Client store.Client // a copy: the Provisioner may change it
	// Secret is the client secret if it is new, or if the record holds it sealed. It is
	// zero if Client.SecretHash is nil. It is also zero if the client keeps its old
	// secret, or gets it back after a failed update: then Client.SecretHash is the hash
	// of that secret. So an authorization server that checks secrets itself must keep
	// the last two.
	Secret claims.Secret
}

// Provisioned is what the authorization server has decided about the client. It has no
// members yet.
type Provisioned struct{}

// Deprovisioning names the client that the authorization server shall remove.
type Deprovisioning struct {
	ClientID string
}

// readableSecret opens the sealed secret of a record. It is zero if the record has none.
// A secret that does not open is an error: without it the authorization server would
// keep an old secret that the client no longer has.
func (r *Registrar) readableSecret(c store.Client) (claims.Secret, error) {
	if c.SealedSecret == nil {
		return claims.Secret{}, nil
	}
	return r.OpenSecret(c)
}

// takeBack undoes a create or an update that failed half-way. If that fails too,
// Reconcile undoes it later.
func (r *Registrar) takeBack(ctx context.Context, op Operation, c store.Client) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ChangeTimeout)
	defer cancel()
	if err := guarded(func() error { return r.revert(ctx, c) }); err != nil {
		r.log.Error("a change is left to Reconcile", "operation", op, "client_id", c.ID, "error", err)
	}
}

// revert undoes a record that is Creating or Updating: in the authorization server
// first, then in the store. In this order Reconcile can still find the change if the
// process dies in between. If another process took the change over, revert sets the
// authorization server to what the store has now.
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

// provision sets the authorization server to the version of a record that is in force,
// or removes the client if none is.
func (r *Registrar) provision(ctx context.Context, record store.Client) error {
	if c, visible := record.Visible(); visible {
		secret, err := r.readableSecret(c)
		if err != nil {
			return err
		}
		_, err = r.provisioner.Provision(ctx, Provisioning{Client: c.Clone(), Secret: secret})
		return err
	}
	return r.provisioner.Deprovision(ctx, Deprovisioning{ClientID: record.ID})
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
	return r.provision(ctx, record)
}
