package conform_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
)

// lockedBuffer is a buffer that one goroutine reads while another writes.
type lockedBuffer struct {
	mutex sync.Mutex
	b     bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.b.String()
}

// journalOfAKilledRun is what the journal of a run holds at the moment when its bank has answer written, and is read before
// the run knows of it.
func journalOfAKilledRun(t *testing.T, before bool) (journal string, bank func() int, c conform.Config) {
	t.Helper()
	written := &lockedBuffer{}
	var asked atomic.Int32
	b, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !registers(r) || asked.Add(1) > 1 {
				bank.ServeHTTP(w, r)
				return
			}
			if !before {
				bank.ServeHTTP(httptest.NewRecorder(), r)
			}
			journal = written.String() // the run waits for the answer
			w.WriteHeader(http.StatusBadRequest)
		})
	})
	c.Filter, c.Journal = []string{"register.valid"}, written
	run(t, c)
	c.Journal = nil
	return journal, func() int { return clientsAt(t, b) }, c
}

// cleanUp reads a journal and cleans up by it.
func cleanUp(t *testing.T, c conform.Config, text string) ([]conform.Left, error) {
	t.Helper()
	journal, err := conform.ReadJournal(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	require.LessOrEqual(t, journal.Whole, int64(len(text)))
	return conform.CleanUp(t.Context(), c, journal)
}

// TestARegistrationThatWasOnItsWayWhenTheRunWasKilledIsSought: the bank had not had it, and then has no client; or it had,
// and the clean-up names its jti.
func TestARegistrationThatWasOnItsWayWhenTheRunWasKilledIsSought(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]bool{"before the bank had it": true, "after the bank had it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			journal, clients, c := journalOfAKilledRun(t, before)
			var after bytes.Buffer
			c.Journal = &after
			left, err := cleanUp(t, c, journal)
			require.NoError(t, err)
			if before {
				require.Empty(t, left)
				require.Zero(t, clients())
				left, err = cleanUp(t, c, journal+after.String())
				require.NoError(t, err)
				require.Empty(t, left, "what the first clean-up did is not done again")
				return
			}
			require.Equal(t, 1, clients())
			require.Len(t, left, 1)
			require.Equal(t, "register.valid", left[0].Case)
			require.NotEmpty(t, left[0].JTI)
			require.NotEmpty(t, left[0].SoftwareID)
		})
	}
}

// TestADamagedJournalIsRefused: a line that was cut off at the end alone is that of a run that was killed.
func TestADamagedJournalIsRefused(t *testing.T) {
	t.Parallel()
	journal, clients, c := journalOfAKilledRun(t, true)
	left, err := cleanUp(t, c, journal+`{"made":"a`)
	require.NoError(t, err)
	require.Empty(t, left)
	_, err = cleanUp(t, c, "{\"made\":\"a\n"+journal)
	require.ErrorIs(t, err, conform.ErrJournal)
	require.Zero(t, clients())
}

// TestAClientWhoseDeletionWasOnItsWayIsNotSaidToBeLeft: the run was killed between the DELETE and its answer.
func TestAClientWhoseDeletionWasOnItsWayIsNotSaidToBeLeft(t *testing.T) {
	t.Parallel()
	written := &lockedBuffer{}
	var atDeletion, atToken string
	b, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodDelete {
				atDeletion = written.String()
			} else if r.URL.Path == "/token" && atToken == "" {
				atToken = written.String()
			}
			bank.ServeHTTP(w, r)
		})
	})
	c.Filter, c.Journal = []string{"register.valid"}, written
	run(t, c)
	require.Zero(t, clientsAt(t, b))
	c.Journal = nil
	left, err := cleanUp(t, c, atDeletion)
	require.NoError(t, err)
	require.Empty(t, left)
	left, err = cleanUp(t, c, atToken)
	require.NoError(t, err)
	require.Len(t, left, 1, "a bank that refuses the client's credentials may have it all the same")
}
