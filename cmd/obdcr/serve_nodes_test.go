package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/servicetest"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/realtest"
)

// behindNginx is the part of a configuration that a bank has behind the nginx of
// examples/behindproxy. docs/operations.md shows it.
const behindNginx = `proxy:
  header: X-SSL-Client-Cert
  form: escaped_pem
  peers: [127.0.0.1]
`

// nginx starts the nginx of examples/behindproxy before banks, and returns its address.
func nginx(t *testing.T, w *servicetest.World, program string, banks ...string) string {
	t.Helper()
	text, err := os.ReadFile("../../examples/behindproxy/nginx.conf")
	require.NoError(t, err)
	folder := t.TempDir()
	for from, to := range map[string]string{"bank.pem": "server.pem", "bank.key": "server.pem.key", "ca.pem": "clients-ca.pem"} {
		data, err := os.ReadFile(w.Path(from))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, to), data, 0o600))
	}
	run := filepath.Join(folder, "run")
	require.NoError(t, os.Mkdir(run, 0o711))
	address := "127.0.0.1:" + strconv.Itoa(realtest.FreePort(t))
	// What the head of the file says, and a line server for each bank.
	config := strings.NewReplacer("@LISTEN@", address, "@TLS@", folder, "@RUN@", run, "@BANK@", strings.Join(banks, ";\n        server ")).
		Replace(regexp.MustCompile(`(?m)^#.*$`).ReplaceAllString(string(text), ""))
	path := filepath.Join(folder, "nginx.conf")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	process := realtest.Start(t, exec.CommandContext(context.WithoutCancel(t.Context()), program, "-c", path, "-g", "daemon off;"))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	transport := tpp.MutualTLS(w.Software.TransportCertificate, w.Roots())
	t.Cleanup(transport.CloseIdleConnections)
	process.Await(ctx, transport, "https://"+address+"/.well-known/openid-configuration", http.StatusOK)
	return address
}

// TestServeBehindTwoNodesOfNginx: two processes of obdcr serve share a PostgreSQL, and two
// nginx spread requests over both. Whichever way a request takes, it meets the same clients
// and tokens.
func TestServeBehindTwoNodesOfNginx(t *testing.T) {
	t.Parallel()
	program, there := realtest.Tool(t, "nginx")
	if !there {
		return
	}
	database, ok := realtest.SharedPostgres(t)
	if !ok {
		return
	}
	w := servicetest.New(t)
	own := regexp.MustCompile(`(?m)^tls: .*\n`).ReplaceAllString(w.Config(), "")
	w.Write(t, "dsn.txt", database.DSN(database.Database(t)))
	w.Write(t, "bank.yaml", own+behindNginx+"store: {dsn_file: dsn.txt}\ntokens: {own_endpoint: true}\nadmin: {listen: '127.0.0.1:0'}\n"+jsonLog)
	banks := []*serving{serveProcess(t, w.Folder), serveProcess(t, w.Folder)}
	var nodes []*tpp.Client
	for range 2 {
		nodes = append(nodes, w.Client(t, w.Software, nginx(t, w, program, banks[0].address, banks[1].address)))
	}
	registered, err := w.Register(t, nodes[0])
	require.NoError(t, err)
	access, err := nodes[1].AccessToken(t.Context(), registered.Credentials())
	require.NoError(t, err)
	for i := range 8 { // nginx takes its banks in turn
		read, err := nodes[i%2].Get(t.Context(), registered.ClientID, access)
		require.NoError(t, err)
		require.Equal(t, registered.ClientID, read.ClientID)
	}
	_, err = nodes[1].Update(t.Context(), registered.ClientID, w.Request(t, w.Software, nodes[1]), access)
	require.NoError(t, err)

	_, err = w.Register(t, w.Client(t, w.Software, banks[0].address)) // around nginx
	require.Error(t, err, "the bank speaks plain HTTP, to nginx alone")

	require.NoError(t, nodes[0].Delete(t.Context(), registered.ClientID, access))
	for i := range 8 {
		_, err := nodes[i%2].Get(t.Context(), registered.ClientID, access)
		var refused *tpp.ResponseError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, http.StatusUnauthorized, refused.Status)
	}
	for _, bank := range banks {
		bank.Stop()
		require.NotContains(t, bank.Output(), `"level":"ERROR"`)
	}
}

// failsToServe runs obdcr serve in a folder where it cannot begin, and returns what it says.
func failsToServe(t *testing.T, folder string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t, "obdcr"), "serve", "--config", "bank.yaml")
	cmd.Dir = folder
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "%s", said)
	require.Equal(t, exitIO, exit.ExitCode(), "%s", said)
	return string(said)
}

