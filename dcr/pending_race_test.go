package dcr_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// decided counts the calls without an error. The others found that somebody else had
// decided, that the record is gone, or that another change is under way.
func decided(t *testing.T, results []error) int {
	t.Helper()
	won := 0
	for _, err := range results {
		var refusal *dcr.Error
		switch {
		case err == nil:
			won++
		case errors.Is(err, dcr.ErrNotPending), errors.Is(err, store.ErrNotFound):
		default:
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, 503, refusal.Status)
		}
	}
	return won
}

// calm requires that each record is Active or waits, and that the authorization server has
// the clients that are in force and no others. It returns the clients.
func (b *office) calm(t *testing.T, server *authorizationServer, provisioned bool) map[string]string {
	t.Helper()
	all, err := b.records.List(context.Background(), "", 1000)
	require.NoError(t, err)
	for _, c := range all {
		require.Contains(t, []store.State{store.Active, store.PendingCreate, store.PendingDelete}, c.State)
	}
	shown := inForce(t, b.records)
	if provisioned {
		require.Equal(t, shown, server.holds())
	}
	return shown
}

// sweep removes every record.
func (b *office) sweep(t *testing.T) {
	t.Helper()
	all, err := b.records.List(context.Background(), "", 1000)
	require.NoError(t, err)
	for _, c := range all {
		require.NoError(t, b.Remove(context.Background(), c.ID, "the round is over"))
	}
}

func (b *office) approval(id string) func() error {
	return func() error { _, err := b.ApprovePending(context.Background(), id); return err }
}

func (b *office) denial(id string) func() error {
	return func() error { return b.RefusePending(context.Background(), id, "no") }
}

func (b *office) removal(id string) func() error {
	return func() error { return b.Remove(context.Background(), id, "no") }
}

// mixOf repeats the calls in turn until there is a crowd.
func mixOf(calls ...func() error) []func() error {
	return repeated(crowd, func(i int) error { return calls[i%len(calls)]() })
}

// onEachWaitingStore is onEachStore with changes that wait.
func onEachWaitingStore(t *testing.T, race func(t *testing.T, b *office, check func() map[string]string)) {
	onEachStore(t, bothPending, func(t *testing.T, rounds int, b *office, server *authorizationServer) {
		id := b.admitted(t, nil).ID
		provisioned := len(server.holds()) > 0
		require.NoError(t, b.Remove(context.Background(), id, ""))
		for range ofACrowd(rounds) {
			race(t, b, func() map[string]string { return b.calm(t, server, provisioned) })
			b.sweep(t)
			require.Empty(t, server.holds())
		}
	})
}

func TestOfManyPeopleOneDecides(t *testing.T) {
	onEachWaitingStore(t, func(t *testing.T, b *office, check func() map[string]string) {
		record := b.apply(t, secretJWT)
		require.Equal(t, 1, decided(t, atOnce(mixOf(b.approval(record.ID))...)))
		require.Len(t, check(), 1)
		b.sweep(t)

		record = b.apply(t, nil)
		results := atOnce(mixOf(b.approval(record.ID), b.denial(record.ID))...)
		require.Equal(t, 1, decided(t, results))
		approved := slices.Index(results, nil)%2 == 0
		require.Equal(t, approved, len(check()) == 1)
		_, err := b.records.Get(context.Background(), record.ID)
		require.Equal(t, approved, err == nil)
		b.sweep(t)

		client, by := b.leaving(t)
		results = atOnce(mixOf(b.approval(client.ID), b.denial(client.ID))...)
		require.Equal(t, 1, decided(t, results))
		approved = slices.Index(results, nil)%2 == 0
		require.Equal(t, approved, len(check()) == 0)
		require.Equal(t, approved, !b.alive(by.Token))
	})
}

// TestARegistrationThatWaitsIsPulledAtFromAllSides: it is approved, refused, removed and
// expires, while its software asks again.
func TestARegistrationThatWaitsIsPulledAtFromAllSides(t *testing.T) {
	onEachWaitingStore(t, func(t *testing.T, b *office, check func() map[string]string) {
		record := b.apply(t, nil)
		b.now = b.now.Add(week)
		again := b.post(t, b.token(t, nil))
		posted := 0
		results := atOnce(mixOf(b.approval(record.ID), b.denial(record.ID), b.removal(record.ID),
			func() error { _, err := b.Reconcile(context.Background(), dcr.ChangeTimeout); return err },
			func() error {
				var refusal *dcr.Error
				if err := again(); errors.As(err, &refusal) && refusal.Status == 400 {
					return dcr.ErrNotPending // the key or the jti is held
				} else if err != nil {
					return err
				}
				return nil
			})...)
		decided(t, results)
		won := map[int]int{}
		for i, err := range results {
			if err == nil {
				won[i%5]++
			}
		}
		posted = won[4]
		require.LessOrEqual(t, won[0]+won[1], 1)
		require.LessOrEqual(t, posted, 1)
		shown := check()
		all, err := b.records.List(context.Background(), "", 10)
		require.NoError(t, err)
		require.LessOrEqual(t, len(all), 1, "one for each software")
		switch {
		case won[2] > 0 || won[1] > 0:
			require.Empty(t, shown)
			require.Len(t, all, posted)
		case won[0] > 0:
			require.Contains(t, shown, record.ID)
		default: // it expired
			require.Empty(t, shown)
			require.Len(t, all, posted)
		}
	})
}

