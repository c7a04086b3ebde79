package tpp_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// retryOf returns what a failed call says about the way on.
func retryOf(err error) (how tpp.Retry, next string) {
	var lost *tpp.NoAnswerError
	var refused *tpp.ResponseError
	switch {
	case errors.As(err, &lost):
		return lost.Retry(), lost.Next()
	case errors.As(err, &refused):
		return refused.Retry(), refused.Next()
	}
	return "", ""
}

func TestAFailureSaysHowToGoOnSafely(t *testing.T) {
	verbs := []string{"register", "get", "update", "delete", "token"}
	all := func(how tpp.Retry) []tpp.Retry { return []tpp.Retry{how, how, how, how, how} }
	const same, fresh, look = tpp.RetrySame, tpp.RetryNew, tpp.RetryLook
	afterAChange := []tpp.Retry{same, same, look, look, same}
	for status, want := range map[int][]tpp.Retry{
		http.StatusBadRequest: all(fresh), http.StatusUnauthorized: all(fresh), http.StatusForbidden: all(fresh), http.StatusMethodNotAllowed: all(fresh),
		http.StatusUnsupportedMediaType: all(fresh), http.StatusFound: all(fresh),
		http.StatusRequestTimeout: all(same), http.StatusTooManyRequests: all(same), http.StatusServiceUnavailable: afterAChange,
		http.StatusInternalServerError: afterAChange, http.StatusBadGateway: afterAChange, http.StatusGatewayTimeout: afterAChange,
	} {
		client := answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		for i, verb := range verbs {
			err := each(t.Context(), client)[verb]()
			how, next := retryOf(err)
			assert.Equal(t, want[i], how, "%d to %s", status, verb)
			if how != fresh {
				assert.NotEmpty(t, next, "%d to %s", status, verb)
			}
		}
	}
	lost := newStub(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	gone := newStub(t, nil)
	gone.stop()
	for i, verb := range verbs {
		how, _ := retryOf(each(t.Context(), lost.client)[verb]())
		assert.Equal(t, afterAChange[i], how, verb)
		how, next := retryOf(each(t.Context(), gone.client)[verb]())
		assert.Equal(t, same, how, "%s: nothing was sent", verb)
		assert.Empty(t, next)
	}
}

// TestNoAdviceNeedsAnUnknownClientID: after a lost answer to a registration nobody but the
// bank knows the client_id.
func TestNoAdviceNeedsAnUnknownClientID(t *testing.T) {
	replayed := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error": "invalid_client_metadata", "error_description": "used (` + validate.RuleRequestJTIReplayed + `)"}`))
	}
	for name, h := range map[string]http.HandlerFunc{
		"an outage":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGatewayTimeout) },
		"an unusable answer": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) },
		"another success":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
		"a replay":           replayed,
	} {
		err := each(t.Context(), answering(t, h))["register"]()
		_, next := retryOf(err)
		require.NotEmpty(t, next, name)
		assert.Contains(t, next, "ask the bank for the client_id", name)
		assert.NotContains(t, strings.ToLower(next), "get it", name)
	}
	how, _ := retryOf(each(t.Context(), answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }))["register"]())
	assert.Equal(t, tpp.RetryLook, how, "201 says that the client is registered")
}

// TestALostRegistrationIsSentAgainSafely: the bank registers the client once, and its refusal
// of the second request tells whom to ask.
func TestALostRegistrationIsSentAgainSafely(t *testing.T) {
	w := newWorld(t)
	client := w.client(t)
	request, err := client.Build(w.statement(t, nil), tpp.RequestOptions{Audience: ssatest.DefaultAudience})
	require.NoError(t, err)
	_, err = client.Register(t.Context(), request) // the answer is lost
	require.NoError(t, err)
	_, err = client.Register(t.Context(), request)
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Rules(), 1)
	assert.Equal(t, validate.RuleRequestJTIReplayed, refused.Rules()[0].ID)
	assert.Equal(t, tpp.RetryLook, refused.Retry(), "a new request may make a second client")
	for _, told := range []string{refused.Next(), refused.Description, refused.Rules()[0].Fix} {
		assert.Contains(t, told, "ask")
		assert.NotContains(t, told, "GET")
	}
}

