package bench

import (
	"crypto/rsa"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// endpoint is a registration endpoint on the store in memory, and a software that
// registers there.
type endpoint struct {
	handler                  http.Handler
	software                 *ssatest.Software
	requestKey, statementKey *rsa.PublicKey
}

func newEndpoint(tb testing.TB) *endpoint {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	directory, err := ssatest.New(ssatest.Options{})
	must(err)
	tb.Cleanup(directory.Close)
	e := &endpoint{}
	e.software, err = directory.NewSoftware(ssatest.SoftwareOptions{})
	must(err)
	set, err := ssa.ParseJWKS(directory.JWKS())
	must(err)
	e.requestKey, e.statementKey = e.software.SigningKey.Public().(*rsa.PublicKey), set.Keys[0].Public.(*rsa.PublicKey)
	policy := validate.DefaultPolicy(validate.OBIE33)
	policy.Audiences = []string{ssatest.DefaultAudience}
	validator, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	must(err)
	verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{directory.Anchor()}, Clock: time.Now, Skew: time.Minute})
	must(err)
	memory, err := store.NewMemory(time.Now)
	must(err)
	registrar, err := dcr.NewRegistrar(dcr.Config{Statements: verifier, SoftwareKeys: directory.Resolver(),
		Validator: validator, Store: memory, Clock: time.Now})
	must(err)
	leaf := e.software.TransportCertificate.Leaf
	e.handler, err = dcr.NewHandler(dcr.HandlerConfig{Registrar: registrar, Path: "/register",
		Certificate: func(*http.Request) (*x509.Certificate, error) { return leaf, nil }})
	must(err)
	return e
}

// post registers a client by a request of its own. It returns how long that took
// beside the making of the request, and how long the floor takes for its two tokens.
func (e *endpoint) post(b *testing.B) (took, least time.Duration) {
	claims := e.software.Request(ssatest.DefaultAudience)
	token, err := e.software.Sign(&claims)
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/register", strings.NewReader(token))
	r.Header.Set("Content-Type", "application/jwt")
	w := httptest.NewRecorder()
	start := time.Now()
	e.handler.ServeHTTP(w, r)
	took = time.Since(start)
	if w.Code != http.StatusCreated {
		b.Fatal(w.Code, w.Body)
	}
	start = time.Now()
	floor(b, claims.SoftwareStatement.Or(""), e.statementKey)
	floor(b, token, e.requestKey)
	return took, time.Since(start)
}

// BenchmarkPOSTRatio registers clients through the handler, in turns with the floor
// of the core: what cannot be avoided for the signatures of the same two tokens.
func BenchmarkPOSTRatio(b *testing.B) {
	e := newEndpoint(b)
	var posts, floors []time.Duration
	for b.Loop() {
		post, least := e.post(b)
		posts, floors = append(posts, post), append(floors, least)
	}
	post, least := median(posts), median(floors)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(post), "post-ns")
	b.ReportMetric(float64(least), "floor-ns")
	b.ReportMetric(float64(post)/float64(least), "ratio")
}

func median(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}
