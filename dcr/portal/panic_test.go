package portal_test

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// wild is a store that panics at one of its calls, before or after it has done what it was asked
// for.
type wild struct {
	*store.Memory

	mu    sync.Mutex
	calls int    // until the panic; 0 for none
	verb  string // only calls of this method count; "" for all
	done  bool   // it panics after the call
	fired bool
}

// arm has the store panic at the n-th call from now on.
func (s *wild) arm(verb string, n int, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verb, s.calls, s.done, s.fired = verb, n, done, false
}

// disarm has it panic no more, and tells whether it did.
func (s *wild) disarm() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = 0
	return s.fired
}

func (s *wild) call(verb string, do func()) {
	s.mu.Lock()
	now := false
	if s.calls > 0 && (s.verb == "" || s.verb == verb) {
		s.calls--
		now = s.calls == 0
		s.fired = s.fired || now
	}
	done := s.done
	s.mu.Unlock()
	if !now || done {
		do()
	}
	if now {
		panic("the disk of db-7 is gone")
	}
}

func (s *wild) Create(ctx context.Context, c store.Client, with store.Change) (err error) {
	s.call("Create", func() { err = s.Memory.Create(ctx, c, with) })
	return err
}

func (s *wild) Get(ctx context.Context, id string) (c store.Client, err error) {
	s.call("Get", func() { c, err = s.Memory.Get(ctx, id) })
	return c, err
}

func (s *wild) GetByClientID(ctx context.Context, id string) (c store.Client, err error) {
	s.call("GetByClientID", func() { c, err = s.Memory.GetByClientID(ctx, id) })
	return c, err
}

func (s *wild) Update(ctx context.Context, c store.Client, with store.Change) (err error) {
	s.call("Update", func() { err = s.Memory.Update(ctx, c, with) })
	return err
}

func (s *wild) Delete(ctx context.Context, id string, version int64, with store.Change) (err error) {
	s.call("Delete", func() { err = s.Memory.Delete(ctx, id, version, with) })
	return err
}

func (s *wild) Undo(ctx context.Context, id string, version int64, with store.Change) (err error) {
	s.call("Undo", func() { err = s.Memory.Undo(ctx, id, version, with) })
	return err
}

func (s *wild) ListPending(ctx context.Context, after string, limit int) (found []store.Client, err error) {
	s.call("ListPending", func() { found, err = s.Memory.ListPending(ctx, after, limit) })
	return found, err
}

func (s *wild) Search(ctx context.Context, q store.Query, after store.Position, limit int) (found []store.Client, err error) {
	s.call("Search", func() { found, err = s.Memory.Search(ctx, q, after, limit) })
	return found, err
}

func (s *wild) SearchName(ctx context.Context, q store.Query, name string, after store.Position, limit int) (found []store.Client, err error) {
	s.call("SearchName", func() { found, err = s.Memory.SearchName(ctx, q, name, after, limit) })
	return found, err
}

func (s *wild) History(ctx context.Context, id string, after int64, limit int) (found []store.AuditEntry, err error) {
	s.call("History", func() { found, err = s.Memory.History(ctx, id, after, limit) })
	return found, err
}

func (s *wild) Note(ctx context.Context, e store.AuditEntry) (err error) {
	s.call("Note", func() { err = s.Memory.Note(ctx, e) })
	return err
}

func (s *wild) SignIn(ctx context.Context, u store.User) (stored store.User, first bool, err error) {
	s.call("SignIn", func() { stored, first, err = s.Memory.SignIn(ctx, u) })
	return stored, first, err
}

func (s *wild) GetUser(ctx context.Context, email string) (u store.User, err error) {
	s.call("GetUser", func() { u, err = s.Memory.GetUser(ctx, email) })
	return u, err
}

func (s *wild) GetSession(ctx context.Context, key string) (found store.Session, err error) {
	s.call("GetSession", func() { found, err = s.Memory.GetSession(ctx, key) })
	return found, err
}

func (s *wild) PutSession(ctx context.Context, session store.Session) (err error) {
	s.call("PutSession", func() { err = s.Memory.PutSession(ctx, session) })
	return err
}

func (s *wild) EndSession(ctx context.Context, key string, until time.Time) (err error) {
	s.call("EndSession", func() { err = s.Memory.EndSession(ctx, key, until) })
	return err
}

func (s *wild) PurgeSessions(ctx context.Context, limit int) (n int, err error) {
	s.call("PurgeSessions", func() { n, err = s.Memory.PurgeSessions(ctx, limit) })
	return n, err
}

func (s *wild) Subscribe(ctx context.Context, v store.Subscription, version int64, with store.Change) (err error) {
	s.call("Subscribe", func() { err = s.Memory.Subscribe(ctx, v, version, with) })
	return err
}

