package storetest

import (
	"context"
	"time"

	"github.com/obdcr/obdcr/store"
)

// SignIn implements store.Users.
func (r *replicas) SignIn(ctx context.Context, u store.User) (store.User, bool, error) {
	return next[store.Users](r).SignIn(ctx, u)
}

// GetUser implements store.Users.
func (r *replicas) GetUser(ctx context.Context, email string) (store.User, error) {
	return next[store.Users](r).GetUser(ctx, email)
}

// ListUsers implements store.Users.
func (r *replicas) ListUsers(ctx context.Context, after string, limit int) ([]store.User, error) {
	return next[store.Users](r).ListUsers(ctx, after, limit)
}

// ForgetUser implements store.Users.
func (r *replicas) ForgetUser(ctx context.Context, email string) error {
	return next[store.Users](r).ForgetUser(ctx, email)
}

// PutSession implements store.Sessions.
func (r *replicas) PutSession(ctx context.Context, s store.Session) error {
	return next[store.Sessions](r).PutSession(ctx, s)
}

// GetSession implements store.Sessions.
func (r *replicas) GetSession(ctx context.Context, key string) (store.Session, error) {
	return next[store.Sessions](r).GetSession(ctx, key)
}

// EndSession implements store.Sessions.
func (r *replicas) EndSession(ctx context.Context, key string, until time.Time) error {
	return next[store.Sessions](r).EndSession(ctx, key, until)
}

// PurgeSessions implements store.Sessions.
func (r *replicas) PurgeSessions(ctx context.Context, limit int) (int, error) {
	return next[store.Sessions](r).PurgeSessions(ctx, limit)
}

// SearchName implements store.NameSearcher.
func (r *replicas) SearchName(ctx context.Context, q store.Query, name string, after store.Position, limit int) ([]store.Client, error) {
	return next[store.NameSearcher](r).SearchName(ctx, q, name, after, limit)
}

// Subscribe implements store.Subscriptions.
func (r *replicas) Subscribe(ctx context.Context, s store.Subscription, version int64, with store.Change) error {
	return next[store.Subscriptions](r).Subscribe(ctx, s, version, with)
}

// Unsubscribe implements store.Subscriptions.
func (r *replicas) Unsubscribe(ctx context.Context, client, api string, version int64, with store.Change) error {
	return next[store.Subscriptions](r).Unsubscribe(ctx, client, api, version, with)
}

// ListSubscriptions implements store.Subscriptions.
func (r *replicas) ListSubscriptions(ctx context.Context, client string) ([]store.Subscription, error) {
	return next[store.Subscriptions](r).ListSubscriptions(ctx, client)
}

// Note implements store.Noter.
func (r *replicas) Note(ctx context.Context, e store.AuditEntry) error {
	return next[store.Noter](r).Note(ctx, e)
}
