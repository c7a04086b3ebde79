package bench

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// turn is how many clients are registered before others are signed.
const turn = 64

// endpoint is a registration endpoint, and a software that registers there.
type endpoint struct {
	*party
	handler http.Handler
}

func newEndpoint(tb testing.TB, clients store.Store) *endpoint {
	tb.Helper()
	p := newParty(tb)
	registrar, err := dcr.NewRegistrar(dcr.Config{Statements: p.verify.Statements, SoftwareKeys: p.verify.SoftwareKeys,
		Validator: p.verify.Validator, Store: clients, Clock: time.Now})
	if err != nil {
		tb.Fatal(err)
	}
	leaf := p.software.TransportCertificate.Leaf
	handler, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: registrar, Path: "/register",
		Certificate: func(*http.Request) (*x509.Certificate, error) { return leaf, nil }})
	if err != nil {
		tb.Fatal(err)
	}
	return &endpoint{p, handler}
}

// posting is a request that was not sent yet. Signing takes ten times as long as
// registering, and is the TPP's to do.
type posting struct {
	token, statement string
	request          *http.Request
	answer           answer
}

// answer is a recorder with what a connection has: room for an answer, and deadlines.
type answer struct{ *httptest.ResponseRecorder }

func (answer) SetReadDeadline(time.Time) error { return nil }

// newPosting is a body on its way to the endpoint.
func newPosting(body string) *posting {
	p := &posting{answer: answer{httptest.NewRecorder()},
		request: httptest.NewRequest(http.MethodPost, "/register", strings.NewReader(body))}
	p.request.Header.Set("Content-Type", "application/jwt")
	p.answer.Body.Grow(8 << 10)
	return p
}

func (e *endpoint) sign(tb testing.TB, n int) []*posting {
	tb.Helper()
	postings := make([]*posting, n)
	for i := range postings {
		claims := e.software.Request(ssatest.DefaultAudience)
		token, err := e.software.Sign(&claims)
		if err != nil {
			tb.Fatal(err)
		}
		postings[i] = newPosting(token)
		postings[i].token, postings[i].statement = token, claims.SoftwareStatement.Or("")
	}
	return postings
}

// post registers a client through the handler.
func (e *endpoint) post(tb testing.TB, p *posting) {
	e.handler.ServeHTTP(p.answer, p.request)
	if p.answer.Code != http.StatusCreated {
		tb.Error(p.answer.Code, p.answer.Body)
	}
}

// least does for the same two tokens what cannot be avoided.
func (e *endpoint) least(b *testing.B, p *posting) {
	floor(b, p.statement, e.statementKey)
	floor(b, p.token, e.requestKey)
}

// BenchmarkPOST registers clients through the handler with the store in memory, in
// turns with the floor of the core: what cannot be avoided for the same two tokens.
func BenchmarkPOST(b *testing.B) {
	e := newEndpoint(b, store.NewMemory(time.Now))
	var postings []*posting
	compare(b, turn,
		work{name: "floor", ready: func(n int) { postings = e.sign(b, n) }, do: func(i int) { e.least(b, postings[i]) }},
		work{name: "post", do: func(i int) { e.post(b, postings[i]) }})
}
