package realtest

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The roles of a test's PostgreSQL. An application is no superuser: what it may not do at a
// bank it may not do in a test.
const (
	superuser   = "postgres"
	application = "obdcr"
)

// FastPostgres is the setting for tests that need no durable disk. A database that is killed
// keeps its data all the same, as long as the machine runs.
const FastPostgres = "fsync=off"

// postgresTimeout bounds each step of a PostgreSQL: a start, a copy, a statement.
const postgresTimeout = 2 * time.Minute

// Postgres is a PostgreSQL server of a test, with a cluster of its own in a scratch folder.
// It listens at loopback alone, asks for a password, and sorts text as English does: code that
// needs the order of bytes says so in its statements.
//
// The cluster is gone with the test, also where the test is killed: a guard, which is a shell
// that waits for the end of the test's process, stops the server and removes the folder.
type Postgres struct {
	t        testing.TB
	bin      string // folder of the programs
	dir      string // scratch folder, of the account that the server runs as
	data     string
	account  *account
	port     int
	password string
	settings []string
	server   *Process
	guard    *exec.Cmd
	alive    *os.File // the guard acts when this is closed
}

// StartPostgres starts a PostgreSQL for one test. Settings are those of postgresql.conf, such
// as FastPostgres or "max_connections=300". Where there is no PostgreSQL ok is false: the test
// has said what it does not run and returns.
//
// initdb takes a second or two: SharedPostgres is for tests that can share a server.
func StartPostgres(t testing.TB, settings ...string) (p *Postgres, ok bool) {
	t.Helper()
	p, ok = newPostgres(t, settings)
	if !ok {
		return nil, false
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("PostgreSQL said at the end:\n%s", p.server.tail())
		}
		p.remove()
	})
	p.initialise(t)
	return p, true
}

// shared is the server of SharedPostgres.
var shared struct {
	sync.Mutex
	server *Postgres
}

// SharedPostgres returns a PostgreSQL that the tests of a package share, with FastPostgres. The
// first of them starts it, and it ends with the process of the tests. Nobody stops or restarts
// it. Each test takes a Database of its own.
func SharedPostgres(t testing.TB) (p *Postgres, ok bool) {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		return shared.server, true
	}
	p, ok = newPostgres(t, []string{FastPostgres, "max_connections=300"})
	if !ok {
		return nil, false
	}
	p.initialise(t)
	shared.server = p
	return p, true
}

// postgresPrograms returns the folder with the programs of PostgreSQL, from PATH or Debian's
// place, where the newest version comes first.
func postgresPrograms() (folder string, ok bool) {
	var folders []string
	if initdb, ok := find("initdb"); ok {
		if program, err := filepath.EvalSymlinks(initdb); err == nil {
			folders = append(folders, filepath.Dir(program))
		}
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is good
	slices.SortFunc(debian, func(a, b string) int { return debianVersion(b) - debianVersion(a) })
	for _, folder := range append(folders, debian...) {
		there := func(name string) bool {
			_, err := exec.LookPath(filepath.Join(folder, name))
			return err == nil
		}
		if there("initdb") && there("postgres") && there("pg_ctl") && there("pg_basebackup") && there("psql") {
			return folder, true
		}
	}
	return "", false
}

func debianVersion(folder string) int {
	version, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder))) // 0 for what is no number
	return version
}

// newPostgres makes the scratch folder of a server and its guard.
func newPostgres(t testing.TB, settings []string) (p *Postgres, ok bool) {
	t.Helper()
	bin, ok := postgresPrograms()
	if !ok {
		Missing(t, "there is no PostgreSQL: initdb, postgres, pg_ctl, pg_basebackup and psql")
		return nil, false
	}
	as, err := otherThanRoot()
	if err != nil {
		Missing(t, "PostgreSQL needs a user that is not root: "+err.Error())
		return nil, false
	}
	p = &Postgres{t: t, bin: bin, dir: scratch(t, "postgres", as), account: as, port: FreePort(t), password: rand.Text(), settings: settings}
	p.data = filepath.Join(p.dir, "data")
	p.guard, p.alive = guard(t, `"$1/pg_ctl" stop -s -m immediate -D "$2/data"; rm -rf "$2"`, as, bin, p.dir)
	return p, true
}

