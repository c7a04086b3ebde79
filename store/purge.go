package store

import (
	"context"
	"time"
)

// Purge says what a Purger forgets.
type Purge struct {
	// AuditBefore forgets entries of the audit trail that are older. Zero forgets none.
	AuditBefore time.Time
	// DeletedBefore forgets all entries, with notes, about records that were removed before that time and
	// are not there again: an ID with an entry of that time, or a later one, keeps all. A
	// removal that left no entry is not known. Zero forgets none.
	DeletedBefore time.Time
	// Limit is how many reservations, how many entries by AuditBefore and how many by
	// DeletedBefore it forgets at most; below 1 it forgets none.
	Limit int
}

// Purged is how much a Purge has forgotten.
type Purged struct {
	Reservations int // that had ended by the store's clock
	Audit        int // entries that were older than AuditBefore
	Deleted      int // entries about records that were removed before DeletedBefore
}

// Purger forgets what the bank need not keep any more, in bounded steps. A store with one
// writer holds up the changes beside a step until its end: take a Limit of fifty or so there,
// and leave time between the steps.
type Purger interface {
	// Purge forgets the oldest first, in one transaction: the reservations that ended first, the
	// entries by their IDs, and by DeletedBefore the record that was removed first, in the order
	// of its Versions. So the entry of a removal goes last, and a later step finds what is left.
	// Where a number of Purged is that of the Limit, there may be more. Reservations that are
	// forgotten raise the mark that Reservation describes.
	Purge(ctx context.Context, what Purge) (Purged, error)
}
