package realtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// PgBouncer is a pooler before a Postgres.
type PgBouncer struct {
	*Process

	postgres *Postgres
	port     int
}

// StartPgBouncer starts a PgBouncer for one test, which pools in a mode: "transaction",
// "session" or "statement". Where there is none ok is false: the test has said what it does
// not run and returns.
func StartPgBouncer(t testing.TB, p *Postgres, mode string) (b *PgBouncer, ok bool) {
	t.Helper()
	program, ok := Tool(t, "pgbouncer")
	if !ok {
		return nil, false
	}
	dir := scratch(t, "pgbouncer", p.account)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b = &PgBouncer{postgres: p, port: FreePort(t)}
	users, config := filepath.Join(dir, "users"), filepath.Join(dir, "pgbouncer.ini")
	for path, content := range map[string]string{
		users: fmt.Sprintf("%q %q\n", application, p.password),
		config: fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = %s
max_client_conn = 1000
default_pool_size = 20
server_login_retry = 1
`, p.port, b.port, users, mode),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.account.owns(path); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, config)
	cmd.Dir = dir
	p.account.runs(cmd)
	b.Process = Start(t, cmd)
	ctx, cancel := context.WithTimeout(t.Context(), postgresTimeout)
	defer cancel()
	b.listens(ctx, "127.0.0.1:"+strconv.Itoa(b.port))
	return b, true
}

// DSN returns the address of a database, through the pooler.
func (b *PgBouncer) DSN(database string) string {
	return dsn(b.postgres.password, "127.0.0.1:"+strconv.Itoa(b.port), database)
}

// listens waits until the server takes connections. The test fails if the server ends, or if
// the context does.
func (p *Process) listens(ctx context.Context, address string) {
	p.t.Helper()
	for ctx.Err() == nil && !p.Ended() {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.t.Fatalf("%s does not listen at %s:\n%s", p.name, address, p.tail())
}
