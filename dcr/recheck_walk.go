package dcr

import (
	"context"
	"errors"
	"fmt"

	"github.com/obdcr/obdcr/store"
)

// recheckPage is how many records a walk reads at once.
const recheckPage = 200

// errNoLister means that the store cannot be walked over.
var errNoLister = errors.New("the store has not the method of store.Lister")

// Walk judges every client that is in force and whose store.Client.ID is greater than after, in
// the order of their IDs, several at a time. It calls each for one client after another, in that
// order. So the ID of the last client that each was called for, without an error, is what a later
// walk goes on after: none is left out and none is met twice. A record that was removed before
// its page was read is not met, and one that was changed is judged as it was then. Records of
// which nothing is in force are passed over.
//
// Walk ends with the error of each, with that of the context, or with an *Error of status 503
// if the store cannot be read, 500 if it has not the method of store.Lister.
func (k *Rechecker) Walk(ctx context.Context, after string, each func(Rechecked) error) error {
	if k.r.lister == nil {
		return internalError(errNoLister)
	}
	ctx, cancel := context.WithCancel(ctx)
	places := make(chan struct{}, k.config.Parallel)
	// As many clients as are judged at a time may wait for a slow one before them.
	queue := make(chan *judgement, k.config.Parallel)
	listed := make(chan error, 1)
	go func() {
		defer close(queue)
		listed <- k.list(ctx, after, places, queue)
	}()
	var failed error
	for j := range queue {
		if <-j.done; failed == nil {
			failed = k.deliver(ctx, j, each)
		}
		if failed != nil {
			cancel()
		}
	}
	err := <-listed
	cancel()
	if failed != nil {
		return failed
	}
	return err
}

// judgement is a client that is being judged. done is closed at the end.
type judgement struct {
	done  chan struct{}
	found Rechecked
	err   error
}

func (k *Rechecker) deliver(ctx context.Context, j *judgement, each func(Rechecked) error) error {
	if j.err != nil {
		return j.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return each(j.found)
}

// list reads the records a page at a time and begins to judge each.
func (k *Rechecker) list(ctx context.Context, after string, places chan struct{}, queue chan<- *judgement) error {
	for {
		page, err := k.r.lister.List(ctx, after, recheckPage)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return Unavailable(err, "clients cannot be read at the moment")
		case len(page) == 0:
			return nil
		}
		for i := range page {
			if page[i].ID <= after {
				return internalError(fmt.Errorf("the store lists %.64q after %.64q, and would be walked over for ever", page[i].ID, after))
			}
			after = page[i].ID
			if _, visible := page[i].Visible(); !visible {
				continue
			}
			if err := k.start(ctx, page[i], places, queue); err != nil {
				return err
			}
		}
	}
}

// start begins to judge a record once there is a place for it.
func (k *Rechecker) start(ctx context.Context, record store.Client, places chan struct{}, queue chan<- *judgement) error {
	j := &judgement{done: make(chan struct{})}
	select {
	case queue <- j:
	case <-ctx.Done():
		return ctx.Err()
	}
	places <- struct{}{} // which a client that is being judged frees within its time
	go func() {
		defer func() { close(j.done); <-places }()
		j.found, j.err = k.Client(ctx, record)
	}()
	return nil
}

// Remove asks the bank to remove a client that a Rechecker has found NotAdmitted: as Delete
// does, with Hooks.Approve and the policy's pending_changes, but for an operator, whom the
// context names (WithActor), and for a reason. It removes the version that was judged, and no
// other one.
//
// After a nil error the client is gone everywhere. ErrPending: the deletion waits for
// approval. ErrUnfinished: it is gone here. An error that
// wraps store.ErrNotFound says that there is no such record any more. Any other one is an
// *Error: 403 by Hooks.Approve, 503 by an outage, or by a change of the client since it was
// judged, which wraps store.ErrConflict; 500 for a client that is not NotAdmitted.
func (k *Rechecker) Remove(ctx context.Context, found Rechecked, reason string) error {
	o := k.r.begin(OpDelete, actorIn(ctx, ActorOperator))
	err := o.run(ctx, func() error { return k.remove(ctx, found, reason, o) })
	return o.unfinished(err)
}

func (k *Rechecker) remove(ctx context.Context, found Rechecked, reason string, o *operation) error {
	if found.Admission != NotAdmitted || found.Client.ID == "" {
		return internalError(fmt.Errorf("client %s is %s, and a recheck removes none that it would admit", found.Client.ID, found.Admission))
	}
	record, err := k.r.record(ctx, found.Client.ID)
	if err != nil {
		return err
	}
	o.environment = record.Environment
	changed := Unavailable(fmt.Errorf("client %s: %w", record.ID, store.ErrConflict), "the client was changed since it was rechecked")
	if record.Version != found.Client.Version {
		return changed
	}
	if record.State == store.PendingDelete {
		return ErrPending
	}
	change := compare(OpDelete, side{&record, k.r.storedRoles(record)}, side{})
	change.Actor, change.Reason = o.actor, reason
	t := k.r.trail(OpDelete, o.actor, &record)
	t.reason = reason
	if err := k.r.askDelete(ctx, change, t, o); !errors.Is(err, errRaced) {
		return err
	}
	return changed
}
