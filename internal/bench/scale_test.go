package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/postgres"
	"github.com/obdcr/obdcr/store/sqlite"
)

const (
	scaleVariable = "OBDCR_SCALE" // how many records `make scale` puts into the large store
	scaleFew      = 1000          // and how many are in the small one
	scalePage     = 50            // records of a page
)

// scaled is a store of some size.
type scaled struct {
	scalable
	size int
}

// scalable is what `make scale` measures.
type scalable interface {
	store.Store
	store.Lister
	store.Searcher
	store.Purger
	store.Transfer
}

// TestScale is what `make scale` runs, with a million clients. Here it shows with few that all
// of it works: no figure is judged.
func TestScale(t *testing.T) {
	many := 2 * scaleFew
	if asked := os.Getenv(scaleVariable); asked != "" {
		var err error
		if many, err = strconv.Atoi(asked); err != nil {
			t.Fatalf("%s=%s: %v", scaleVariable, asked, err)
		}
	} else if !realtest.Long(t) {
		return
	}
	t.Run("SQLite", func(t *testing.T) {
		clock := &scaleClock{}
		folder := t.TempDir()
		open := func(name string) (scalable, func() error) {
			s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(folder, name), Clock: clock.now, CheckTimeout: time.Nanosecond})
			if err != nil {
				t.Fatal(err)
			}
			return s, s.Close
		}
		large, end := scaleOf(t, "SQLite", clock, many, open)
		scaleOpening(t, filepath.Join(folder, large), many, end)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		start := realtest.SharedPostgres
		if many > 2*scaleFew { // a server of its own goes with all that it holds
			start = func(t testing.TB) (*realtest.Postgres, bool) { return realtest.StartPostgres(t) }
		}
		server, ok := start(t)
		if !ok {
			return
		}
		clock := &scaleClock{}
		databases := map[string]string{}
		open := func(name string) (scalable, func() error) {
			databases[name] = server.Database(t)
			s, err := postgres.Open(t.Context(), postgres.Config{DSN: claims.NewSecret(server.DSN(databases[name])), Clock: clock.now})
			if err != nil {
				t.Fatal(err)
			}
			return s, s.Close
		}
		large, end := scaleOf(t, "PostgreSQL", clock, many, open)
		if err := end(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s in the database", server.SQL(t, databases[large], "SELECT pg_size_pretty(pg_database_size(current_database()))"))
	})
}

// scaleOf fills a small and a large store, measures them by turns, and prints the tables. It
// leaves the large one open, and returns its name and how to close it.
func scaleOf(t *testing.T, what string, clock *scaleClock, many int, open func(name string) (scalable, func() error)) (large string, end func() error) {
	t.Helper()
	template := scaleTemplate(t)
	fill := func(name string, size int) (s scaled, end func() error) {
		before := residentMB()
		opened, end := open(name)
		s = scaled{scalable: opened, size: size}
		took := s.fill(t, template)
		t.Logf("%s: %d records, reservations and entries of the audit trail imported in %s, %.0f of each a second; %d MB resident, %d before",
			what, size, took.Round(time.Millisecond), float64(size)/took.Seconds(), residentMB(), before)
		return s, end
	}
	smallStore, endSmall := fill("small.db", scaleFew)
	largeStore, endLarge := fill("large.db", many)
	t.Cleanup(func() {
		if err := endSmall(); err != nil {
			t.Error(err)
		}
	})
	turns := 40
	if many < 10*scaleFew {
		turns = 1
	}
	scaleCompare(t, what, turns, smallStore, largeStore)
	scaleStalls(t, what, turns, clock, largeStore)
	t.Logf("%s: %d MB resident at the end", what, residentMB())
	return "large.db", endLarge
}

// scaleOpening measures what a start costs, and reads from a file that is in no cache.
func scaleOpening(t *testing.T, path string, many int, end func() error) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(end())
	info, err := os.Stat(path)
	must(err)
	for _, c := range []struct {
		name    string
		dropped bool
		check   time.Duration
	}{
		{"all of it checked, from memory", false, time.Hour}, {"all of it checked, from the disk", true, time.Hour},
		{"with the limit of 10 s, from the disk", true, 0}, {"not checked, from the disk", true, time.Nanosecond},
	} {
		if c.dropped {
			dropFromCache(t, path)
		}
		began := time.Now()
		s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, CheckTimeout: c.check})
		must(err)
		t.Logf("open, %d MB, %s: %s", info.Size()>>20, c.name, time.Since(began).Round(time.Millisecond))
		if c.check == time.Nanosecond {
			var took []float64
			for range 200 {
				began := time.Now()
				_, err := s.Get(t.Context(), scaleID(rand.IntN(many)))
				must(err)
				took = append(took, float64(time.Since(began).Microseconds()))
			}
			t.Logf("get, from the disk: p50 %.0f us, p99 %.0f us", quantile(took, 0.5), quantile(took, 0.99))
		}
		must(s.Close())
	}
}

// dropFromCache asks the system to forget what it has read of a file.
func dropFromCache(t *testing.T, path string) {
	t.Helper()
	if out, err := exec.Command("dd", "if="+path, "iflag=nocache", "of=/dev/null", "count=0").CombinedOutput(); err != nil {
		t.Logf("the file stays in the cache: %v: %s", err, out)
	}
}

// residentMB is how much memory the process has, 0 where the system does not say.
func residentMB() int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0
	}
	return resident * os.Getpagesize() >> 20
}

// scaleTemplate is a record as the endpoint makes it.
func scaleTemplate(t testing.TB) store.Client {
	t.Helper()
	clients := store.NewMemory(time.Now)
	e := newEndpoint(t, clients)
	e.post(t, e.sign(t, 1)[0])
	found, err := clients.List(t.Context(), "", 1)
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	return found[0]
}

// parsed reads a record as a nightly check does.
func parsed(c store.Client) error {
	if _, err := c.Request(); err != nil {
		return err
	}
	_, rest, _ := strings.Cut(c.SoftwareStatement, ".")
	payload, _, _ := strings.Cut(rest, ".")
	_, _, err := claims.DecodeSSA(decoded(payload), nil)
	return err
}
