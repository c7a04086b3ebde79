package conform_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/internal/hangtest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// withHandler is a good bank with a handler in front of it, whose signatures are quick.
func withHandler(t *testing.T, wrap func(bank http.Handler) http.Handler) (*dcrtest.Bank, conform.Config) {
	t.Helper()
	bank := quickBank(t, dcrtest.WithHandler(wrap))
	return bank, configOf(t, bank)
}

// registers reports whether a request is a registration.
func registers(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == "/register" }

// instead answers registrations by another handler than the bank's.
func instead(t *testing.T, h http.HandlerFunc) conform.Config {
	t.Helper()
	_, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if registers(r) {
				h(w, r)
				return
			}
			bank.ServeHTTP(w, r)
		})
	})
	return c
}

// TestABankThatGivesNoUsableAnswerIsToldPlainly: each run ends in time, with a verdict and a reason, for each case.
func TestABankThatGivesNoUsableAnswerIsToldPlainly(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte("a"), 10<<20)
	for name, bad := range map[string]struct {
		answer  http.HandlerFunc
		verdict conform.Verdict
		told    string
	}{
		"hangs": {hangtest.Hang, conform.Errored, "timed out"},
		"resets in the middle": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"client_id":`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, conform.Errored, "not whole"},
		"closes": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, conform.Errored, "no answer"},
		"ten megabytes": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write(long)
		}, conform.Errored, "1048576"},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusCreated)
			for r.Context().Err() == nil {
				if _, err := w.Write(long[:1000]); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		}, conform.Errored, "timed out"},
		"redirects": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/register", http.StatusTemporaryRedirect)
		}, conform.Errored, "https://elsewhere.example/register"},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "<html>welcome")
		}, conform.Failed, "client_id"},
		"fails": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, conform.Failed, "status 201"},
		"busy for ever": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}, conform.Errored, "3600"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := instead(t, bad.answer)
			if name == "hangs" || name == "endless" {
				c.Timeout, c.CleanUp = 5*time.Second, time.Second // the request has to be sent within it
			}
			c.Filter = []string{"register.valid"}
			begun := time.Now()
			report := run(t, c)
			assert.Less(t, time.Since(begun), time.Minute)
			require.Len(t, report.Results, 1)
			r := report.Results[0]
			assert.Equal(t, bad.verdict, r.Verdict)
			assert.Contains(t, r.Reason+r.Expected, bad.told)
			require.NotEmpty(t, r.Exchanges)
			if name != "redirects" && name != "busy for ever" {
				require.Len(t, report.Left, 1, "the bank may have registered it")
				assert.NotEmpty(t, report.Left[0].JTI)
				assert.NotEmpty(t, report.Left[0].SoftwareID)
			}
			for _, write := range []func(io.Writer) error{report.WriteJSON, report.WriteJUnit, report.WriteHTML} {
				var b bytes.Buffer
				require.NoError(t, write(&b))
				assert.Less(t, b.Len(), 1<<20)
			}
		})
	}
}

// TestAnAnswerThatIsLostIsSoughtByTheSameRequest: the bank has registered the client, or not, and nothing stays there.
func TestAnAnswerThatIsLostIsSoughtByTheSameRequest(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]bool{"before the bank had it": true, "after the bank had it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var once sync.Once
			bank, c := withHandler(t, func(bank http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if registers(r) {
						once.Do(func() {
							if !before {
								bank.ServeHTTP(httptest.NewRecorder(), r)
							}
							panic(http.ErrAbortHandler)
						})
					}
					bank.ServeHTTP(w, r)
				})
			})
			c.Filter = []string{"register.valid"}
			report := run(t, c)
			require.Equal(t, conform.Errored, report.Results[0].Verdict)
			if before {
				require.Empty(t, report.Left)
				require.Zero(t, clientsAt(t, bank))
				return
			}
			require.Len(t, report.Left, 1, "the client_id is known to the bank alone")
			require.Empty(t, report.Left[0].ClientID)
			require.NotEmpty(t, report.Left[0].JTI)
		})
	}
}

// TestABusyBankIsWaitedFor: 429 with Retry-After is no verdict.
func TestABusyBankIsWaitedFor(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	_, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if registers(r) && asked.Add(1) == 1 {
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			bank.ServeHTTP(w, r)
		})
	})
	c.Filter = []string{"register.valid"}
	report := run(t, c)
	require.Equal(t, conform.Passed, report.Results[0].Verdict)
	require.Contains(t, report.Results[0].Exchanges[0].Note, "429")
}

// TestABankThatNeverAnswersEndsTheRun: the cases that are left are not run, each with the reason.
func TestABankThatNeverAnswersEndsTheRun(t *testing.T) {
	t.Parallel()
	_, c := withHandler(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(hangtest.Hang)
	})
	c.Timeout, c.CleanUp, c.Filter = 20*time.Millisecond, 100*time.Millisecond, []string{"register", "get"}
	begun := time.Now()
	report := run(t, c)
	require.Less(t, time.Since(begun), time.Minute)
	require.Zero(t, report.Counts[conform.Passed])
	require.NotZero(t, report.Counts[conform.Errored])
	require.Greater(t, report.Counts[conform.NotRun], 20)
	require.Contains(t, report.Results[20].Reason, "not answered")
	require.Equal(t, 3, report.Worst())
}

// TestAServerThatIsNotTheBankIsNotTalkedTo: another CA, another host, plain HTTP.
func TestAServerThatIsNotTheBankIsNotTalkedTo(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t)
	directory := bank.Directory()
	wrong, err := directory.ServerCertificate("other.example")
	require.NoError(t, err)
	nobody := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request came") })
	other := httptest.NewTLSServer(nobody)
	plain := httptest.NewServer(nobody)
	named := httptest.NewUnstartedServer(nobody)
	named.TLS = &tls.Config{Certificates: []tls.Certificate{wrong}}
	named.StartTLS()
	for _, s := range []*httptest.Server{other, plain, named} {
		s.Config.ErrorLog = nil
		t.Cleanup(s.Close)
	}
	for told, address := range map[string]string{
		"trusted CA": other.URL, "other.example": named.URL, "TLS": strings.Replace(plain.URL, "http:", "https:", 1),
	} {
		c := configOf(t, bank)
		c.Filter = []string{"register.valid"}
		metadata, err := bank.Metadata()
		require.NoError(t, err)
		metadata.RegistrationEndpoint = address + "/register"
		c.Metadata = metadata
		report := run(t, c)
		require.Equal(t, conform.Errored, report.Results[0].Verdict)
		require.Contains(t, report.Results[0].Reason, told)
		require.Empty(t, report.Left, "nothing was sent")
	}
}

// TestAClientThatCannotBeDeletedIsToldByItsID: in the report, with the reason.
func TestAClientThatCannotBeDeletedIsToldByItsID(t *testing.T) {
	t.Parallel()
	_, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodDelete {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			bank.ServeHTTP(w, r)
		})
	})
	c.Filter = []string{"register.valid"}
	report := run(t, c)
	require.Len(t, report.Left, 1)
	require.Contains(t, report.Results[0].Exchanges[0].Received.Body, report.Left[0].ClientID)
	require.Contains(t, report.Left[0].Reason, "403")
}

// TestARequestThatShouldHaveBeenRefusedIsDeletedToo: the case fails, and its client is gone. The bank takes requests that
// are valid for longer than it says.
func TestARequestThatShouldHaveBeenRefusedIsDeletedToo(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t, dcrtest.WithPolicy(func(p *validate.Policy) { p.MaxLifetime = 400 * 24 * time.Hour }))
	c := configOf(t, bank)
	says := bank.Policy()
	says.MaxLifetime = validate.DefaultPolicy(bank.Profile()).MaxLifetime
	c.Policy, c.Filter = &says, []string{"register.lifetime"}
	report := run(t, c)
	require.Equal(t, conform.Failed, report.Results[0].Verdict)
	require.NotEmpty(t, report.Results[0].Expected)
	require.NotEmpty(t, report.Results[0].Citation.URL)
	require.Contains(t, report.Results[0].Exchanges[0].Received.Body, "client_id")
	require.Empty(t, report.Left)
	require.Zero(t, clientsAt(t, bank))
}

// TestABankThatChangesItsAnswersIsToldByTheComparison plays the same cases twice.
func TestABankThatChangesItsAnswersIsToldByTheComparison(t *testing.T) {
	t.Parallel()
	var changed atomic.Bool
	_, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if registers(r) && changed.Load() {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			bank.ServeHTTP(w, r)
		})
	})
	c.Filter = []string{"register.valid", "tls.plain"}
	before := run(t, c)
	changed.Store(true)
	difference := conform.Compare(before, run(t, c))
	require.True(t, difference.Worse)
	require.Len(t, difference.Differences, 1)
	require.Equal(t, conform.Broken, difference.Differences[0].Change)
	require.Equal(t, "register.valid", difference.Differences[0].ID)
}

// TestWithoutGETPUTAndDELETETheirCasesAreNotOffered: by the configuration, and by what the bank answers.
func TestWithoutGETPUTAndDELETETheirCasesAreNotOffered(t *testing.T) {
	t.Parallel()
	for _, status := range []int{0, http.StatusNotFound, http.StatusMethodNotAllowed} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			_, c := withHandler(t, func(bank http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodGet && status != 0 && strings.HasPrefix(r.URL.Path, "/register/") {
						w.WriteHeader(status)
						return
					}
					bank.ServeHTTP(w, r)
				})
			})
			c.Filter = []string{"get.own"}
			if status == 0 {
				c.Without = []conform.Need{conform.NeedGet}
			}
			report := run(t, c)
			require.Equal(t, conform.NotOffered, report.Results[0].Verdict)
			require.NotEmpty(t, report.Results[0].Reason)
			require.Zero(t, report.Worst())
		})
	}
}

// clientsAt is how many clients a bank has.
func clientsAt(t *testing.T, bank *dcrtest.Bank) int {
	t.Helper()
	all, err := bank.Store().(store.Lister).List(t.Context(), "", 1000)
	require.NoError(t, err)
	return len(all)
}

// TestABankWhereAPersonDecidesIsAllowedTo: nothing is registered, and the report says what waits there.
func TestABankWhereAPersonDecidesIsAllowedTo(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t, dcrtest.WithPolicy(func(p *validate.Policy) { p.PendingChanges = []validate.PendingChange{validate.PendingCreate} }))
	c := configOf(t, bank)
	c.Filter = []string{"register.valid"}
	report := run(t, c)
	require.Equal(t, conform.Allowed, report.Results[0].Verdict, "%+v", report.Results[0])
	require.Contains(t, report.Results[0].Reason, "pending_changes")
	require.Len(t, report.Left, 1)
	require.NotEmpty(t, report.Left[0].ClientID)
}

// TestABankThatFailsAtTheSecondClientIsNotAllowedTo: only a refusal says that it lets a software have one.
func TestABankThatFailsAtTheSecondClientIsNotAllowedTo(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]struct {
		answer  http.HandlerFunc
		verdict conform.Verdict
	}{
		"fails":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, conform.Failed},
		"closes":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, conform.Errored},
		"refuses": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) }, conform.Allowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			count := &atomic.Int64{}
			_, c := withHandler(t, func(bank http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if registers(r) && count.Add(1) > 2 { // the probe, and the first client of the case
						bad.answer(w, r)
						return
					}
					bank.ServeHTTP(w, r)
				})
			})
			c.Policy, c.CleanUp = nil, 100*time.Millisecond
			for _, id := range []string{"get.two-clients", "delete.others-stay"} {
				count.Store(0)
				c.Filter = []string{id}
				report := run(t, c)
				require.Equal(t, bad.verdict, report.Results[0].Verdict, "%s: %s", id, report.Results[0].Expected)
			}
		})
	}
}
