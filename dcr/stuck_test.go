package dcr_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// beside opens a further registrar over the records of an office, and returns what it logs.
func (b *office) beside(t *testing.T, p dcr.Provisioner, change func(*dcr.Config)) (*office, *syncedBuffer) {
	t.Helper()
	log := &syncedBuffer{}
	return openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.Provisioner, c.SealingKey = p, claims.NewSecret(strings.Repeat("k", 32))
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
		if change != nil {
			change(c)
		}
	}), log
}

// requireLogged requires a line of a level that has all of the words.
func requireLogged(t *testing.T, log fmt.Stringer, level slog.Level, words ...string) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		found := strings.Contains(line, "level="+level.String())
		for _, word := range words {
			found = found && strings.Contains(line, word)
		}
		if found {
			return
		}
	}
	require.Fail(t, "no such line", "%s %q in %s", level, words, log)
}

// requireNothingUnfinished requires that no change is under way.
func requireNothingUnfinished(t *testing.T, s records) {
	t.Helper()
	left, err := s.ListUnfinished(context.Background(), time.Unix(1<<40, 0), 10)
	require.NoError(t, err)
	require.Empty(t, left)
}

// refusesAll is a server that takes no content of a client, the old one neither.
func refusesAll(verb string) error {
	if verb == "provision" {
		return &dcr.Refusal{Reason: "the scope accounts is gone"}
	}
	return nil
}

func TestAServerThatRefusesWhatWasInForceLeavesNoChangeUnderWay(t *testing.T) {
	b, server := provisioned(t)
	ctx := context.Background()
	before := b.enrol(t, nil).Client
	o, log := b.beside(t, server, nil)
	update := b.token(t, oneRedirect)

	server.fail = refusesAll
	_, err := o.Update(ctx, before.ID, update, o.caller(t, before.ID))
	refusal := refusalOf(t, err)
	require.Equal(t, http.StatusBadRequest, refusal.Status)
	require.Equal(t, validate.InvalidClientMetadata, refusal.Code)
	require.Equal(t, "the scope accounts is gone", refusal.Description)
	asBefore := func() {
		after := b.stored(t, before.ID)
		require.Equal(t, store.Active, after.State)
		after.Version = before.Version
		require.Equal(t, before, after)
		report, err := o.Reconcile(ctx, 0)
		require.NoError(t, err)
		require.Zero(t, report)
	}
	asBefore()
	requireLogged(t, log, slog.LevelError, "refuses a client as it was", before.ID)

	report, err := o.Reprovision(ctx, dcr.ReprovisionOptions{})
	require.NoError(t, err)
	require.Equal(t, dcr.ReprovisionReport{Failed: 1, Complete: true}, report)
	require.Equal(t, event(dcr.OpReprovision, dcr.OutcomeRefused, dcr.ActorOperator), o.lastEvent())
	asBefore()
	requireLogged(t, log, slog.LevelError, "cannot be repaired", before.ID, "the scope accounts is gone")

	server.fail = func(string) error { return nil }
	_, err = o.Update(ctx, before.ID, update, o.caller(t, before.ID))
	require.NoError(t, err, "the jti of the refused update is free")
	require.Equal(t, inForce(t, b.records), server.holds())
}

func TestReconcileEndsAChangeWhoseOldContentIsRefused(t *testing.T) {
	b, server := provisioned(t)
	ctx := context.Background()
	before := b.enrol(t, nil).Client
	o, log := b.beside(t, server, nil)
	server.fail = func(string) error { return errOut }
	_, err := o.Update(ctx, before.ID, b.token(t, oneRedirect), o.caller(t, before.ID))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	require.Equal(t, store.Updating, b.stored(t, before.ID).State)

	server.fail = refusesAll
	report, err := o.Reconcile(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Undone: 1}, report)
	require.Equal(t, store.Active, b.stored(t, before.ID).State)
	require.Equal(t, string(before.Metadata), string(b.stored(t, before.ID).Metadata))
	requireLogged(t, log, slog.LevelError, "refuses a client as it was", before.ID)
}

