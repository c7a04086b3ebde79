package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

const (
	crashWriter  = "OBDCR_CRASH_WRITER" // makes this binary the child, and says which
	crashFile    = "OBDCR_CRASH_FILE"
	crashPrefix  = "OBDCR_CRASH_PREFIX"
	crashWorkers = 4
)

// crashesAFile returns how many cycles are on one file, before a new one. The check after each
// reads all of the file.
func crashesAFile() int {
	if fulltest.Asked() {
		return 25
	}
	return 5
}

// TestMain is the child where the parent says so.
func TestMain(m *testing.M) {
	fulltest.Quick()
	if path := os.Getenv(faultyDisk); path != "" {
		os.Exit(registerThroughFaults(path))
	}
	if path := os.Getenv(busyTool); path != "" {
		fmt.Fprintln(os.Stderr, emptyAgainAndAgain(path))
		os.Exit(1)
	}
	if kind := os.Getenv(crashWriter); kind != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(crashWriters[kind]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// registration is the record of a name, which all its members repeat.
func registration(name string) store.Client {
	return store.Client{
		ID: name, ClientID: "client-" + name, IssuedAt: time.Unix(1_700_000_000, 0).UTC(), Environment: "sandbox", SoftwareID: "software " + name,
		OrgID: "org " + name, Metadata: []byte(`{"name": "` + name + `"}`),
		SoftwareStatement: strings.Repeat(name+".", 300), // some pages
		Application:       claims.Application{Name: name, ID: name},
		UniqueKey:         "key " + name, SecretHash: []byte(name), Version: 1, State: store.Active, Since: time.Unix(1_700_000_000, 0).UTC(),
		SubjectDN: "CN=" + name, JWKSAddress: "https://keystore.example/" + name, OwnSubject: "sub " + name,
		UpstreamState: []byte("state " + name), UpstreamMembers: []byte(`{"name": "` + name + `"}`),
	}
}

func requestOf(name string) store.Change {
	return store.Change{Reservation: store.Reservation{Namespace: "request", Issuer: "tpp", JTI: name, Until: time.Unix(1<<40, 0)}}
}

// crashWriters register a name in the file and acknowledge it. One does so rightly.
var crashWriters = map[string]func(s *sqlite.Store, raw *sql.DB, name string, acknowledge func() error) error{
	"the store": func(s *sqlite.Store, _ *sql.DB, name string, acknowledge func() error) error {
		if err := s.Create(context.Background(), registration(name), requestOf(name)); err != nil {
			return err
		}
		return acknowledge()
	},
	"acknowledges before it commits": func(s *sqlite.Store, _ *sql.DB, name string, acknowledge func() error) error {
		return errors.Join(acknowledge(), s.Create(context.Background(), registration(name), requestOf(name)))
	},
	"two transactions": func(s *sqlite.Store, raw *sql.DB, name string, acknowledge func() error) error {
		key := requestOf(name).Reservation.Key()
		_, err := raw.Exec("INSERT INTO reservations (reservation_key, ends_at, client_id) VALUES (?, ?, ?)", key[:], int64(1)<<40, name)
		return errors.Join(err, s.Create(context.Background(), registration(name), store.Change{}), acknowledge())
	},
	"what the server decided afterwards": func(s *sqlite.Store, raw *sql.DB, name string, acknowledge func() error) error {
		c := registration(name)
		c.UpstreamState = nil
		err := s.Create(context.Background(), c, requestOf(name))
		_, err2 := raw.Exec("UPDATE clients SET upstream_state = ? WHERE id = ?", registration(name).UpstreamState, name)
		return errors.Join(err, err2, acknowledge())
	},
	"half of the record first": func(s *sqlite.Store, raw *sql.DB, name string, acknowledge func() error) error {
		c := registration(name)
		c.SoftwareStatement = ""
		err := s.Create(context.Background(), c, requestOf(name))
		_, err2 := raw.Exec("UPDATE clients SET software_statement = ? WHERE id = ?", []byte(registration(name).SoftwareStatement), name)
		return errors.Join(err, err2, acknowledge())
	},
}

// writeUntilKilled is the child: some goroutines register one name after the other
// and say so on the standard output, until the process dies.
func writeUntilKilled(write func(*sqlite.Store, *sql.DB, string, func() error) error) error {
	path := os.Getenv(crashFile)
	s, err := sqlite.Open(context.Background(), sqlite.Config{Path: path, Clock: time.Now})
	if err != nil {
		return err
	}
	raw, err := rawOpen(path)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for worker := range crashWorkers {
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%s-%d-%d", os.Getenv(crashPrefix), worker, i)
				if err := write(s, raw, name, func() error {
					_, err := os.Stdout.WriteString(name + "\n")
					return err
				}); err != nil {
					failed <- fmt.Errorf("%s: %w", name, err)
				}
			}
		}()
	}
	return <-failed
}

func rawOpen(path string) (*sql.DB, error) {
	return sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)")
}

// process is this binary as another process.
type process struct {
	cmd       *exec.Cmd
	lines     chan string // whole ones that it has printed
	reading   sync.WaitGroup
	complaint strings.Builder // read it once the process has ended
}

