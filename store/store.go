// Package store keeps registered clients. [Store] is the contract that a bank's
// own store fulfils; [Memory] is one for tests and sandboxes, store/sqlite one for
// a single machine. Package store/storetest tests a store against the contract.
//
// A registration burns the request's jti: Create and Update take the reservation in
// a [Change] and commit it together with the record, so that a fault leaves neither.
//
// A registration may concern a second system too, the bank's authorization server,
// and no transaction spans both. So a record says how far its change has come
// ([State]), readers see what is in force ([Client.Visible]), and a change that
// stopped half-way is found and undone by the methods of [Unfinished].
package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What a store answers, for errors.Is.
var (
	ErrNotFound = errors.New("store: no such client")
	ErrReplayed = errors.New("store: the jti was used before")
	ErrExists   = errors.New("store: a client with this unique key is registered")
	ErrConflict = errors.New("store: the record was changed meanwhile")
	ErrState    = errors.New("store: the state of the record does not admit this")
	// ErrLeaving is an ErrExists that will pass: the record with the unique key is
	// Deleting, and gives the key free at its end.
	ErrLeaving = fmt.Errorf("%w, and is being deleted", ErrExists)
)

// Store keeps clients. All methods are safe for concurrent use; records go in and
// out by value, and a caller may change what it gets. An error that is none of the
// Err values means that the store cannot answer now, and that nothing was changed;
// so does the error of a context that ended.
//
// Who writes a store computes its records with [ForCreate], [ForUpdate], [ForDelete]
// and [ForUndo], and inherits the rules about states from them.
//
// A UniqueKey other than "" is held by one record alone, which one unique index
// decides. An Updating record holds its own and that of its Previous, so that its
// Undo cannot fail for want of the old one; all others, Creating and Deleting ones
// too, hold their own.
//
// A reservation belongs to the record it was made with and outlives that: after
// Delete its jti is still refused. Undo alone forgets it.
type Store interface {
	// Create commits the record, with Version 1, and the change in one transaction. Its
	// State is Active or Creating. On any error neither is stored. ErrState: see
	// ForCreate. ErrReplayed: the jti was used before, which
	// is said first where the next holds too. ErrExists: its ID or UniqueKey is
	// taken; ErrLeaving, which wraps that, where its ID is not and who holds the
	// UniqueKey is Deleting.
	Create(ctx context.Context, c Client, with Change) error
	// Get returns the record as it is, in whatever state, or ErrNotFound. What
	// others may see of it is Visible.
	Get(ctx context.Context, id string) (Client, error)
	// Update replaces the record if its Version still is c.Version, and counts
	// that up; it commits the change in the same transaction. What it writes is ForUpdate.
	// ErrNotFound, ErrReplayed, ErrConflict, ErrState and ErrExists change
	// nothing; where several hold, the first of them is said. ErrExists is
	// ErrLeaving in the same case as at Create.
	Update(ctx context.Context, c Client, with Change) error
	// Delete removes the record, in whatever state, if its Version still is
	// version: ErrNotFound, ErrConflict. It commits the change in the same
	// transaction. Its jti stays reserved. A change with a reservation is refused:
	// see ForDelete.
	Delete(ctx context.Context, id string, version int64, with Change) error
}

// Unfinished finds changes that stopped half-way, and takes them back. Stores for
// a registrar with a provisioner have it.
type Unfinished interface {
	// Undo takes back the change that a record is in, if its Version still is
	// version, in one transaction: a Creating record is removed, an Updating one
	// replaced by its Previous, with a Version counted up. Either way the
	// reservation of that change is forgotten, as if it had never been asked for:
	// its sender may send it again. ErrNotFound, ErrConflict, and ErrState for
	// records in other states change nothing.
	Undo(ctx context.Context, id string, version int64) error
	// ListUnfinished returns at most limit records that are not Active and whose
	// Since is before the time given, oldest Since first, then by ID; none where
	// limit is below 1. An Update to the same State with a new Since moves a
	// record to the end, so that one that cannot be finished holds up no others.
	ListUnfinished(ctx context.Context, before time.Time, limit int) ([]Client, error)
}

// Lister walks over all records, for portals and operators.
type Lister interface {
	// List returns at most limit records, in whatever state, whose ID is greater
	// than after, ascending by the bytes of ID; none where limit is below 1. A
	// walk begins with "" and goes on with the last ID it got.
	List(ctx context.Context, after string, limit int) ([]Client, error)
}

// Replay remembers jti outside of the store, for those who want to keep them
// elsewhere (in Redis, say). It cannot commit with the record, so a jti is first
// held by a lease, which ends by itself when a process dies, and confirmed before
// the record becomes Active. Of all who hold a jti one after the other at most one
// gets a Confirm without an error, and that one may register. The zero Reservation
// is never held and never refused. Any error but ErrReplayed means that it cannot
// answer now: fail closed.
type Replay interface {
	// Reserve holds the jti for the lease. ErrReplayed: it is confirmed and has
	// not ended, or is held. A lease of zero or less holds nothing.
	Reserve(ctx context.Context, r Reservation, lease time.Duration) error
	// Confirm keeps a jti that is held until r.Until. ErrReplayed: no lease holds
	// it any more, or it is confirmed; then the registration must be undone.
	Confirm(ctx context.Context, r Reservation) error
	// Release ends the lease. It does nothing where there is none and where the
	// jti is confirmed.
	Release(ctx context.Context, r Reservation) error
}
