package tpp_test

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// everyMethod are the authentication methods at the token endpoint.
var everyMethod = []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth, claims.ClientSecretJWT,
	claims.ClientSecretBasic, claims.ClientSecretPost}

// quiet discards the server's log of handshakes that fail on purpose.
var quiet = log.New(io.Discard, "", 0)

// world is a directory with one software, and a bank there that takes every method.
type world struct {
	directory *ssatest.Directory
	software  *ssatest.EnrolledSoftware
	bank      *server.Bank
	address   string       // of the bank
	http      *http.Client // of the software, with its certificate
	now       time.Time    // at all of them

	authorities *cert.Authorities // the CA of the directory
}

// worldOptions say how a world differs from the usual one.
type worldOptions struct {
	profile   validate.Profile
	algorithm claims.Algorithm // of directory and software
	log       *slog.Logger     // of the bank
	pending   []validate.PendingChange
	serve     func(http.Handler) http.Handler
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return openWorld(t, worldOptions{serve: func(h http.Handler) http.Handler { return h }})
}

func openWorld(t *testing.T, o worldOptions) *world {
	t.Helper()
	w := &world{now: time.Unix(1_790_000_000, 0)}
	var err error
	w.directory, err = ssatest.New(ssatest.Options{Clock: w.clock, Algorithm: o.algorithm})
	require.NoError(t, err)
	t.Cleanup(w.directory.Close)
	w.software, err = w.directory.NewSoftware(ssatest.SoftwareOptions{Algorithm: o.algorithm})
	require.NoError(t, err)
	w.authorities, err = cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: {w.directory.CA}}, w.now)
	require.NoError(t, err)
	at := httptest.NewUnstartedServer(nil)
	w.address = "https://" + at.Listener.Addr().String()
	w.bank, err = newBank(w.directory, w.address, w.clock, o)
	require.NoError(t, err)
	t.Cleanup(w.bank.Close)
	w.http = w.serve(t, at, o.serve(w.bank.Handler()))
	return w
}

func (w *world) clock() time.Time { return w.now }

// newBank makes a bank of a directory. A nil clock is time.Now.
func newBank(d *ssatest.Directory, address string, clock func() time.Time, o worldOptions) (*server.Bank, error) {
	own, err := d.ServerCertificate("127.0.0.1")
	if err != nil {
		return nil, err
	}
	o.profile = cmp.Or(o.profile, validate.OBIE33)
	policy := validate.DefaultPolicy(o.profile)
	policy.AuthMethods, policy.PendingChanges = everyMethod, o.pending
	for _, method := range everyMethod[2:] { // outside FAPI-RW
		policy.Widenings = append(policy.Widenings, validate.Widening(method))
	}
	return server.New(server.Config{
		Issuer: address, Profile: o.profile, Logger: o.log, Policy: &policy, Audiences: []string{ssatest.DefaultAudience}, Directories: []ssa.KnownDirectory{d.Known()},
		Keys: server.KeyConfig{Resolver: d.Resolver()}, Store: store.NewMemory(clock), TokenEndpoint: true, Clock: clock,
		SealingKey: claims.NewSecret(strings.Repeat("k", 32)),
		Clients: server.CertificateConfig{Server: []tls.Certificate{own}, Trust: cert.TrustPolicy{
			Authorities: map[claims.Environment][]*x509.Certificate{claims.Sandbox: {d.CA}}}},
	})
}

// serve answers over the bank's TLS, with and without a client certificate, until the
// test ends. It returns the software's HTTP client.
func (w *world) serve(t *testing.T, at *httptest.Server, h http.Handler) *http.Client {
	t.Helper()
	at.EnableHTTP2 = true
	at.Config.ErrorLog, at.Config.Handler = quiet, h
	at.TLS = w.bank.HTTPServer().TLSConfig
	at.StartTLS()
	t.Cleanup(at.Close)
	client := tpp.MutualTLS(w.software.TransportCertificate, w.roots())
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// roots are the CAs of all servers of the world.
func (w *world) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(w.directory.CA)
	return pool
}

// client discovers the bank and makes a Client of the software.
func (w *world) client(t *testing.T) *tpp.Client {
	t.Helper()
	m, err := tpp.Discover(t.Context(), w.address+"/.well-known/openid-configuration", w.http)
	require.NoError(t, err)
	return w.clientOf(t, w.software, w.http, m)
}

// clientOf is a software's Client of any bank.
func (w *world) clientOf(t *testing.T, s *ssatest.EnrolledSoftware, http *http.Client, m *tpp.Metadata) *tpp.Client {
	t.Helper()
	client, err := tpp.NewClient(tpp.Config{HTTP: http, Metadata: m, Signer: s.SigningKey, KeyID: s.SigningKeyID,
		Certificate: s.TransportCertificate.Leaf, Clock: w.clock})
	require.NoError(t, err)
	return client
}

// statement makes a new statement of the software, with changes.
func (w *world) statement(t *testing.T, changes map[string]any) string {
	t.Helper()
	token, err := w.software.SSA(changes)
	require.NoError(t, err)
	return token
}

// request makes a good, signed request of the software, with a change.
func (w *world) request(t *testing.T, change func(*claims.Request)) string {
	t.Helper()
	request := w.software.Request()
	change(&request)
	token, err := w.software.Sign(&request)
	require.NoError(t, err)
	return token
}

// lint judges as the bank does.
func (w *world) lint(t *testing.T, in tpp.LintInput) *tpp.LintResult {
	t.Helper()
	var err error
	in.Validator, err = validate.New(validate.Config{Profile: validate.OBIE33, Policy: w.bank.Policy()})
	require.NoError(t, err)
	in.Now = w.now
	result, err := tpp.Lint(t.Context(), in)
	require.NoError(t, err)
	return result
}

// errorIDs returns the rules that a report lists as broken.
func errorIDs(report *validate.Report) []string {
	var ids []string
	for _, v := range report.Violations {
		if v.Severity == validate.SeverityError {
			ids = append(ids, v.Rule)
		}
	}
	return ids
}
