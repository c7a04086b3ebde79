package conform_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/internal/hangtest"
)

// answering is a bank that answers some requests itself, where answer returns true.
func answering(t *testing.T, answer func(w http.ResponseWriter, r *http.Request) bool) (*dcrtest.Bank, conform.Config) {
	t.Helper()
	return withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !answer(w, r) {
				bank.ServeHTTP(w, r)
			}
		})
	})
}

// keeping is such a bank that refuses each deletion until deletes is true.
func keeping(t *testing.T, answer func(w http.ResponseWriter, r *http.Request) bool) (bank *dcrtest.Bank, c conform.Config, deletes *atomic.Bool) {
	t.Helper()
	deletes = &atomic.Bool{}
	bank, c = answering(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete && !deletes.Load() {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return answer(w, r)
	})
	return bank, c, deletes
}

// TestDELETEIsTriedWhateverTheConfigurationSays: its cases are not offered, and the bank has no client all the same.
func TestDELETEIsTriedWhateverTheConfigurationSays(t *testing.T) {
	t.Parallel()
	bank, c := answering(t, func(http.ResponseWriter, *http.Request) bool { return false })
	c.Filter, c.Without = []string{"register.valid", "delete.own"}, []conform.Need{conform.NeedGet, conform.NeedPut, conform.NeedDelete}
	report := run(t, c)
	require.Equal(t, 1, report.Counts[conform.NotOffered])
	require.Equal(t, 1, report.Counts[conform.Passed])
	require.Empty(t, report.Left)
	require.Zero(t, clientsAt(t, bank))
}

// TestABankThatHasNoDELETEIsNotTakenForOneThatHasDeleted: 404 is what it answers to any address that it does not know.
func TestABankThatHasNoDELETEIsNotTakenForOneThatHasDeleted(t *testing.T) {
	t.Parallel()
	bank, c := answering(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNotFound)
		}
		return r.Method == http.MethodDelete
	})
	written := &lockedBuffer{}
	c.Filter, c.Journal = []string{"register.valid"}, written
	report := run(t, c)
	require.Len(t, report.Left, 1)
	require.Contains(t, report.Left[0].Reason, "404")
	left, err := cleanUp(t, c, written.String())
	require.NoError(t, err)
	require.Len(t, left, 1, "nor by the next run")
	require.Equal(t, 1, clientsAt(t, bank))
}

// TestACleanUpWaitsForABankThatIsBusy: 503 with and without Retry-After, and a connection that breaks off.
func TestACleanUpWaitsForABankThatIsBusy(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(w http.ResponseWriter){
		"503": func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		"503 with Retry-After": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		},
		"broken off": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			bank, c := answering(t, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodDelete || asked.Add(1) > 2 {
					return false
				}
				refuse(w)
				return true
			})
			c.Filter = []string{"register.valid"}
			report := run(t, c)
			require.Empty(t, report.Left)
			require.Zero(t, clientsAt(t, bank))
		})
	}
}

// TestACleanUpAtABankThatIsBusyForEverEnds: it is not waited for with each client anew.
func TestACleanUpAtABankThatIsBusyForEverEnds(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	_, c := answering(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			asked.Add(1)
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return r.Method == http.MethodDelete
	})
	c.Filter, c.Without = []string{"register.[a-f]*"}, []conform.Need{conform.NeedDelete}
	report := run(t, c)
	require.Greater(t, len(report.Left), 3)
	// Each is asked for twice, after its case and at the end, with 4 requests; the first three times with 7.
	require.Less(t, int(asked.Load()), 12+8*len(report.Left))
	for _, one := range report.Left {
		require.Contains(t, one.Reason, "503")
	}
}

// TestTwoRegistrationsWithOneClientIDAreAnAlarm: the client may be the TPP's own. It is told once, and not deleted again, but
// where the bank says that it was made about now.
func TestTwoRegistrationsWithOneClientIDAreAnAlarm(t *testing.T) {
	t.Parallel()
	for name, date := range map[string]string{
		"no date": "", "0": `,"client_id_issued_at":0`, "milliseconds": `,"client_id_issued_at":` + strconv.FormatInt(time.Now().UnixMilli(), 10),
		"the day after tomorrow": `,"client_id_issued_at":` + strconv.FormatInt(time.Now().Add(48*time.Hour).Unix(), 10),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alarmed(t, date)
		})
	}
}

