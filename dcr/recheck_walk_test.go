package dcr_test

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/postgres"
	"github.com/obdcr/obdcr/store/sqlite"
	"github.com/obdcr/obdcr/validate"
)

// counting counts what is asked for at each address. It is safe for concurrent use.
type counting struct {
	mu    sync.Mutex
	asked map[string]int
	inner http.RoundTripper
	times []time.Time
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.asked[r.URL.Path]++
	c.times = append(c.times, time.Now())
	c.mu.Unlock()
	return c.inner.RoundTrip(r)
}

// countedWorld is a world whose bank reads all key sets over https, and counts that.
func countedWorld(t *testing.T) (*world, *dcr.Registrar, *counting) {
	t.Helper()
	w, _ := newWorld(t, nil)
	count := &counting{asked: map[string]int{}, inner: w.directory.Client().Transport}
	keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{Sources: []ssa.RemoteSource{{Hosts: w.directory.RemoteSource().Hosts}}, Clock: w.config.Clock, Transport: count})
	require.NoError(t, err)
	t.Cleanup(keys.Close)
	anchor := w.directory.Anchor()
	anchor.Keys, anchor.JWKSURL = keys, w.directory.URL()+"/keys.jwks"
	config := w.config
	config.SoftwareKeys = keys
	config.Statements, err = ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{anchor}, Clock: config.Clock, Skew: time.Minute})
	require.NoError(t, err)
	r, err := dcr.NewRegistrar(config)
	require.NoError(t, err)
	return w, r, count
}

// fillRegister puts clients of several softwares into a store, as many of each as each.
func fillRegister(t *testing.T, w *world, s store.Store, softwares, each int) {
	t.Helper()
	for i := range softwares {
		software, err := w.directory.NewSoftware(ssatest.SoftwareOptions{})
		require.NoError(t, err)
		w.software = software
		config := w.config
		config.Store = s
		r, err := dcr.NewRegistrar(config)
		require.NoError(t, err)
		request := software.Request(ssatest.DefaultAudience)
		token, err := software.Sign(&request)
		require.NoError(t, err)
		first, err := r.Register(context.Background(), dcr.RegisterInput{Token: claims.NewSecret(token), Certificate: software.TransportCertificate.Leaf})
		require.NoError(t, err)
		for n := range each - 1 {
			c := first.Client.Clone()
			c.ID = "c" + strconv.Itoa(n) + "-" + strconv.Itoa(i)
			c.ClientID = c.ID
			require.NoError(t, s.Create(context.Background(), c, store.Change{}))
		}
	}
}

// visited collects the IDs that a walk meets.
func visited(ids *[]string) func(dcr.Rechecked) error {
	return func(found dcr.Rechecked) error { *ids = append(*ids, found.Client.ID); return nil }
}

func quick(t testing.TB, r *dcr.Registrar) *dcr.Rechecker {
	t.Helper()
	k, err := r.NewRechecker(dcr.RecheckConfig{Rate: 1e6, Parallel: 16, Timeout: 5 * time.Second})
	require.NoError(t, err)
	return k
}

func TestARunAsksForEachKeySetOnce(t *testing.T) {
	w, r, count := countedWorld(t)
	fillRegister(t, w, w.store, 12, 4)
	clear(count.asked)
	var ids []string
	require.NoError(t, quick(t, r).Walk(context.Background(), "", func(found dcr.Rechecked) error {
		require.Equal(t, dcr.Admitted, found.Admission, "%v", found.Report.Violations)
		return visited(&ids)(found)
	}))
	require.Len(t, ids, 48)
	require.IsIncreasing(t, ids)
	require.Len(t, count.asked, 1+12+12+1, "the directory, each software, what it withdrew, and what the organisation withdrew")
	for path, n := range count.asked {
		require.Equal(t, 1, n, path)
	}
}

