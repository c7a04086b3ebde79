package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// TestOperatorScripts runs the commands of a bank's operators. Each script has a store with
// six clients, clients.db, and the configuration of a bank, bank.yaml, with the same store.
func TestOperatorScripts(t *testing.T) {
	directory, software := newSoftware(t)
	statement, err := software.SSA(nil)
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/operators",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			writeBank(t, e.WorkDir, directory, statement)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			// edit FILE OLD NEW: the file with the first OLD replaced.
			"edit": func(ts *testscript.TestScript, _ bool, args []string) {
				content := ts.ReadFile(args[0])
				if !strings.Contains(content, args[1]) {
					ts.Fatalf("%s has no %q", args[0], args[1])
				}
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(content, args[1], args[2], 1)), 0o600))
			},
			// cutoff FILE BYTES: the file without its last bytes.
			"cutoff": func(ts *testscript.TestScript, _ bool, args []string) {
				content := ts.ReadFile(args[0])
				var n int
				_, err := fmt.Sscan(args[1], &n)
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(content[:len(content)-n]), 0o600))
			},
			// narrow: no line of the last output is wider than 80 characters.
			"narrow": func(ts *testscript.TestScript, _ bool, _ []string) {
				for line := range strings.Lines(ts.ReadFile("stdout")) {
					if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > columns {
						ts.Fatalf("%d characters: %s", n, line)
					}
				}
			},
		},
	})
}

