package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The answers of a store, for errors.Is.
var (
	ErrNotFound = errors.New("store: no such client")
	ErrReplayed = errors.New("store: the jti was used before")
	ErrExists   = errors.New("store: a client with this unique key is registered")
	ErrConflict = errors.New("store: the record was changed meanwhile")
	ErrState    = errors.New("store: the state of the record does not admit this")
	// ErrLeaving is an ErrExists that may pass: the record that holds the unique key is
	// Creating, and may be undone, or it is Deleting, and the key is free once the record is
	// gone.
	ErrLeaving = fmt.Errorf("%w, by a change that has not ended", ErrExists)
	// ErrUnderWay is an ErrReplayed that will pass or become final: the change that the jti
	// was used for has not ended. It ends Active, and the jti stays used, or it is undone,
	// and the jti is free again.
	ErrUnderWay = fmt.Errorf("%w, by a change that has not ended", ErrReplayed)
	// ErrForgotten is an ErrReplayed of which nobody knows: the reservation ends no later than
	// one that was forgotten already, so the jti may be one of the forgotten (see Reservation).
	// A store meets it after its clock was ahead. The sender finds out whether its request was
	// served, and else signs a new one, with a later exp.
	ErrForgotten = fmt.Errorf("%w, or the store has forgotten whether it was", ErrReplayed)
)

// Store keeps clients. All methods are safe for concurrent use. Records go in and out
// by value, and a caller may change a record that it got. An error that is none of the
// Err values means that the store cannot answer now and has changed nothing, unless it
// says that the outcome is unknown. The error of a context that ended means that nothing was
// changed.
//
// What a call has committed every later call sees, in each process that shares the store. The
// comment of the package has more for the author of a store, who computes its records with
// [ForCreate], [ForUpdate], [ForDelete] and [ForUndo]. These functions contain the rules about
// states.
//
// Only one record has a ClientID other than "", and one unique index decides which. A
// store that has not [ClientIDs] need not keep the ClientID: the ID stands for it.
//
// Only one record holds a UniqueKey other than "", and one unique index decides which.
// A record holds its own key in any state. One that has a Previous holds the key of that
// too, so that no other client can take the old key before an Undo.
//
// A reservation belongs to the record that it was made with, and outlives the record:
// after Delete the store still refuses the jti. Only Undo takes a reservation back. A store
// forgets reservations that have ended by its clock, and remembers up to which end it has
// done so, as Reservation says: a clock that was wrong must not let a jti in twice.
type Store interface {
	// Create commits the record, with Version 1, and the change in one transaction. On
	// any error it stores neither. The State of the record is Active, Creating or
	// PendingCreate, else the error is ErrState (see ForCreate). ErrReplayed: the jti was
	// used before. It is ErrUnderWay, which wraps ErrReplayed, if the record that it was
	// used for still has it as its Reserved. ErrExists: the ID, the ClientID or the UniqueKey
	// is taken. It is ErrForgotten, which wraps ErrReplayed too, if the reservation ends no
	// later than one that the store has forgotten.
	// ErrLeaving, which wraps ErrExists: the ID and the ClientID are free, and the holder of
	// the UniqueKey is Creating or Deleting. Where both hold, ErrReplayed comes before ErrExists.
	Create(ctx context.Context, c Client, with Change) error
	// Get returns the record as it is, in any state, or ErrNotFound. Client.Visible
	// tells what others may see of it.
	Get(ctx context.Context, id string) (Client, error)
	// Update replaces the record if its Version still is c.Version, and counts the
	// Version up. It commits the change in the same transaction. ForUpdate returns the
	// record to write. Any error means that nothing was changed: ErrNotFound,
	// ErrReplayed, ErrConflict, ErrState or ErrExists, the first of these that holds.
	// ErrReplayed is ErrUnderWay or ErrForgotten, and ErrExists is ErrLeaving, in the same
	// cases as for Create.
	Update(ctx context.Context, c Client, with Change) error
	// Delete removes the record, in any state, if its Version still is version. It
	// commits the change in the same transaction. ErrNotFound and ErrConflict change
	// nothing. The jti of the record stays reserved. Delete refuses a change that has a
	// reservation (see ForDelete).
	Delete(ctx context.Context, id string, version int64, with Change) error
}

