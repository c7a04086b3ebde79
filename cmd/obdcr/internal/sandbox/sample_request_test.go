package sandbox_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// fromConfiguration sends the request that register makes from conformance.json alone.
func (w *world) fromConfiguration(change func(*tpp.RequestOptions)) error {
	w.t.Helper()
	config, err := obieconfig.Parse(w.file("conformance.json"))
	require.NoError(w.t, err)
	o := tpp.RequestOptions{Audience: config.Aud, Issuer: config.Issuer, RedirectURIs: config.RedirectURIs}
	if change != nil {
		change(&o)
	}
	request, err := w.bank().Build(config.SSA, o)
	if err == nil {
		_, err = w.bank().Register(context.Background(), request)
	}
	return err
}

func TestWhatIsHandedOutIsValidByThePolicy(t *testing.T) {
	t.Parallel()
	for policy, flags := range map[string][]string{
		`{"issuer_kinds": ["org_id"]}`:                                                nil,
		`{"max_redirect_uris": 1}`:                                                    nil,
		`{"allowed_values": {"response_types": ["code"]}}`:                            nil,
		`{"allowed_values": {"redirect_uris": ["https://tpp.example/app/callback"]}}`: nil,
		`{"member_algorithms": {"id_token": ["ES256"]}}`:                              nil,
		`{"response_types": ["code id_token"]}`:                                       nil,
		`{"served_roles": ["PISP"]}`:                                                  nil,
		`{"application_types": ["mobile"]}`:                                           {"--application-type", "mobile"},
		`{"max_lifetime_seconds": 300}`:                                               {"--lifetime", "5m0s"},
		`{"required_members": ["tls_client_auth_subject_dn", "nbf"]}`:                 {"--auth-method", "tls_client_auth"},
		`{"role_scopes": {"AISP": ["accounts"], "PISP": ["payments"], "CBPII": [], "ASPSP": ["fundsconfirmations"]}}`: {"--scope", "openid", "--scope", "accounts", "--scope", "payments"},
	} {
		var log bytes.Buffer
		w := start(t, sandbox.Config{Policy: []byte(policy), Logger: slog.New(slog.NewTextHandler(&log, nil))})
		answer := w.register(w.mutual(), string(w.file("tpp/request.jwt")))
		require.Equal(t, 201, answer.status, "%s %s", policy, answer.body)
		require.Equal(t, flags, w.RegisterFlags, policy)
		require.NotContains(t, log.String(), "refuses tpp/request.jwt", policy)
		if flags == nil {
			require.NoError(t, w.fromConfiguration(nil), policy)
			require.NotContains(t, log.String(), "level=WARN", policy)
		} else {
			require.Error(t, w.fromConfiguration(nil), policy)
			require.Contains(t, log.String(), "refuses what register makes of conformance.json alone", policy)
		}
		w.stop()
	}
}

func TestWhatTheConformanceToolMakesIsJudgedToo(t *testing.T) {
	var log bytes.Buffer
	w := start(t, sandbox.Config{Policy: []byte(`{"max_lifetime_seconds": 2400}`), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, w.fromConfiguration(nil), "30 minutes are short enough")
	require.Empty(t, w.RegisterFlags)
	require.Contains(t, log.String(), "refuses what the conformance tool makes of conformance.json alone")
	require.Contains(t, log.String(), "exp.lifetime")
}

func TestTheStartSaysWhichRuleRefusesWhatItHandsOut(t *testing.T) {
	for policy, rule := range map[string]string{
		`{"required_members": ["client_id"]}`:                             "request.required_by_policy",
		`{"allowed_values": {"software_id": ["another"]}}`:                "request.allowed_by_policy",
		`{"denied_organisations": ["0015800000SameOrg1"]}`:                "ssa.",
		`{"max_lifetime_seconds": 60, "required_members": ["client_id"]}`: "exp.lifetime",
	} {
		var log bytes.Buffer
		w := start(t, sandbox.Config{Dir: sameFolder(t), Policy: []byte(policy), Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.Contains(t, log.String(), "the bank's policy refuses tpp/request.jwt", policy)
		require.Contains(t, log.String(), rule, policy)
		require.Equal(t, 400, w.register(w.mutual(), string(w.file("tpp/request.jwt"))).status, policy)
		w.stop()
	}
}

// sameFolder returns a folder whose TPP is always the same.
func sameFolder(t *testing.T) string {
	t.Helper()
	dir := folderWithKeys(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "state/sandbox.json"),
		[]byte(`{"org_id": "0015800000SameOrg1", "software_id": "sameSoftware1234567890"}`), 0o600))
	for _, name := range []string{"tpp/transport.pem", "tpp/signing.pem"} {
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
	}
	return dir
}

// planted puts a record into the store of a folder.
func planted(t *testing.T, dir string, c store.Client) {
	t.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(dir, "obdcr.db"), Clock: time.Now})
	require.NoError(t, err)
	c.Metadata, c.Environment = json.RawMessage(`{}`), claims.Sandbox
	require.NoError(t, s.Create(context.Background(), c, store.Change{}))
	require.NoError(t, s.Close())
}

func TestAStartEndsChangesThatStoppedHalfWay(t *testing.T) {
	dir := folderWithKeys(t)
	planted(t, dir, store.Client{ID: "stopped", State: store.Creating, Since: time.Now()})
	key := make([]byte, 32)
	_, err := rand.Read(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "state/sealing.key"), key, 0o600))
	w := start(t, sandbox.Config{Dir: dir, Store: sandbox.StoreSQLite})
	w.stop()
	s, err := sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(dir, "obdcr.db"), Clock: time.Now})
	require.NoError(t, err)
	_, err = s.Get(context.Background(), "stopped")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NoError(t, s.Close())
}

func TestASealingKeyThatIsMissingBesideClientsIsNotMadeAnew(t *testing.T) {
	dir := folderWithKeys(t)
	planted(t, dir, store.Client{ID: "client", IssuedAt: time.Now()})
	_, err := sandbox.Start(context.Background(), sandbox.Config{Dir: dir, Listen: "127.0.0.1:0", Directory: "127.0.0.1:0"})
	require.ErrorContains(t, err, filepath.Join(dir, "state", "sealing.key"))
	require.NoFileExists(t, filepath.Join(dir, "state", "sealing.key"))
	require.NoFileExists(t, filepath.Join(dir, "ready.json"))
}

func TestADamagedStoreIsNamedWithWhatToDo(t *testing.T) {
	dir := folderWithKeys(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "obdcr.db"), bytes.Repeat([]byte("garbage "), 2000), 0o600))
	_, err := sandbox.Start(context.Background(), sandbox.Config{Dir: dir, Listen: "127.0.0.1:0", Directory: "127.0.0.1:0"})
	require.ErrorContains(t, err, filepath.Join(dir, "obdcr.db"))
}
