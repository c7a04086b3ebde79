package postgres_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/postgres"
)

// home has seats for the cases of a test, one after the other.
type home struct {
	t      *testing.T
	server *realtest.Postgres
	dsn    func(database string) string

	mu   sync.Mutex
	free []*seat
}

// seat is a database and two stores on it, as two processes have them, that take turns. They
// stay open from case to case. What a case leaves in the tables goes.
type seat struct {
	stores [2]swept
	calls  atomic.Uint32
	admin  string // DSN of the database
	broom  *pgx.Conn
	dsn    string // the same with the options of the home
	clock  atomic.Pointer[func() time.Time]
}

// homeOf returns the home of a test, whose stores connect with the options behind the DSN.
func homeOf(t *testing.T, options string) (*home, bool) {
	t.Helper()
	server, ok := realtest.SharedPostgres(t)
	if !ok {
		return nil, false
	}
	return &home{t: t, server: server, dsn: func(database string) string { return server.DSN(database) + options }}, true
}

// seat returns two empty stores on one database, which go by the clock until the test ends.
func (h *home) seat(t *testing.T, clock func() time.Time) *seat {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.free) == 0 {
		name := h.server.Database(h.t)
		s := &seat{admin: h.server.DSN(name), dsn: h.dsn(name)}
		s.clock.Store(&clock)
		for i := range s.stores {
			one := openAt(h.t, s.dsn, func() time.Time { return (*s.clock.Load())() })
			one.Sweep()
			s.stores[i] = swept{one}
		}
		broom, err := pgx.Connect(h.t.Context(), s.admin)
		require.NoError(t, err)
		h.t.Cleanup(func() { require.NoError(h.t, broom.Close(context.Background())) })
		s.broom = broom
		h.free = append(h.free, s)
	}
	s := h.free[len(h.free)-1]
	h.free = h.free[:len(h.free)-1]
	s.clock.Store(&clock)
	t.Cleanup(func() {
		require.NoError(t, emptied(s.broom))
		h.mu.Lock()
		defer h.mu.Unlock()
		h.free = append(h.free, s)
	})
	return s
}

func emptied(conn *pgx.Conn) error {
	_, err := conn.Exec(context.Background(), `DELETE FROM clients; DELETE FROM unique_keys; DELETE FROM reservations; DELETE FROM reservation_marks; DELETE FROM audit;
		DELETE FROM leases; DELETE FROM access_tokens; DELETE FROM users; DELETE FROM subscriptions; DELETE FROM sessions; DELETE FROM probes`)
	return err
}

func openAt(t testing.TB, dsn string, clock func() time.Time) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{DSN: claims.NewSecret(dsn), Clock: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func open(t testing.TB, dsn string) *postgres.Store {
	t.Helper()
	return openAt(t, dsn, time.Now)
}

// seatWithProxy returns a store, and another one on its database behind a proxy.
func (h *home) seatWithProxy(t *testing.T) (direct, behind *postgres.Store, p *proxy) {
	t.Helper()
	s := h.seat(t, time.Now)
	p, dsn := newProxy(t, s.dsn)
	behind, err := postgres.Open(t.Context(), postgres.Config{DSN: claims.NewSecret(dsn), NoMigrate: true}) // the seat's stores have migrated
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, behind.Close()) })
	return s.stores[0].Store, behind, p
}

// swept is a store whose next call comes after what it forgets is forgotten: the cases of the
// contract turn clocks between calls.
type swept struct{ *postgres.Store }

func (s swept) Create(ctx context.Context, c store.Client, with store.Change) error {
	defer s.Swept()
	return s.Store.Create(ctx, c, with)
}

func (s swept) Update(ctx context.Context, c store.Client, with store.Change) error {
	defer s.Swept()
	return s.Store.Update(ctx, c, with)
}

func (s swept) Reserve(ctx context.Context, r store.Reservation, lease time.Duration) error {
	defer s.Swept()
	return s.Store.Reserve(ctx, r, lease)
}

func (s *seat) next() swept { return s.stores[s.calls.Add(1)%2] }

func (s *seat) Reserve(ctx context.Context, r store.Reservation, lease time.Duration) error {
	return s.next().Reserve(ctx, r, lease)
}
func (s *seat) Confirm(ctx context.Context, r store.Reservation) error {
	return s.next().Confirm(ctx, r)
}
func (s *seat) Release(ctx context.Context, r store.Reservation) error {
	return s.next().Release(ctx, r)
}
func (s *seat) KeepToken(ctx context.Context, hash [32]byte, clientID string, content []byte, expiry time.Time, most int) error {
	return s.next().KeepToken(ctx, hash, clientID, content, expiry, most)
}
func (s *seat) KeptToken(ctx context.Context, hash [32]byte) ([]byte, error) {
	return s.next().KeptToken(ctx, hash)
}
func (s *seat) EndToken(ctx context.Context, hash [32]byte) error {
	return s.next().EndToken(ctx, hash)
}
func (s *seat) EndTokensOf(ctx context.Context, clientID string) error {
	return s.next().EndTokensOf(ctx, clientID)
}
