package conform_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
)

// lostOnce is a bank that makes a client of the first registration and answers 502, and each later one by again.
func lostOnce(t *testing.T, again func(w http.ResponseWriter, r *http.Request, bank http.Handler)) (clients func() int, c conform.Config, journal *lockedBuffer) {
	t.Helper()
	var posts atomic.Int32
	b, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case !registers(r):
				bank.ServeHTTP(w, r)
			case posts.Add(1) == 1:
				bank.ServeHTTP(httptest.NewRecorder(), r)
				w.WriteHeader(http.StatusBadGateway)
			default:
				again(w, r, bank)
			}
		})
	})
	journal = &lockedBuffer{}
	c.Filter, c.Journal = []string{"register.valid"}, journal
	return func() int { return clientsAt(t, b) }, c, journal
}

// TestALostRegistrationIsForgottenOnlyWhereTheBankRefusesItForWhatItIs: any other refusal may be that of one that was made,
// which the report names, and the journal keeps for as many clean-ups as are tried.
func TestALostRegistrationIsForgottenOnlyWhereTheBankRefusesItForWhatItIs(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		status int
		body   string
		left   int
	}{
		"one client for a software":  {409, `{"error":"invalid_client_metadata","error_description":"conflict"}`, 1},
		"the same in other words":    {400, `{"error":"invalid_client_metadata","error_description":"the software is registered already"}`, 1},
		"busy for ever":              {429, ``, 1},
		"a certificate that expired": {401, `{"error":"invalid_client"}`, 1},
		"a sender who may not":       {403, `{"error":"access_denied"}`, 1},
		"a sender by 400":            {400, `{"error":"invalid_client"}`, 1},
		"a gateway":                  {400, `<html>The SSL certificate error</html>`, 1},
		"a bank that moves":          {404, `{"error":"not_found"}`, 1},
		"a replay by its jti":        {400, `{"error":"invalid_client_metadata","error_description":"jti"}`, 1},
		"a replay in other words":    {422, `{"error":"invalid_request","error_description":"The request was used before."}`, 1},
		"a redirect":                 {308, ``, 1},
		"what it is":                 {400, `{"error":"invalid_redirect_uri","error_description":"refused"}`, 0},
		"its size":                   {413, ``, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c, journal := lostOnce(t, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(one.status)
				_, _ = io.WriteString(w, one.body)
			})
			require.Len(t, run(t, c).Left, one.left)
			for range 2 {
				left, err := cleanUp(t, c, journal.String())
				require.NoError(t, err)
				require.Len(t, left, one.left)
			}
		})
	}
}

// TestALostRegistrationThatIsMadeBySendingItAgainIsOneClient: the bank had it not, takes it, and does not delete it yet.
func TestALostRegistrationThatIsMadeBySendingItAgainIsOneClient(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	b, c, deletes := keeping(t, func(w http.ResponseWriter, r *http.Request) bool {
		lost := registers(r) && posts.Add(1) == 1
		if lost {
			w.WriteHeader(http.StatusBadGateway)
		}
		return lost
	})
	journal := &lockedBuffer{}
	c.Filter, c.Journal = []string{"register.valid"}, journal
	report := run(t, c)
	require.Len(t, report.Left, 1)
	require.NotEmpty(t, report.Left[0].ClientID)
	deletes.Store(true)
	left, err := cleanUp(t, c, journal.String())
	require.NoError(t, err)
	require.Empty(t, left)
	require.EqualValues(t, 2, posts.Load(), "it has a client_id, and is not sought")
	require.Zero(t, clientsAt(t, b))
}

// TestAPauseThatIsInterruptedHidesNoRegistration: the bank made the client, and its gateway says to come again. The run ends
// in the pause, or the clean-up does.
func TestAPauseThatIsInterruptedHidesNoRegistration(t *testing.T) {
	t.Parallel()
	for name, inCleanUp := range map[string]bool{"of the run": false, "of the clean-up": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			var posts atomic.Int32
			_, c := withHandler(t, func(bank http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					n := int32(3)
					if registers(r) {
						n = posts.Add(1)
					}
					switch {
					case n == 1 && inCleanUp:
						w.WriteHeader(http.StatusBadGateway)
					case n == 1, n == 2 && inCleanUp:
						bank.ServeHTTP(httptest.NewRecorder(), r)
						w.Header().Set("Retry-After", "5")
						w.WriteHeader(http.StatusServiceUnavailable)
						if !inCleanUp {
							time.AfterFunc(50*time.Millisecond, interrupt)
						}
					default:
						bank.ServeHTTP(w, r)
					}
				})
			})
			journal := &lockedBuffer{}
			c.Filter, c.Journal = []string{"register.valid"}, journal
			if inCleanUp {
				c.CleanUp = 300 * time.Millisecond
			}
			report, err := conform.Run(ctx, c)
			require.NoError(t, err)
			require.Len(t, report.Left, 1)
			c.CleanUp = time.Minute
			left, err := cleanUp(t, c, journal.String())
			require.NoError(t, err)
			require.Len(t, left, 1)
			require.NotEmpty(t, left[0].JTI)
		})
	}
}

// TestALostRegistrationBeforeALaterRefusalIsKept: 503 may hide a client, and 401 to the same request does not tell.
func TestALostRegistrationBeforeALaterRefusalIsKept(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	_, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n := int32(0)
			if registers(r) {
				n = posts.Add(1)
			}
			switch n {
			case 1:
				bank.ServeHTTP(httptest.NewRecorder(), r)
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(http.StatusServiceUnavailable)
			case 2:
				w.WriteHeader(http.StatusUnauthorized)
			default:
				bank.ServeHTTP(w, r)
			}
		})
	})
	c.Filter = []string{"register.valid"}
	require.Len(t, run(t, c).Left, 1)
}

// TestAClientThatWasMadeAtAnotherAddressIsDeleted: a gateway merges slashes, or a bank takes what comes at any address.
func TestAClientThatWasMadeAtAnotherAddressIsDeleted(t *testing.T) {
	t.Parallel()
	b, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/register") {
				r.URL.Path, r.URL.RawPath = "/register", ""
			}
			bank.ServeHTTP(w, r)
		})
	})
	c.Filter = []string{"register.valid", "http.path-*", "http.method-post-at-client"}
	report := run(t, c)
	require.Equal(t, 3, report.Counts[conform.Allowed])
	require.Empty(t, report.Left)
	require.Zero(t, clientsAt(t, b))
}

// TestAPOSTThatAClientAnswersForItselfMakesNoOther: a bank takes POST at the address of a client for GET.
func TestAPOSTThatAClientAnswersForItselfMakesNoOther(t *testing.T) {
	t.Parallel()
	b, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if id, found := strings.CutPrefix(r.URL.Path, "/register/"); found && r.Method == http.MethodPost {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"client_id":"`+id+`"}`)
				return
			}
			answer := httptest.NewRecorder()
			if bank.ServeHTTP(answer, r); registers(r) {
				answer.Body = bytes.NewBufferString(strings.Replace(answer.Body.String(), `"client_id_issued_at"`, `"x"`, 1))
			}
			w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes())
		})
	})
	c.Filter = []string{"register.valid", "http.method-post-at-client"}
	report := run(t, c)
	require.Equal(t, 1, report.Counts[conform.Failed])
	require.Empty(t, report.Left)
	require.Zero(t, clientsAt(t, b))
}