func TestADeletionThatWaitsIsPulledAtFromAllSides(t *testing.T) {
	onEachWaitingStore(t, func(t *testing.T, b *office, check func() map[string]string) {
		ctx := context.Background()
		id := b.admitted(t, nil).ID
		by, token := b.caller(t, id), b.token(t, oneRedirect)
		tolerated := func(statuses ...int) func(error) error {
			return func(err error) error {
				var refusal *dcr.Error
				if errors.Is(err, dcr.ErrPending) || errors.As(err, &refusal) && slices.Contains(statuses, refusal.Status) {
					return dcr.ErrNotPending
				}
				return err
			}
		}
		results := atOnce(mixOf(b.approval(id), b.denial(id), b.removal(id),
			func() error { return tolerated(401)(b.Delete(ctx, id, by)) },
			func() error { _, err := b.Update(ctx, id, token, by); return tolerated(400, 401, 403)(err) },
			func() error { _, err := b.Reconcile(ctx, dcr.ChangeTimeout); return err })...)
		decided(t, results)
		gone := false
		for i, err := range results {
			gone = gone || err == nil && (i%6 == 0 || i%6 == 2)
			require.False(t, err == nil && i%6 == 3, "no deletion is done without approval")
		}
		shown := check()
		require.Equal(t, gone, len(shown) == 0)
		require.Equal(t, gone, !b.alive(by.Token))
		_, err := b.Get(ctx, id, b.caller(t, id))
		if gone {
			require.Equal(t, 401, refusalOf(t, err).Status)
			return
		}
		require.NoError(t, err)
	})
}

func TestARemovalAndTheTPPsOwnChangesLeaveNothing(t *testing.T) {
	onEachStore(t, nil, func(t *testing.T, rounds int, b *office, server *authorizationServer) {
		ctx := context.Background()
		for range rounds {
			id := b.enrol(t, nil).Client.ID
			by, token := b.caller(t, id), b.token(t, oneRedirect)
			results := atOnce(mixOf(b.removal(id),
				func() error { return b.Delete(ctx, id, by) },
				func() error { _, err := b.Update(ctx, id, token, by); return err })...)
			removed, deleted := 0, 0
			for i, err := range results {
				var refusal *dcr.Error
				switch {
				case err == nil && i%3 == 0:
					removed++
				case err == nil && i%3 == 1:
					deleted++
				case err == nil || errors.Is(err, store.ErrNotFound):
				default:
					require.ErrorAs(t, err, &refusal)
					require.Contains(t, []int{400, 401, 503}, refusal.Status)
				}
			}
			require.LessOrEqual(t, deleted, 1)
			if removed+deleted == 0 { // each met an update
				require.NoError(t, b.Remove(ctx, id, ""))
			}
			require.Equal(t, "null", everything(t, b.records))
			require.Empty(t, server.holds())
			require.False(t, b.alive(by.Token))
		}
	})
}

// TestWhatABusyServerTakesBackIsDecidedAgain: approvals fail at random, and the last word is
// that of a decision that succeeded.
func TestWhatABusyServerTakesBackIsDecidedAgain(t *testing.T) {
	onEachStore(t, bothPending, func(t *testing.T, rounds int, b *office, server *authorizationServer) {
		for range rounds {
			record := b.apply(t, nil)
			server.mu.Lock()
			server.fail = failOnce("provision")
			server.mu.Unlock()
			results := atOnce(mixOf(b.approval(record.ID), b.approval(record.ID), b.removal(record.ID))...)
			decided(t, results)
			report, err := b.Reconcile(context.Background(), 0)
			require.NoError(t, err)
			require.Zero(t, report.Failed)
			shown := inForce(t, b.records)
			if len(server.holds()) > 0 {
				require.Equal(t, shown, server.holds())
			}
			if len(shown) > 0 {
				got, err := b.Get(context.Background(), record.ID, b.caller(t, record.ID))
				require.NoError(t, err)
				require.WithinDuration(t, b.now, got.Client.IssuedAt, time.Second)
			}
			b.sweep(t)
			require.Empty(t, server.holds())
		}
	})
}