func TestAStatusSaysWhatToDo(t *testing.T) {
	for status, verbs := range map[int]map[string]bool{
		http.StatusUnsupportedMediaType: {"register": true, "update": true, "get": false, "delete": false},
		http.StatusMethodNotAllowed:     {"register": false, "update": true, "get": true, "delete": true},
		http.StatusUnauthorized:         {"register": false, "update": true, "get": true, "delete": true, "token": false},
		http.StatusBadRequest:           {"register": false, "update": false},
	} {
		client := answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		for verb, told := range verbs {
			_, next := retryOf(each(t.Context(), client)[verb]())
			assert.Equal(t, told, next != "", "%d to %s", status, verb)
		}
	}
}

func TestATokenOfTooSmallAScopeIsTold(t *testing.T) {
	for challenge, want := range map[string]string{
		`Bearer realm="registration", error="insufficient_scope", scope="registration extra"`: "registration extra",
		`Bearer error=insufficient_scope`:                    "scope",
		`Bearer error="insufficient_scope", scope=""`:        "scope",
		`Bearer error="invalid_token", scope="registration"`: "",
		``: "",
	} {
		client := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", challenge)
			http.Error(w, "not with this", http.StatusForbidden)
		})
		for _, verb := range []string{"get", "update", "delete"} {
			err := each(t.Context(), client)[verb]()
			var refused *tpp.ResponseError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, want != "", refused.LacksScope(), challenge)
			how, next := retryOf(err)
			assert.Equal(t, tpp.RetryNew, how, verb)
			assert.Equal(t, want != "", next != "", challenge)
			assert.Contains(t, next, want, challenge)
		}
	}
}

func TestClocksAreCompared(t *testing.T) {
	now := time.Unix(1_790_000_000, 0).UTC()
	for name, c := range map[string]struct {
		date   string
		skew   time.Duration
		advice string
	}{
		"no date":         {"", 0, ""},
		"no date at all":  {"today", 0, ""},
		"the same":        {now.Format(http.TimeFormat), 0, ""},
		"nearly the same": {now.Add(4 * time.Second).Format(http.TimeFormat), 4 * time.Second, ""},
		"seconds":         {now.Add(5 * time.Second).Format(http.TimeFormat), 5 * time.Second, "your clock is 5 seconds behind the bank's"},
		"a minute":        {now.Add(-90 * time.Second).Format(http.TimeFormat), -90 * time.Second, "your clock is 90 seconds ahead of the bank's"},
		"minutes":         {now.Add(4*time.Minute + 10*time.Second).Format(http.TimeFormat), 250 * time.Second, "your clock is 4 minutes behind the bank's"},
		"hours":           {now.Add(-3 * time.Hour).Format(http.TimeFormat), -3 * time.Hour, "your clock is 3 hours ahead of the bank's"},
		"days":            {now.Add(49 * time.Hour).Format(http.TimeFormat), 49 * time.Hour, "your clock is 2 days behind the bank's"},
	} {
		client := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", c.date)
			w.WriteHeader(http.StatusBadRequest)
		})
		for verb, call := range each(t.Context(), client) {
			var refused *tpp.ResponseError
			require.ErrorAs(t, call(), &refused)
			assert.Equal(t, now, refused.ReceivedAt.UTC(), name)
			assert.Equal(t, c.skew, refused.ClockSkew(), "%s, %s", name, verb)
			assert.Equal(t, c.advice, refused.ClockAdvice(), name)
			assert.Equal(t, c.skew == 0 && c.advice == "" && name != "the same", refused.ServerTime.IsZero(), name)
		}
	}
}

func TestAnUnknownCAIsFoundInTheError(t *testing.T) {
	stranger := httptest.NewUnstartedServer(nil)
	stranger.Config.ErrorLog = quiet
	stranger.StartTLS()
	defer stranger.Close()
	w := newWorld(t)
	calls := each(t.Context(), w.clientOf(t, w.software, w.http, metadataOf(t, stranger.URL)))
	calls["discover"] = func() error { _, err := tpp.Discover(t.Context(), stranger.URL, w.http); return err }
	calls["statement"] = func() error {
		d, err := tpp.NewDirectoryClient(w.directoryConfig(w.http, stranger.URL))
		require.NoError(t, err)
		_, err = d.Statement(t.Context(), "org", "software")
		return err
	}
	for verb, call := range calls {
		var unknown x509.UnknownAuthorityError
		require.ErrorAs(t, call(), &unknown, verb)
	}
	keys, err := tpp.KeySet(stranger.URL+"/keys.jwks", w.http)
	require.NoError(t, err)
	_, err = keys.ResolveKeys(context.Background(), ssaRef)
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
}
