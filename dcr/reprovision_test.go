package dcr_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

func TestAServerThatWasRestoredGetsAllClientsAgain(t *testing.T) {
	b, server := provisioned(t)
	ctx := dcr.WithActor(context.Background(), dcr.Actor{Kind: dcr.ActorOperator, Name: "alice"})
	kept, secret := b.enrol(t, nil).Client, b.enrol(t, secretJWT)
	before := everything(t, b.records)
	want := server.holds()
	clear(server.clients)
	clear(server.secrets)
	report, err := b.Reprovision(ctx, dcr.ReprovisionOptions{})
	require.NoError(t, err)
	require.Equal(t, dcr.ReprovisionReport{Done: 2, Complete: true}, report)
	require.Equal(t, want, server.holds())
	require.Equal(t, secret.Secret, server.secrets[secret.Client.ID])
	require.Equal(t, dcr.Event{Operation: dcr.OpReprovision, Outcome: dcr.OutcomeDone, Environment: claims.Sandbox, Actor: dcr.ActorOperator}, b.lastEvent())
	got, err := b.Get(ctx, kept.ID, b.caller(t, kept.ID))
	require.NoError(t, err)
	require.Equal(t, kept.Version+2, got.Client.Version)
	got.Client.Version = kept.Version
	require.Equal(t, kept, got.Client, "the content is what it was")
	require.NotEqual(t, before, everything(t, b.records), "the Version counts up")
}

func TestReprovisionIsPagedAndGoesOnWhereItStopped(t *testing.T) {
	b, server := provisioned(t)
	ctx := context.Background()
	for range 5 {
		b.enrol(t, nil)
	}
	clear(server.clients)
	report, err := b.Reprovision(ctx, dcr.ReprovisionOptions{Limit: 2})
	require.NoError(t, err)
	require.Equal(t, 2, report.Done)
	require.NotEmpty(t, report.Next)
	require.Len(t, server.holds(), 2)

	calls := 0
	server.fail = func(string) error {
		if calls++; calls > 1 {
			return errOut
		}
		return nil
	}
	stopped, err := b.Reprovision(ctx, dcr.ReprovisionOptions{After: report.Next})
	require.ErrorIs(t, err, errOut)
	require.Less(t, stopped.Done, 3)
	server.fail = func(string) error { return nil }
	_, err = b.Reconcile(ctx, 0)
	require.NoError(t, err)
	rest, err := b.Reprovision(ctx, dcr.ReprovisionOptions{After: stopped.Next, Limit: 100})
	require.NoError(t, err)
	require.Empty(t, rest.Next)
	require.True(t, rest.Complete)
	require.Equal(t, inForce(t, b.records), server.holds())

	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = b.Reprovision(ended, dcr.ReprovisionOptions{})
	require.ErrorIs(t, err, context.Canceled)
	for _, o := range []dcr.ReprovisionOptions{{Limit: -1}, {Pause: -1}} {
		_, err = b.Reprovision(ctx, o)
		require.Error(t, err)
	}
}

func TestReprovisionPausesBetweenTwoCalls(t *testing.T) {
	b, server := provisioned(t)
	for range 3 {
		b.enrol(t, nil)
	}
	clear(server.clients)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		report, err := b.Reprovision(t.Context(), dcr.ReprovisionOptions{Pause: time.Second})
		require.NoError(t, err)
		require.Equal(t, 3, report.Done)
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}

func TestAServerThatLostAClientMakesItAnew(t *testing.T) {
	b, server, log := choosing(t)
	ctx := context.Background()
	lost, kept := b.enrol(t, nil).Client, b.enrol(t, nil).Client
	delete(server.clients, lost.ClientID)

	_, err := b.Update(ctx, lost.ClientID, b.token(t, nil), b.caller(t, lost.ClientID))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status, "a TPP cannot repair it")
	require.Contains(t, log.String(), "Reprovision makes it anew")
	report, err := b.Reprovision(ctx, dcr.ReprovisionOptions{})
	require.NoError(t, err)
	require.Equal(t, 2, report.Done)
	require.Len(t, report.Moved, 1)
	require.Equal(t, lost.ClientID, report.Moved[0].Before)
	require.Equal(t, inForce(t, b.records), server.holds())
	anew := report.Moved[0].After
	_, err = b.Get(ctx, lost.ClientID, b.caller(t, lost.ClientID))
	require.Equal(t, 401, refusalOf(t, err).Status)
	for _, id := range []string{anew, kept.ClientID} {
		_, err = b.Get(ctx, id, b.caller(t, id))
		require.NoError(t, err)
		require.NoError(t, b.Delete(ctx, id, b.caller(t, id)))
	}
	require.Empty(t, server.holds())
}

