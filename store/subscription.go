package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
// subscription never pass each other unseen. A record that is removed, by whatever, takes its
// subscriptions with it, in the same transaction. An Update leaves them as they are, but for
// those that Change.Unsubscribe names, and an Undo leaves all of them.
type Subscriptions interface {
	// Subscribe stores the subscription, and commits the change in the same transaction. Any error
	// means that nothing was changed: ErrNotFound for no such record, ErrConflict, ErrState, or
	// ErrExists where the record is subscribed to the API already, the first of these that holds.
	// ForSubscribe says what else is refused.
	Subscribe(ctx context.Context, s Subscription, version int64, with Change) error
	// Unsubscribe ends a subscription, under the same rules; ErrNotFound also stands for a
	// subscription that is not there, after ErrConflict and ErrState.
	Unsubscribe(ctx context.Context, client, api string, version int64, with Change) error
	// ListSubscriptions returns the subscriptions of a record in any state, in the order of the
	// bytes of the names of their APIs; none where there is no such record.
	ListSubscriptions(ctx context.Context, client string) ([]Subscription, error)
}

// maxAPI is how many bytes the name of an API has at most.
const maxAPI = 200

// ForSubscribe returns what Subscribe writes for s beside the record old, whose Version has to be
// version: the record with its Version counted up, and the subscription with its Since in whole
// seconds of UTC. ErrConflict and ErrState mean what they mean for Subscribe. A change with a
// reservation is another error, and so is a subscription that no store can have: without an API,
// with one of more than 200 bytes, with a NUL or without UTF-8 in a text, or without a Since.
func ForSubscribe(old Client, s Subscription, version int64, with Change) (Client, Subscription, error) {
	changed, err := ForUnsubscribe(old, version, with)
	if err == nil {
		s, err = subscription(s)
	}
	if err != nil {
		return Client{}, Subscription{}, err
	}
	return changed, s, nil
}

// ForUnsubscribe returns the record that Unsubscribe writes in the place of old. The errors are
// those of ForSubscribe.
func ForUnsubscribe(old Client, version int64, with Change) (Client, error) {
	switch err := reservesNothing(with); {
	case err != nil:
		return Client{}, err
	case old.Version != version:
		return Client{}, ErrConflict
	case old.State != Active:
		return Client{}, fmt.Errorf("%w: it is %s, and its subscriptions stay as they are", ErrState, old.State)
	}
	old.Version++
	return old, nil
}

// subscription returns a subscription as a store keeps it.
func subscription(s Subscription) (Subscription, error) {
	texts := []string{s.Client, s.API, string(s.Role), s.By}
	switch {
	case s.API == "" || len(s.API) > maxAPI:
		return Subscription{}, fmt.Errorf("store: a subscription needs an API, with a name of at most %d bytes", maxAPI)
	case s.Since.IsZero():
		return Subscription{}, errors.New("store: a subscription needs a Since")
	case slices.ContainsFunc(texts, func(text string) bool { return !isText(text) }):
		return Subscription{}, errors.New("store: a text of the subscription has a NUL or is no UTF-8")
	}
	s.Since = wholeSeconds(s.Since)
	return s, nil
}