// Unfinished finds changes that stopped half-way, and takes them back. A registrar with
// a provisioner needs a store that has it.
type Unfinished interface {
	// Undo takes back the change that a record is in, if its Version still is version,
	// in one transaction. It replaces an Updating record, and a Creating one that has a
	// Previous, by its Previous and counts the Version up. It removes any other Creating
	// record. In each case it forgets the reservation of that change, so that the sender
	// may send the same request again; where it was forgotten before, that request may get
	// ErrForgotten. The jti of a registration that waited for approval
	// is none of that change, and stays used. Undo commits the change in the same transaction;
	// one that has a reservation is an error. ErrNotFound, ErrConflict and, for a record in
	// another state, ErrState change nothing.
	Undo(ctx context.Context, id string, version int64, with Change) error
	// ListUnfinished returns at most limit records that are Creating, Updating or Deleting
	// and whose Since is before the given time, ordered by Since and then by ID. It returns
	// none where limit is below 1. An Update to the same State with a new Since moves a
	// record to the end, so that a stuck record does not block the others.
	ListUnfinished(ctx context.Context, before time.Time, limit int) ([]Client, error)
}

// ClientIDs finds records by their client_id. A registrar whose authorization server
// chooses the client_id needs a store that has it; without it, the client_id is the ID.
type ClientIDs interface {
	// GetByClientID returns the record of that ClientID as it is, in any state, or
	// ErrNotFound. No record is found by "".
	GetByClientID(ctx context.Context, clientID string) (Client, error)
}

// Pending lists the changes that wait for a person's decision. A registrar whose policy
// has such changes needs a store that has it.
type Pending interface {
	// ListPending returns at most limit records that are PendingCreate or PendingDelete and
	// whose ID is greater than after, in the order of the bytes of their IDs. It returns none
	// where limit is below 1.
	ListPending(ctx context.Context, after string, limit int) ([]Client, error)
}

// Prober tells whether a store can take changes now, for the readiness of a server. Reading a
// record does not tell: a disk that is full, or that turned read-only, is still read.
type Prober interface {
	// Probe writes about as much as a registration does, and leaves no record. A nil error
	// means that the store took it as durably as a change. Any other error says why it did not.
	// Concurrent calls are safe. A caller limits how often it asks.
	Probe(ctx context.Context) error
}

// Lister walks over all records, for portals and operators.
type Lister interface {
	// List returns at most limit records, in any state, whose ID is greater than after,
	// in the order of the bytes of their IDs. It returns none where limit is below 1. A
	// walk begins with "" and goes on with the last ID that it got.
	List(ctx context.Context, after string, limit int) ([]Client, error)
}

// Replay remembers jti outside of the store, for a bank that keeps them elsewhere (in
// Redis, say). It cannot commit a jti together with the record. So the registrar first
// reserves a jti for the time of a lease, which ends by itself if the process dies, and
// confirms the jti before the record becomes Active. At most one holder's Confirm ever
// succeeds; only that one may register. The zero Reservation is never held and never
// refused. Any error but ErrReplayed means that Replay cannot answer now: the caller
// fails closed.
//
// A confirmed jti is forgotten as Reservation says, with a mark. A lease that ends, is
// released or is dropped leaves the mark where it is: nobody registered by it, and the
// sender may send the same request again. A lease is counted by a clock that does not jump
// where there is one. Where a clock jumps, a lease may end early, and its holder is not
// confirmed then; and a lease that was made while the clock was ahead lasts no longer than
// its length, counted from when the mended clock is first seen.
type Replay interface {
	// Reserve holds the jti for the lease. ErrReplayed: the jti is confirmed, and its
	// reservation has not ended or ends no earlier than r does. ErrUnderWay, which wraps
	// ErrReplayed: another lease holds it. ErrForgotten, which wraps ErrReplayed too: r ends
	// no later than a confirmed jti that was forgotten. A lease of zero or less holds nothing.
	Reserve(ctx context.Context, r Reservation, lease time.Duration) error
	// Confirm keeps a held jti until r.Until. ErrReplayed: no lease holds the jti any
	// more, or it is confirmed already. ErrForgotten: r ends no later than a confirmed jti
	// that was forgotten, which may be this one by another holder. The caller then undoes
	// the registration.
	Confirm(ctx context.Context, r Reservation) error
	// Release ends the lease. It does nothing where there is no lease, and where the jti
	// is confirmed.
	Release(ctx context.Context, r Reservation) error
}
