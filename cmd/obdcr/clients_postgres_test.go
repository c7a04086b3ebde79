package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
)

// The commands of operators tell what is wrong with a database before they do anything, and
// work on it once its tables are there.
func TestOperatorsWorkOnPostgreSQL(t *testing.T) {
	server, ok := realtest.SharedPostgres(t)
	if !ok {
		return
	}
	name := server.Database(t)
	dsn := server.DSN(name)
	fails := func(says string, args ...string) {
		t.Helper()
		code, out, said := call(args...)
		assert.Equal(t, exitIO, code, said)
		assert.Empty(t, out)
		assert.Contains(t, said, says)
		assert.NotContains(t, said, strings.SplitN(strings.TrimPrefix(dsn, "postgres://"), "@", 2)[0], "the password is nobody's business")
	}
	fails("run obdcr migrate up", "clients", "list", "--store", dsn)
	code, out, _ := call("migrate", "status", "--store", dsn)
	require.Equal(t, exitViolated, code)
	require.Contains(t, out, "version 0, none")
	code, _, said := call("migrate", "up", "--store", dsn)
	require.Equal(t, exitFine, code, said)
	code, _, said = call("clients", "list", "--store", dsn)
	require.Equal(t, exitFine, code, said)
	path := filepath.Join(t.TempDir(), "register.jsonl")
	manyClients(t, path, 30)
	code, _, said = call("clients", "import", path, "--store", dsn)
	require.Equal(t, exitFine, code, said)
	code, out, said = call("clients", "list", "--store", dsn, "--limit", "5", "-o", "csv")
	require.Equal(t, exitFine, code, said)
	require.Equal(t, 6, strings.Count(out, "\r\n"))
	code, out, said = call("clients", "history", "client-00007", "--store", dsn)
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "create done by tpp")

	script, err := os.ReadFile(path)
	require.NoError(t, err)
	code, out, said = call("clients", "export", "--store", dsn)
	require.Equal(t, exitFine, code, said)
	_, records, _ := strings.Cut(string(script), "\n")
	_, again, _ := strings.Cut(out, "\n")
	require.Equal(t, strings.Count(records, "\n"), strings.Count(again, "\n"))

	server.SQL(t, name, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
	server.SQL(t, name, "UPDATE schema_compat SET oldest = 99999")
	fails("newer than this program", "clients", "list", "--store", dsn)
	fails("newer than this program", "migrate", "up", "--store", dsn)
	code, out, _ = call("migrate", "status", "--store", dsn)
	require.Equal(t, exitViolated, code)
	require.Contains(t, out, "newer than this program")
	server.SQL(t, name, "UPDATE schema_compat SET oldest = 1")
	code, out, _ = call("migrate", "status", "--store", dsn)
	require.Equal(t, exitFine, code)
	require.Contains(t, out, "which works on them")
	code, _, said = call("migrate", "up", "--store", dsn)
	require.Equal(t, exitFine, code)
	require.Contains(t, said, "it works on them")
	fails("the store postgres://127.0.0.1:1/obdcr", "migrate", "status", "--store", "postgres://obdcr@127.0.0.1:1/obdcr")
	code, out, said = call("migrate", "print", "--store", "postgres://")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "CREATE TABLE clients")
}

// A sandbox keeps its clients in PostgreSQL, and ready.json says so without the address.
func TestASandboxKeepsItsClientsInPostgreSQL(t *testing.T) {
	server, ok := realtest.SharedPostgres(t)
	if !ok {
		return
	}
	dsn, dir := server.DSN(server.Database(t)), t.TempDir()
	r := runSandbox(t, dir, "--store", dsn)
	require.Equal(t, "postgres", r.ready.Store)
	content, err := os.ReadFile(filepath.Join(dir, "ready.json"))
	require.NoError(t, err)
	require.NotContains(t, string(content), "@")
	code, out, said := call("register", "--config", filepath.Join(dir, "conformance.json"))
	require.Equal(t, exitFine, code, said)
	var registered struct {
		ID string `json:"client_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &registered))
	require.NoFileExists(t, filepath.Join(dir, "obdcr.db"))
	code, out, said = call("clients", "show", registered.ID, "--store", dsn)
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "Sandbox TPP")

	b := r.visitor(t)
	b.SignIn(r.ready.Portal, "ada@tpp.example", "sandbox", "123456")
	require.Contains(t, b.Body, "Sandbox TPP", "at the portal too")
}

// remove takes nothing but the client_id for a yes.
func TestAClientIsRemovedOnceItsIDIsTyped(t *testing.T) {
	directory, software := newSoftware(t)
	statement, err := software.SSA(nil)
	require.NoError(t, err)
	dir := t.TempDir()
	writeBank(t, dir, directory, statement)
	for _, c := range []struct {
		typed string
		code  int
	}{{"", exitUsage}, {"y\n", exitUsage}, {"second-client\n", exitUsage}, {"first-client\n", exitFine}} {
		var out, said bytes.Buffer
		a := &app{in: strings.NewReader(c.typed), err: &said}
		code := a.run([]string{"clients", "remove", "first-client", "--config", filepath.Join(dir, "bank.yaml"), "--as", "Jo", "--reason", "why"}, &out)
		require.Equal(t, c.code, code, "%q: %s", c.typed, said.String())
		require.Contains(t, said.String(), "Type first-client to remove this client: ")
	}
}
