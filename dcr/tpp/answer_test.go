package tpp_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
)

var goodToken = tpp.BearerToken{Value: claims.NewSecret("opaque-token")}

// stub is a bank that gives a fixed answer and counts the requests.
type stub struct {
	*world
	client *tpp.Client
	asked  atomic.Int64
}

func newStub(t *testing.T, h http.HandlerFunc) *stub {
	t.Helper()
	s := &stub{}
	s.world = openWorld(t, worldOptions{serve: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.asked.Add(1)
			_, _ = io.Copy(io.Discard, r.Body)
			h(w, r)
		})
	}})
	s.client = s.clientOf(t, s.software, s.http, metadataOf(t, s.address))
	return s
}

// each calls every verb of a client by its name.
func each(ctx context.Context, c *tpp.Client) map[string]func() error {
	return map[string]func() error{
		"register": func() error { _, err := c.Register(ctx, "a.b.c"); return err },
		"get":      func() error { _, err := c.Get(ctx, "id", goodToken); return err },
		"update":   func() error { _, err := c.Update(ctx, "id", "a.b.c", goodToken); return err },
		"delete":   func() error { return c.Delete(ctx, "id", goodToken) },
		"token": func() error {
			_, err := c.AccessToken(ctx, tpp.Credentials{ClientID: "id", Method: claims.TLSClientAuth})
			return err
		},
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	for verb, call := range each(t.Context(), s.client) {
		before := s.asked.Load()
		var refused *tpp.ResponseError
		require.ErrorAs(t, call(), &refused, verb)
		assert.Equal(t, verb, refused.Verb)
		assert.Equal(t, http.StatusTemporaryRedirect, refused.Status)
		assert.Equal(t, before+1, s.asked.Load(), verb)
	}
	_, err := tpp.Discover(t.Context(), s.address, s.http)
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "discover", refused.Verb)
}

func TestARequestWhoseAnswerIsLostIsSentOnce(t *testing.T) {
	s := newStub(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for verb, call := range each(t.Context(), s.client) {
		if verb == "get" {
			continue // may be sent again: it changes nothing
		}
		before := s.asked.Load()
		err := call()
		var lost *tpp.NoAnswerError
		require.ErrorAs(t, err, &lost, verb)
		assert.True(t, lost.Sent, verb)
		assert.Zero(t, lost.Status)
		assert.Equal(t, before+1, s.asked.Load(), verb)
		assert.Equal(t, verb != "token", tpp.MayHaveHappened(err), verb)
		assert.Equal(t, verb != "token", lost.Next() != "", verb)
	}
}

func TestAnAnswerThatCannotBeUsedSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		verbs  []string
		detail string
	}{
		"too long":                {201, strings.Repeat(" ", 512<<10+1), []string{"register"}, "longer"},
		"no JSON":                 {201, "thank you", []string{"register"}, "no JSON object"},
		"no client_id":            {201, `{"client_name": "x"}`, []string{"register"}, "no usable client_id"},
		"a client_id of steps":    {201, `{"client_id": ".."}`, []string{"register"}, "no usable client_id"},
		"a client_id of controls": {201, `{"client_id": "a\u0000b"}`, []string{"register"}, "no usable client_id"},
		"a secret that is none":   {201, `{"client_id": "x", "client_secret": 7}`, []string{"register"}, "client_secret"},
		"another success":         {202, `{}`, []string{"register", "get", "update", "delete", "token"}, "another success"},
		"another client":          {200, `{"client_id": "other"}`, []string{"get", "update"}, "another client"},
		"a token of another type": {200, `{"access_token": "x", "token_type": "mac", "expires_in": 1}`, []string{"token"}, "token_type"},
		"no token":                {200, `{"token_type": "Bearer"}`, []string{"token"}, "access_token"},
		"a token with a newline":  {200, `{"access_token": "x\ny", "token_type": "Bearer"}`, []string{"token"}, "access_token"},
		"expires_in a string":     {200, `{"access_token": "x", "token_type": "Bearer", "expires_in": "soon"}`, []string{"token"}, "expires_in"},
		"a token twice":           {200, `{"access_token": "x", "access_token": "y", "token_type": "Bearer"}`, []string{"token"}, "strict JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			})
			for _, verb := range c.verbs {
				err := each(t.Context(), s.client)[verb]()
				var lost *tpp.NoAnswerError
				require.ErrorAs(t, err, &lost)
				assert.Contains(t, lost.Reason, c.detail)
				assert.Equal(t, c.status, lost.Status)
				assert.Equal(t, verb == "register" || verb == "update" || verb == "delete", tpp.MayHaveHappened(err))
				assert.NotContains(t, err.Error(), "thank you")
			}
		})
	}
}

