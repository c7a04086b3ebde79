package store

import (
	"context"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// Subscription says that an application may use an API of the bank.
type Subscription struct {
	Client string      // Client.ID of the record
	API    string      // the bank's name of the API; at most 200 bytes
	Role   claims.Role // the software role that opened the API; "" for one that needs none
	Since  time.Time   // whole seconds, UTC
	By     string      // who subscribed: User.Email, or what the bank calls its operator
}

// Subscriptions keeps which APIs an application is subscribed to. They belong to the record: each
// of these changes needs the record to be Active (else ErrState) with this Version (else
// ErrConflict), and counts the Version up. So a change of the record that is under way and a
// subscription never pass each other unseen. A record that is removed takes its subscriptions
// with it, in the same transaction, and so does an Update whose Change has Unsubscribe.
type Subscriptions interface {
	// Subscribe stores the subscription. ErrExists: the record is subscribed to the API already.
	// ErrNotFound: there is no such record. It commits the change in the same transaction; one
	// with a reservation is an error.
	Subscribe(ctx context.Context, s Subscription, version int64, with Change) error
	// Unsubscribe ends a subscription, under the same rules; ErrNotFound where there is none.
	Unsubscribe(ctx context.Context, client, api string, version int64, with Change) error
	// ListSubscriptions returns the subscriptions of a record, in the order of the bytes of the
	// names of their APIs; none where there is no such record.
	ListSubscriptions(ctx context.Context, client string) ([]Subscription, error)
}
