package tpp_test

import (
	"cmp"
	"crypto/x509"
	"io"
	"log"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
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
	stop      func()       // ends bank and directory

	authorities *cert.Authorities // the CA of the directory
}

// worldOptions say how a world differs from the usual one.
type worldOptions struct {
	profile   validate.Profile
	algorithm claims.Algorithm // of directory and software
	log       *slog.Logger     // of the bank
	pending   []validate.PendingChange
	serve     func(bank http.Handler) http.Handler // nil: the bank itself
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return openWorld(t, worldOptions{})
}

func openWorld(t *testing.T, o worldOptions) *world {
	t.Helper()
	w := &world{now: time.Unix(1_790_000_000, 0)}
	options := []dcrtest.Option{dcrtest.WithClock(w.clock), dcrtest.WithProfile(cmp.Or(o.profile, validate.OBIE33)), dcrtest.WithKeysAtOnce(),
		dcrtest.WithDirectoryOptions(func(d *ssatest.Options) { d.Algorithm = o.algorithm }), dcrtest.WithPolicy(everyMethodIn),
		dcrtest.WithPolicy(func(p *validate.Policy) { p.PendingChanges = o.pending }),
		dcrtest.WithServerConfig(func(c *server.Config) { c.Logger = o.log })}
	if o.serve != nil {
		options = append(options, dcrtest.WithHandler(o.serve))
	}
	bank := dcrtest.NewBank(t, options...)
	software := bank.NewTPP(t, dcrtest.WithSoftware(func(s *ssatest.SoftwareOptions) { s.Algorithm = o.algorithm }))
	w.directory, w.software, w.http = bank.Directory(), software.Software(), software.HTTP()
	w.bank, w.address, w.stop = bank.Server(), bank.URL(), bank.Close
	var err error
	w.authorities, err = cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: {w.directory.CA}}, w.now)
	require.NoError(t, err)
	return w
}

func (w *world) clock() time.Time { return w.now }

// everyMethodIn has a policy take everyMethod.
func everyMethodIn(p *validate.Policy) {
	p.AuthMethods = everyMethod
	for _, method := range everyMethod[2:] { // outside FAPI-RW
		p.Widenings = append(p.Widenings, validate.Widening(method))
	}
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