// TestADeletionOfALostClientEnds: nothing can be removed, and the log says what may be
// left.
func TestADeletionOfALostClientEnds(t *testing.T) {
	b, server, log := choosing(t)
	ctx := context.Background()
	c := b.enrol(t, nil).Client
	server.clients[c.ClientID].token = "lost by a crash"
	require.NoError(t, b.Remove(ctx, c.ID, "no longer authorised"))
	require.Equal(t, "null", everything(t, b.records))
	requireLogged(t, log, slog.LevelError, "does not let a client be removed", c.ID, c.ClientID)
}

func TestAClientThatTheServerRefusesHoldsUpNoOthers(t *testing.T) {
	b, server := provisioned(t)
	ctx := context.Background()
	for range 3 {
		b.enrol(t, nil)
	}
	want := server.holds()
	calls := 0
	server.fail = func(verb string) error {
		if calls++; verb == "provision" && calls == 3 {
			return &dcr.Refusal{Reason: "no"}
		}
		return nil
	}
	report, err := b.Reprovision(ctx, dcr.ReprovisionOptions{})
	require.NoError(t, err)
	require.Equal(t, 1, report.Failed)
	require.Equal(t, 2, report.Done)
	require.Equal(t, want, server.holds())
	require.Equal(t, want, inForce(t, b.records))
}

func TestReprovisionLeavesOtherChangesAlone(t *testing.T) {
	b, server := provisioned(t)
	ctx := context.Background()
	c := b.enrol(t, nil).Client
	server.fail = func(string) error { return errOut }
	_, err := b.Update(ctx, c.ID, b.token(t, oneRedirect), b.caller(t, c.ID))
	require.Error(t, err)
	server.fail = func(string) error { return nil }
	report, err := b.Reprovision(ctx, dcr.ReprovisionOptions{})
	require.NoError(t, err)
	require.Equal(t, dcr.ReprovisionReport{Skipped: 1, Complete: true}, report)
	_, err = b.Reconcile(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, inForce(t, b.records), server.holds())
}

func TestReprovisionNeedsAServerAndAStoreThatLists(t *testing.T) {
	b := newOffice(t, nil, nil)
	_, err := b.Reprovision(context.Background(), dcr.ReprovisionOptions{})
	require.ErrorContains(t, err, "Provisioner")
}

// TestReprovisionAndOtherChangesDoNotCross: whatever is changed, removed and reprovisioned
// at once, both systems have the same at the end.
func TestReprovisionAndOtherChangesDoNotCross(t *testing.T) {
	onEachStore(t, nil, func(t *testing.T, rounds int, b *office, server *authorizationServer) {
		ctx := context.Background()
		for range max(rounds/10, 1) {
			var clients []store.Client
			for range 4 {
				clients = append(clients, b.enrol(t, nil).Client)
			}
			updates := make([]string, crowd)
			for i := range updates {
				if i%8 > 3 {
					updates[i] = b.token(t, oneRedirect)
				}
			}
			var done atomic.Int32
			atOnce(repeated(crowd, func(i int) error {
				c := clients[i%len(clients)]
				switch i % 8 {
				case 0, 1:
					if _, err := b.Reprovision(ctx, dcr.ReprovisionOptions{}); err == nil {
						done.Add(1)
					}
				case 2:
					return b.Remove(ctx, clients[3].ID, "race")
				case 3:
					// A process that serves takes no change over that is younger.
					_, err := b.Reconcile(ctx, 2*dcr.ChangeTimeout)
					return err
				default:
					_, err := b.Update(ctx, c.ID, updates[i], b.caller(t, c.ID))
					return err
				}
				return nil
			})...)
			_, err := b.Reconcile(ctx, 0)
			require.NoError(t, err)
			b.settled(t, server)
			b.clear(t, server)
		}
	})
}

// TestAStateThatDoesNotOpenIsNoReasonToGuess: another key cannot manage the clients, and
// nothing is changed.
func TestAStateThatDoesNotOpenIsNoReasonToGuess(t *testing.T) {
	b, server, _ := choosing(t)
	ctx := context.Background()
	c := b.enrol(t, nil).Client
	held := server.holds()
	log := &bytes.Buffer{}
	other := openOffice(t, b.world, b.records, func(config *dcr.Config) {
		config.Provisioner, config.SealingKey = server, claims.NewSecret(strings.Repeat("x", 32))
		config.Logger = slog.New(slog.NewTextHandler(log, nil))
	})
	_, err := other.Update(ctx, c.ClientID, b.token(t, oneRedirect), other.caller(t, c.ClientID))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	require.NoError(t, other.Delete(ctx, c.ClientID, other.caller(t, c.ClientID)))
	require.Equal(t, dcr.OutcomeUnfinished, other.lastEvent().Outcome)
	require.Equal(t, held, server.holds())
	_, err = b.Reconcile(ctx, 0)
	require.NoError(t, err)
	require.Empty(t, server.holds())
}
