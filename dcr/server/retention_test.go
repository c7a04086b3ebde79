package server_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/store"
)

const day = 24 * time.Hour

// purges records each step of a purge, and can fail.
type purges struct {
	*store.Memory
	mu    sync.Mutex
	fault func() error
	steps []store.Purged
	times []time.Time
}

func (p *purges) Purge(ctx context.Context, what store.Purge) (store.Purged, error) {
	p.mu.Lock()
	fault := p.fault
	p.times = append(p.times, time.Now())
	p.mu.Unlock()
	if fault != nil {
		if err := fault(); err != nil {
			return store.Purged{}, err
		}
	}
	purged, err := p.Memory.Purge(ctx, what)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps = append(p.steps, purged)
	return purged, err
}

// made returns what each step forgot.
func (p *purges) made() []store.Purged {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.steps)
}

// began returns when each step began.
func (p *purges) began() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.times)
}

func (p *purges) fail(fault func() error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = fault
}

func (p *purges) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.times)
}

// audited commits changes of records that leave entries: each record is made, changed and, if
// that is wanted, removed.
func audited(t *testing.T, s store.Store, removed bool, ids ...string) {
	t.Helper()
	with := store.Change{Audit: store.Audit{Actor: "bank", Operation: "create", Decision: "done"}}
	for _, id := range ids {
		c := store.Client{ID: id, ClientID: id, Environment: claims.Sandbox, IssuedAt: time.Now(), Metadata: []byte(`{}`)}
		require.NoError(t, s.Create(t.Context(), c, with))
		c.Version = 1
		require.NoError(t, s.Update(t.Context(), c, with))
		if removed {
			require.NoError(t, s.Delete(t.Context(), id, 2, with))
		}
	}
}

// running runs a bank over the store in a bubble, until the test ends.
func (w *world) running(t *testing.T, s store.Store) (log *bytes.Buffer) {
	t.Helper()
	log = &bytes.Buffer{}
	w.config.Store, w.config.Clock, w.config.Logger = s, time.Now, slog.New(slog.NewTextHandler(log, nil))
	b, err := server.New(w.config)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done; b.Close() })
	synctest.Wait()
	return log
}

// kept gives the effect of a duration of Retention: what is older is forgotten within an hour.
func kept(set func(*server.Retention, time.Duration), want store.Purged) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		set(&w.config.Retention, 30*day)
		w.bubble(t, func(t *testing.T) {
			s := &purges{Memory: store.NewMemory(nil)}
			audited(t, s, true, "gone")
			w.running(t, s)
			time.Sleep(30 * day)
			synctest.Wait()
			for _, step := range s.made() {
				require.Zero(t, step)
			}
			audited(t, s, false, "there")
			time.Sleep(server.PurgeEach)
			synctest.Wait()
			all := store.Purged{}
			for _, step := range s.made() {
				all.Audit, all.Deleted = all.Audit+step.Audit, all.Deleted+step.Deleted
			}
			forgotten := want
			forgotten.Audit *= 3
			require.Equal(t, forgotten, all)
			left, err := s.ListAudit(t.Context(), "", 10)
			require.NoError(t, err)
			require.Len(t, left, 2, "of the client that is there")
		})
	}
}

// bubble runs a test whose bank can run in a bubble.
func (w *world) bubble(t *testing.T, do func(t *testing.T)) {
	t.Helper()
	w.config.Clients.Trust.Authorities = nil // they are not valid in the bubble
	w.config.Clients.Proxy = func(*http.Request) (*x509.Certificate, error) { return nil, nil }
	synctest.Test(t, do)
}

func TestABankForgetsInBoundedSteps(t *testing.T) {
	w := newWorld(t)
	w.bubble(t, func(t *testing.T) {
		w.config.Retention = server.Retention{Audit: 400 * day, Deleted: day}
		s := &purges{Memory: store.NewMemory(nil)}
		var ids []string
		for i := range 90 {
			ids = append(ids, fmt.Sprint("client", i))
		}
		audited(t, s, true, ids...) // 270 entries
		time.Sleep(2 * day)
		log := w.running(t, s)
		require.Equal(t, 1, s.calls(), "a pause follows each step")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, append(slices.Repeat([]store.Purged{{Deleted: 50}}, 5), store.Purged{Deleted: 20}), s.made())
		began := s.began()
		for i := 1; i < len(began); i++ {
			require.Equal(t, 100*time.Millisecond, began[i].Sub(began[i-1]))
		}
		require.Equal(t, 1, strings.Count(log.String(), `msg="what is kept no longer was forgotten" reservations=0 audit=0 deleted=270`), log)
		time.Sleep(server.PurgeEach)
		synctest.Wait()
		require.Equal(t, 7, s.calls())
	})
}