// TestAnOperatorEndsAChangeThatNothingElseEnds: the bank's own code panics for one client.
// Reconcile tries again and again, and does not keep the operator out by that.
func TestAnOperatorEndsAChangeThatNothingElseEnds(t *testing.T) {
	for _, state := range []store.State{store.Creating, store.Updating} {
		t.Run(string(state), func(t *testing.T) {
			first, server := provisioned(t)
			ctx := context.Background()
			var told []dcr.Change
			b, _ := first.beside(t, server, func(c *dcr.Config) {
				c.Hooks.Done = func(_ context.Context, change dcr.Change) { told = append(told, change) }
			})
			panics := func(string) error { panic("nil map") }
			var err error
			if state == store.Updating {
				id := b.enrol(t, nil).Client.ID
				server.fail = panics
				_, err = b.Update(ctx, id, b.token(t, oneRedirect), b.caller(t, id))
			} else {
				server.fail = panics
				_, refusal := b.register(t, b.Registrar, b.token(t, nil))
				err = refusal
			}
			require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
			all, err := b.records.List(ctx, "", 10)
			require.NoError(t, err)
			require.Len(t, all, 1)
			id := all[0].ID
			require.Equal(t, state, all[0].State)
			told = nil

			b.now = b.now.Add(2 * dcr.ChangeTimeout)
			before := everything(t, b.records)
			require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, b.Remove(ctx, id, "x")).Status, "a process may still work on it")
			require.Equal(t, before, everything(t, b.records))
			b.now = b.now.Add(-2 * dcr.ChangeTimeout)
			for range 3 { // as Run does
				b.now = b.now.Add(2 * dcr.ChangeTimeout)
				report, err := b.Reconcile(ctx, 2*dcr.ChangeTimeout)
				require.ErrorIs(t, err, dcr.ErrPanic)
				require.Equal(t, dcr.ReconcileReport{Failed: 1}, report)
			}
			require.ErrorIs(t, b.Remove(ctx, id, "x"), dcr.ErrUnfinished, "the server cannot be told")
			require.Equal(t, store.Deleting, b.stored(t, id).State)
			require.Empty(t, inForce(t, b.records))
			require.Len(t, told, 1)
			require.Equal(t, dcr.OpDelete, told[0].Operation)
			if state == store.Updating {
				require.Equal(t, *all[0].Previous, *told[0].Before, "what was in force")
			}
			server.fail = func(string) error { return nil }
			require.NoError(t, b.Remove(ctx, id, "x"))
			require.Equal(t, "null", everything(t, b.records))
			require.Empty(t, server.holds())
		})
	}
}

func TestARecordIsForgottenWithWhatTheServerMayHold(t *testing.T) {
	b, server, _ := choosing(t)
	ctx := operator("ada\nlovelace")
	c := b.enrol(t, nil).Client
	o, log := b.beside(t, server, nil)
	server.fail = func(string) error { return errOut }
	require.ErrorIs(t, o.Remove(ctx, c.ID, reason), dcr.ErrUnfinished)
	require.ErrorIs(t, o.Remove(ctx, c.ID, reason), dcr.ErrUnfinished, "the server is gone for good")
	require.NoError(t, o.Forget(ctx, c.ID, reason+"\nx"))
	require.Equal(t, "null", everything(t, b.records))
	require.Equal(t, event(dcr.OpDelete, dcr.OutcomeDone, dcr.ActorOperator), o.lastEvent())
	requireLogged(t, log, slog.LevelError, "may hold a client that nobody knows", c.ID, c.ClientID, c.SoftwareID, "lovelace", reason)
	for line := range strings.Lines(log.String()) {
		require.Contains(t, line, "time=", "a reason begins no line of its own")
	}
	require.ErrorIs(t, o.Forget(ctx, c.ID, reason), store.ErrNotFound)
	require.ErrorIs(t, o.Forget(ctx, "", reason), store.ErrNotFound)
}

func TestOnlyARecordThatIsBeingDeletedIsForgotten(t *testing.T) {
	b := newWaitingRoom(t, nil)
	ctx := context.Background()
	record := b.admitted(t, nil)
	for _, state := range []store.State{store.Active, store.PendingDelete, store.Updating, store.Deleting} {
		record.State, record.Since = state, b.now
		require.NoError(t, b.records.Update(ctx, record, store.Change{}))
		record.Version++
		if state == store.Deleting {
			break
		}
		before := everything(t, b.records)
		require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, b.Forget(ctx, record.ID, "x")).Status, state)
		require.Equal(t, before, everything(t, b.records), state)
	}
	b.place(t, "waits", store.PendingCreate)
	before := everything(t, b.records)
	out := openOffice(t, b.world, failingPending{b.records}, nil)
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, out.Forget(ctx, record.ID, "x")).Status)
	require.Equal(t, before, everything(t, b.records))
	require.NoError(t, b.Forget(ctx, record.ID, "x"))
	for _, state := range []store.State{store.PendingCreate, store.Creating} {
		id := "waits"
		if state == store.Creating {
			waiting := b.stored(t, id)
			waiting.State = state
			require.NoError(t, b.records.Update(ctx, waiting, store.Change{}))
		}
		require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, b.Forget(ctx, id, "x")).Status, state)
		require.Equal(t, state, b.stored(t, id).State)
	}
}

