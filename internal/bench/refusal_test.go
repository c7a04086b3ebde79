package bench

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// BenchmarkAlgNone refuses a request whose header says alg none, in turns with noise of
// the same size. The header is judged before anything is hashed and before the claims are
// read. The ratio of the two should not be above 1.5: what is left of it is base64.
func BenchmarkAlgNone(b *testing.B) {
	e := newEndpoint(b, store.NewMemory(time.Now))
	request := e.software.Request(ssatest.DefaultAudience)
	none, err := e.software.SignWith(&request, ssatest.Forgery{Algorithm: "none"})
	if err != nil {
		b.Fatal(err)
	}
	random := make([]byte, len(none))
	_, _ = rand.Read(random) // never fails
	noise := base64.RawURLEncoding.EncodeToString(random)[:len(none)]
	var nones, noises []time.Duration
	for range b.N {
		nones = append(nones, e.refuse(b, none))
		noises = append(noises, e.refuse(b, noise))
	}
	judged, thrown := median(nones), median(noises)
	b.ReportMetric(float64(judged), "ns/op")
	b.ReportMetric(float64(thrown), "noise-ns/op")
	b.ReportMetric(float64(judged)/float64(thrown), "ratio")
}

// refuse sends a body that must be refused, and says how long that took.
func (e *endpoint) refuse(b *testing.B, body string) time.Duration {
	b.Helper()
	request := httptest.NewRequest(http.MethodPost, "/register", strings.NewReader(body))
	request.Header.Set("Content-Type", "application/jwt")
	answer := httptest.NewRecorder()
	start := time.Now()
	e.handler.ServeHTTP(answer, request)
	took := time.Since(start)
	if answer.Code != http.StatusBadRequest {
		b.Fatal(answer.Code, answer.Body)
	}
	return took
}
