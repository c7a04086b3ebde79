package conform_test

import (
	"crypto/x509"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// foreigner is an authorization server that others wrote, with a registration endpoint of its own: it takes
// RFC 7591 in JSON with an initial access token, and no signed request.
type foreigner struct {
	directory *ssatest.Directory
	issuer    string
	clients   func() []string
}

// identityOf is the identity of a server on loopback, by the directory's CA.
func identityOf(t *testing.T, d *ssatest.Directory) realtest.Identity {
	t.Helper()
	own, err := d.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	certificate, key, err := ssatest.PEM(own)
	require.NoError(t, err)
	return realtest.Identity{Certificate: certificate, Key: key, CA: d.CAPEM()}
}

func newDirectory(t *testing.T) *ssatest.Directory {
	t.Helper()
	d, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

func TestConformAgainstOIDCProvider(t *testing.T) {
	if !realtest.Asked(t, "node-oidc-provider") {
		return
	}
	d := newDirectory(t)
	p := realtest.StartOIDCProvider(t, identityOf(t, d))
	f := &foreigner{directory: d, issuer: p.Address, clients: p.ClientIDs}
	f.judge(t)
}

func TestConformAgainstKeycloaksRegistration(t *testing.T) {
	if !realtest.Asked(t, "Keycloak") {
		return
	}
	d := newDirectory(t)
	k := realtest.StartKeycloak(t, identityOf(t, d))
	k.MustAdmin(http.MethodPost, "", map[string]any{"realm": "bank", "enabled": true}, nil)
	f := &foreigner{directory: d, issuer: k.Address + "/realms/bank", clients: func() []string {
		var all []struct {
			ID       string `json:"id"`
			ClientID string `json:"clientId"`
		}
		k.MustAdmin(http.MethodGet, "/bank/clients", nil, &all)
		var registered []string
		for _, c := range all {
			if c.ID == c.ClientID { // it was registered
				registered = append(registered, c.ClientID)
			}
		}
		return registered
	}}
	f.judge(t)
}

// judge runs the cases against the server. It runs to its end, tells what is wrong, and leaves nothing.
func (f *foreigner) judge(t *testing.T) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(f.directory.CA)
	software, err := f.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	other, err := f.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	second := registrant(t, other)
	metadata, err := tpp.Discover(t.Context(), f.issuer+"/.well-known/openid-configuration", tpp.MutualTLS(software.TransportCertificate, roots))
	require.NoError(t, err)
	before := f.clients()
	c := conform.Config{Metadata: metadata, Software: registrant(t, software), Second: &second, Roots: roots, Timeout: 20 * time.Second,
		Request: tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: "private_key_jwt"}}
	report := run(t, c)
	t.Log(report.Counts)
	verdicts := map[string]conform.CaseResult{}
	for _, r := range report.Results {
		verdicts[r.ID] = r
		require.NotEqual(t, conform.Errored, r.Verdict, "%s: %s", r.ID, r.Reason)
		if r.Verdict == conform.Failed {
			require.NotEmpty(t, r.Expected, r.ID)
		}
		if r.Verdict == conform.Allowed || r.Verdict == conform.NotOffered || r.Verdict == conform.NotRun {
			require.NotEmpty(t, r.Reason, r.ID)
		}
	}
	require.NotNil(t, report.FirstCause)
	require.Equal(t, conform.Failed, verdicts["register.valid"].Verdict, "a signed request is nothing that this server knows")
	for _, id := range []string{"http.type-jwt", "answer.client-id", "method.private_key_jwt"} {
		require.Equal(t, conform.NotRun, verdicts[id].Verdict, "%s: the plain valid request was refused too", id)
	}
	require.Equal(t, 1, report.Worst())
	for _, id := range []string{"discovery.issuer", "discovery.registration-endpoint", "discovery.token-endpoint", "discovery.auth-methods", "certificate.discovery", "tls.1-1"} {
		require.Equal(t, conform.Passed, verdicts[id].Verdict, "%s: %s", id, verdicts[id].Expected)
	}
	require.Zero(t, report.Left, "nothing is left")
	require.Equal(t, before, f.clients(), "and no client was made")
}