// alarmed runs cases at a bank that has one client, with a date in its answers.
func alarmed(t *testing.T, date string) {
	t.Helper()
	var deleted, registered atomic.Int32
	_, c := answering(t, func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case registers(r):
			registered.Add(1)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"client_id":"prod-client-1"`+date+`}`)
		case r.URL.Path == "/token":
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"a-token","token_type":"Bearer","expires_in":60}`)
		case r.Method == http.MethodDelete:
			deleted.Add(1)
			w.WriteHeader(http.StatusForbidden)
		default:
			return false
		}
		return true
	})
	written := &lockedBuffer{}
	c.Filter, c.Journal = []string{"register.valid", "register.status", "register.again"}, written
	report := run(t, c)
	require.EqualValues(t, 1, deleted.Load(), "before the second answer the client was the run's, as far as it could know")
	require.Greater(t, int(registered.Load()), 2)
	require.Len(t, report.Left, 1)
	require.Equal(t, "prod-client-1", report.Left[0].ClientID)
	require.NotZero(t, report.Counts[conform.Errored])
	require.LessOrEqual(t, report.Counts[conform.Passed], 1)

	left, err := cleanUp(t, c, written.String())
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.EqualValues(t, 1, deleted.Load(), "the journal knows of it")
}

// TestAnInterruptedRunCleansUpForItsTimeAlone: also where a case was deleting its client, at a bank that hangs then.
func TestAnInterruptedRunCleansUpForItsTimeAlone(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	_, c := answering(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			interrupt()
			hangtest.Hang(w, r)
		}
		return r.Method == http.MethodDelete
	})
	var told []int
	c.Filter, c.CleanUp = []string{"register.valid"}, 500*time.Millisecond
	c.Progress = func(p conform.Progress) {
		if p.CleaningUp > 0 {
			told = append(told, p.CleaningUp)
		}
	}
	begun := time.Now()
	report, err := conform.Run(ctx, c)
	require.NoError(t, err)
	require.Less(t, time.Since(begun), 20*time.Second)
	require.True(t, report.Interrupted)
	require.Len(t, report.Left, 1)
	require.Equal(t, []int{1}, told)
}

// TestASecondSoftwareHasToBeAnother: by software_id, key and certificate.
func TestASecondSoftwareHasToBeAnother(t *testing.T) {
	t.Parallel()
	good := configOf(t, dcrtest.NewBank(t))
	for name, spoil := range map[string]func(second *conform.Registrant){
		"all":         func(s *conform.Registrant) { *s = good.Software },
		"software_id": func(s *conform.Registrant) { s.Statement = good.Software.Statement },
		"key":         func(s *conform.Registrant) { s.Signer = good.Software.Signer },
		"certificate": func(s *conform.Registrant) { s.Certificate = good.Software.Certificate },
	} {
		c, second := good, *good.Second
		spoil(&second)
		c.Second = &second
		_, err := conform.Run(t.Context(), c)
		require.ErrorIs(t, err, conform.ErrSecond, name)
	}
}

// TestLeftClientsOfOneReasonAreToldTogether: each by a short line, and of many some.
func TestLeftClientsOfOneReasonAreToldTogether(t *testing.T) {
	t.Parallel()
	left := []conform.Left{{ClientID: "c1", Case: "a.b", Reason: "DELETE was answered 403"}, {ClientID: "c2", Case: "a.c", Reason: "DELETE was answered 403"},
		{SoftwareID: "s", JTI: "j1", Case: "a.d", Reason: "the answer was 500"}}
	for range 30 {
		left = append(left, conform.Left{ClientID: "c", Case: "x.y", Reason: "DELETE was answered 405"})
	}
	lines := conform.LeftLines(left, 3)
	said := strings.Join(lines, "\n")
	require.Len(t, lines, 2+2+2+1+2+3+1)
	require.Equal(t, 1, strings.Count(said, "403"))
	for _, one := range []string{"c1", "c2", "j1", "2 clients", "1 client of the software s", "and 27 more"} {
		require.Contains(t, said, one)
	}
}

// TestABankThatCannotAnswerNowIsNoFailure: 503 with Retry-After is waited for, and is an error where it stays; 503 alone
// is an answer like any other.
func TestABankThatCannotAnswerNowIsNoFailure(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		play, path, after string
		times             int32
		verdict           conform.Verdict
	}{
		"for a moment":   {"token.granted", "/token", "0", 1, conform.Passed},
		"for ever":       {"token.granted", "/token", "0", 1000, conform.Errored},
		"a registration": {"register.valid", "/register", "0", 1, conform.Passed},
		"without a time": {"register.valid", "/register", "", 1, conform.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			_, c := answering(t, func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != one.path || asked.Add(1) > one.times {
					return false
				}
				if one.after != "" {
					w.Header().Set("Retry-After", one.after)
				}
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			})
			c.Filter = []string{one.play}
			report := run(t, c)
			require.Equal(t, one.verdict, report.Results[0].Verdict, report.Results[0].Reason)
		})
	}
}

// TestARegistrationThatIsSentOnceMoreMayHaveBeenMadeBefore: the bank had it, said 503, and refuses it then.
func TestARegistrationThatIsSentOnceMoreMayHaveBeenMadeBefore(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	_, c := answering(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !registers(r) {
			return false
		}
		if asked.Add(1) <= 2 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_client_metadata","error_description":"this jti was used before"}`)
		return true
	})
	c.Filter = []string{"register.valid"}
	require.Len(t, run(t, c).Left, 1)
}
