package realtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// identity is that of a server on loopback.
func identity(t *testing.T) realtest.Identity {
	t.Helper()
	directory, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(directory.Close)
	own, err := directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	certificate, key, err := ssatest.PEM(own)
	require.NoError(t, err)
	return realtest.Identity{Certificate: certificate, Key: key, CA: directory.CAPEM()}
}

func TestServersAreStartedOnlyIfAskedFor(t *testing.T) {
	const server = "Keycloak"
	tools := t.TempDir()
	t.Setenv("PATH", tools)
	for _, value := range []string{"", "0"} {
		t.Setenv("OBDCR_SERVERS", value)
		require.False(t, realtest.Asked(t, server), "%q", value)
	}
	t.Setenv("OBDCR_SERVERS", "1")
	for _, name := range []string{"java", "bash", "mvn"} {
		require.NoError(t, os.WriteFile(filepath.Join(tools, name), nil, 0o700))
	}
	require.True(t, realtest.Asked(t, server))
}

// failing is a test that remembers why it failed.
type failing struct {
	testing.TB
	why string
}

func (f *failing) Fatalf(format string, args ...any) { f.why = fmt.Sprintf(format, args...) }

func TestWithoutItsToolsAServerFailsTheTestUnlessAPartialRunIsAskedFor(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("OBDCR_SERVERS", "1")
	t.Setenv("OBDCR_FULL", "")
	for partial, fails := range map[string]bool{"": true, "1": false} {
		t.Setenv("OBDCR_CI_PARTIAL", partial)
		for _, server := range []string{"Keycloak", "node-oidc-provider", "Chromium", "Python", "Java", "JavaScript"} {
			f := &failing{TB: t}
			require.False(t, realtest.Asked(f, server))
			require.Equal(t, fails, f.why != "", f.why)
		}
	}
}

func TestThePinnedVersionOfOIDCProviderIsTheDocumentedOne(t *testing.T) {
	text, err := os.ReadFile("oidcprovider/package-lock.json")
	require.NoError(t, err)
	var lock struct {
		Packages map[string]struct{ Version, Integrity string }
	}
	require.NoError(t, json.Unmarshal(text, &lock))
	require.Equal(t, realtest.OIDCProviderVersion, lock.Packages["node_modules/oidc-provider"].Version)
	for name, p := range lock.Packages {
		require.True(t, name == "" || p.Integrity != "", "%s is not pinned by its hash", name)
	}
}

func TestKeycloakKeepsItsDataOverARestart(t *testing.T) {
	if !realtest.Asked(t, "Keycloak") {
		return
	}
	k := realtest.StartKeycloak(t, identity(t))
	k.MustAdmin(http.MethodPost, "", map[string]any{"realm": "bank", "enabled": true}, nil)
	id := k.MustAdmin(http.MethodPost, "/bank/clients", map[string]any{"clientId": "kept"}, nil)
	k.Stop()
	k.Restart()
	var client struct {
		ClientID string `json:"clientId"`
	}
	k.MustAdmin(http.MethodGet, "/bank/clients/"+id, nil, &client)
	require.Equal(t, "kept", client.ClientID)
	status, _, err := k.Admin(t.Context(), http.MethodGet, "/bank/clients/unknown", nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, status)
}

func TestOIDCProviderForgetsItsDataIfTold(t *testing.T) {
	if !realtest.Asked(t, "node-oidc-provider") {
		return
	}
	p := realtest.StartOIDCProvider(t, identity(t))
	access := registerAtOIDCProvider(t, p)
	p.Stop()
	p.Restart()
	require.Equal(t, http.StatusOK, access(), "the client is kept")
	p.Kill()
	p.Forget()
	p.Restart()
	require.Equal(t, http.StatusUnauthorized, access())
}

// registerAtOIDCProvider registers a client and returns a function that reads it.
func registerAtOIDCProvider(t *testing.T, p *realtest.OIDCProvider) func() int {
	t.Helper()
	status, made := call(t, p, http.MethodPost, p.Address+"/reg", p.InitialAccessToken,
		`{"grant_types":["client_credentials"],"response_types":[],"redirect_uris":[],"token_endpoint_auth_method":"tls_client_auth","tls_client_auth_subject_dn":"CN=tpp"}`)
	require.Equal(t, http.StatusCreated, status, "%v", made)
	return func() int {
		status, _ := call(t, p, http.MethodGet, made["registration_client_uri"].(string), made["registration_access_token"].(string), "")
		return status
	}
}

func call(t *testing.T, p *realtest.OIDCProvider, method, address, access, body string) (int, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+access)
	request.Header.Set("Content-Type", "application/json")
	answer, err := p.HTTP.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	var content map[string]any
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&content))
	return answer.StatusCode, content
}