func TestSessionsThatHaveEndedAreForgotten(t *testing.T) {
	w := newWorld(t)
	w.bubble(t, func(t *testing.T) {
		s := store.NewMemory(nil)
		for i := range 120 {
			require.NoError(t, s.PutSession(t.Context(), store.Session{Key: fmt.Sprint("ends", i), Until: time.Now().Add(time.Minute)}))
		}
		require.NoError(t, s.EndSession(t.Context(), "ends7", time.Now()))
		kept := store.Session{Key: "kept", Until: time.Now().Add(2 * day)}
		require.NoError(t, s.PutSession(t.Context(), kept))
		time.Sleep(day)
		log := w.running(t, s)
		time.Sleep(time.Minute)
		synctest.Wait()
		left, err := s.PurgeSessions(t.Context(), 10)
		require.NoError(t, err)
		require.Zero(t, left, "all are forgotten already")
		require.Contains(t, log.String(), "sessions=120")
		held, err := s.GetSession(t.Context(), "kept")
		require.NoError(t, err)
		require.True(t, kept.Until.Equal(held.Until))
	})
}

func TestWithoutRetentionTheTrailIsKeptAndReservationsEnd(t *testing.T) {
	w := newWorld(t)
	w.bubble(t, func(t *testing.T) {
		s := &purges{Memory: store.NewMemory(nil)}
		reserved := store.Change{Audit: store.Audit{Operation: "create", Decision: "done"},
			Reservation: store.Reservation{Namespace: "request", Issuer: "i", JTI: "j", Until: time.Now().Add(time.Minute)}}
		require.NoError(t, s.Create(t.Context(), store.Client{ID: "a", Metadata: []byte(`{}`)}, reserved))
		w.running(t, s)
		time.Sleep(20 * day)
		synctest.Wait()
		left, err := s.ListAudit(t.Context(), "", 10)
		require.NoError(t, err)
		require.Len(t, left, 1)
		forgotten := 0
		for _, step := range s.made() {
			forgotten += step.Reservations
		}
		require.Equal(t, 1, forgotten)
	})
}

func TestAnOutageOfAPurgeIsLoggedOnceAndTriedAgain(t *testing.T) {
	for name, fault := range map[string]func() error{
		"an error": func() error { return errors.New("the database is away") },
		"a panic":  func() error { panic("the database is away") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.bubble(t, func(t *testing.T) {
				w.config.Retention.Audit = time.Hour
				s := &purges{Memory: store.NewMemory(nil)}
				audited(t, s, false, "a")
				s.fail(fault)
				log := w.running(t, s)
				time.Sleep(2*time.Hour + time.Second)
				synctest.Wait()
				require.Equal(t, 2*60+1, s.calls(), "each minute")
				require.Equal(t, 1, strings.Count(log.String(), "cannot be forgotten"), log)
				require.LessOrEqual(t, strings.Count(log.String(), "code of the bank panicked"), 1)
				require.Contains(t, log.String(), "the database is away")
				s.fail(nil)
				time.Sleep(time.Minute)
				synctest.Wait()
				require.Equal(t, []store.Purged{{Audit: 2}}, s.made())
				require.Equal(t, 1, strings.Count(log.String(), "can be forgotten again"), log)
				time.Sleep(time.Minute)
				synctest.Wait()
				require.Len(t, s.made(), 1, "and then each hour")
			})
		})
	}
}

func TestARetentionThatCannotBeKeptIsRefused(t *testing.T) {
	w := newWorld(t)
	w.config.Retention.Deleted = -1
	_, err := server.New(w.config)
	require.ErrorContains(t, err, "Retention is negative")
	w.config.Retention = server.Retention{Audit: day}
	w.config.Store = struct{ store.Store }{w.store}
	_, err = server.New(w.config)
	require.ErrorContains(t, err, "store.Purger")
}
