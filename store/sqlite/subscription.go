package sqlite

import (
	"context"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

const (
	subscriptionColumns = "record_id, " + row.SubscriptionColumns

	insertSubscription   = "INSERT INTO subscriptions (" + subscriptionColumns + ") VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
	importedSubscription = "INSERT INTO subscriptions (" + subscriptionColumns + `) SELECT id, ?2, ?3, ?4, ?5 FROM clients WHERE id = ?1
		ON CONFLICT DO NOTHING`
	deleteSubscription  = "DELETE FROM subscriptions WHERE record_id = ? AND api = ?"
	selectSubscription  = "SELECT " + subscriptionColumns + " FROM subscriptions WHERE record_id = ? AND api = ?"
	selectSubscriptions = "SELECT " + subscriptionColumns + " FROM subscriptions WHERE record_id = ? ORDER BY api"
)

var _ store.Subscriptions = (*Store)(nil)

// Subscribe implements store.Subscriptions.
func (s *Store) Subscribe(ctx context.Context, one store.Subscription, version int64, with store.Change) error {
	return failed("subscribe", s.write.transact(ctx, func(ctx context.Context) error {
		old, err := s.write.client(ctx, one.Client)
		if err != nil {
			return err
		}
		c, one, err := store.ForSubscribe(old, one, version, with)
		if err != nil {
			return err
		}
		if err := affects(store.ErrExists)(s.write.conn.ExecContext(ctx, insertSubscription, row.SubscriptionValues(one)...)); err != nil {
			return err
		}
		if err := s.write.replace(ctx, c); err != nil {
			return err
		}
		return s.record(ctx, c, false, with)
	}))
}

// Unsubscribe implements store.Subscriptions.
func (s *Store) Unsubscribe(ctx context.Context, client, api string, version int64, with store.Change) error {
	return failed("unsubscribe", s.write.transact(ctx, func(ctx context.Context) error {
		old, err := s.write.client(ctx, client)
		if err != nil {
			return err
		}
		c, err := store.ForUnsubscribe(old, version, with)
		if err != nil {
			return err
		}
		if err := affects(store.ErrNotFound)(s.write.conn.ExecContext(ctx, deleteSubscription, client, api)); err != nil {
			return err
		}
		if err := s.write.replace(ctx, c); err != nil {
			return err
		}
		return s.record(ctx, c, false, with)
	}))
}

// ListSubscriptions implements store.Subscriptions.
func (s *Store) ListSubscriptions(ctx context.Context, client string) ([]store.Subscription, error) {
	found, err := collect(row.ScanSubscription)(s.read.subscriptions.QueryContext(ctx, client))
	if err != nil {
		return nil, s.unread("list subscriptions", err)
	}
	return found, nil
}
