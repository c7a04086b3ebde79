package dcr_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/store"
)

const reason = "the authority withdrew its permission on 23 November, see the letter of the compliance department"

func TestAnOperatorRemovesAClientWithoutAskingAnybody(t *testing.T) {
	var log bytes.Buffer
	b := newWaitingRoom(t, func(c *dcr.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.Hooks.Approve = func(_ context.Context, change dcr.Change) error {
			if change.Operation == dcr.OpDelete {
				return &dcr.Refusal{}
			}
			return nil
		}
	})
	id := b.admitted(t, nil).ID
	by := b.caller(t, id)
	before := b.stored(t, id)
	b.newEvents()
	log.Reset()
	require.NoError(t, b.Remove(operator("ada\nlovelace"), id, reason+"\nx"))
	require.Equal(t, []dcr.Event{event(dcr.OpDelete, dcr.OutcomeDone, dcr.ActorOperator)}, b.newEvents())
	require.Equal(t, "null", everything(t, b.records))
	require.Empty(t, b.server.holds())
	require.False(t, b.alive(by.Token))
	change := b.done[len(b.done)-1]
	require.Equal(t, before, *change.Before)
	require.Nil(t, change.After)
	require.Nil(t, change.Access)
	require.Equal(t, dcr.Actor{Kind: dcr.ActorOperator, Name: "ada\nlovelace"}, change.Actor)
	require.Equal(t, reason+"\nx", change.Reason)
	require.Equal(t, b.software.Roles, change.RolesLost)
	require.Contains(t, log.String(), reason)
	require.Contains(t, log.String(), id)
	require.Contains(t, log.String(), "lovelace")
	for line := range strings.Lines(log.String()) {
		require.Contains(t, line, "time=", "a reason begins no line of its own")
	}
	require.ErrorIs(t, b.Remove(context.Background(), id, reason), store.ErrNotFound)
	require.ErrorIs(t, b.Remove(context.Background(), "", reason), store.ErrNotFound)
	require.Empty(t, b.newEvents())
}

func TestWhatAnOperatorFindsWhenRemoving(t *testing.T) {
	for state, c := range map[store.State]struct {
		status int // of the refusal; 0 for none
		done   int // changes that Hooks.Done is told of
	}{
		store.Active: {0, 1}, store.PendingCreate: {0, 1}, store.PendingDelete: {0, 1}, store.Deleting: {0, 0},
		store.Creating: {http.StatusServiceUnavailable, 0}, store.Updating: {http.StatusServiceUnavailable, 0},
	} {
		t.Run(string(state), func(t *testing.T) {
			b := newWaitingRoom(t, nil)
			var record store.Client
			switch state {
			case store.PendingCreate:
				record = b.apply(t, nil)
			case store.Creating:
				record = b.apply(t, nil)
				record.State = state
				require.NoError(t, b.records.Update(context.Background(), record, store.Change{}))
			default:
				record = b.admitted(t, nil)
				if state != store.Active {
					record.State = state
					require.NoError(t, b.records.Update(context.Background(), record, store.Change{}))
				}
			}
			access := b.caller(t, record.ID).Token
			before := everything(t, b.records)
			b.done = nil
			err := b.Remove(operator("ada"), record.ID, reason)
			require.Len(t, b.done, c.done)
			if c.status != 0 {
				require.Equal(t, c.status, refusalOf(t, err).Status)
				require.Positive(t, refusalOf(t, err).RetryAfter)
				require.Equal(t, event(dcr.OpDelete, dcr.OutcomeUnavailable, dcr.ActorOperator), b.lastEvent())
				require.Equal(t, before, everything(t, b.records))
				return
			}
			require.NoError(t, err)
			require.Equal(t, event(dcr.OpDelete, dcr.OutcomeDone, dcr.ActorOperator), b.lastEvent())
			require.Equal(t, "null", everything(t, b.records))
			require.Empty(t, b.server.holds())
			if state != store.PendingCreate { // nobody can have a token before the approval
				require.False(t, b.alive(access))
			}
		})
	}
}

