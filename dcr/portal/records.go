package portal

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/obdcr/obdcr/dcr/internal/contain"
	"github.com/obdcr/obdcr/store"
)

// records are the methods of the store that the portal needs. A panic of one is an error: a
// page that tells what was done, such as a client secret, is sent all the same. The log has the
// stack.
type records struct {
	log           *slog.Logger
	store         store.Store
	search        store.Searcher
	names         store.NameSearcher
	audit         store.Auditor
	users         store.Users
	sessions      store.Sessions
	subscriptions store.Subscriptions
}

// recordsOf returns the methods of a store. The error names each that is missing.
func recordsOf(s store.Store) (*records, error) {
	if s == nil {
		return nil, errors.New("portal: Store is missing")
	}
	var missing []error
	c := &records{store: s}
	need := func(ok bool, name string) {
		if !ok {
			missing = append(missing, errors.New("portal: the Store has not the methods of store."+name))
		}
	}
	var ok bool
	c.search, ok = s.(store.Searcher)
	need(ok, "Searcher")
	c.names, ok = s.(store.NameSearcher)
	need(ok, "NameSearcher")
	c.audit, ok = s.(store.Auditor)
	need(ok, "Auditor")
	c.users, ok = s.(store.Users)
	need(ok, "Users")
	c.sessions, ok = s.(store.Sessions)
	need(ok, "Sessions")
	c.subscriptions, ok = s.(store.Subscriptions)
	need(ok, "Subscriptions")
	return c, errors.Join(missing...)
}

// safely calls the store.
func (c *records) safely(do func() error) error { return contain.Call(c.log, do) }

func (c *records) get(ctx context.Context, id string) (found store.Client, err error) {
	err = c.safely(func() (err error) { found, err = c.store.Get(ctx, id); return err })
	return found, err
}

func (c *records) byClientID(ctx context.Context, clientID string) (found store.Client, err error) {
	err = c.safely(func() (err error) { found, err = store.ByClientID(ctx, c.store, clientID); return err })
	return found, err
}

func (c *records) find(ctx context.Context, q store.Query, after store.Position, limit int) (found []store.Client, err error) {
	err = c.safely(func() (err error) { found, err = c.search.Search(ctx, q, after, limit); return err })
	return found, err
}

func (c *records) findName(ctx context.Context, q store.Query, name string, after store.Position, limit int) (found []store.Client, err error) {
	err = c.safely(func() (err error) { found, err = c.names.SearchName(ctx, q, name, after, limit); return err })
	return found, err
}

func (c *records) history(ctx context.Context, id string, after int64, limit int) (found []store.AuditEntry, err error) {
	err = c.safely(func() (err error) { found, err = c.audit.History(ctx, id, after, limit); return err })
	return found, err
}

func (c *records) user(ctx context.Context, email string) (found store.User, err error) {
	err = c.safely(func() (err error) { found, err = c.users.GetUser(ctx, email); return err })
	return found, err
}

func (c *records) signIn(ctx context.Context, u store.User) (first bool, err error) {
	err = c.safely(func() (err error) { _, first, err = c.users.SignIn(ctx, u); return err })
	return first, err
}

func (c *records) subscribed(ctx context.Context, client string) (found []store.Subscription, err error) {
	err = c.safely(func() (err error) { found, err = c.subscriptions.ListSubscriptions(ctx, client); return err })
	return found, err
}

func (c *records) session(ctx context.Context, key string) (found store.Session, err error) {
	err = c.safely(func() (err error) { found, err = c.sessions.GetSession(ctx, key); return err })
	return found, err
}

func (c *records) keepSession(ctx context.Context, s store.Session) error {
	return c.safely(func() error { return c.sessions.PutSession(ctx, s) })
}

func (c *records) endSession(ctx context.Context, key string, until time.Time) error {
	return c.safely(func() error { return c.sessions.EndSession(ctx, key, until) })
}

func (c *records) purgeSessions(ctx context.Context, limit int) (forgotten int, err error) {
	err = c.safely(func() (err error) { forgotten, err = c.sessions.PurgeSessions(ctx, limit); return err })
	return forgotten, err
}
