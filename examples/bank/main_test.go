//go:build !darwin && !windows

// On those two systems no environment variable names the roots of TLS.

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// world is a directory with one software, and a folder with the files of a bank there.
type world struct {
	directory *ssatest.Directory
	software  *ssatest.EnrolledSoftware
	program   string // the bank, built as it stands, without symbols, which is quicker
	folder    string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{program: filepath.Join(t.TempDir(), "bank"), folder: t.TempDir()}
	out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", w.program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	w.directory, err = ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(w.directory.Close)
	w.software, err = w.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	own, err := w.directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	certificate, key, err := ssatest.PEM(own)
	require.NoError(t, err)
	for name, content := range map[string][]byte{"bank.pem": certificate, "bank.key": key, "directory.pem": w.directory.CAPEM()} {
		require.NoError(t, os.WriteFile(filepath.Join(w.folder, name), content, 0o600))
	}
	return w
}

// command is the bank with directory, CA files and address of its own.
func (w *world) command() *exec.Cmd {
	cmd := exec.Command(w.program)
	cmd.Dir = w.folder
	cmd.Env = append(os.Environ(), "SSL_CERT_FILE=directory.pem", "BANK_DIRECTORY="+w.directory.URL()+"/keys.jwks",
		"BANK_CLIENT_CA=directory.pem", "BANK_ADDRESS=127.0.0.1:0", "BANK_ORG_ID="+ssatest.DefaultAudience)
	return cmd
}

var listens = regexp.MustCompile(`address=(\S+)`)

// start runs the bank until it says where it listens, and returns the software's
// client of it.
func (w *world) start(t *testing.T) (*exec.Cmd, *tpp.Client) {
	t.Helper()
	cmd := w.command()
	log, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines, said := bufio.NewScanner(log), ""
	for lines.Scan() {
		said += lines.Text() + "\n"
		if at := listens.FindStringSubmatch(lines.Text()); at != nil {
			return cmd, w.client(t, "https://"+at[1])
		}
	}
	require.Fail(t, "the bank has ended", said)
	return nil, nil
}

func (w *world) client(t *testing.T, bank string) *tpp.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(w.directory.CA)
	transport := tpp.MutualTLS(w.software.TransportCertificate, roots)
	t.Cleanup(transport.CloseIdleConnections)
	client, err := tpp.NewClient(tpp.Config{HTTP: transport, Signer: w.software.SigningKey, KeyID: w.software.SigningKeyID,
		Metadata: &tpp.Metadata{Issuer: bank, RegistrationEndpoint: bank + "/register", TokenEndpoint: bank + "/token",
			TokenAudience: "https://bank.example/token"}})
	require.NoError(t, err)
	return client
}

func TestTheBank(t *testing.T) {
	w := newWorld(t)
	t.Run("knows its clients again when it was killed", w.survives)
	t.Run("says which files it lacks", w.lacks)
}

func (w *world) survives(t *testing.T) {
	ctx := context.Background()
	bank, client := w.start(t)
	statement, err := w.software.SSA(nil)
	require.NoError(t, err)
	request, err := client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience})
	require.NoError(t, err)
	registered, err := client.Register(ctx, request)
	require.NoError(t, err)
	read(t, client, registered)
	require.NoError(t, bank.Process.Kill())
	require.Error(t, bank.Wait(), "it was killed")

	bank, client = w.start(t)
	access := read(t, client, registered)
	_, err = client.Register(ctx, request)
	requireStatus(t, err, http.StatusBadRequest) // a replay, which the store remembers
	require.NoError(t, client.Delete(ctx, registered.ClientID, access))
	_, err = client.Get(ctx, registered.ClientID, access)
	requireStatus(t, err, http.StatusUnauthorized)
	require.NoError(t, bank.Process.Signal(syscall.SIGTERM))
	require.NoError(t, bank.Wait(), "exit code 0")
}

// read gets a token for a client, and the client with it.
func read(t *testing.T, client *tpp.Client, registered *tpp.ClientInformation) tpp.BearerToken {
	t.Helper()
	access, err := client.AccessToken(context.Background(), registered.Credentials())
	require.NoError(t, err)
	found, err := client.Get(context.Background(), registered.ClientID, access)
	require.NoError(t, err)
	require.Equal(t, registered.ClientID, found.ClientID)
	require.Equal(t, registered.Metadata.Scope, found.Metadata.Scope)
	return access
}

func requireStatus(t *testing.T, err error, status int) {
	t.Helper()
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, status, refused.Status)
}

func (w *world) lacks(t *testing.T) {
	cmd := w.command()
	cmd.Dir = t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(cmd.Dir, "clients.db"), 0o700)) // which is no file
	var log bytes.Buffer
	cmd.Stderr = &log
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Run(), &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, log.String(), "bank.pem")
	require.Contains(t, log.String(), "clients.db", "all at once")
}
