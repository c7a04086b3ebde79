package lintpage_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/dcr/tpp/lintpage"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// now is the time at every page under test.
var now = time.Unix(1_790_000_000, 0)

func clock() time.Time { return now }

// world is a directory with a software, and a page that knows the directory's bank.
type world struct {
	directory *ssatest.Directory
	software  *ssatest.EnrolledSoftware
	preset    lintpage.Preset
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{}
	var err error
	w.directory, err = ssatest.New(ssatest.Options{Clock: clock})
	require.NoError(t, err)
	t.Cleanup(w.directory.Close)
	w.software, err = w.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	authorities, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: {w.directory.CA}}, now)
	require.NoError(t, err)
	policy := tpp.WithAudience(validate.DefaultPolicy(validate.OBIE33), ssatest.DefaultAudience)
	anchor := w.directory.Anchor()
	w.preset = lintpage.Preset{Name: "bank", Title: "The bank of the tests", Profile: validate.OBIE33, Policy: &policy, Anchor: &anchor,
		SoftwareKeys: w.directory.Resolver(), Authorities: authorities}
	return w
}

// request makes a signed request of the software, with a change.
func (w *world) request(t testing.TB, change func(*claims.Request)) string {
	t.Helper()
	request := w.software.Request()
	change(&request)
	token, err := w.software.Sign(&request)
	require.NoError(t, err)
	return token
}

func good(*claims.Request) {}

// plainHTTP breaks redirect_uris.https and redirect_uris.subset_of_ssa.
func plainHTTP(r *claims.Request) { r.RedirectURIs = claims.Some([]string{"http://app.example/back"}) }

// certificate is the transport certificate of the software in PEM.
func (w *world) certificate() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.software.TransportCertificate.Leaf.Raw}))
}

// served is a page on loopback.
type served struct {
	t       testing.TB
	address string
}

func serve(t testing.TB, c lintpage.Config) *served {
	t.Helper()
	if c.Clock == nil {
		c.Clock = clock
	}
	page, err := lintpage.New(c)
	require.NoError(t, err)
	server := httptest.NewServer(page)
	t.Cleanup(server.Close)
	return &served{t, server.URL}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *served) do(r *http.Request) answer {
	s.t.Helper()
	response, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(s.t, err)
	defer response.Body.Close() //nolint:errcheck // it is only read
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return answer{response.StatusCode, response.Header, string(body)}
}

func (s *served) ask(method, path string, change func(*http.Request)) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.address+path, nil)
	require.NoError(s.t, err)
	change(r)
	return s.do(r)
}

// post sends fields as a form without a file.
func (s *served) post(path string, fields map[string]string) answer {
	s.t.Helper()
	values := url.Values{}
	for name, value := range fields {
		values.Set(name, value)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.address+path, strings.NewReader(values.Encode()))
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(r)
}

// upload sends fields as a browser does, with a file.
func (s *served) upload(path, file string, fields map[string]string) answer {
	s.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		require.NoError(s.t, form.WriteField(name, value))
	}
	part, err := form.CreateFormFile("file", "request.jwt")
	require.NoError(s.t, err)
	_, err = io.WriteString(part, file)
	require.NoError(s.t, err)
	require.NoError(s.t, form.Close())
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.address+path, &body)
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return s.do(r)
}