func (s *wild) Unsubscribe(ctx context.Context, client, api string, version int64, with store.Change) (err error) {
	s.call("Unsubscribe", func() { err = s.Memory.Unsubscribe(ctx, client, api, version, with) })
	return err
}

func (s *wild) ListSubscriptions(ctx context.Context, client string) (found []store.Subscription, err error) {
	s.call("ListSubscriptions", func() { found, err = s.Memory.ListSubscriptions(ctx, client) })
	return found, err
}

// wildWorld is a portal over a wild store, and the log of portal and bank.
func wildWorld(t *testing.T, o options) (*world, *wild, *lockedLog) {
	t.Helper()
	s, out := &wild{Memory: store.NewMemory(time.Now)}, &lockedLog{}
	log := slog.New(slog.NewTextHandler(out, nil))
	o.store = s
	o.bank = func(c *server.Config) { c.Logger = log }
	o.portal = func(c *portal.Config) { c.Logger = log }
	return newWorld(t, o), s, out
}

// lockedLog is a log that many write.
type lockedLog struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *lockedLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(line)
}

// take returns what was written since.
func (l *lockedLog) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.all.Reset()
	return l.all.String()
}

// TestWhereverTheStorePanicsAPageAnswers: at each call of the store of each page. The answer is
// 500, or that of what was done; it tells nothing of the panic, the log has it once with its
// stack, and no record stays half done.
func TestWhereverTheStorePanicsAPageAnswers(t *testing.T) {
	t.Parallel()
	w, s, log := wildWorld(t, options{policy: waitingPolicy})
	w.operator("olga")
	w.contact("ada", orgOne)
	shown, software := w.victim(t, orgOne)
	panics := 0
	for _, p := range w.pages() {
		name := "ada"
		if p.who == "operators" {
			name = "olga"
		}
		b := w.as(t, name)
		for n := 1; ; n++ {
			where := p.method + " " + p.pattern + ", call " + strconv.Itoa(n)
			c, ask := shown, func() answer { return b.sends(http.MethodGet, p.at(shown.ID)+"?search="+shown.SoftwareID, nil, nil) }
			if p.method == http.MethodPost {
				c = w.registeredAsVictim(t, software)
				body, header := formOf(fieldsFor(c, ssaOf(t, software, nil)))
				ask = func() answer { return b.sends(p.method, p.at(c.ID), body, header) }
			}
			log.take()
			s.arm("", n, n%2 == 0)
			a := ask()
			if !s.disarm() {
				break
			}
			panics++
			assert.NotContains(t, a.body, "db-7", where)
			assert.NotEqual(t, http.StatusServiceUnavailable, a.status, where)
			lines := log.take()
			assert.Equal(t, 1, strings.Count(lines, "code of the bank panicked"), "%s: %s", where, lines)
			assert.Contains(t, lines, "panic_test.go", "%s: the stack", where)
			if a.status == http.StatusInternalServerError {
				assert.Contains(t, a.body, "a fault of the bank", where)
				assert.NotContains(t, a.body, "at the moment", where)
				a.status = http.StatusOK
			}
			safe(t, a, where)
			_, err := w.bank.Registrar().Reconcile(t.Context(), 0)
			require.NoError(t, err, where)
			if record, err := s.Get(t.Context(), c.ID); err == nil {
				assert.Contains(t, []store.State{store.Active, store.PendingDelete}, record.State, where)
			}
			if a := b.get("/applications"); strings.Contains(a.body, "Sign in") { // as after a sign-out
				b = w.as(t, name)
			}
		}
	}
	assert.Greater(t, panics, 40)
}

// TestAPanicWhileAnAnswerIsKeptTakesNoSecret: the client is registered, and its secret is shown
// once.
func TestAPanicWhileAnAnswerIsKeptTakesNoSecret(t *testing.T) {
	t.Parallel()
	w, s, _ := wildWorld(t, options{policy: withSecrets})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	review := ada.reviewed(ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil))
	s.arm("PutSession", 1, false)
	a := ada.press(review, "add", basic)
	require.True(t, s.disarm())
	assert.Equal(t, http.StatusOK, a.status)
	assert.NotEmpty(t, secretOf(t, a))
	assert.Len(t, w.clients(t), 1)
}

// TestForgettingSessionsOutlivesAPanic of the store.
func TestForgettingSessionsOutlivesAPanic(t *testing.T) {
	t.Parallel()
	w, s, log := wildWorld(t, options{})
	s.arm("PurgeSessions", 1, false)
	over, stop := context.WithCancel(t.Context())
	stop()
	w.portal.Run(over, time.Minute)
	require.True(t, s.disarm())
	assert.Contains(t, log.take(), "code of the bank panicked")
}
