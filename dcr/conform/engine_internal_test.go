package conform

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/jose"
)

func TestAPointerSetsAndRemoves(t *testing.T) {
	t.Parallel()
	document := func() any {
		return map[string]any{"a": []any{"x", "y"}, "b": map[string]any{"c~/": 1}}
	}
	require.Equal(t, "z", valueAt(setAt(document(), "/a/1", "z"), "/a/1"))
	require.Equal(t, []any{"x", "y", "z"}, valueAt(setAt(document(), "/a/-", "z"), "/a"))
	require.Equal(t, 2, valueAt(setAt(document(), "/b/c~0~1", 2), "/b/c~0~1"))
	require.Equal(t, 3, valueAt(setAt(document(), "/new/deep", 3), "/new/deep"))
	require.Equal(t, []any{"y"}, valueAt(removeAt(document(), "/a/0"), "/a"))
	require.Nil(t, valueAt(removeAt(document(), "/b/c~0~1"), "/b/c~0~1"))
	require.Equal(t, 4, setAt(document(), "", 4))
	require.Nil(t, valueAt(document(), "/a/9"))
}

// TestASecretIsLearntFromWhatIsNoJSON: a document that is broken off, and the first of two members.
func TestASecretIsLearntFromWhatIsNoJSON(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"client_secret":"a\u002fb-c-d-e","x":`, `{"client_secret":"a/b-c-d-e","client_secret":"other-one"}`,
		`<pre>{"token": "a\/b-c-d-e"}`} {
		var s secrets
		s.learn(&Exchange{raw: &Received{Body: body}}, "")
		require.Equal(t, "-[hidden]-", s.clean("-a/b-c-d-e-"), body)
	}
}

// TestAClippedSecretIsTakenOut: also where the clip is within an escape, or is marked by dots.
func TestAClippedSecretIsTakenOut(t *testing.T) {
	t.Parallel()
	var s secrets
	s.add("abcdefgh=ijklmnop")
	for _, text := range []string{"abcdefg", "abcdefgh...", `abcdefgh\u003d`, `abcdefgh\u00`, `abcdefgh\`, "abcdefgh%3", "abcdefgh&#x3", "abcdefgh\\u003dijk..."} {
		require.Equal(t, "x [hidden]", s.cleanClipped("x "+text), text)
	}
	require.Equal(t, "x abcde \\u00", s.cleanClipped("x abcde \\u00"))
}

// TestAGoodSignatureIsOne: what a case signs without a wish of its own is what a bank takes.
func TestAGoodSignatureIsOne(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	token, err := sign(map[string]any{"alg": algorithmOf(key), "kid": "k"}, []byte(`{"a":1}`), key)
	require.NoError(t, err)
	parsed, err := jose.Parse(token)
	require.NoError(t, err)
	require.NoError(t, parsed.Verify(jose.Key{Public: key.Public()}, []string{"ES256"}))
	header, payload := decoded(token)
	require.JSONEq(t, `{"alg":"ES256","kid":"k"}`, header)
	require.JSONEq(t, `{"a":1}`, payload)
}

// TestEachCaseSaysWhatItIs: the table of the cases is whole.
func TestEachCaseSaysWhatItIs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range Cases() {
		require.Regexp(t, `^[a-z_]+\.[a-z0-9._/-]+$`, c.ID)
		require.False(t, seen[c.ID], c.ID)
		seen[c.ID] = true
		require.NotEmpty(t, c.Title, c.ID)
		require.NotEmpty(t, c.Group, c.ID)
		require.NotEmpty(t, c.Citation.Spec, c.ID)
		require.NotNil(t, c.run, c.ID)
	}
}

// TestEachCaseHasAnAddressOfItsOwnInThePage: also one whose ID differs in a separator alone.
func TestEachCaseHasAnAddressOfItsOwnInThePage(t *testing.T) {
	t.Parallel()
	ids := []string{"vector.a/b-c", "vector.a-b/c", "vector.a-b-c", "vector.a b-c", "vector.a~2fb-c", "vector.\u00e9"}
	for _, c := range Cases() {
		ids = append(ids, c.ID)
	}
	seen := map[string]string{}
	for _, id := range ids {
		require.Empty(t, seen[slug(id)], id)
		require.Regexp(t, `^[A-Za-z0-9._~-]+$`, slug(id))
		seen[slug(id)] = id
	}
}

// TestACaseThatPanicsIsAnErrorOfItsOwn: what it began is ended, and the next case is played.
func TestACaseThatPanicsIsAnErrorOfItsOwn(t *testing.T) {
	t.Parallel()
	r := newRun(Config{Clock: time.Now, CleanUp: time.Second, Metadata: &tpp.Metadata{}})
	cases := []Case{
		{ID: "a.panics", Group: "tls", run: func(*play) { panic("oh") }},
		{ID: "a.panics-beside", Group: "tls", run: func(p *play) { p.together(func() { panic("oh") }, func() {}) }},
		{ID: "a.fails-beside", Group: "tls", run: func(p *play) { p.together(func() {}, func() { p.fail("more") }) }},
		{ID: "a.alone", Group: "tls", Alone: true, run: func(*play) {}},
	}
	r.config.Parallel = 1
	var got []Verdict
	for _, result := range r.playAll(t.Context(), cases) {
		got = append(got, result.Verdict)
	}
	require.Equal(t, []Verdict{Errored, Errored, Failed, Passed}, got)
}

// TestAClauseIsOneRowOfTheMatrix: two addresses of the same text are no two clauses.
func TestAClauseIsOneRowOfTheMatrix(t *testing.T) {
	t.Parallel()
	r := &Report{Results: []CaseResult{
		{ID: "a", Citation: Clause{Spec: "S", Section: "1", URL: "https://a.example"}, Verdict: Passed},
		{ID: "b", Citation: Clause{Spec: "S", Section: "1", URL: "https://a.example/#1"}, Verdict: Passed},
		{ID: "c", Citation: Clause{Spec: "S", Section: "2", URL: "https://a.example"}, Verdict: Failed},
	}}
	rows := r.matrix()
	require.Len(t, rows, 2)
	require.Equal(t, 2, rows[0].All)
}

func TestAConnectionThatAPeerEndsIsARefusalAndATimeoutIsNone(t *testing.T) {
	for err, refused := range map[error]bool{
		tls.AlertError(42): true,
		io.EOF:             true,
		&net.OpError{Op: "write", Err: syscall.EPIPE}:                       true,
		tpp.Lost("register", true, errors.New("http2: client conn lost")):   true,
		errors.New("http2: client conn could not be established"):           true,
		&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}:               false,
		errors.Join(errors.New("http2: timeout"), context.DeadlineExceeded): false,
		&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}:                 false,
	} {
		require.Equal(t, refused, handshake(err), err.Error())
	}
}

// TestACleanUpWaitsTenSecondsWhereABankAsksForMore: a case does not wait at all then.
func TestACleanUpWaitsTenSecondsWhereABankAsksForMore(t *testing.T) {
	t.Parallel()
	r := &recorder{run: newRun(Config{Clock: time.Now})}
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		answer := &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {"60"}}}
		wait, _ := r.again(&call{play: &play{patient: true}}, answer, nil, 1)
		require.Equal(t, maxWait, wait)
		wait, _ = r.again(&call{play: &play{}}, answer, nil, 1)
		require.Zero(t, wait)
	}
}

// TestARegistrationExpiresWithItsStatement: what had expired when it was sent was refused then as now.
func TestARegistrationExpiresWithItsStatement(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	for name, one := range map[string]struct {
		exp, signed int64
		sent        time.Time
		expired     bool
	}{
		"neither": {2000, 2000, now, false}, "the request": {1000, 2000, now.Add(-time.Second), true}, "the statement": {2000, 999, now.Add(-time.Minute), true},
		"before it was sent": {10, 10, now.Add(-time.Minute), false}, "sent nobody knows when": {10, 2000, time.Time{}, true},
	} {
		number := func(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }
		statement := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp":`+number(one.signed).String()+`}`)) + ".AA"
		m := &message{claims: map[string]any{"exp": number(one.exp), "software_statement": statement}}
		require.Equal(t, one.expired, m.expiredSince(one.sent, now), name)
	}
}

// TestALongValueIsToldWithItsWholeLength: though only its beginning is told.
func TestALongValueIsToldWithItsWholeLength(t *testing.T) {
	t.Parallel()
	require.Contains(t, changed("x", strings.Repeat("a b ", 1<<19), false), strconv.Itoa(2<<20+2)) // with its quotes
	require.Contains(t, changed("x", strings.Repeat("ab", 1<<20), false), strconv.Itoa(2<<20))
}

// TestAClientMayBeDisputedWhileItIsDeleted: by another case. The race detector sees a read without the lock.
func TestAClientMayBeDisputedWhileItIsDeleted(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end() // else it waits for a bank
	for range 20 {
		r := newRun(Config{Clock: time.Now, Metadata: &tpp.Metadata{}})
		c := &client{id: "a", request: [32]byte{1}, as: &Registrant{}}
		r.clients = []*client{c}
		var both sync.WaitGroup
		both.Go(func() { _ = r.repeated("a", [32]byte{2}) })
		both.Go(func() { _ = r.remove(ended, c) })
		both.Wait()
		require.NotEmpty(t, r.remove(ended, c))
	}
}