// scratch makes a folder that belongs to the account. The folders of t.TempDir are closed to
// other users.
func scratch(t testing.TB, name string, as *account) string {
	t.Helper()
	for _, parent := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if as != nil && !passable(parent) {
			continue
		}
		dir, err := os.MkdirTemp(parent, "obdcr-"+name+"-")
		if err != nil {
			t.Fatal(err)
		}
		if err := as.owns(dir); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	t.Fatalf("every user must be able to enter the folder of temporary files")
	return ""
}

// passable reports whether every user can reach what lies in a folder.
func passable(folder string) bool {
	for {
		info, err := os.Stat(folder)
		if err != nil || info.Mode()&1 == 0 {
			return false
		}
		up := filepath.Dir(folder)
		if up == folder {
			return true
		}
		folder = up
	}
}

// guard starts a shell that runs the script with its arguments once alive is closed, or the
// process of the test has ended, however it did.
func guard(t testing.TB, script string, as *account, args ...string) (cmd *exec.Cmd, alive *os.File) {
	t.Helper()
	wait, alive, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command("/bin/sh", append([]string{"-c", "read -r _; " + script, "guard"}, args...)...)
	cmd.Stdin, cmd.Dir = wait, "/"
	cmd.Env = postgresEnvironment("")
	as.runs(cmd)
	ownGroup(cmd) // who interrupts the test does not interrupt the guard
	if err := cmd.Start(); err != nil {
		t.Fatalf("the guard does not start: %v", err)
	}
	if err := wait.Close(); err != nil {
		t.Fatal(err)
	}
	return cmd, alive
}

// remove makes the guard act and waits for it.
func (p *Postgres) remove() {
	_ = p.alive.Close()
	_ = p.guard.Wait() // pg_ctl fails for a server that has ended
	if p.server != nil {
		<-p.server.done
	}
	_ = os.RemoveAll(p.dir) // the guard cannot remove it from a folder of root
}

// initialise makes the cluster, starts it and adds the application's role.
func (p *Postgres) initialise(t testing.TB) {
	t.Helper()
	file := filepath.Join(p.dir, "password")
	if err := os.WriteFile(file, []byte(p.password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.account.owns(file); err != nil {
		t.Fatal(err)
	}
	p.tool(t, "initdb", "--pgdata="+p.data, "--username="+superuser, "--pwfile="+file, "--auth=scram-sha-256", "--no-sync",
		"--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
	p.Start(t)
	verifier, err := scramVerifier(p.password)
	if err != nil {
		t.Fatal(err)
	}
	p.SQL(t, superuser, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'; ALTER ROLE %[3]s PASSWORD '%[2]s'", application, verifier, superuser))
}

// scramVerifier returns what PostgreSQL keeps of a password. Of the iterations there is one: nobody
// guesses a random password, and each connection of a test would make the usual 4096.
func scramVerifier(password string) (string, error) {
	salt := []byte(superuser + application)
	salted, err := pbkdf2.Key(sha256.New, password, salt, 1, sha256.Size)
	if err != nil {
		return "", err
	}
	keyed := func(text string) []byte {
		mac := hmac.New(sha256.New, salted)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	stored, text := sha256.Sum256(keyed("Client Key")), base64.StdEncoding.EncodeToString
	return "SCRAM-SHA-256$1:" + text(salt) + "$" + text(stored[:]) + ":" + text(keyed("Server Key")), nil
}

// tool runs a program of PostgreSQL as the server's account.
func (p *Postgres) tool(t testing.TB, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), postgresTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
	cmd.Dir, cmd.Env = p.dir, postgresEnvironment(p.password)
	p.account.runs(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// postgresEnvironment is the environment without what would change where a program of
// PostgreSQL connects to, or what it prints.
func postgresEnvironment(password string) []string {
	return append(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "PG") || strings.HasPrefix(variable, "LC_") || strings.HasPrefix(variable, "LANG")
	}), "LC_ALL=C", "PGPASSWORD="+password, "PGCONNECT_TIMEOUT=5")
}

// Address returns the host and port that the server listens at.
func (p *Postgres) Address() string { return "127.0.0.1:" + strconv.Itoa(p.port) }

// DSN returns the address of a database for the application's role, which owns the databases
// of Database and is no superuser.
func (p *Postgres) DSN(database string) string { return dsn(p.password, p.Address(), database) }

func dsn(password, address, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(application, password), Host: address, Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}