func startProcess(t *testing.T, environment ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0]), lines: make(chan string, 1<<16)}
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), environment...), &p.complaint
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	p.reading.Go(func() {
		defer close(p.lines)
		for r := bufio.NewReader(out); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return // what has no end of line was not acknowledged
			}
			p.lines <- strings.TrimSuffix(line, "\n")
		}
	})
	return p
}

// crash runs the child for a while, kills it, and returns the names acknowledged. It
// waits for the first of them, or kills the child early: while it opens the file,
// makes the tables, recovers from the crash before.
func crash(t *testing.T, kind, path, prefix string, early bool) []string {
	t.Helper()
	p := startProcess(t, crashWriter+"="+kind, crashFile+"="+path, crashPrefix+"="+prefix)
	var names []string
	if !early {
		first, ok := <-p.lines
		require.True(t, ok, "the child gave up: %s", &p.complaint)
		names = append(names, first)
	}
	<-time.After(rand.N(25 * time.Millisecond))
	require.NoError(t, p.cmd.Process.Kill())
	p.reading.Wait()
	require.Error(t, p.cmd.Wait())
	require.Empty(t, p.complaint.String())
	for name := range p.lines {
		names = append(names, name)
	}
	return names
}

// faultsAfter opens the file again and says what is wrong with it. There should be
// what was acknowledged, whole, and beyond that whole registrations only.
func faultsAfter(t *testing.T, path string, acknowledged []string) (faults []string, records int) {
	t.Helper()
	complain := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Clock: time.Now})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	all, err := s.List(t.Context(), "", 1<<30)
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, c := range all {
		if seen[c.SoftwareID] {
			complain("%s is registered twice", c.SoftwareID)
		}
		seen[c.SoftwareID] = true
		if !reflect.DeepEqual(c, registration(c.ID)) {
			complain("%s is half-written", c.ID)
		}
		if found, err := s.GetByClientID(t.Context(), c.ClientID); err != nil || found.ID != c.ID {
			complain("%s is not found by its client_id: %v", c.ID, err)
		}
	}
	for _, name := range acknowledged {
		if !seen["software "+name] {
			complain("%s was acknowledged and is lost", name)
		}
	}
	raw, err := rawOpen(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, raw.Close()) }()
	reserved := map[string]string{}
	rows, err := raw.Query("SELECT client_id, reservation_key FROM reservations")
	require.NoError(t, err)
	for rows.Next() {
		var id, key string
		require.NoError(t, rows.Scan(&id, &key))
		reserved[id] = key
	}
	require.NoError(t, rows.Err())
	for id, key := range reserved {
		if wanted := requestOf(id).Reservation.Key(); !seen["software "+id] || key != string(wanted[:]) {
			complain("the jti of %s is burnt without a record", id)
		}
	}
	if len(reserved) != len(all) {
		complain("%d records and %d reservations", len(all), len(reserved))
	}
	var sound string
	require.NoError(t, raw.QueryRow("PRAGMA integrity_check").Scan(&sound))
	if sound != "ok" {
		complain("the file is damaged: %s", sound)
	}
	return faults, len(all)
}

// crashed goes through the cycles until one leaves a fault.
func crashed(t *testing.T, kind string, cycles int) (faults []string) {
	t.Helper()
	var path string
	var acknowledged []string
	total, unanswered := 0, 0
	for cycle := range cycles {
		if cycle%crashesAFile() == 0 {
			path, acknowledged = filepath.Join(t.TempDir(), "clients.db"), nil
		}
		before := len(acknowledged)
		acknowledged = append(acknowledged, crash(t, kind, path, fmt.Sprint("c", cycle), cycle%5 == 0)...)
		total += len(acknowledged) - before
		var records int
		if faults, records = faultsAfter(t, path, acknowledged); len(faults) > 0 {
			t.Logf("%s: cycle %d of %d: %s", kind, cycle+1, cycles, faults[0])
			return faults
		}
		if (cycle+1)%crashesAFile() == 0 || cycle+1 == cycles {
			unanswered += records - len(acknowledged)
		}
	}
	t.Logf("%s: %d cycles, %d registrations acknowledged and found, %d found whole whose answer was lost", kind, cycles, total, unanswered)
	return nil
}

// TestAKilledWriterLosesNothing kills a writer with SIGKILL at random moments: no
// acknowledged registration may be lost, none doubled, none half-written, and no
// jti burnt without a record.
func TestAKilledWriterLosesNothing(t *testing.T) {
	t.Parallel()
	cycles := fulltest.Rounds(20)
	if fulltest.Asked() && !fulltest.RaceDetector {
		cycles = 1000 // a minute
	}
	if text := os.Getenv("OBDCR_CRASH_CYCLES"); text != "" {
		var err error
		cycles, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	assert.Empty(t, crashed(t, "the store", cycles))
}

// TestAnUnsafeWriterIsFound: the same checks fail for writers that do it wrong, within
// a few cycles.
func TestAnUnsafeWriterIsFound(t *testing.T) {
	for kind := range crashWriters {
		if kind != "the store" {
			assert.NotEmpty(t, crashed(t, kind, 200), "%s", kind)
		}
	}
}
