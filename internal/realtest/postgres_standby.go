package realtest

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// Standby copies the server and starts the copy as its synchronous standby, on a port of its
// own: from then on a commit is on both before it is answered. It returns once that is so.
func (p *Postgres) Standby(t testing.TB) *Postgres {
	t.Helper()
	s, ok := newPostgres(t, p.settings)
	if !ok {
		t.Fatal("PostgreSQL has gone")
	}
	t.Cleanup(func() {
		if t.Failed() && s.server != nil {
			t.Logf("the standby said at the end:\n%s", s.server.tail())
		}
		s.remove()
	})
	s.password = p.password
	s.Follow(t, p)
	return s
}

// Follow makes the server the synchronous standby of another one: it ends, its data is replaced
// by a copy of the primary's, and it starts at its own port.
func (p *Postgres) Follow(t testing.TB, primary *Postgres) {
	t.Helper()
	if p.server != nil {
		p.Stop(t, Immediate)
	}
	if err := os.RemoveAll(p.data); err != nil {
		t.Fatal(err)
	}
	name := "standby" + strconv.Itoa(p.port)
	p.tool(t, "pg_basebackup", "--pgdata="+p.data, "--wal-method=stream", "--checkpoint=fast", "--no-sync", "--write-recovery-conf",
		fmt.Sprintf("--dbname=host=127.0.0.1 port=%d user=%s application_name=%s", primary.port, superuser, name))
	p.Start(t)
	primary.setting(t, "synchronous_standby_names = '"+name+"'")
	deadline := time.Now().Add(postgresTimeout)
	for primary.SQL(t, superuser, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") != "1" {
		if time.Now().After(deadline) {
			t.Fatalf("the standby does not follow:\n%s", p.server.tail())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// setting changes a setting of the running server, which outlives a restart.
func (p *Postgres) setting(t testing.TB, setting string) {
	t.Helper()
	p.SQL(t, superuser, "ALTER SYSTEM SET "+setting)
	p.SQL(t, superuser, "SELECT pg_reload_conf()")
}

// Promote makes a standby the primary, which waits for no standby of its own. It returns once
// the server takes writes.
func (p *Postgres) Promote(t testing.TB) {
	t.Helper()
	if out := p.SQL(t, superuser, "SELECT pg_promote(true, 60)"); out != "t" {
		t.Fatalf("the standby is not promoted:\n%s", p.server.tail())
	}
	p.setting(t, "synchronous_standby_names = ''")
}
