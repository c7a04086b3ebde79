package bench

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// BenchmarkRefusals refuses bodies before any signature is checked, in turns with an
// acceptance, and reports how many acceptances each costs: no more than two.
func BenchmarkRefusals(b *testing.B) {
	e := newEndpoint(b, store.NewMemory(time.Now))
	var postings []*posting
	works := []work{{name: "acceptance", ready: func(n int) { postings = e.sign(b, n) }, do: func(i int) { e.post(b, postings[i]) }}}
	for name, body := range e.hostile(b) {
		works = append(works, e.refusal(b, name, body))
	}
	results := inTurns(b, 16, works...)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(results[0].microseconds, "acceptance-us")
	for _, r := range results[1:] {
		b.ReportMetric(r.ratio, r.name)
	}
}

// TestNoBodyCostsMoreThanThreeAcceptancesBeforeASignatureIsChecked has room above the two
// that BenchmarkRefusals aims at. Each cost is the least of all turns, which no other
// process makes greater, and turns go on until the bound holds: a busy machine needs more
// of them.
func TestNoBodyCostsMoreThanThreeAcceptancesBeforeASignatureIsChecked(t *testing.T) {
	if testing.Short() || fulltest.RaceDetector {
		t.Log("left out: time is measured, which needs some seconds and no race detector")
		return
	}
	e := newEndpoint(t, store.NewMemory(time.Now))
	var postings []*posting
	works := []work{{name: "acceptance", ready: func(n int) { postings = e.sign(t, n) }, do: func(i int) { e.post(t, postings[i]) }}}
	for name, body := range e.hostile(t) {
		works = append(works, e.refusal(t, name, body))
	}
	least := slices.Repeat([]float64{math.Inf(1)}, len(works))
	for round := range 200 {
		for i, w := range works {
			least[i] = min(least[i], w.least(8))
		}
		if round >= 4 && slices.Max(least) <= 3*least[0] {
			break
		}
	}
	for i, w := range works {
		assert.LessOrEqual(t, least[i]/least[0], 3.0, "%s, in acceptances", w.name)
	}
}

// BenchmarkAlgNone refuses a request whose header says alg none, in turns with noise of
// the same size. The header is judged before anything is hashed and before the claims are
// read. The ratio of the two should not be above 1.5: what is left of it is base64.
func BenchmarkAlgNone(b *testing.B) {
	e := newEndpoint(b, store.NewMemory(time.Now))
	none := e.algNone(b)
	compare(b, turn, e.refusal(b, "noise", noise(len(none))), e.refusal(b, "none", none))
}

// room is the greatest payload of a request that is not too large.
const room = dcr.MaxRequestBody*3/4 - 1<<10

// hostile are bodies of up to 64 KiB by what is wrong with them. Each makes one part of
// the way to the signatures as long as it can be.
func (e *endpoint) hostile(tb testing.TB) map[string]string {
	tb.Helper()
	none := e.algNone(tb)
	object := func(members int) string {
		return "{" + repeated(members, func(i int) string { return fmt.Sprintf(`"%03x":1`, i) }) + "}"
	}
	list := func(size int, entry string) string {
		return "[" + repeated(size/(len(entry)+1), func(int) string { return entry }) + "]"
	}
	bodies := map[string]string{
		"noise":    noise(len(none)),
		"noise64K": noise(dcr.MaxRequestBody),
		"algNone":  none,
	}
	for name, payload := range map[string]string{
		"11000redirectURIs": `{"redirect_uris":[` + repeated(11_000, func(int) string { return `"u"` }) + `]}`,
		"redirectURIs":      `{"redirect_uris":` + list(room-99, `""`) + `}`,
		"wrongTypes":        `{"redirect_uris":` + list(room-99, `1`) + `}`,
		"audiences":         `{"aud":` + list(room-99, `""`) + `}`,
		"scopeWords":        `{"scope":"` + strings.Repeat("a ", room/2-99) + `"}`,
		"escapes":           `{"iss":"` + strings.Repeat(`\u0041`, room/6-99) + `"}`,
		"nested20000":       strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000),
		"4500members":       object(4_500),
		"objectsOf950":      `{"a":` + list(room-99, object(950)) + `}`,
		"objectsOf30":       `{"a":` + list(room-99, object(30)) + `}`,
		"objectsOf1":        `{"a":` + list(room-99, object(1)) + `}`,
		"statementOfLists":  `{"software_statement":"` + unsigned(`{"iss":"","software_roles":`+list(room*3/4-1<<10, `""`)+`}`) + `"}`,
		"twoHalves": `{"redirect_uris":` + list(room/2, `""`) +
			`,"software_statement":"` + unsigned(`{"iss":"","software_roles":`+list(room*3/8-1<<10, `""`)+`}`) + `"}`,
	} {
		bodies[name] = unsigned(payload)
	}
	return bodies
}

// repeated are n texts with commas between them.
func repeated(n int, text func(i int) string) string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = text(i)
	}
	return strings.Join(texts, ",")
}

// algNone is a request whose header says alg none.
func (e *endpoint) algNone(tb testing.TB) string {
	tb.Helper()
	request := e.software.Request(ssatest.DefaultAudience)
	none, err := e.software.SignWith(&request, ssatest.Forgery{Algorithm: "none"})
	if err != nil {
		tb.Fatal(err)
	}
	return none
}

// unsigned is a token with a good header whose signature nobody has made.
func unsigned(payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"PS256","kid":"k","typ":"JWT"}`)) + "." + encode([]byte(payload)) + "." + encode(make([]byte, 256))
}

// noise is so many bytes of base64url that mean nothing.
func noise(n int) string {
	random := make([]byte, n)
	_, _ = rand.Read(random) // never fails
	return base64.RawURLEncoding.EncodeToString(random)[:n]
}

// refusal sends a body that must be refused.
func (e *endpoint) refusal(tb testing.TB, name, body string) work {
	tb.Helper()
	if len(body) > dcr.MaxRequestBody {
		tb.Fatal(len(body), "bytes are too many to be looked at")
	}
	var sent []*posting
	return work{name: name,
		ready: func(n int) {
			sent = nil
			for range n {
				sent = append(sent, newPosting(body))
			}
		},
		do: func(i int) {
			e.handler.ServeHTTP(sent[i].answer, sent[i].request)
			if sent[i].answer.Code != http.StatusBadRequest {
				tb.Fatal(sent[i].answer.Code, sent[i].answer.Body)
			}
		}}
}
