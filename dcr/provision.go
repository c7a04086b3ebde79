package dcr

import (
	"context"
	"errors"
	"fmt"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// Provisioner makes OAuth clients in the bank's authorization server. Both methods
// may be called again with what they have done already, after a crash say, and then
// have the same result; they must be safe for concurrent use, and end when the
// context does. A panic counts as an error.
type Provisioner interface {
	// Provision makes the client, or replaces it by this one.
	Provision(ctx context.Context, p Provisioning) (Provisioned, error)
	// Deprovision removes the client with all its tokens and grants. That there is
	// none is no error.
	Deprovision(ctx context.Context, d Deprovisioning) error
}

// Provisioning is a client that is to be in the authorization server.
type Provisioning struct {
	Client store.Client // a copy: what is done to it changes nothing
	// Secret is the client secret where that is new or sealed. It is zero where
	// Client.SecretHash is nil, and also where the client keeps the secret that hashes
	// to it, or has that one again after a failed update. So an authorization server
	// that checks secrets itself must keep the last two.
	Secret claims.Secret
}

// Provisioned is what the authorization server has decided. It has no members yet.
type Provisioned struct{}

// Deprovisioning is a client that is to leave the authorization server.
type Deprovisioning struct {
	ClientID string
}

// readableSecret is the secret of a client whose record holds it sealed, zero where
// it does not. A secret that does not open is an error: without it the authorization
// server would keep an old secret that the client no longer has.
func (r *Registrar) readableSecret(c store.Client) (claims.Secret, error) {
	if c.SealedSecret == nil {
		return claims.Secret{}, nil
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

// revert undoes a record that is Creating or Updating. It does so in the
// authorization server first: as long as the record shows the change, the change can
// be found. If another process took the change over, revert brings the authorization
// server to what the store says now.
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
		_, err = r.provisioner.Provision(ctx, Provisioning{Client: c.Clone(), Secret: secret})
		return err
	}
	return r.provisioner.Deprovision(ctx, Deprovisioning{ClientID: record.ID})
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
