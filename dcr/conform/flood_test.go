package conform_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
)

// nameless is an answer that says that a client was made, and names it by a member that is not the right one.
func nameless(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{"clientId":"c"}`)
}

// TestAnAnswerThatIsOfNoUseIsTheFirstCause: below 400 too. Nothing more is registered there, neither by the run nor by its
// clean-ups, and a client that the bank says it has made is told by its jti and time.
func TestAnAnswerThatIsOfNoUseIsTheFirstCause(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte("a"), 2<<20)
	for name, bad := range map[string]struct {
		answer                       http.HandlerFunc
		status, worst, without, left int
	}{
		"no client_id": {nameless, http.StatusCreated, 1, 3, 1},
		"no JSON":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }, http.StatusOK, 1, 3, 1},
		"too long": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write(long)
		}, http.StatusCreated, 3, 3, 1},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(http.StatusCreated)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, http.StatusCreated, 3, 3, 1},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/register", http.StatusTemporaryRedirect)
		}, http.StatusTemporaryRedirect, 3, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var posts atomic.Int32
			c := instead(t, func(w http.ResponseWriter, r *http.Request) {
				posts.Add(1)
				bad.answer(w, r)
			})
			journal := &lockedBuffer{}
			c.Filter, c.Journal = []string{"register", "token", "jose.*", "race", "discovery.*"}, journal
			report := run(t, c)
			require.NotNil(t, report.FirstCause)
			require.Equal(t, bad.status, report.FirstCause.Status)
			require.NotEmpty(t, report.FirstCause.Description)
			require.Equal(t, bad.worst, report.Worst())
			require.NotZero(t, report.Counts[conform.Passed], "the document is judged")
			for _, r := range report.Results {
				require.True(t, r.ID == "register.valid" || r.Group == "discovery" || r.Verdict == conform.NotRun && r.Reason != "", r.ID)
			}
			left := report.Left
			for range 2 {
				require.Len(t, left, bad.left)
				for _, one := range left {
					require.True(t, one.Final)
					require.NotEmpty(t, one.JTI)
					require.NotEmpty(t, one.SoftwareID)
					require.False(t, one.At.IsZero())
				}
				var err error
				left, err = cleanUp(t, c, journal.String())
				require.NoError(t, err)
			}
			require.EqualValues(t, 1, posts.Load(), "a bank that has made a client makes no other by a clean-up")
			c.Filter, c.Journal = []string{"get.own"}, nil
			report = run(t, c)
			require.Equal(t, bad.status, report.FirstCause.Status)
			require.Equal(t, bad.without, report.Worst(), "also where the plain valid request is no case of the run")
			require.EqualValues(t, 2, posts.Load())
		})
	}
}

// TestARequestThatIsTakenIsNoFirstCause: the bank makes a client, and its status alone is wrong.
func TestARequestThatIsTakenIsNoFirstCause(t *testing.T) {
	t.Parallel()
	b, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := httptest.NewRecorder()
			if bank.ServeHTTP(answer, r); answer.Code == http.StatusCreated {
				answer.Code = http.StatusNonAuthoritativeInfo
			}
			for name, values := range answer.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes())
		})
	})
	c.Filter = []string{"register.valid", "register.expired"}
	report := run(t, c)
	require.Nil(t, report.FirstCause)
	require.Equal(t, 1, report.Counts[conform.Failed])
	require.Equal(t, 1, report.Counts[conform.Passed])
	require.Empty(t, report.Left)
	require.Zero(t, clientsAt(t, b))
}

// TestAClientOfBeforeIsAFirstCauseThatEndsNothing: the requests that a bank refuses are refused there too.
func TestAClientOfBeforeIsAFirstCauseThatEndsNothing(t *testing.T) {
	t.Parallel()
	c, _ := upserting(t, 1, func(answer string) string { return issued(t, answer, "1000000000") })
	c.Filter = []string{"register.valid", "register.status"}
	report := run(t, c)
	require.Equal(t, http.StatusCreated, report.FirstCause.Status)
	require.Len(t, report.FirstCause.Settings, 1)
	require.Equal(t, 2, report.Counts[conform.Errored])
}

// TestARegistrationThatIsSentAgainAndGetsNoNameIsCounted: no answer came to the first one, and the second one may have made
// another client. It is not sent a third time.
func TestARegistrationThatIsSentAgainAndGetsNoNameIsCounted(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	c := instead(t, func(w http.ResponseWriter, r *http.Request) {
		if posts.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		nameless(w, r)
	})
	journal := &lockedBuffer{}
	c.Filter, c.Journal = []string{"register.valid"}, journal
	left := run(t, c).Left
	for range 2 {
		require.Len(t, left, 1)
		require.True(t, left[0].Final)
		require.Equal(t, 2, left[0].Sent)
		require.Equal(t, 2, conform.CountLeft(left))
		require.Contains(t, conform.LeftLines(left, 3)[0], "2 clients")
		require.EqualValues(t, 2, posts.Load())
		var err error
		left, err = cleanUp(t, c, journal.String())
		require.NoError(t, err)
	}
}

// TestABankWhoseClientsStayGetsAHandful: at a bank that is known to lack DELETE alone the cases go on.
func TestABankWhoseClientsStayGetsAHandful(t *testing.T) {
	t.Parallel()
	const few = 10
	for name, one := range map[string]struct {
		path, method string
		status       int
		before       int32 // so many are answered well
		without      []conform.Need
		goesOn       bool
	}{
		"no token":                       {"/token", http.MethodPost, http.StatusBadRequest, 0, nil, false},
		"a DELETE that is refused":       {"", http.MethodDelete, http.StatusForbidden, 0, nil, false},
		"a DELETE that is refused later": {"", http.MethodDelete, http.StatusForbidden, 1, nil, true},
		"no DELETE":                      {"", http.MethodDelete, http.StatusMethodNotAllowed, 0, nil, true},
		"no DELETE, by 404":              {"", http.MethodDelete, http.StatusNotFound, 0, nil, true},
		"no DELETE by the configuration": {"", http.MethodDelete, http.StatusForbidden, 0, []conform.Need{conform.NeedDelete}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var hits atomic.Int32
			b, c := answering(t, func(w http.ResponseWriter, r *http.Request) bool {
				hit := r.Method == one.method && (one.path == "" || r.URL.Path == one.path) && hits.Add(1) > one.before
				if hit {
					w.WriteHeader(one.status)
				}
				return hit
			})
			c.Filter, c.Without, c.Parallel = []string{"register.*", "replay.*", "discovery.*"}, one.without, 2
			report := run(t, c)
			require.Equal(t, clientsAt(t, b), len(report.Left))
			if one.goesOn {
				require.Empty(t, report.GaveUp)
				require.Greater(t, len(report.Left), few)
				return
			}
			require.NotEmpty(t, report.GaveUp)
			require.Equal(t, 3, report.Worst())
			require.Less(t, len(report.Left), few)
			for form, write := range map[string]func(io.Writer) error{"HTML": report.WriteHTML, "JUnit": report.WriteJUnit,
				"text": func(w io.Writer) error { return report.WriteText(w, conform.TextOptions{}) }} {
				var said strings.Builder
				require.NoError(t, write(&said))
				require.Contains(t, said.String(), "the run gave up: none of the first", form)
			}
			for _, r := range report.Results {
				require.False(t, r.Group == "discovery" && r.Verdict == conform.NotRun && r.Reason == report.GaveUp, "it makes no client")
				require.False(t, r.Group == "replay" && (r.Verdict != conform.NotRun || r.Reason != report.GaveUp), "%s: %s", r.ID, r.Reason)
			}
		})
	}
}

// TestABankThatAnswersWithoutUseIsGivenUp: it has taken the plain valid request, and redirects all others then.
func TestABankThatAnswersWithoutUseIsGivenUp(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	_, c := answering(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !registers(r) || posts.Add(1) == 1 {
			return false
		}
		http.Redirect(w, r, "https://elsewhere.example/register", http.StatusTemporaryRedirect)
		return true
	})
	c.Filter, c.Parallel = []string{"register.*"}, 1
	report := run(t, c)
	require.Nil(t, report.FirstCause)
	require.Equal(t, 4, report.Counts[conform.Errored])
	require.NotEmpty(t, report.GaveUp)
	require.Equal(t, 3, report.Worst())
	require.EqualValues(t, 5, posts.Load())
}

// TestAJournalledRegistrationNamesWhatToAskFor: also one whose body is not in the journal, and whose statement has no software.
func TestAJournalledRegistrationNamesWhatToAskFor(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"http.size-far-too-large", "http.gzip", "statement.absent"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			written := &lockedBuffer{}
			var posts atomic.Int32
			var killed string
			_, c := answering(t, func(w http.ResponseWriter, r *http.Request) bool {
				if !registers(r) || posts.Add(1) == 1 {
					return false
				}
				_, _ = io.Copy(io.Discard, r.Body)
				if killed == "" {
					killed = written.String()
				}
				w.WriteHeader(http.StatusInternalServerError)
				return true
			})
			c.Filter, c.Journal = []string{id}, written
			inRun := run(t, c).Left
			c.Journal = nil
			afterwards, err := cleanUp(t, c, killed)
			require.NoError(t, err)
			for _, left := range [][]conform.Left{inRun, afterwards} {
				require.Len(t, left, 1)
				require.NotEmpty(t, left[0].JTI)
				require.Contains(t, killed, `"about":`)
				require.Contains(t, strings.SplitN(killed, "\n", 2)[0], `"software_id":"`+left[0].SoftwareID+`"`)
				require.False(t, left[0].At.IsZero())
			}
		})
	}
}

// TestAJournalOfBeforeIsRead: its lines name no jti, no software and no time.
func TestAJournalOfBeforeIsRead(t *testing.T) {
	t.Parallel()
	journal, clients, c := journalOfAKilledRun(t, false)
	before := regexp.MustCompile(`,"jti":"[^"]+","software_id":"[^"]+","at":"[^"]+"`).ReplaceAllString(journal, "")
	require.NotEqual(t, journal, before)
	left, err := cleanUp(t, c, before)
	require.NoError(t, err)
	require.Equal(t, 1, clients())
	require.Len(t, left, 1)
	require.NotEmpty(t, left[0].JTI)
	require.NotEmpty(t, left[0].SoftwareID)
}