func TestARunKeepsToItsRate(t *testing.T) {
	w, r, count := countedWorld(t)
	fillRegister(t, w, w.store, 5, 2)
	count.times = nil
	k, err := r.NewRechecker(dcr.RecheckConfig{Rate: 50})
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, k.Walk(context.Background(), "", visited(new([]string))))
	require.Len(t, count.times, 12)
	require.GreaterOrEqual(t, count.times[11].Sub(began), 220*time.Millisecond, "11 intervals of 20 ms")
}

func TestAWalkThatStopsGoesOnWhereItWas(t *testing.T) {
	w, r := newWorld(t, nil)
	fillRegister(t, w, w.store, 3, 150) // more than a page
	var all []string
	require.NoError(t, quick(t, r).Walk(context.Background(), "", visited(&all)))
	require.Len(t, all, 450)
	for name, stop := range map[string]func(context.CancelFunc) error{
		"an error of the callback": func(context.CancelFunc) error { return errOut },
		"the end of the context":   func(cancel context.CancelFunc) error { cancel(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			var met []string
			for range 1000 {
				ctx, cancel := context.WithCancel(context.Background())
				after, left := "", 37
				if len(met) > 0 {
					after = met[len(met)-1]
				}
				err := quick(t, r).Walk(ctx, after, func(found dcr.Rechecked) error {
					if left--; left < 0 {
						if err := stop(cancel); err != nil {
							return err // this client is not taken
						}
					}
					return visited(&met)(found)
				})
				cancel()
				if err == nil {
					break
				}
			}
			require.Equal(t, all, met, "each once")
		})
	}
}

func TestAWalkPassesOverWhatIsNotInForce(t *testing.T) {
	w, r := newWorld(t, nil)
	fillRegister(t, w, w.store, 1, 6)
	all, err := w.store.List(context.Background(), "", 10)
	require.NoError(t, err)
	all[0].State, all[0].Since = store.Deleting, w.now
	require.NoError(t, w.store.Update(context.Background(), all[0], store.Change{}))
	all[1].State, all[1].Since = store.PendingDelete, w.now
	require.NoError(t, w.store.Update(context.Background(), all[1], store.Change{}))
	updating := all[2].Clone()
	updating.State, updating.Since, updating.Metadata = store.Updating, w.now, []byte("[")
	require.NoError(t, w.store.Update(context.Background(), updating, store.Change{}))
	var ids []string
	require.NoError(t, quick(t, r).Walk(context.Background(), "", func(found dcr.Rechecked) error {
		require.Equal(t, dcr.Admitted, found.Admission, found.Client.ID)
		return visited(&ids)(found)
	}))
	require.Len(t, ids, 5)
	_, err = quick(t, r).Client(context.Background(), all[0])
	require.ErrorIs(t, err, store.ErrNotFound)
}

// meddling is a store whose records are changed and removed while they are walked over.
type meddling struct {
	*store.Memory
	meddle func(page []store.Client)
}

func (m meddling) List(ctx context.Context, after string, limit int) ([]store.Client, error) {
	page, err := m.Memory.List(ctx, after, min(limit, 10))
	m.meddle(page)
	return page, err
}

func TestClientsThatChangeDuringAWalkAreMetOnceOrNotAtAll(t *testing.T) {
	w, _ := newWorld(t, nil)
	fillRegister(t, w, w.store, 1, 60)
	config := w.config
	removed := map[string]bool{}
	config.Store = meddling{w.store, func(page []store.Client) {
		if len(page) == 0 {
			return
		}
		last := page[len(page)-1]
		require.NoError(t, w.store.Update(context.Background(), last, store.Change{}), "the last one changes")
		if next, err := w.store.List(context.Background(), last.ID, 1); err == nil && len(next) == 1 {
			removed[next[0].ID] = true
			require.NoError(t, w.store.Delete(context.Background(), next[0].ID, next[0].Version, store.Change{}))
		}
	}}
	r, err := dcr.NewRegistrar(config)
	require.NoError(t, err)
	met := map[string]int{}
	require.NoError(t, quick(t, r).Walk(context.Background(), "", func(found dcr.Rechecked) error { met[found.Client.ID]++; return nil }))
	require.NotEmpty(t, removed)
	require.Len(t, met, 60-len(removed))
	for id, n := range met {
		require.Equal(t, 1, n, id)
		require.False(t, removed[id])
	}
}

