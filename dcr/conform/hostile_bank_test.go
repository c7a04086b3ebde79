package conform_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/internal/fulltest"
)

// upserting is a bank that answers each registration with the client of the one before, from the number that is given on,
// changed by change.
func upserting(t *testing.T, from int, change func(answer string) string) (conform.Config, *[]string) {
	t.Helper()
	var mutex sync.Mutex
	var last string
	count := 0
	var managed []string
	_, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !registers(r) {
				if r.Method == http.MethodPut || r.Method == http.MethodDelete {
					mutex.Lock()
					managed = append(managed, r.Method)
					mutex.Unlock()
				}
				bank.ServeHTTP(w, r)
				return
			}
			mutex.Lock()
			defer mutex.Unlock()
			if count++; count <= from || last == "" {
				made := httptest.NewRecorder()
				if bank.ServeHTTP(made, r); made.Code != http.StatusCreated {
					w.WriteHeader(made.Code)
					return
				}
				last = change(made.Body.String())
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, last)
		})
	})
	return c, &managed
}

// TestAClientThatTheBankNamesAgainIsDeletedOnce: what is gone is not said to be left.
func TestAClientThatTheBankNamesAgainIsDeletedOnce(t *testing.T) {
	t.Parallel()
	c, managed := upserting(t, 1, func(answer string) string { return answer })
	c.Filter, c.Parallel = []string{"register.valid", "race", "replay"}, 4
	report := run(t, c)
	require.Empty(t, report.Left)
	require.Contains(t, *managed, http.MethodDelete)
}

// TestOneClientIDForSeveralRegistrationsIsAFault: the verdict is about the bank, where a case is about this.
func TestOneClientIDForSeveralRegistrationsIsAFault(t *testing.T) {
	t.Parallel()
	c, _ := upserting(t, 1, func(answer string) string { return answer })
	c.Filter = []string{"race.registrations"}
	require.Equal(t, conform.Failed, run(t, c).Results[0].Verdict)
	c, _ = upserting(t, 1, func(answer string) string { return issued(t, answer, "1000000000") })
	c.Filter = []string{"race.registrations"}
	require.Equal(t, conform.Errored, run(t, c).Results[0].Verdict, "the software has had this client")
}

// TestAClientThatTheBankHadBeforeTheRunIsNotTouched: a bank that gives a software one client may name the TPP's own.
func TestAClientThatTheBankHadBeforeTheRunIsNotTouched(t *testing.T) {
	t.Parallel()
	c, managed := upserting(t, 1, func(answer string) string { return issued(t, answer, "1000000000") })
	c.Filter = []string{"register", "get", "update", "delete"}
	report := run(t, c)
	require.Empty(t, *managed, "no PUT and no DELETE")
	require.Len(t, report.Left, 1)
	require.NotEmpty(t, report.Left[0].ClientID)
	require.Zero(t, report.Counts[conform.Passed])
	require.Equal(t, conform.Errored, report.Results[0].Verdict)
}

// issued is an answer whose client was registered at another time.
func issued(t *testing.T, answer, at string) string {
	t.Helper()
	before, after, found := strings.Cut(answer, `"client_id_issued_at":`)
	require.True(t, found, answer)
	return before + `"client_id_issued_at":` + at + strings.TrimLeft(after, " 0123456789")
}

// TestATimeThatSaysNothingMakesNoClientNew: a bank that answers each registration with one client, which may be the TPP's own,
// and says of no use when it was registered.
func TestATimeThatSaysNothingMakesNoClientNew(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{"0": "0", "milliseconds": strconv.FormatInt(time.Now().UnixMilli(), 10)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, managed := upserting(t, 2, func(answer string) string { return issued(t, answer, at) }) // the first is the probe
			c.Filter = []string{"register.again"}
			report := run(t, c)
			require.Equal(t, []string{http.MethodDelete}, *managed, "the probe alone")
			require.NotEmpty(t, report.Left)
		})
	}
}

// TestManySecretsInAnAnswerDoNotStopTheRun: each answer has another 30,000 of them.
func TestManySecretsInAnAnswerDoNotStopTheRun(t *testing.T) {
	t.Parallel()
	c := instead(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		body := []byte(`{"client_secret":"the-one-that-counts","x":[`)
		now := `{"token":"` + strconv.FormatInt(time.Now().UnixNano(), 10) + "-"
		for i := range 30000 {
			body = append(strconv.AppendInt(append(body, now...), int64(i), 10), `"},`...)
		}
		_, _ = w.Write(append(body, `"the-one-that-counts"]}`...))
	})
	c.Filter = []string{"register.[a-i]*"}
	if fulltest.Asked() {
		c.Filter = []string{"register"}
	}
	report := run(t, c)
	for _, r := range report.Results {
		for _, x := range r.Exchanges {
			require.NotContains(t, x.Received.Body, "the-one-that-counts")
			require.NotRegexp(t, `"token":"\d`, x.Received.Body)
		}
	}
}

// TestATokenGoesToNoOtherHost: a bank names another host as the address of each client, and gives no access token, so that
// the registration access token is what the clean-up has.
func TestATokenGoesToNoOtherHost(t *testing.T) {
	t.Parallel()
	other := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request came to another host") }))
	t.Cleanup(other.Close)
	var mutex sync.Mutex
	shown := map[string]bool{}
	_, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case registers(r):
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, `{"client_id":"a-1","client_id_issued_at":`+strconv.FormatInt(time.Now().Unix(), 10)+`,"registration_access_token":"only-for-the-bank","registration_client_uri":"`+other.URL+`/register/a"}`)
			case r.Method == http.MethodDelete && r.Header.Get("Authorization") == "Bearer only-for-the-bank":
				mutex.Lock()
				shown[r.URL.EscapedPath()] = true
				mutex.Unlock()
				w.WriteHeader(http.StatusNoContent)
			default:
				w.WriteHeader(http.StatusUnauthorized)
			}
		})
	})
	c.Roots = c.Roots.Clone()
	c.Roots.AddCert(other.Certificate()) // trust is not what keeps it away
	c.Filter = []string{"register", "get", "update", "delete"}
	report := run(t, c)
	require.Empty(t, report.Left)
	require.Equal(t, map[string]bool{"/register/a-1": true}, shown)
}
