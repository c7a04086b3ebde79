package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/recheck"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// nightly is a bank with a configuration, and the clients that it registered.
type nightly struct {
	folder    string
	directory *ssatest.Directory
	softwares []*ssatest.EnrolledSoftware
}

// newNightly registers a client for each of several softwares.
func newNightly(t *testing.T, softwares int) *nightly {
	t.Helper()
	r := &nightly{folder: t.TempDir()}
	var err error
	r.directory, err = ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(r.directory.Close)
	r.write(t, "ca.pem", string(r.directory.CAPEM()))
	r.configure(t, "")
	r.open(t, func(s stores.Opened, bank *dcr.Registrar) {
		for range softwares {
			software, err := r.directory.NewSoftware(ssatest.SoftwareOptions{})
			require.NoError(t, err)
			r.softwares = append(r.softwares, software)
			request := software.Request(ssatest.DefaultAudience)
			token, err := software.Sign(&request)
			require.NoError(t, err)
			_, err = bank.Register(context.Background(), dcr.RegisterInput{Token: claims.NewSecret(token), Certificate: software.TransportCertificate.Leaf})
			require.NoError(t, err)
		}
	})
	return r
}

func (r *nightly) path(name string) string { return filepath.Join(r.folder, name) }

func (r *nightly) write(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(r.path(name), []byte(content), 0o600))
}

// configure writes the configuration of the bank, with its policy as JSON.
func (r *nightly) configure(t *testing.T, policy string) {
	t.Helper()
	host := strings.TrimPrefix(r.directory.URL(), "https://")
	text := fmt.Sprintf(`issuer: https://bank.example
audiences: [%q]
listen: 127.0.0.1:0
anchors:
  - {name: test, issuer: %q, environment: sandbox, jwks_url: %q, jwks_hosts: [%q]}
keys: {ca_files: [ca.pem]}
tls: {certificate_file: bank.pem, key_file: bank.key}
clients: {authorities: {sandbox: [ca.pem]}}
store: {path: clients.db}
tokens: {own_endpoint: true}
`, ssatest.DefaultAudience, r.directory.Anchor().Issuer, r.directory.URL()+"/keys.jwks", host)
	if policy != "" {
		text += "policy: " + policy + "\n"
	}
	own, err := r.directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	certificate, key, err := ssatest.PEM(own)
	require.NoError(t, err)
	r.write(t, "bank.pem", string(certificate))
	r.write(t, "bank.key", string(key))
	r.write(t, "bank.yaml", text)
}

// denies makes the bank deny the first softwares.
func (r *nightly) denies(t *testing.T, n int) {
	t.Helper()
	var ids []string
	for _, s := range r.softwares[:n] {
		ids = append(ids, s.SoftwareID)
	}
	list, err := json.Marshal(ids)
	require.NoError(t, err)
	r.configure(t, `{"denied_software": `+string(list)+`}`)
}

func (r *nightly) open(t *testing.T, use func(stores.Opened, *dcr.Registrar)) {
	t.Helper()
	config, err := service.Load(r.path("bank.yaml"))
	require.NoError(t, err)
	s, err := service.OpenStore(context.Background(), config, nil, nil)
	require.NoError(t, err)
	bank, done, err := config.Registrar(s, nil)
	require.NoError(t, err)
	use(s, bank)
	done()
	require.NoError(t, s.Close())
}

// clients is how many clients the register has.
func (r *nightly) clients(t *testing.T) (n int) {
	t.Helper()
	r.open(t, func(s stores.Opened, _ *dcr.Registrar) {
		all, err := s.List(context.Background(), "", 1000)
		require.NoError(t, err)
		n = len(all)
	})
	return n
}

// recheck runs the command, and returns its exit code and what it wrote.
func (r *nightly) recheck(typed string, args ...string) (code int, out, said string) {
	var stdout, stderr bytes.Buffer
	a := &app{in: strings.NewReader(typed), err: &stderr}
	code = a.run(append([]string{"clients", "recheck", "--config", r.path("bank.yaml"), "--rate", "1000"}, args...), &stdout)
	return code, stdout.String(), stderr.String()
}

