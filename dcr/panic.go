package dcr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/dcr/internal/contain"
	"github.com/obdcr/obdcr/store"
)

var (
	// errPanic means that code that the bank supplied panicked.
	errPanic = errors.New("dcr: panic")
	// errStorePanic is the errPanic of a Store or a Replay. It is no outage that passes: the
	// sender gets 500.
	errStorePanic = fmt.Errorf("%w of the store", errPanic)
)

// guarded calls code that the bank supplied, and returns a panic of it as an error. A
// panic that went on would leave a change half done. The log has the stack.
func (r *Registrar) guarded(do func() error) error { return r.guardedAs(errPanic, do) }

func (r *Registrar) guardedAs(kind error, do func() error) (err error) {
	defer func() {
		if found := recover(); found != nil {
			err = fmt.Errorf("%w: %s", kind, contain.Log(r.log, found))
		}
	}()
	return do()
}

// contained runs an operation. A panic that nothing inside has caught, such as one of a key
// resolver, comes before the first write: the operation fails with 500.
func (r *Registrar) contained(do func() error) error {
	err := r.guarded(do)
	var e *Error
	if errors.Is(err, errPanic) && !errors.As(err, &e) {
		return internalError(err)
	}
	return err
}

// guardedStore is the bank's store. A panic of it is an error, like a fault.
type guardedStore struct {
	r  *Registrar
	of store.Store
}

// guardedFinder is a guardedStore that has store.ClientIDs too. Package store looks for
// that itself.
type guardedFinder struct {
	guardedStore
	ids store.ClientIDs
}

// guard returns a store of the same capabilities as s, as far as package store looks for
// them.
func (r *Registrar) guard(s store.Store) store.Store {
	guarded := guardedStore{r, s}
	if ids, ok := s.(store.ClientIDs); ok {
		return guardedFinder{guarded, ids}
	}
	return guarded
}

func (r *Registrar) safely(do func() error) error { return r.guardedAs(errStorePanic, do) }

// Create implements store.Store.
func (g guardedStore) Create(ctx context.Context, c store.Client, with store.Change) error {
	return g.r.safely(func() error { return g.of.Create(ctx, c, with) })
}

// Get implements store.Store.
func (g guardedStore) Get(ctx context.Context, id string) (c store.Client, err error) {
	err = g.r.safely(func() (err error) { c, err = g.of.Get(ctx, id); return err })
	return c, err
}

// Update implements store.Store.
func (g guardedStore) Update(ctx context.Context, c store.Client, with store.Change) error {
	return g.r.safely(func() error { return g.of.Update(ctx, c, with) })
}

// Delete implements store.Store.
func (g guardedStore) Delete(ctx context.Context, id string, version int64, with store.Change) error {
	return g.r.safely(func() error { return g.of.Delete(ctx, id, version, with) })
}

// GetByClientID implements store.ClientIDs.
func (g guardedFinder) GetByClientID(ctx context.Context, clientID string) (c store.Client, err error) {
	err = g.r.safely(func() (err error) { c, err = g.ids.GetByClientID(ctx, clientID); return err })
	return c, err
}

// guardedUnfinished is the store.Unfinished of the bank's store.
type guardedUnfinished struct {
	r  *Registrar
	of store.Unfinished
}

// Undo implements store.Unfinished.
func (g guardedUnfinished) Undo(ctx context.Context, id string, version int64, with store.Change) error {
	return g.r.safely(func() error { return g.of.Undo(ctx, id, version, with) })
}

// ListUnfinished implements store.Unfinished.
func (g guardedUnfinished) ListUnfinished(ctx context.Context, before time.Time, limit int) (found []store.Client, err error) {
	err = g.r.safely(func() (err error) { found, err = g.of.ListUnfinished(ctx, before, limit); return err })
	return found, err
}

// guardedPending is the store.Pending of the bank's store.
type guardedPending struct {
	r  *Registrar
	of store.Pending
}

// ListPending implements store.Pending.
func (g guardedPending) ListPending(ctx context.Context, after string, limit int) (found []store.Client, err error) {
	err = g.r.safely(func() (err error) { found, err = g.of.ListPending(ctx, after, limit); return err })
	return found, err
}

// guardedLister is the store.Lister of the bank's store.
type guardedLister struct {
	r  *Registrar
	of store.Lister
}

// List implements store.Lister.
func (g guardedLister) List(ctx context.Context, after string, limit int) (found []store.Client, err error) {
	err = g.r.safely(func() (err error) { found, err = g.of.List(ctx, after, limit); return err })
	return found, err
}

// guardedReplay is the bank's store.Replay.
type guardedReplay struct {
	r  *Registrar
	of store.Replay
}

// Reserve implements store.Replay.
func (g guardedReplay) Reserve(ctx context.Context, v store.Reservation, lease time.Duration) error {
	return g.r.safely(func() error { return g.of.Reserve(ctx, v, lease) })
}

// Confirm implements store.Replay.
func (g guardedReplay) Confirm(ctx context.Context, v store.Reservation) error {
	return g.r.safely(func() error { return g.of.Confirm(ctx, v) })
}

// Release implements store.Replay.
func (g guardedReplay) Release(ctx context.Context, v store.Reservation) error {
	return g.r.safely(func() error { return g.of.Release(ctx, v) })
}
