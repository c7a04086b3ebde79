package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

const (
	subscriptionColumns = "client, " + row.SubscriptionColumns

	insertSubscription = "INSERT INTO subscriptions (" + subscriptionColumns + `) SELECT id, $2, $3, $4, $5 FROM clients WHERE id = $1
		ON CONFLICT DO NOTHING`
	deleteSubscriptions = "DELETE FROM subscriptions WHERE client = $1 AND api = ANY ($2::text[])"
	selectSubscription  = "SELECT " + subscriptionColumns + " FROM subscriptions WHERE client = $1 AND api = $2"
	selectSubscriptions = "SELECT " + subscriptionColumns + " FROM subscriptions WHERE client = $1 ORDER BY api"
)

// Subscribe implements store.Subscriptions.
func (s *Store) Subscribe(ctx context.Context, one store.Subscription, version int64, with store.Change) error {
	return failed("subscribe", s.transact(ctx, changeWait, wrote(one.Client, version+1), func(ctx context.Context, w *work) error {
		old, err := w.lock(ctx, one.Client, nil)
		if err != nil {
			return err
		}
		c, one, err := store.ForSubscribe(old, one, version, with)
		if err != nil {
			return err
		}
		var added int64
		err = w.replace(ctx, old, c, with, func(b *pgx.Batch) { b.Queue(insertSubscription, row.SubscriptionValues(one)...).Exec(count(&added)) })
		if err == nil && added == 0 {
			return store.ErrExists
		}
		return err
	}))
}

// Unsubscribe implements store.Subscriptions.
func (s *Store) Unsubscribe(ctx context.Context, client, api string, version int64, with store.Change) error {
	return failed("unsubscribe", s.transact(ctx, changeWait, wrote(client, version+1), func(ctx context.Context, w *work) error {
		old, err := w.lock(ctx, client, nil)
		if err != nil {
			return err
		}
		c, err := store.ForUnsubscribe(old, version, with)
		switch {
		case err != nil:
			return err
		case !keepable(api):
			return store.ErrNotFound
		}
		var ended int64
		err = w.replace(ctx, old, c, with, func(b *pgx.Batch) { b.Queue(deleteSubscriptions, client, []string{api}).Exec(count(&ended)) })
		if err == nil && ended == 0 {
			return store.ErrNotFound
		}
		return err
	}))
}

// ListSubscriptions implements store.Subscriptions.
func (s *Store) ListSubscriptions(ctx context.Context, client string) ([]store.Subscription, error) {
	if !keepable(client) {
		return nil, nil
	}
	return list(ctx, s, "list subscriptions", scanSubscription, selectSubscriptions, client)
}

func scanSubscription(r pgx.Row) (store.Subscription, error) { return row.ScanSubscription(r) }