func TestADocumentThatIsNoDiscoveryIsNoBank(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"issuer": "x"}`) })
	_, err := tpp.Discover(t.Context(), s.address, s.http)
	var lost *tpp.NoAnswerError
	require.ErrorAs(t, err, &lost)
	assert.Equal(t, "discover", lost.Verb)
	require.ErrorContains(t, lost.Err, "registration_endpoint")
	assert.False(t, tpp.MayHaveHappened(err))
	assert.Empty(t, lost.Next())
}

func TestAnOutageSaysWhenToTryAgain(t *testing.T) {
	now := time.Unix(1_790_000_000, 0).UTC()
	for name, c := range map[string]struct {
		header string
		want   time.Duration
	}{
		"seconds":             {"7", 7 * time.Second},
		"a date":              {now.Add(time.Minute).Format(http.TimeFormat), time.Minute},
		"a date that is past": {now.Add(-time.Minute).Format(http.TimeFormat), 0},
		"a year":              {"31536000", 24 * time.Hour},
		"a negative number":   {"-1", 0},
		"no number":           {"soon", 0},
		"nothing":             {"", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", c.header)
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			var refused *tpp.ResponseError
			err := each(t.Context(), s.client)["register"]()
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, c.want, refused.RetryAfter)
			assert.True(t, refused.Temporary())
			assert.True(t, tpp.MayHaveHappened(err), "a gateway may answer 503 after the bank got the request")
		})
	}
}

func TestAStatusOfSomethingInBetweenIsNoCertainRefusal(t *testing.T) {
	for status, want := range map[int]bool{500: true, 502: true, 503: true, 504: true, 429: false, 400: false} {
		s := newStub(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		for verb, call := range each(t.Context(), s.client) {
			changes := verb == "register" || verb == "update" || verb == "delete"
			assert.Equal(t, want && changes, tpp.MayHaveHappened(call()), "%d to %s", status, verb)
		}
	}
}

func TestWhatNeverLeftIsSafeToSendAgain(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		s := newStub(t, nil)
		s.stop()
		err := each(t.Context(), s.client)["register"]()
		var lost *tpp.NoAnswerError
		require.ErrorAs(t, err, &lost)
		assert.False(t, lost.Sent)
		assert.Equal(t, "connection refused", lost.Reason)
		assert.Empty(t, lost.Next())
		assert.False(t, tpp.MayHaveHappened(err))
	})
	t.Run("a bank with another CA", func(t *testing.T) {
		s := newStub(t, nil)
		other := httptest.NewUnstartedServer(nil)
		other.Config.ErrorLog = quiet
		other.StartTLS()
		defer other.Close()
		w := newWorld(t)
		err := each(t.Context(), w.clientOf(t, w.software, w.http, metadataOf(t, other.URL)))["update"]()
		var lost *tpp.NoAnswerError
		require.ErrorAs(t, err, &lost)
		assert.False(t, lost.Sent)
		assert.Contains(t, lost.Reason, "does not chain to a trusted CA")
		assert.Zero(t, s.asked.Load())
	})
	t.Run("cancelled before", func(t *testing.T) {
		s := newStub(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := each(ctx, s.client)["delete"]()
		var lost *tpp.NoAnswerError
		require.ErrorAs(t, err, &lost)
		require.ErrorIs(t, err, context.Canceled)
		assert.False(t, lost.Sent)
	})
}

// roundTrip answers without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestARefusedCertificateIsNoLostAnswer: under TLS 1.3 the alert comes after the
// request was written.
func TestARefusedCertificateIsNoLostAnswer(t *testing.T) {
	w := newWorld(t)
	for alert, sent := range map[tls.AlertError]bool{116: false, 42: false, 48: false, 80: true} {
		client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			httptrace.ContextClientTrace(r.Context()).WroteHeaders()
			return nil, &net.OpError{Op: "remote error", Err: alert}
		})}
		err := each(t.Context(), w.clientOf(t, w.software, client, metadataOf(t, "https://bank.example")))["register"]()
		var lost *tpp.NoAnswerError
		require.ErrorAs(t, err, &lost)
		assert.Equal(t, sent, lost.Sent, "%v", alert)
		assert.Contains(t, lost.Reason, alert.Error())
	}
}

// deadline is a context whose time is over when the channel is closed.
type deadline struct {
	context.Context
	over <-chan struct{}
}

func (d deadline) Done() <-chan struct{} { return d.over }

func (d deadline) Err() error {
	select {
	case <-d.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestADeadlineEndsAnExchange(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{})
	s := newStub(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			close(arrived)
			<-release
		}
	})
	defer close(release)
	err := each(deadline{t.Context(), arrived}, s.client)["register"]()
	var lost *tpp.NoAnswerError
	require.ErrorAs(t, err, &lost)
	assert.Equal(t, "timed out", lost.Reason)
	assert.True(t, lost.Sent)
}

func TestAnAnswerIsReadAsFarAsPossible(t *testing.T) {
	i, err := tpp.ParseClientInformation([]byte(`{"client_id": "x", "client_id_issued_at": 1790000000, "client_secret": "s3cret",
		"client_secret_expires_at": 1790000001, "scope": ["openid"], "redirect_uris": "https://a.example/", "software_statement": "a", "grant_types": ["x"]}`))
	require.NoError(t, err)
	assert.Equal(t, time.Unix(1_790_000_000, 0).UTC(), i.IssuedAt)
	assert.Equal(t, time.Unix(1_790_000_001, 0).UTC(), i.SecretExpiresAt)
	assert.Equal(t, []string{"openid"}, i.Metadata.Scope.Or(claims.Scope{}).Words)
	require.Len(t, i.Faults, 1)
	assert.Equal(t, "/redirect_uris", i.Faults[0].Pointer)

	i, err = tpp.ParseClientInformation([]byte(`{"client_id": "x", "software_statement": "a", "software_statement": "a", "client_id_issued_at": "now"}`))
	require.NoError(t, err, "a peer's defect must not lose the client")
	assert.Equal(t, "x", i.ClientID)
	assert.Nil(t, i.Metadata)
	assert.True(t, i.IssuedAt.IsZero())
	assert.Equal(t, tpp.Credentials{ClientID: "x"}, i.Credentials())
	_, err = tpp.ParseClientInformation([]byte(`{"Client_ID": "x"}`))
	require.Error(t, err, "names are exact")
}

func TestWhatABankSaysIsMadeHarmless(t *testing.T) {
	long := strings.Repeat("y", 1000)
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "bad\x1b[31m" + long, "error_description": "caf\u00e9\n" + long})
	})
	err := each(t.Context(), s.client)["register"]()
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	assert.Len(t, refused.Code, 64)
	assert.Len(t, refused.Description, 500)
	assert.Less(t, len(err.Error()), 220)
	for _, said := range []string{refused.Code, refused.Description, err.Error()} {
		assert.NotRegexp(t, `[^ -~\x{e9}]`, said)
	}
}

func TestAnUnusableClientOrTokenIsNotSent(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for _, id := range []string{"", ".", "..", "a\nb", "a\u0085b", "caf\xe9", strings.Repeat("x", 1025)} {
		require.Error(t, s.client.Delete(t.Context(), id, goodToken), "%q", id)
	}
	for _, token := range []string{"", "a b", "a\nb", "=", "a=b"} {
		require.Error(t, s.client.Delete(t.Context(), "x", tpp.BearerToken{Value: claims.NewSecret(token)}), "%q", token)
	}
	for name, by := range map[string]tpp.Credentials{
		"no method": {ClientID: "x"}, "no secret": {ClientID: "x", Method: claims.ClientSecretBasic},
		"no client": {Method: claims.TLSClientAuth}, "an unknown method": {ClientID: "x", Method: "none"},
	} {
		_, err := s.client.AccessToken(t.Context(), by)
		require.Error(t, err, name)
	}
	require.Zero(t, s.asked.Load())
	require.NoError(t, s.client.Delete(t.Context(), "a/b?c#d", goodToken), "what is awkward is escaped")
	require.EqualValues(t, 1, s.asked.Load())
}

func TestAClientIDIsOneSegmentOfThePath(t *testing.T) {
	var asked string
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.RequestURI
		w.WriteHeader(http.StatusNoContent)
	})
	require.NoError(t, s.client.Delete(t.Context(), "a/b?c", goodToken))
	require.Equal(t, "/register/a%2Fb%3Fc", asked)
	require.NoError(t, s.client.Delete(t.Context(), "a caf\u00e9+", goodToken))
	require.Equal(t, "/register/a%20caf%C3%A9+", asked)
}