// lister is a store whose list fails.
type lister struct {
	*store.Memory
	list func() ([]store.Client, error)
}

func (l lister) List(context.Context, string, int) ([]store.Client, error) { return l.list() }

func TestAWalkEndsWhereTheStoreCannotBeWalkedOver(t *testing.T) {
	w, _ := newWorld(t, nil)
	for name, c := range map[string]struct {
		s      store.Store
		status int
	}{
		"no list":   {struct{ store.Store }{w.store}, http.StatusInternalServerError},
		"an outage": {lister{w.store, func() ([]store.Client, error) { return nil, errOut }}, http.StatusServiceUnavailable},
		"a panic":   {lister{w.store, func() ([]store.Client, error) { panic("a fault") }}, http.StatusInternalServerError},
		"the same page for ever": {lister{w.store, func() ([]store.Client, error) { return []store.Client{{ID: "a", State: store.Deleting}}, nil }},
			http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			config := w.config
			config.Store = c.s
			r, err := dcr.NewRegistrar(config)
			require.NoError(t, err)
			require.Equal(t, c.status, refusalOf(t, quick(t, r).Walk(context.Background(), "", visited(new([]string)))).Status)
		})
	}
}

func TestARecheckChangesNothing(t *testing.T) {
	for name, open := range map[string]func(t *testing.T, w *world) records{
		"memory": func(_ *testing.T, w *world) records { return w.store },
		"sqlite": func(t *testing.T, w *world) records {
			s, err := sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(fastDir(t), "clients.db"), Clock: w.config.Clock})
			require.NoError(t, err)
			t.Cleanup(func() { _ = s.Close() })
			return s
		},
		"PostgreSQL": func(t *testing.T, w *world) records {
			server, ok := realtest.SharedPostgres(t)
			if !ok {
				return nil
			}
			dsn := claims.NewSecret(server.DSN(server.Database(t)) + "&connect_timeout=30")
			s, err := postgres.Open(context.Background(), postgres.Config{DSN: dsn, Clock: w.config.Clock})
			require.NoError(t, err)
			t.Cleanup(func() { _ = s.Close() })
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := newWorld(t, nil)
			s := open(t, w)
			if s == nil {
				return // the test has said what it does not run
			}
			fillRegister(t, w, s, 2, 5)
			before := kept(t, s)
			config := w.config
			config.Store = s
			policy := config.Validator.Policy()
			policy.DeniedSoftware = []string{w.software.SoftwareID}
			var err error
			config.Validator, err = validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
			require.NoError(t, err)
			r, err := dcr.NewRegistrar(config)
			require.NoError(t, err)
			refused := 0
			require.NoError(t, quick(t, r).Walk(context.Background(), "", func(found dcr.Rechecked) error {
				if found.Admission == dcr.NotAdmitted {
					refused++
				}
				found.Client.Metadata[0], found.Client.Application.Attributes = 'x', nil // a copy
				return nil
			}))
			require.Equal(t, 5, refused)
			require.Equal(t, before, kept(t, s), "clients, reservations and the audit trail")
		})
	}
}

// kept is all that a store keeps, byte for byte.
func kept(t *testing.T, s records) string {
	t.Helper()
	text := everything(t, s)
	add := func(v any, err error) {
		require.NoError(t, err)
		more, err := json.Marshal(v)
		require.NoError(t, err)
		text += string(more)
	}
	if audit, ok := s.(store.Auditor); ok {
		entries, err := audit.ListAudit(context.Background(), "", 1000)
		add(entries, err)
	}
	if moved, ok := s.(store.Transfer); ok {
		held, err := moved.ListReservations(context.Background(), nil, 1000)
		add(held, err)
	}
	return text
}