func TestARemovalThatCannotBeCompletedIsLeftToReconcile(t *testing.T) {
	b := newWaitingRoom(t, nil)
	id := b.admitted(t, nil).ID
	by := b.caller(t, id)
	b.server.fail = func(string) error { return errOut }
	b.done = nil
	for range 2 {
		require.ErrorIs(t, b.Remove(context.Background(), id, reason), dcr.ErrUnfinished)
		require.Equal(t, event(dcr.OpDelete, dcr.OutcomeUnfinished, dcr.ActorOperator), b.lastEvent())
		require.Empty(t, inForce(t, b.records))
	}
	require.Len(t, b.done, 1)
	_, err := b.Get(context.Background(), id, by)
	require.Equal(t, 401, refusalOf(t, err).Status)
	b.server.fail = func(string) error { return nil }
	report, err := b.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Finished: 1}, report)
	require.Empty(t, b.server.holds())
	require.Equal(t, "null", everything(t, b.records))
}

// fourVerbs is a store that has no more than the four verbs.
type fourVerbs struct{ store.Store }

func TestARegistrarOfFewerPartsRemovesToo(t *testing.T) {
	b := newOffice(t, nil, nil)
	for name, c := range map[string]func(*dcr.Config){
		"without Tokens":                     func(c *dcr.Config) { c.Tokens = nil },
		"without store.Unfinished":           func(c *dcr.Config) { c.Store, c.Tokens = fourVerbs{c.Store}, b.tokens },
		"without either":                     func(c *dcr.Config) { c.Store, c.Tokens = fourVerbs{c.Store}, nil },
		"tokens that cannot be revoked":      func(c *dcr.Config) { c.Store, c.Tokens = fourVerbs{c.Store}, unrevocable{b.tokens} },
		"without either, a failing look-up":  func(c *dcr.Config) { c.Store = unreadable{c.Store} },
		"without either, a failing deletion": func(c *dcr.Config) { c.Store = fourVerbs{failingPending{b.records}} },
	} {
		t.Run(name, func(t *testing.T) {
			id := b.enrol(t, nil).Client.ID
			by := b.caller(t, id)
			poor := openOffice(t, b.world, b.records, c)
			err := poor.Remove(context.Background(), id, reason)
			if strings.Contains(name, "failing") {
				require.Equal(t, 503, refusalOf(t, err).Status)
				require.Equal(t, dcr.OutcomeUnavailable, poor.lastEvent().Outcome)
				require.Len(t, inForce(t, b.records), 1)
				require.NoError(t, b.Remove(context.Background(), id, ""))
				return
			}
			outcome := dcr.OutcomeDone
			if name == "tokens that cannot be revoked" {
				outcome = dcr.OutcomeUnfinished
				require.ErrorIs(t, err, dcr.ErrUnfinished)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, "null", everything(t, b.records))
			require.Equal(t, event(dcr.OpDelete, outcome, dcr.ActorOperator), poor.lastEvent())
			_, err = b.Get(context.Background(), id, by)
			require.Equal(t, 401, refusalOf(t, err).Status)
		})
	}
}

// unrevocable are tokens that nobody can revoke.
type unrevocable struct{ token.Tokens }

func (unrevocable) RevokeClient(context.Context, string) error { return errOut }

// unreadable is a store that cannot read.
type unreadable struct{ store.Store }

func (unreadable) Get(context.Context, string) (store.Client, error) { return store.Client{}, errOut }