// TestWhoRemovesAClientAndWhyIsLoggedBeforeTheServerIsAsked: the process may die there.
func TestWhoRemovesAClientAndWhyIsLoggedBeforeTheServerIsAsked(t *testing.T) {
	b, server, _ := choosing(t)
	id := b.enrol(t, nil).Client.ID
	asked := &asking{chooser: server}
	o, log := b.beside(t, asked, nil)
	asked.first = func() { requireLogged(t, log, slog.LevelInfo, "a deletion has begun", reason, "actor_name=jo") }
	require.NoError(t, o.Remove(operator("jo"), id, reason))
	require.Nil(t, asked.first, "it was asked")
	requireLogged(t, log, slog.LevelInfo, "client changed", reason, "actor_name=jo")
}

// asking is a chooser before whose next call something else happens.
type asking struct {
	*chooser
	first func()
}

func (a *asking) before() {
	if do := a.first; do != nil {
		a.first = nil
		do()
	}
}

func (a *asking) Provision(ctx context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	a.before()
	return a.chooser.Provision(ctx, p)
}

func (a *asking) Deprovision(ctx context.Context, d dcr.Deprovisioning) error {
	a.before()
	return a.chooser.Deprovision(ctx, d)
}

// TestReconcileFindsAChangeThatIsFromTheFuture: a clock that was set back hides nothing.
func TestReconcileFindsAChangeThatIsFromTheFuture(t *testing.T) {
	b, server := provisioned(t)
	ctx := context.Background()
	server.fail = func(string) error { return errOut }
	_, refusal := b.register(t, b.Registrar, b.token(t, nil))
	require.NotNil(t, refusal)
	server.fail = func(string) error { return nil }
	b.now = b.now.Add(-10 * time.Minute)
	report, err := b.Reconcile(ctx, time.Second)
	require.NoError(t, err)
	require.Zero(t, report)
	report, err = b.Reconcile(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Undone: 1}, report)
	require.Equal(t, "null", everything(t, b.records))
}

// TestAChangeBeginsWithItsFirstWrite: an approval before it may have taken longer than a
// change may take.
func TestAChangeBeginsWithItsFirstWrite(t *testing.T) {
	w, _ := newWorld(t, nil)
	seen, pend := 0, false
	var b *office
	server := newAuthorizationServer()
	server.fail = func(verb string) error {
		if verb == "provision" {
			seen++
			all, err := b.records.ListUnfinished(context.Background(), b.now.Add(time.Hour), 10)
			require.NoError(t, err)
			require.Len(t, all, 1)
			require.Equal(t, w.now.UTC(), all[0].Since)
		}
		return nil
	}
	b = openOffice(t, w, w.store, func(c *dcr.Config) {
		c.Provisioner = server
		c.Hooks.Pending = func(context.Context, dcr.Change) {}
		c.Hooks.Approve = func(context.Context, dcr.Change) error {
			w.now = w.now.Add(time.Minute)
			if pend {
				return dcr.ErrPending
			}
			return nil
		}
	})
	id := b.enrol(t, nil).Client.ID
	_, err := b.Update(context.Background(), id, b.token(t, oneRedirect), b.caller(t, id))
	require.NoError(t, err)
	require.Equal(t, 2, seen)
	require.Equal(t, w.now.UTC(), b.stored(t, id).Since)
	pend = true
	waiting := b.apply(t, nil)
	require.Equal(t, w.now.UTC(), waiting.Since)
	require.ErrorIs(t, b.Delete(context.Background(), id, b.caller(t, id)), dcr.ErrPending)
	require.Equal(t, w.now.UTC(), b.stored(t, id).Since)
}

// hanging is a chooser whose first answer comes with an error, and whose second never comes.
type hanging struct {
	*chooser
	calls int
}

func (h *hanging) Provision(ctx context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	switch h.calls++; h.calls {
	case 1:
		decided, err := h.chooser.Provision(ctx, p)
		return decided, errors.Join(errOut, err)
	case 2:
		<-ctx.Done()
		return dcr.Provisioned{}, ctx.Err()
	}
	return h.chooser.Provision(ctx, p)
}

// TestAServerThatHangsDoesNotLoseWhatItGave: the time of the compensation went by, and what
// came before is stored all the same.
func TestAServerThatHangsDoesNotLoseWhatItGave(t *testing.T) {
	b, server, _ := choosing(t)
	before := b.enrol(t, nil).Client
	o, log := b.beside(t, &hanging{chooser: server}, nil)
	by, update := o.caller(t, before.ClientID), b.token(t, oneRedirect)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := o.Update(t.Context(), before.ClientID, update, by)
		require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
		require.Equal(t, dcr.ChangeTimeout/2, time.Since(began))
	})
	require.NotEqual(t, before.UpstreamState, b.stored(t, before.ID).UpstreamState)
	report, err := o.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Undone: 1}, report)
	require.NotContains(t, log.String(), " lost")
	require.Equal(t, inForce(t, b.records), server.holds())
}
