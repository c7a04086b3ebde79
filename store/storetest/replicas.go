package storetest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/obdcr/obdcr/store"
)

// Replicas returns a store that hands each call to the next of the stores by turns, as a
// load balancer does with processes that share a database. It is for Config.Open and
// Config.OpenAt, and only a store of this package: what a Capability says of it is what it
// says of the first of the stores.
func Replicas(first store.Store, others ...store.Store) store.Store {
	return &replicas{stores: append([]store.Store{first}, others...)}
}

type replicas struct {
	stores []store.Store
	calls  atomic.Uint64
}

// next returns the store whose turn it is, as one with the capability.
func next[T any](r *replicas) T {
	return r.stores[r.calls.Add(1)%uint64(len(r.stores))].(T)
}

// capable returns the store with the capability, if it has it.
func capable[T any](s store.Store) (T, bool) {
	if r, ok := s.(*replicas); ok {
		if _, ok := r.stores[0].(T); !ok {
			var none T
			return none, false
		}
	}
	able, ok := s.(T)
	return able, ok
}

// Create implements store.Store.
func (r *replicas) Create(ctx context.Context, c store.Client, with store.Change) error {
	return next[store.Store](r).Create(ctx, c, with)
}

// Get implements store.Store.
func (r *replicas) Get(ctx context.Context, id string) (store.Client, error) {
	return next[store.Store](r).Get(ctx, id)
}

// Update implements store.Store.
func (r *replicas) Update(ctx context.Context, c store.Client, with store.Change) error {
	return next[store.Store](r).Update(ctx, c, with)
}

// Delete implements store.Store.
func (r *replicas) Delete(ctx context.Context, id string, version int64, with store.Change) error {
	return next[store.Store](r).Delete(ctx, id, version, with)
}

// Undo implements store.Unfinished.
func (r *replicas) Undo(ctx context.Context, id string, version int64, with store.Change) error {
	return next[store.Unfinished](r).Undo(ctx, id, version, with)
}

// ListUnfinished implements store.Unfinished.
func (r *replicas) ListUnfinished(ctx context.Context, before time.Time, limit int) ([]store.Client, error) {
	return next[store.Unfinished](r).ListUnfinished(ctx, before, limit)
}

// List implements store.Lister.
func (r *replicas) List(ctx context.Context, after string, limit int) ([]store.Client, error) {
	return next[store.Lister](r).List(ctx, after, limit)
}

// GetByClientID implements store.ClientIDs.
func (r *replicas) GetByClientID(ctx context.Context, clientID string) (store.Client, error) {
	return next[store.ClientIDs](r).GetByClientID(ctx, clientID)
}

// ListPending implements store.Pending.
func (r *replicas) ListPending(ctx context.Context, after string, limit int) ([]store.Client, error) {
	return next[store.Pending](r).ListPending(ctx, after, limit)
}

// History implements store.Auditor.
func (r *replicas) History(ctx context.Context, id string, after int64, limit int) ([]store.AuditEntry, error) {
	return next[store.Auditor](r).History(ctx, id, after, limit)
}

// ListAudit implements store.Auditor.
func (r *replicas) ListAudit(ctx context.Context, after string, limit int) ([]store.AuditEntry, error) {
	return next[store.Auditor](r).ListAudit(ctx, after, limit)
}

// AuditedAs implements store.Auditor.
func (r *replicas) AuditedAs(ctx context.Context, clientID string) (string, error) {
	return next[store.Auditor](r).AuditedAs(ctx, clientID)
}

// Search implements store.Searcher.
func (r *replicas) Search(ctx context.Context, q store.Query, after store.Position, limit int) ([]store.Client, error) {
	return next[store.Searcher](r).Search(ctx, q, after, limit)
}

// Purge implements store.Purger.
func (r *replicas) Purge(ctx context.Context, what store.Purge) (store.Purged, error) {
	return next[store.Purger](r).Purge(ctx, what)
}

// ListReservations implements store.Transfer.
func (r *replicas) ListReservations(ctx context.Context, after []byte, limit int) ([]store.HeldReservation, error) {
	return next[store.Transfer](r).ListReservations(ctx, after, limit)
}

// Forgotten implements store.Transfer.
func (r *replicas) Forgotten(ctx context.Context) (time.Time, bool, error) {
	return next[store.Transfer](r).Forgotten(ctx)
}

// Import implements store.Transfer.
func (r *replicas) Import(ctx context.Context, b store.Batch) (store.Imported, error) {
	return next[store.Transfer](r).Import(ctx, b)
}
