package dcr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

const (
	maxAPI              = 200 // bytes of the name of an API
	memberSubscriptions = "subscriptions"
)

// Subscribe subscribes a client to an API of the bank, for a person within whose reach it is. id
// is store.Client.ID; the context names the person (WithActor). Config.MaySubscribe decides. The
// audit trail has an entry (OpSubscribe).
//
// A record that is not there, that nobody can see or that is not within the reach, gives an error
// that wraps store.ErrNotFound. Any other error is an *Error: 403 if the client may not have the
// API, with the reason, and while its deletion waits for approval; 400 if it has it already, which
// wraps store.ErrExists; 405 at a bank without subscriptions; 503 if another change of the client
// is under way or the store cannot answer.
func (r *Registrar) Subscribe(ctx context.Context, id, api string, reach Reach) error {
	_, err := r.manually(ctx, OpSubscribe, func(o *operation) (*Registration, error) { return nil, r.subscribe(ctx, id, api, reach, o) })
	return err
}

func (r *Registrar) subscribe(ctx context.Context, id, api string, reach Reach, o *operation) error {
	return r.resubscribe(ctx, id, reach, o, func(c *store.Client, t *trail, had []string) error {
		role, reason, ok, err := claims.Role(""), "this bank has no such API", false, error(nil)
		if api != "" && len(api) <= maxAPI {
			role, reason, ok, err = r.maySubscribe(c, api)
		}
		switch {
		case err != nil:
			return err
		case !ok:
			why := "no subscription to " + text.Quote(api) + ": " + text.Description(reason)
			return &Error{Status: http.StatusForbidden, Description: text.ASCII(why, validate.MaxDescription)}
		case slices.Contains(had, api):
			return subscribedAlready(api, store.ErrExists)
		}
		s := store.Subscription{Client: c.ID, API: api, Role: role, Since: r.now(), By: text.Clip(o.actor.Name, maxActorName)}
		err = t.subscribe(ctx, s, c.Version, had)
		if errors.Is(err, store.ErrExists) {
			return subscribedAlready(api, err)
		}
		return err
	})
}

func subscribedAlready(api string, err error) error {
	return &Error{Status: http.StatusBadRequest, Code: validate.InvalidClientMetadata, Err: err,
		Description: text.ASCII("the client is subscribed to "+text.Quote(api)+" already", validate.MaxDescription)}
}

// Unsubscribe ends a subscription. The errors are those of Subscribe; 400 if there is no such
// subscription.
func (r *Registrar) Unsubscribe(ctx context.Context, id, api string, reach Reach) error {
	_, err := r.manually(ctx, OpUnsubscribe, func(o *operation) (*Registration, error) { return nil, r.unsubscribe(ctx, id, api, reach, o) })
	return err
}

func (r *Registrar) unsubscribe(ctx context.Context, id, api string, reach Reach, o *operation) error {
	return r.resubscribe(ctx, id, reach, o, func(c *store.Client, t *trail, had []string) error {
		if !slices.Contains(had, api) {
			return &Error{Status: http.StatusBadRequest, Code: validate.InvalidClientMetadata,
				Description: text.ASCII("the client is not subscribed to "+text.Quote(api), validate.MaxDescription)}
		}
		return t.unsubscribe(ctx, api, c.Version, had)
	})
}

// resubscribe changes the subscriptions of a client. do gets the record and its APIs, and is
// called again if another writer changed the record meanwhile.
func (r *Registrar) resubscribe(ctx context.Context, id string, reach Reach, o *operation, do func(*store.Client, *trail, []string) error) error {
	if r.subscriptions == nil || r.mayHave == nil {
		return &Error{Status: http.StatusMethodNotAllowed, Description: "this bank keeps no subscriptions", Err: ErrNotOffered}
	}
	for range 2 {
		record, err := r.reachable(ctx, id, reach)
		if err != nil {
			return err
		}
		_, visible := record.Visible()
		if !visible {
			return unreachable(id)
		}
		o.environment, o.about = record.Environment, &record
		if err := leaving(&record); err != nil {
			return err
		}
		if record.State != store.Active {
			return Unavailable(errRaced, "another change of the client is under way")
		}
		had, err := r.subscribed(ctx, id)
		if err != nil {
			return err
		}
		err = do(&record, r.trail(o.name, o.actor, &record), had)
		var refusal *Error
		switch {
		case err == nil || errors.As(err, &refusal):
			return err
		case !errors.Is(raced(err), errRaced):
			return Unavailable(fmt.Errorf("client %s: %w", id, err), "the subscription cannot be stored at the moment")
		}
	}
	return Unavailable(errRaced, "another change of the client is under way")
}

// subscribed returns the APIs of a record.
func (r *Registrar) subscribed(ctx context.Context, id string) ([]string, error) {
	var found []store.Subscription
	err := r.safely(func() (err error) { found, err = r.subscriptions.ListSubscriptions(ctx, id); return err })
	if err != nil {
		return nil, Unavailable(err, "subscriptions cannot be read at the moment")
	}
	apis := make([]string, 0, len(found))
	for _, s := range found {
		apis = append(apis, s.API)
	}
	return apis, nil
}

// maySubscribe asks the bank whether the application of a client may have an API.
func (r *Registrar) maySubscribe(c *store.Client, api string) (role claims.Role, reason string, ok bool, err error) {
	app := c.Clone().Application
	err = r.guarded(func() error { role, reason, ok = r.mayHave(app, c.Environment, api); return nil })
	if err != nil {
		err = Unavailable(err, "whether the client may subscribe cannot be decided at the moment")
	}
	return role, reason, ok, err
}

// endings are the subscriptions that end with an update.
type endings struct {
	before []string // the APIs that the client had
	ended  []string
}

// losses returns which subscriptions of a client end with an update to c: those whose API the new
// application may not have; nil for none. The error is an *Error.
func (r *Registrar) losses(ctx context.Context, c *store.Client) (*endings, error) {
	if r.subscriptions == nil || r.mayHave == nil {
		return nil, nil
	}
	had, err := r.subscribed(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	e := &endings{before: had}
	for _, api := range had {
		_, _, ok, err := r.maySubscribe(c, api)
		if err != nil {
			return nil, err
		}
		if !ok {
			e.ended = append(e.ended, api)
		}
	}
	if e.ended == nil {
		return nil, nil
	}
	return e, nil
}

// subscriptionsChange is a change of the APIs of a client, as the trail has it.
func subscriptionsChange(had, now []string) store.AuditChange {
	change := store.AuditChange{Member: memberSubscriptions}
	for side, apis := range map[*json.RawMessage][]string{&change.Before: had, &change.After: now} {
		if len(apis) > 0 {
			value, _ := json.Marshal(apis) // of strings, which never fails
			var buffer valueBuffer
			*side = buffer.add(member{memberSubscriptions, string(value)})
		}
	}
	return change
}