// serveOverPostgres starts a bank over a database, and returns what asks it for readiness.
func serveOverPostgres(t *testing.T, w *servicetest.World, dsn string) (bank *serving, ready func() int) {
	t.Helper()
	w.Write(t, "dsn.txt", dsn+"\n")
	w.Write(t, "bank.yaml", w.Config()+"store: {dsn_file: dsn.txt}\ntokens: {own_endpoint: true}\n"+jsonLog)
	bank = serveProcess(t, w.Folder)
	transport := tpp.MutualTLS(w.Software.TransportCertificate, w.Roots())
	t.Cleanup(transport.CloseIdleConnections)
	return bank, func() int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+bank.address+"/readyz", http.NoBody)
		require.NoError(t, err)
		answer, err := transport.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
}

// unavailable demands that a bank registers nobody at the moment, and says so.
func unavailable(t *testing.T, w *servicetest.World, bank *serving, ready func() int) {
	t.Helper()
	_, err := w.Register(t, w.Client(t, w.Software, bank.address))
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusServiceUnavailable, refused.Status)
	require.Eventually(t, func() bool { return ready() == http.StatusServiceUnavailable }, time.Minute, 50*time.Millisecond)
}

// TestServeWithoutItsDatabase: a bank whose database is away does not begin; one that has
// begun answers 503 until the database is back.
func TestServeWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	if !realtest.Long(t) {
		return
	}
	database, ok := realtest.StartPostgres(t, realtest.FastPostgres)
	if !ok {
		return
	}
	w := servicetest.New(t)
	dsn := database.DSN(database.Database(t))
	bank, ready := serveOverPostgres(t, w, dsn)
	require.Equal(t, http.StatusOK, ready())
	database.Stop(t, realtest.Immediate)
	unavailable(t, w, bank, ready)
	said := failsToServe(t, w.Folder)
	require.Contains(t, said, "cannot be opened")
	require.NotContains(t, said, dsn)

	database.Start(t)
	require.Eventually(t, func() bool { return ready() == http.StatusOK }, time.Minute, 50*time.Millisecond)
	_, err := w.Register(t, w.Client(t, w.Software, bank.address))
	require.NoError(t, err, "with a new request")
	require.False(t, bank.Ended())
}

// TestServeWithADatabaseThatIsReadOnly: it is not ready, and changes nothing, until the
// database takes changes again.
func TestServeWithADatabaseThatIsReadOnly(t *testing.T) {
	t.Parallel()
	database, ok := realtest.SharedPostgres(t)
	if !ok {
		return
	}
	w := servicetest.New(t)
	name := database.Database(t)
	bank, ready := serveOverPostgres(t, w, database.DSN(name))
	readOnly := func(to string) {
		database.SQL(t, "postgres", "ALTER DATABASE "+name+" SET default_transaction_read_only = "+to)
		database.SQL(t, "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+name+"'")
	}
	readOnly("on")
	unavailable(t, w, bank, ready)
	readOnly("off")
	require.Eventually(t, func() bool { return ready() == http.StatusOK }, time.Minute, 50*time.Millisecond)
	_, err := w.Register(t, w.Client(t, w.Software, bank.address))
	require.NoError(t, err, "with a new request")
}

// TestServeWithADatabaseOfALaterVersion: it does not begin, and changes nothing.
func TestServeWithADatabaseOfALaterVersion(t *testing.T) {
	t.Parallel()
	database, ok := realtest.SharedPostgres(t)
	if !ok {
		return
	}
	w := servicetest.New(t)
	name := database.Database(t)
	bank, _ := serveOverPostgres(t, w, database.DSN(name))
	bank.Stop()
	database.SQL(t, name, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true); UPDATE schema_compat SET oldest = 9999")
	require.Contains(t, failsToServe(t, w.Folder), "newer than this program")
}

// TestServeWithTablesThatAreMadeByHand: a server that may make none serves over tables that a
// person made, and not without them.
func TestServeWithTablesThatAreMadeByHand(t *testing.T) {
	t.Parallel()
	database, ok := realtest.SharedPostgres(t)
	if !ok {
		return
	}
	w := servicetest.New(t)
	name := database.Database(t)
	w.Write(t, "dsn.txt", database.DSN(name)+"\n")
	w.Write(t, "bank.yaml", w.Config()+"store: {dsn_file: dsn.txt, made_by_hand: true}\ntokens: {own_endpoint: true}\n"+jsonLog)
	require.Contains(t, failsToServe(t, w.Folder), "obdcr migrate up")
	_, err := database.TrySQL(name, "SELECT 1 FROM clients")
	require.Error(t, err, "no table was made")
	code, _, said := call("migrate", "up", "--config", filepath.Join(w.Folder, "bank.yaml"))
	require.Equal(t, exitFine, code, said)
	bank := serveProcess(t, w.Folder)
	_, err = w.Register(t, w.Client(t, w.Software, bank.address))
	require.NoError(t, err)
}
