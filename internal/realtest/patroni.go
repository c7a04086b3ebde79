package realtest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/obdcr/obdcr/internal/fetch"
)

// Patroni is a PostgreSQL of two members, which Patroni makes primary and synchronous standby
// by an etcd. Everything listens at loopback alone and is gone with the test, also where the
// test is killed.
type Patroni struct {
	Members [2]*PatroniMember

	dir     string
	etcd    int // its port
	program string
	account *account
}

// PatroniMember is one PostgreSQL with the Patroni that looks after it. Its methods for a
// server of one's own, such as Kill and Restart, are Patroni's business.
type PatroniMember struct {
	*Postgres

	cluster *Patroni
	name    string
	api     int // its port
	patroni *Process
}

// patroniTimeout bounds how long the cluster may take to be whole.
const patroniTimeout = 3 * time.Minute

// StartPatroni starts the cluster and waits until both members are there. Where a program is
// missing ok is false: the test has said what it does not run and returns.
func StartPatroni(t testing.TB) (c *Patroni, ok bool) {
	t.Helper()
	etcd, ok := Tool(t, "etcd")
	if !ok {
		return nil, false
	}
	program, ok := Tool(t, "patroni")
	if !ok {
		return nil, false
	}
	bin, ok := postgresPrograms()
	if !ok {
		Missing(t, "there is no PostgreSQL")
		return nil, false
	}
	as, err := otherThanRoot()
	if err != nil {
		Missing(t, "Patroni needs a user that is not root: "+err.Error())
		return nil, false
	}
	c = &Patroni{dir: scratch(t, "patroni", as), etcd: FreePort(t), program: program, account: as}
	// A Patroni that lived would start its PostgreSQL again.
	watcher, alive := guard(t, `for f in "$2"/*.pid; do kill -9 "$(cat "$f")"; done
for d in "$2"/data-*; do "$1/pg_ctl" stop -s -m immediate -D "$d"; done
rm -rf "$2"`, as, bin, c.dir)
	t.Cleanup(func() {
		_ = alive.Close()
		_ = watcher.Wait() // what has ended cannot be killed
		_ = os.RemoveAll(c.dir)
	})
	client, peer := loopback(c.etcd), loopback(FreePort(t))
	c.start(t, "etcd", etcd, "--data-dir", filepath.Join(c.dir, "etcd"), "--listen-client-urls", "http://"+client, "--advertise-client-urls", "http://"+client,
		"--listen-peer-urls", "http://"+peer, "--initial-advertise-peer-urls", "http://"+peer, "--initial-cluster", "default=http://"+peer).
		listens(t.Context(), client)
	password := rand.Text()
	for n := range c.Members {
		name := fmt.Sprintf("member%d", n+1)
		m := &PatroniMember{cluster: c, name: name, api: FreePort(t), Postgres: &Postgres{t: t, bin: bin, dir: c.dir,
			data: filepath.Join(c.dir, "data-"+name), account: as, port: FreePort(t), password: password}}
		c.Members[n] = m
		m.configure(t)
		m.Begin(t)
	}
	c.Whole(t)
	c.Primary(t).SQL(t, superuser, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", application, password))
	return c, true
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// start starts a program whose process the guard finds.
func (c *Patroni) start(t testing.TB, name, program string, args ...string) *Process {
	t.Helper()
	pid := filepath.Join(c.dir, name+".pid")
	cmd := exec.Command("/bin/sh", append([]string{"-c", `echo $$ >"$1"; shift; exec "$@"`, "sh", pid, program}, args...)...)
	cmd.Dir, cmd.Env = c.dir, postgresEnvironment("")
	c.account.runs(cmd)
	return Start(t, cmd)
}

// configure writes the member's configuration, with the settings of Patroni's documentation
// for the shortest failover: ttl has its least value, and a PostgreSQL that ended is not waited for.
func (m *PatroniMember) configure(t testing.TB) {
	t.Helper()
	listen := loopback(m.port)
	user := func(name string) map[string]string {
		return map[string]string{"username": name, "password": m.password}
	}
	config, err := json.Marshal(map[string]any{ // JSON is YAML
		"scope": "obdcr", "name": m.name,
		"restapi": map[string]any{"listen": loopback(m.api), "connect_address": loopback(m.api)},
		"etcd3":   map[string]any{"host": loopback(m.cluster.etcd)},
		"bootstrap": map[string]any{
			"dcs": map[string]any{"ttl": 20, "loop_wait": 1, "retry_timeout": 3, "master_start_timeout": 0, "synchronous_mode": true,
				"postgresql": map[string]any{"use_pg_rewind": true, "parameters": map[string]any{"max_connections": 200}}},
			"initdb": []any{map[string]any{"encoding": "UTF8"}, map[string]any{"locale": "C.UTF-8"}, map[string]any{"auth": "scram-sha-256"}},
		},
		"postgresql": map[string]any{
			"listen": listen, "connect_address": listen, "data_dir": m.data, "bin_dir": m.bin,
			"pgpass":         filepath.Join(m.dir, "pgpass-"+m.name),
			"pg_hba":         []string{"host all all 127.0.0.1/32 scram-sha-256", "host replication all 127.0.0.1/32 scram-sha-256"},
			"authentication": map[string]any{"superuser": user(superuser), "replication": user("replicator"), "rewind": user("rewinder")},
			"parameters": map[string]any{"unix_socket_directories": "", "shared_buffers": "64MB", "wal_retrieve_retry_interval": "100ms",
				"dynamic_shared_memory_type": "mmap"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.file(), config, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.account.owns(m.file()); err != nil {
		t.Fatal(err)
	}
}

func (m *PatroniMember) file() string { return filepath.Join(m.dir, m.name+".yaml") }

// Begin starts the member's Patroni, which starts its PostgreSQL.
func (m *PatroniMember) Begin(t testing.TB) {
	t.Helper()
	m.patroni = m.cluster.start(t, m.name, m.cluster.program, m.file())
}

// KillServer kills the first process of the member's PostgreSQL. Its Patroni lives and sees it.
func (m *PatroniMember) KillServer(t testing.TB) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(m.data, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
}

// KillAll kills the member's PostgreSQL and its Patroni, as a machine that fails would: the
// others learn of it when the lease of the primary ends.
func (m *PatroniMember) KillAll(t testing.TB) { t.Helper(); m.patroni.Kill(); m.KillServer(t) }

// role asks the member's Patroni for its state; "" where it does not answer.
func (m *PatroniMember) role(ctx context.Context) (role string, synchronous bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+loopback(m.api)+"/patroni", http.NoBody)
	if err != nil {
		return "", false
	}
	transport := fetch.Transport(nil)
	transport.Proxy, transport.DisableKeepAlives = nil, true
	answer, err := (&http.Client{Timeout: 2 * time.Second, Transport: transport}).Do(request)
	if err != nil {
		return "", false
	}
	defer answer.Body.Close()
	var said struct {
		State, Role string
		Standby     bool `json:"sync_standby"`
	}
	if json.NewDecoder(answer.Body).Decode(&said) != nil || said.State != "running" {
		return "", false
	}
	return said.Role, said.Standby
}

// Primary returns the member that is the primary. It waits until there is one.
func (c *Patroni) Primary(t testing.TB) *PatroniMember {
	t.Helper()
	for deadline := time.Now().Add(patroniTimeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		for _, m := range c.Members {
			if role, _ := m.role(t.Context()); role == "master" || role == "primary" {
				return m
			}
		}
	}
	t.Fatal("Patroni has no primary")
	return nil
}

// Whole waits until one member is the primary and the other its synchronous standby.
func (c *Patroni) Whole(t testing.TB) {
	t.Helper()
	var said []string
	for deadline := time.Now().Add(patroniTimeout); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		said = nil
		for _, m := range c.Members {
			role, synchronous := m.role(t.Context())
			if synchronous {
				role = "synchronous"
			}
			said = append(said, strings.Replace(role, "master", "primary", 1))
		}
		if slices.Contains(said, "primary") && slices.Contains(said, "synchronous") {
			return
		}
	}
	t.Fatalf("Patroni's members are %q", said)
}

// Database makes an empty database, as that of Postgres does, which each member knows: a standby
// that has yet to hear of it would answer who asks it that there is no such database.
func (c *Patroni) Database(t testing.TB) string {
	t.Helper()
	name := c.Primary(t).Database(t)
	for _, m := range c.Members {
		for deadline := time.Now().Add(patroniTimeout); ; time.Sleep(50 * time.Millisecond) {
			_, err := m.TrySQL(name, "SELECT 1")
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s does not know the database: %v", m.name, err)
			}
		}
	}
	return name
}

// DSN returns the address of a database at whichever member is the primary.
func (c *Patroni) DSN(database string) string {
	return dsn(c.Members[0].password, c.Members[0].Address()+","+c.Members[1].Address(), database) + "&target_session_attrs=read-write"
}