// TestEachChangeNamesWhoAskedForIt goes through all operations.
func TestEachChangeNamesWhoAskedForIt(t *testing.T) {
	var approve, done []dcr.Change
	b := newOffice(t, nil, func(c *dcr.Config) {
		c.Hooks.Approve = func(_ context.Context, change dcr.Change) error { approve = append(approve, change); return nil }
		c.Hooks.Done = func(_ context.Context, change dcr.Change) { done = append(done, change) }
	})
	ctx := operator("ada") // who asks over mutual TLS is not whom a context names
	leaf := b.certificate(t, b.software)
	tpp := dcr.Actor{Kind: dcr.ActorTPP, Name: dcr.LimitKey(leaf)}
	last := func(op dcr.Operation, by dcr.Actor) (asked, told dcr.Change) {
		t.Helper()
		require.Equal(t, event(op, dcr.OutcomeDone, by.Kind), b.lastEvent())
		asked, told = approve[len(approve)-1], done[len(done)-1]
		require.Equal(t, op, asked.Operation)
		require.Equal(t, by, asked.Actor)
		require.Equal(t, by, told.Actor)
		return asked, told
	}
	created := b.enrol(t, nil)
	asked, _ := last(dcr.OpCreate, tpp)
	require.Nil(t, asked.Access)
	require.Equal(t, tpp, created.Change.Actor)
	id := created.Client.ID

	by := b.caller(t, id)
	_, err := b.Update(ctx, id, b.token(t, oneRedirect), by)
	require.NoError(t, err)
	for _, change := range changesOf(last(dcr.OpUpdate, tpp)) {
		require.Equal(t, id, change.Access.ClientID)
		require.Equal(t, thumbprint(leaf), change.Access.CertificateSHA256)
		require.Equal(t, b.now.Add(time.Hour).UTC(), change.Access.Expiry.UTC())
	}
	require.NoError(t, b.Delete(ctx, id, by))
	for _, change := range changesOf(last(dcr.OpDelete, tpp)) {
		require.Equal(t, id, change.Access.ClientID)
		require.Empty(t, change.Reason)
	}
	_, err = b.Get(ctx, id, by)
	require.Equal(t, 401, refusalOf(t, err).Status)
	require.Equal(t, dcr.ActorTPP, b.lastEvent().Actor)

	for named, want := range map[dcr.Actor]dcr.Actor{
		{}: {Kind: dcr.ActorContact}, {Name: "grace@tpp.example"}: {Kind: dcr.ActorContact, Name: "grace@tpp.example"},
		{Kind: dcr.ActorOperator, Name: "ada"}: {Kind: dcr.ActorOperator, Name: "ada"},
	} {
		_, err = b.RegisterFromSSA(dcr.WithActor(context.Background(), named), b.statement(t, nil))
		require.NoError(t, err)
		asked, _ = last(dcr.OpCreate, want)
		require.Nil(t, asked.Access)
	}
	require.NoError(t, b.Remove(dcr.WithActor(context.Background(), dcr.Actor{Name: "ada"}), done[len(done)-1].After.ID, reason))
	require.Equal(t, dcr.Actor{Kind: dcr.ActorOperator, Name: "ada"}, done[len(done)-1].Actor)
	require.Equal(t, event(dcr.OpDelete, dcr.OutcomeDone, dcr.ActorOperator), b.lastEvent())
}

func changesOf(asked, told dcr.Change) []dcr.Change { return []dcr.Change{asked, told} }

// TestARegistrationByAContactWaitsToo: the policy does not ask how it came.
func TestARegistrationByAContactWaitsToo(t *testing.T) {
	b := newWaitingRoom(t, nil)
	registration, err := b.RegisterFromSSA(context.Background(), b.statement(t, nil))
	require.NoError(t, err)
	require.True(t, registration.Pending)
	require.Equal(t, event(dcr.OpCreate, dcr.OutcomePending, dcr.ActorContact), b.lastEvent())
	require.Equal(t, dcr.Actor{Kind: dcr.ActorContact}, b.pending[0].Actor)
	_, err = b.ApprovePending(context.Background(), registration.Client.ID)
	require.NoError(t, err)
	require.Equal(t, inForce(t, b.records), b.server.holds())
}