func TestARecheckTellsWhoWouldNotBeAdmitted(t *testing.T) {
	r := newNightly(t, 4)
	code, out, said := r.recheck("")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, out, "4 rechecked: 4 admitted")
	code, _, said = r.recheck("", "--out", r.path("nowhere/recheck.html"))
	require.Equal(t, exitIO, code, said)
	require.Regexp(t, "--out .*: no such file or directory", said)
	require.NotContains(t, said, "rechecked", "a run of hours does not come first")

	r.denies(t, 1)
	code, out, said = r.recheck("", "--findings")
	require.Equal(t, exitViolated, code, said)
	require.Equal(t, 1, strings.Count(out, "not admitted  "), out)
	require.Contains(t, out, "ssa.denied.software")
	require.Contains(t, said, "4 rechecked: 3 admitted, 1 not admitted, 0 cannot tell; 0 with warnings")

	r.configure(t, "")
	gone := r.softwares[1]
	r.directory.Publish("/"+gone.OrgID+"/"+gone.SoftwareID+".jwks", []byte("no key set"))
	code, out, said = r.recheck("", "-o", "json", "--out", r.path("report.jsonl"))
	require.Equal(t, exitIO, code, said)
	require.Empty(t, out)
	report, err := os.ReadFile(r.path("report.jsonl"))
	require.NoError(t, err)
	require.Equal(t, 5, strings.Count(string(report), "\n"))
	require.Contains(t, string(report), `"admission":"cannot_tell"`)
	require.Contains(t, string(report), `"rule_set":"obie-3.3 rules:`)
	left, err := filepath.Glob(r.path(".recheck-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestARecheckRemovesNoMoreThanItMay(t *testing.T) {
	r := newNightly(t, 4)
	r.denies(t, 3)
	code, out, said := r.recheck("3\n", "--remove", "--reason", "denied", "--as", "eve", "--max-remove", "2")
	require.Equal(t, exitViolated, code)
	require.Contains(t, said, "nothing was removed: 3 clients are not admitted, and --max-remove is 2")
	require.Contains(t, out, "3 not admitted", "the report is there all the same")
	code, _, said = r.recheck("yes\n", "--remove", "--reason", "denied", "--as", "eve")
	require.Equal(t, exitViolated, code)
	require.Contains(t, said, "nothing was removed")
	require.Equal(t, 4, r.clients(t))
}

func TestARecheckRemovesWhatIsConfirmed(t *testing.T) {
	r := newNightly(t, 5)
	gone := r.softwares[4]
	r.directory.Publish("/"+gone.OrgID+"/"+gone.SoftwareID+".jwks", []byte("no key set")) // nobody can tell
	r.denies(t, 1)
	code, _, said := r.recheck("1\n", "--remove", "--reason", "denied", "--as", "eve")
	require.Equal(t, exitViolated, code, said)
	require.Contains(t, said, ": removed")
	r.open(t, func(s stores.Opened, _ *dcr.Registrar) {
		entries, err := s.ListAudit(context.Background(), "", 1000)
		require.NoError(t, err)
		text, err := json.Marshal(entries)
		require.NoError(t, err)
		require.Contains(t, string(text), `"eve"`)
		require.Contains(t, string(text), "denied")
	})
	require.Equal(t, 4, r.clients(t))

	r.denies(t, 3)
	code, _, said = r.recheck("", "--remove", "--reason", "denied", "--as", "eve", "--yes", "-o", "html", "--out", r.path("report.html"))
	require.Equal(t, exitViolated, code, said)
	require.Equal(t, 2, r.clients(t))
	code, _, said = r.recheck("", "--remove", "--reason", "denied", "--as", "eve", "--yes")
	require.Equal(t, exitIO, code, said)
	require.Contains(t, said, "there is nothing to remove")

	r.configure(t, `{"denied_software": ["`+r.softwares[3].SoftwareID+`"], "pending_changes": ["delete"]}`)
	_, _, said = r.recheck("", "--remove", "--reason", "denied", "--as", "eve", "--yes")
	require.Contains(t, said, "its removal waits for approval")
	require.Equal(t, 2, r.clients(t))
}

func TestARecheckThatIsInterruptedGoesOn(t *testing.T) {
	t.Parallel()
	r := newNightly(t, 12)
	journal := r.path("run.jsonl")
	var stderr bytes.Buffer
	cmd := exec.Command(program(t, "obdcr"), "clients", "recheck", "--config", r.path("bank.yaml"), "--rate", "8", "--parallel", "1", "--resume", journal)
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		text, _ := os.ReadFile(journal)
		return bytes.Count(text, []byte("\n")) > 2
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	require.Equal(t, exitIO, exit.ExitCode(), stderr.String())
	require.Contains(t, stderr.String(), "the run was interrupted after")
	require.Contains(t, stderr.String(), journal)

	config, err := os.ReadFile(r.path("bank.yaml"))
	require.NoError(t, err)
	r.write(t, "bank.yaml", strings.Replace(string(config), "keys: {", "keys: {limits: {max_keys: 7}, ", 1))
	code, _, said := r.recheck("", "--resume", journal)
	require.Equal(t, exitIO, code, said)
	require.Contains(t, said, "was begun with another configuration or policy")
	r.write(t, "bank.yaml", string(config))

	code, out, said := r.recheck("", "--resume", journal, "-o", "json")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, said, "going on behind them")
	seen := map[string]int{}
	for line := range strings.Lines(out) {
		var c recheck.Client
		require.NoError(t, json.Unmarshal([]byte(line), &c))
		seen[c.ID]++
	}
	delete(seen, "") // the summary
	require.Len(t, seen, 12)
	for id, n := range seen {
		require.Equal(t, 1, n, id)
	}
	require.NoFileExists(t, journal, "the run is complete")

	r.write(t, "run.jsonl", "a file of somebody else")
	code, _, said = r.recheck("", "--resume", journal)
	require.Equal(t, exitIO, code)
	require.Contains(t, said, "is no journal of a recheck")
}

