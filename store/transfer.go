package store

import (
	"context"
	"crypto/sha256"
	"time"
)

// HeldReservation is a reservation as a store keeps it.
type HeldReservation struct {
	Key    [sha256.Size]byte // Reservation.Key
	Until  time.Time         // whole seconds
	Client string            // Client.ID of the record that it was made with
}

// Batch is a piece of a register, for Import.
type Batch struct {
	Clients      []Client // as List returns them, with Version, State, Previous and Reserved
	Reservations []HeldReservation
	Audit        []AuditEntry
	// Subscriptions are for a store with Subscriptions alone. The record of each comes before it,
	// or in the same batch.
	Subscriptions []Subscription
	Forgotten     time.Time // up to which end reservations were forgotten, see Reservation; zero for none
}

// Imported is how much an Import has written. What the store had already, exactly so, is
// not counted.
type Imported struct {
	Clients      int
	Reservations int
	Audit        int
	// Subscriptions is how many of these were written.
	Subscriptions int
}

// Transfer moves a register from one store to another, page by page, together with Lister
// and Auditor. Records come first and what belongs to them later, or the other way round: a
// reservation or an entry may be imported before its record, and without it where the record
// was removed. The register that is read should rest meanwhile, or be read again.
type Transfer interface {
	// ListReservations returns at most limit reservations whose Key is greater than after, in
	// the order of the bytes of their keys. A walk begins with nil. It returns none where limit
	// is below 1.
	ListReservations(ctx context.Context, after []byte, limit int) ([]HeldReservation, error)
	// Forgotten returns up to which end reservations were forgotten; ok is false where none was.
	Forgotten(ctx context.Context) (mark time.Time, ok bool, err error)
	// Import writes a batch in one transaction, all of it or nothing. What the store has
	// already, exactly so, stays: the same batch may come again. ErrExists says that the store
	// has a record, a reservation, an entry or a subscription of the same ID, Key or API with another content, or
	// another record with the same ClientID or UniqueKey, and ErrState that a record of the
	// batch is none that a store can have, or a reservation, an entry or a subscription is none. ErrNotFound
	// says that the record of a subscription is not there. The mark only
	// rises. What is in a batch twice, exactly so, is written once. ForImport returns what to
	// write, and SameRecord and SameEntry tell whether what is there has the same content.
	Import(ctx context.Context, b Batch) (Imported, error)
}
