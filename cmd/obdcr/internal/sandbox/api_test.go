package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/trust"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/validate"
)

// directoryClient is a client of the directory, made from conformance.json alone.
func (w *world) directoryClient() (*tpp.DirectoryClient, map[string]any) {
	w.t.Helper()
	config, err := obieconfig.Parse(w.file("conformance.json"))
	require.NoError(w.t, err)
	signer, err := obieconfig.ParseKey([]byte(config.PrivateKey))
	require.NoError(w.t, err)
	t, ok := w.t.(*testing.T)
	require.True(w.t, ok)
	ids := payload(t, config.SSA)
	d, err := tpp.NewDirectoryClient(tpp.DirectoryConfig{HTTP: w.mutual(), API: config.DirectoryURL, TokenEndpoint: config.DirectoryTokenEndpoint,
		SoftwareID: ids["software_id"].(string), Signer: signer, KeyID: config.Kid})
	require.NoError(w.t, err)
	return d, ids
}

func TestTheDirectoryServesStatementsByItsAPI(t *testing.T) {
	t.Parallel()
	w := start(t, sandbox.Config{})
	d, ids := w.directoryClient()
	org, software := ids["org_id"].(string), ids["software_id"].(string)
	statement, err := d.Statement(t.Context(), org, software)
	require.NoError(t, err)
	fresh := payload(t, statement)
	require.NotEqual(t, ids["jti"], fresh["jti"])
	require.Equal(t, ids["software_roles"], fresh["software_roles"])

	status := func(org, software string) int {
		_, err := d.Statement(t.Context(), org, software)
		var refused *tpp.ResponseError
		require.ErrorAs(t, err, &refused)
		return refused.Status
	}
	require.Equal(t, http.StatusNotFound, status(org, "0000000000000000000000"))
	require.Equal(t, http.StatusNotFound, status("0015800000TestOrgB", software))
	require.Equal(t, http.StatusNotFound, status(org, org), "the set of an organisation is none of a software")

	// Another software of the organisation is known once its key set is published.
	require.Equal(t, http.StatusNoContent, w.put("/"+org+"/another.jwks", w.get("/"+org+"/"+software+".jwks").body).status)
	statement, err = d.Statement(t.Context(), org, "another")
	require.NoError(t, err)
	require.Equal(t, w.Ready.Directory+"/"+org+"/another.jwks", payload(t, statement)["software_jwks_endpoint"])

	// Without a token, and without a client certificate.
	path := "/v2.1/organisation/" + org + "/software-statement/" + software + "/software-statement-assertion"
	require.Equal(t, http.StatusUnauthorized, w.get(path).status)
	require.Equal(t, http.StatusUnauthorized, send(t, w.mutual(), http.MethodGet, w.Ready.Directory+path, "").status)

	// It is counted, and misbehaves on demand.
	var counts map[string]int
	require.NoError(t, json.Unmarshal([]byte(w.get("/fetches").body), &counts))
	require.Equal(t, 3, counts[path])
	for path, code := range map[string]int{path: http.StatusBadGateway, "/token": http.StatusServiceUnavailable} {
		require.Equal(t, http.StatusNoContent, w.put("/faults", fmt.Sprintf(`{"path": %q, "status": %d, "times": 1}`, path, code)).status)
		require.Equal(t, code, status(org, software), path)
	}
	fault := fmt.Sprintf(`{"path": %q, "headers": {"X-Test": "1"}, "delay_ms": 1, "times": 1}`, path)
	require.Equal(t, http.StatusNoContent, w.put("/faults", fault).status)
	_, err = d.Statement(t.Context(), org, software)
	require.NoError(t, err, "only later, and with another header")
}

func TestThePolicyIsWrittenAsLintTakesIt(t *testing.T) {
	w := start(t, sandbox.Config{Policy: []byte(`{"max_redirect_uris": 7}`)})
	policy, err := validate.ParsePolicy(w.file("policy.json"), validate.OBIE33)
	require.NoError(t, err)
	require.Equal(t, 7, policy.MaxRedirectURIs)
	require.Contains(t, policy.Audiences, w.Ready.Audience)
	again, err := policy.MarshalJSON()
	require.NoError(t, err)
	require.JSONEq(t, string(w.file("policy.json")), string(again))
}

func TestWhatTheBankTrustsIsWrittenAsLintTakesIt(t *testing.T) {
	w := start(t, sandbox.Config{})
	d, err := trust.Parse(string(w.file("directory.json")))
	require.NoError(t, err)
	require.Equal(t, sandbox.Issuer, d.Issuer)
	require.Equal(t, claims.Sandbox, d.Environment)
	require.Equal(t, w.Ready.Directory+"/keys.jwks", d.JWKSURL)
	require.Equal(t, []string{strings.TrimPrefix(w.Ready.Directory, "https://")}, d.JWKSHosts)
}

// TestReadyJSONOfAProcessThatWasKilledGoesAtTheNextStart: also at one that fails.
func TestReadyJSONOfAProcessThatWasKilledGoesAtTheNextStart(t *testing.T) {
	dir := folderWithKeys(t)
	left := filepath.Join(dir, "ready.json")
	for name, c := range map[string]sandbox.Config{
		"wrong usage":    {Store: "oracle"},
		"a wrong policy": {Policy: []byte(`{"nonsense": 1}`)},
	} {
		require.NoError(t, os.WriteFile(left, []byte("{}"), 0o600))
		c.Dir = dir
		_, err := sandbox.Start(t.Context(), c)
		var usage *sandbox.UsageError
		require.ErrorAs(t, err, &usage, name)
		require.NoFileExists(t, left, name)
	}
	w := start(t, sandbox.Config{Dir: dir})
	_, err := sandbox.Start(t.Context(), sandbox.Config{Dir: dir, Store: "oracle"})
	require.Error(t, err)
	require.FileExists(t, left, "that of a sandbox that runs stays")
	require.Equal(t, http.StatusOK, send(t, w.client(), http.MethodGet, w.Ready.Bank+"/readyz", "").status)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	w.closed = true
	require.NoError(t, w.Close(ctx))
	require.NoFileExists(t, left)
}