func TestTheNightlyLineOfTheGuideRuns(t *testing.T) {
	guide, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(guide), "0 2 * * * obdcr ")
	require.True(t, found)
	line, _, _ := strings.Cut(rest, "\n")
	r := newNightly(t, 1)
	line = strings.NewReplacer("/etc/obdcr", r.folder, "/var/lib/obdcr", r.folder).Replace(line)
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitFine, (&app{in: strings.NewReader(""), err: &stderr}).run(strings.Fields(line), &stdout), stderr.String())
	require.FileExists(t, r.path("recheck.html"))
	require.NoFileExists(t, r.path("recheck.jsonl"))
}

func TestARecheckRefusesFlagsThatContradict(t *testing.T) {
	r := newNightly(t, 0)
	for _, args := range [][]string{{"-o", "xml"}, {"--rate", "0"}, {"--rate", "-1"}, {"--remove"}, {"--reason", "x"}, {"--yes"}, {"--expires-within", "0"},
		{"--remove", "--reason", "x"}, {"--remove", "--as", "x"}, {"--remove", "--as", "x", "--reason", "x", "--max-remove", "0"}, {"--timeout", "0s"}, {"--parallel", "1000"}, {"extra"}} {
		code, _, said := r.recheck("", args...)
		require.Equal(t, exitUsage, code, "%v: %s", args, said)
	}
	code, _, said := (&nightly{folder: r.path("none")}).recheck("")
	require.Equal(t, exitIO, code, said)
	require.NoError(t, os.Remove(r.path("clients.db")))
	code, _, said = r.recheck("")
	require.Equal(t, exitIO, code, said)
	require.NoFileExists(t, r.path("clients.db"), "it makes none")
}