// writeBank writes a bank's configuration, its files and its store.
func writeBank(t *testing.T, dir string, directory *ssatest.Directory, statement string) {
	t.Helper()
	own, err := directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	certificate, key, err := ssatest.PEM(own)
	require.NoError(t, err)
	for name, content := range map[string][]byte{
		"bank.pem": certificate, "bank.key": key, "ca.pem": directory.CAPEM(), "directory.jwks": directory.JWKS(),
		"sealing.key": []byte(strings.Repeat("5a", 32)), "bank.yaml": []byte(bankYAML),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	require.NoError(t, fillRegister(filepath.Join(dir, "clients.db"), statement))
}

const bankYAML = `issuer: https://bank.example
audiences: [bank]
anchors:
  - {name: test, issuer: "OpenBanking Ltd", environment: sandbox, jwks_file: directory.jwks, jwks_hosts: [keystore.example]}
tls: {certificate_file: bank.pem, key_file: bank.key}
clients: {authorities: {sandbox: [ca.pem]}}
store: {path: clients.db}
sealing_key_file: sealing.key
tokens: {own_endpoint: true}
`

// fillRegister makes the store of the scripts.
func fillRegister(path, statement string) (err error) {
	ctx := context.Background()
	s, err := stores.Open(ctx, claims.NewSecret(path), stores.Options{Clock: func() time.Time { return scriptTime }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	secret := "a secret of the bank's"
	for i, c := range []store.Client{
		{ID: "first-client", OrgID: "org-1", SoftwareID: "app-1", Environment: claims.Sandbox, Application: claims.Application{Name: "Budget"}},
		{ID: "second-client", OrgID: "org-1", SoftwareID: "app-2", Environment: claims.Production, Application: claims.Application{Name: "=HYPERLINK(\"x\")"}},
		{ID: "third-client", OrgID: "org-2", SoftwareID: "app-3", Environment: claims.Sandbox,
			Application: claims.Application{Name: "evil\u202etxt\x1b[31m\nline", Attributes: []claims.Attribute{{Name: "software_roles_sandbox", Values: []string{"AISP", "PISP"}, List: true}}}},
		{ID: "waiting-client", OrgID: "org-2", SoftwareID: "app-4", Environment: claims.Sandbox, State: store.PendingCreate, Application: claims.Application{Name: "+1"}},
		{ID: "record-of-chosen", ClientID: "chosen-by-server", OrgID: "org-3", SoftwareID: "app-5", Environment: claims.Sandbox, Application: claims.Application{Name: "Chosen"}},
		{ID: "removed-client", OrgID: "org-3", SoftwareID: "app-6", Environment: claims.Sandbox, Application: claims.Application{Name: "Gone"}},
	} {
		c.IssuedAt, c.Since, c.Issuer = scriptTime.AddDate(0, 0, i), scriptTime.AddDate(0, 0, i), "OpenBanking Ltd"
		c.Metadata = json.RawMessage(`{"redirect_uris":["https://tpp.example/cb"],"scope":"openid accounts","client_secret":"` + secret + `"}`)
		c.SoftwareStatement, c.SubjectDN, c.SecretHash = statement, "CN="+c.SoftwareID+",O=OpenBanking,C=GB", []byte(secret)
		c.UpstreamMembers = json.RawMessage(`{"registration_access_token":"` + secret + `","tier":"gold"}`)
		change := store.Change{
			Reservation: store.Reservation{Namespace: "request", Issuer: "app", JTI: c.ID, Until: scriptTime.Add(time.Hour)},
			Audit: store.Audit{Actor: "tpp", ActorName: "ab12", Operation: "create", Decision: "done", SSAJTI: "jti-of-" + c.SoftwareID, RuleSet: "obie-3.3",
				Changes: []store.AuditChange{{Member: "client_id_issued_at", After: json.RawMessage("1767323045")},
					{Member: "response_types", After: json.RawMessage(`["code","code id_token"]`)},
					{Member: "scope", After: json.RawMessage(`"openid accounts"`)}, {Member: "state", After: json.RawMessage(`"active"`)}}},
		}
		if err := s.Create(ctx, c, change); err != nil {
			return err
		}
	}
	updated, err := s.Get(ctx, "first-client")
	if err != nil {
		return err
	}
	return errors.Join(
		s.Update(ctx, updated, store.Change{Audit: store.Audit{Actor: "tpp", ActorName: "cd34", Operation: "update", Decision: "done",
			Changes: []store.AuditChange{{Member: "policy_uri", After: json.RawMessage(`""`)},
				{Member: "scope", Before: json.RawMessage(`"openid accounts"`), After: json.RawMessage(`"openid"`)}, {Member: "tos_uri", Before: json.RawMessage(`"https://t"`)}}}}),
		s.Delete(ctx, "removed-client", 1, store.Change{Audit: store.Audit{Actor: "operator", ActorName: "J. Doe", Operation: "delete", Decision: "done",
			Reason: "=cmd\u202e lost its authorisation", Changes: []store.AuditChange{{Member: "scope", Before: json.RawMessage(`"openid accounts"`)},
				{Member: "software_id", Before: json.RawMessage(`"app-6"`)}, {Member: "state", Before: json.RawMessage(`"active"`)}}}}),
	)
}

// An export that cannot begin leaves no file, which would be in the way of the next one.
func TestAnExportWithoutTheSealingKeyLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	path, out := filepath.Join(dir, "clients.db"), filepath.Join(dir, "register.jsonl")
	s, err := stores.Open(t.Context(), claims.NewSecret(path), stores.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "one", SecretHash: []byte("hash"), SealedSecret: []byte("sealed")}, store.Change{}))
	require.NoError(t, s.Close())
	export := func(args ...string) (int, string) {
		var said strings.Builder
		a := &app{in: strings.NewReader(""), err: &said}
		return a.run(append([]string{"clients", "export", "--store", path, "--out", out}, args...), &strings.Builder{}), said.String()
	}
	code, said := export()
	require.Equal(t, exitViolated, code, said)
	require.Contains(t, said, "(--sealing-key FILE, or --leave-out-sealed)")
	require.NoFileExists(t, out)
	code, said = export("--leave-out-sealed")
	require.Equal(t, exitFine, code, said)
	require.Contains(t, said, "exported: 1 client, 0 reservations, 0 audit entries")
	require.Contains(t, said, "left out of 1 client\n")
	info, err := os.Stat(out)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// TestACommandTellsOfALogThatIsLost: the operator learns it, and the bank that opens the file
// after each command.
func TestACommandTellsOfALogThatIsLost(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "clients.db")
	open := func() (*sqlite.Store, string) {
		var log bytes.Buffer
		s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		return s, log.String()
	}
	s, _ := open()
	require.NoError(t, s.Close())
	require.NoError(t, os.WriteFile(path+"-open", nil, 0o600)) // as a bank leaves it that is killed, and whose log is deleted
	const lost = "its log is not there"
	for _, args := range [][]string{{"clients", "list"}, {"clients", "show", "x"}, {"clients", "export", "--out", filepath.Join(t.TempDir(), "x.jsonl")}} {
		_, _, said := call(append(args, "--store", path)...)
		require.Contains(t, said, lost, args)
	}
	s, said := open()
	require.Contains(t, said, lost)
	require.NoError(t, s.Close())
	_, _, said = call("clients", "list", "--store", path)
	require.NotContains(t, said, lost)
}
