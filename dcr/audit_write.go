package dcr

import (
	"context"
	"slices"

	"github.com/obdcr/obdcr/store"
)

// create stores a new record.
func (t *trail) create(ctx context.Context, c store.Client, d AuditDecision, reservation store.Reservation) error {
	with := store.Change{Reservation: reservation}
	after, err := store.ForCreate(c, with)
	if err != nil {
		after = c // the store says what is wrong
	}
	with.Audit = t.audit(d, &after)
	if err := t.r.store.Create(ctx, c, with); err != nil {
		return err
	}
	t.stored = &after
	return nil
}

// update replaces the record.
func (t *trail) update(ctx context.Context, c store.Client, d AuditDecision, reservation store.Reservation) error {
	with := store.Change{Reservation: reservation}
	after := t.afterUpdate(c, with)
	with.Audit = t.audit(d, &after)
	if t.ends != nil && after.State == store.Active {
		with.Unsubscribe = t.ends.ended
		left := slices.DeleteFunc(slices.Clone(t.ends.before), func(api string) bool { return slices.Contains(t.ends.ended, api) })
		with.Audit.Changes = append(with.Audit.Changes, subscriptionsChange(t.ends.before, left))
	}
	if err := t.r.store.Update(ctx, c, with); err != nil {
		return err
	}
	t.stored = &after
	return nil
}

// touch stores who works on the record, and since when. That leaves no entry: Reconcile does so
// once a minute for as long as a change cannot be ended.
func (t *trail) touch(ctx context.Context, c store.Client) error {
	after := t.afterUpdate(c, store.Change{})
	if err := t.r.store.Update(ctx, c, store.Change{}); err != nil {
		return err
	}
	t.stored = &after
	return nil
}

// afterUpdate returns the record that the store has after an update.
func (t *trail) afterUpdate(c store.Client, with store.Change) store.Client {
	after, err := store.ForUpdate(*t.stored, c, with)
	if err != nil {
		return c // the store says what is wrong
	}
	return after
}

// delete removes the record, whose Version has to be version.
func (t *trail) delete(ctx context.Context, id string, version int64, d AuditDecision) error {
	return t.r.store.Delete(ctx, id, version, store.Change{Audit: t.audit(d, nil)})
}

// undo takes back the change that the record is in, if its Version is version.
func (t *trail) undo(ctx context.Context, id string, version int64) error {
	after, err := store.ForUndo(*t.stored, t.stored.Version, store.Change{})
	if err != nil {
		after = t.stored // the store says what is wrong
	}
	return t.r.unfinished.Undo(ctx, id, version, store.Change{Audit: t.audit(DecisionUndone, after)})
}

// subscribe stores a subscription of the record.
func (t *trail) subscribe(ctx context.Context, s store.Subscription, version int64, had []string) error {
	now := append(slices.Clone(had), s.API)
	slices.Sort(now)
	with := store.Change{Audit: t.resubscribed(had, now)}
	return t.r.safely(func() error { return t.r.subscriptions.Subscribe(ctx, s, version, with) })
}

// unsubscribe ends a subscription of the record.
func (t *trail) unsubscribe(ctx context.Context, api string, version int64, had []string) error {
	with := store.Change{Audit: t.resubscribed(had, slices.DeleteFunc(slices.Clone(had), func(a string) bool { return a == api }))}
	return t.r.safely(func() error { return t.r.subscriptions.Unsubscribe(ctx, t.stored.ID, api, version, with) })
}

// resubscribed returns what the trail says of a change of the subscriptions alone.
func (t *trail) resubscribed(had, now []string) store.Audit {
	audit := t.audit(DecisionDone, t.stored)
	audit.Changes = append(audit.Changes, subscriptionsChange(had, now))
	return audit
}
