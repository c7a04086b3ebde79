package realtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Start starts a server that has been stopped or killed, and waits until it answers.
func (p *Postgres) Start(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(postgresTimeout)
	for {
		p.launch(t)
		for !p.server.Ended() {
			if _, err := p.TrySQL(superuser, "SELECT 1"); err == nil {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("PostgreSQL does not answer:\n%s", p.server.tail())
			}
			time.Sleep(20 * time.Millisecond)
		}
		// Children of a server that was killed end a moment after it, and it waits for none.
		if !strings.Contains(p.server.tail(), "shared memory block") || time.Now().After(deadline) {
			t.Fatalf("PostgreSQL has ended:\n%s", p.server.tail())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (p *Postgres) launch(t testing.TB) {
	t.Helper()
	args := []string{"-D", p.data}
	// Memory that its processes share lies in its own folder: a server that is killed leaves none in /dev/shm.
	// A standby may sleep for the whole wal_retrieve_retry_interval, 5 s unless set, before it obeys a promotion.
	for _, setting := range append([]string{"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(p.port), "unix_socket_directories=",
		"max_connections=200", "shared_buffers=64MB", "log_checkpoints=off", "wal_retrieve_retry_interval=100ms",
		"dynamic_shared_memory_type=mmap"}, p.settings...) {
		args = append(args, "-c", setting)
	}
	out, err := os.OpenFile(filepath.Join(p.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(p.bin, "postgres"), args...)
	cmd.Dir, cmd.Env = p.dir, postgresEnvironment("")
	p.account.runs(cmd)
	p.server = launch(t, cmd, out)
}

// StopMode is how a PostgreSQL is stopped.
type StopMode string

// The modes of pg_ctl that a test needs. Neither waits for clients.
const (
	Fast      StopMode = "fast"      // connections are cut, and the data is written
	Immediate StopMode = "immediate" // as if the machine had failed: the next start recovers
)

// Stop stops the server, which keeps its data. One that has ended stays so.
func (p *Postgres) Stop(t testing.TB, mode StopMode) {
	t.Helper()
	if mode == Immediate {
		quit(p.server.cmd)
	} else {
		interrupt(p.server.cmd)
	}
	select {
	case <-p.server.done:
	case <-time.After(postgresTimeout):
		t.Fatalf("PostgreSQL does not stop:\n%s", p.server.tail())
	}
}

// Restart stops the server, starts it, and waits until it answers.
func (p *Postgres) Restart(t testing.TB, mode StopMode) { t.Helper(); p.Stop(t, mode); p.Start(t) }

// Kill ends the server's first process at once, by SIGKILL. Its children see that and end too.
func (p *Postgres) Kill() { p.server.Kill() }

// SQL runs statements as the superuser and returns what they print: a line for each row, with
// "|" between columns. The test fails if a statement does.
func (p *Postgres) SQL(t testing.TB, database, statements string) string {
	t.Helper()
	out, err := p.TrySQL(database, statements)
	if err != nil {
		t.Fatalf("psql: %v", err)
	}
	return out
}

// TrySQL is SQL for a server that may be down: it returns the failure. Each string is a
// transaction of its own.
func (p *Postgres) TrySQL(database string, statements ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), postgresTimeout)
	defer cancel()
	args := []string{"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-U", superuser, "-d", database}
	for _, statement := range statements {
		args = append(args, "-c", statement)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "psql"), args...)
	cmd.Dir, cmd.Env = "/", postgresEnvironment(p.password)
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, text)
	}
	return text, nil
}

// Database makes an empty database that the application's role owns, and returns its name. It
// is gone at the end of the test, with the connections to it. DSN has its address.
func (p *Postgres) Database(t testing.TB) string {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	p.SQL(t, superuser, "CREATE DATABASE "+name+" OWNER "+application)
	t.Cleanup(func() {
		// The server may be stopped, or a standby: what then stays is gone with it. Its own standby may be gone.
		_, _ = p.TrySQL(superuser, "SET synchronous_commit = local", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	})
	return name
}

// TerminateBackends cuts all connections of clients but its own, by pg_terminate_backend, and
// returns how many there were.
func (p *Postgres) TerminateBackends(t testing.TB) int {
	t.Helper()
	out := p.SQL(t, superuser, `SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`)
	count, err := strconv.Atoi(out)
	if err != nil {
		t.Fatal(err)
	}
	return count
}
