package conform_test

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestADeletionThatWasOnItsWayProvesNothing: the run was killed before the DELETE left. What the bank answers then says that
// the client is gone only by invalid_client.
func TestADeletionThatWasOnItsWayProvesNothing(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		path, code string
		status     int
	}{
		"another scope":              {"/token", "invalid_scope", http.StatusBadRequest},
		"another certificate":        {"/token", "unauthorized_client", http.StatusUnauthorized},
		"a gateway":                  {"/token", "", http.StatusUnauthorized},
		"a token that is of no use":  {"", "invalid_token", http.StatusUnauthorized},
		"a bank that has no DELETE":  {"", "", http.StatusNotFound},
		"a bank that takes no token": {"", "insufficient_scope", http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var atDeletion string
			var after, good atomic.Bool
			journal := &lockedBuffer{}
			b, c := answering(t, func(w http.ResponseWriter, r *http.Request) bool {
				switch {
				case good.Load():
					return false
				case r.Method == http.MethodDelete && !after.Load():
					atDeletion = journal.String()
					w.WriteHeader(http.StatusForbidden)
				case after.Load() && (r.URL.Path == one.path || r.Method == http.MethodDelete && one.path == ""):
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(one.status)
					_, _ = io.WriteString(w, `{"error":"`+one.code+`"}`)
				default:
					return false
				}
				return true
			})
			c.Filter, c.Journal = []string{"register.valid"}, journal
			run(t, c)
			after.Store(true)
			c.Journal = nil
			left, err := cleanUp(t, c, atDeletion)
			require.NoError(t, err)
			require.Len(t, left, 1)
			require.Equal(t, 1, clientsAt(t, b))
			good.Store(true)
			left, err = cleanUp(t, c, atDeletion)
			require.NoError(t, err)
			require.Empty(t, left)
			require.Zero(t, clientsAt(t, b))
		})
	}
}

// TestADeletionThatIsRefusedIsOnItsWayNoMore: the first DELETE had no answer, the second one is refused, and the token endpoint
// takes the client for an unknown one then.
func TestADeletionThatIsRefusedIsOnItsWayNoMore(t *testing.T) {
	t.Parallel()
	var deletes atomic.Int32
	_, c := answering(t, func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Method == http.MethodDelete && deletes.Add(1) == 1:
			panic(http.ErrAbortHandler)
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == "/token" && deletes.Load() > 1:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
		default:
			return false
		}
		return true
	})
	c.Filter = []string{"register.valid"}
	require.Len(t, run(t, c).Left, 1)
}

// TestADeletionWhoseAnswerWasLostIsDone: the bank has carried it out, and refuses the second one, and the client.
func TestADeletionWhoseAnswerWasLostIsDone(t *testing.T) {
	t.Parallel()
	var deletes atomic.Int32
	b, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			bank.ServeHTTP(w, r)
			if r.Method == http.MethodDelete && deletes.Add(1) == 1 {
				panic(http.ErrAbortHandler)
			}
		})
	})
	c.Filter = []string{"register.valid"}
	require.Empty(t, run(t, c).Left)
	require.Zero(t, clientsAt(t, b))
}

// TestAFirewallThatDropsHEADDoesNotKeepFromCleaningUp: the connection is there.
func TestAFirewallThatDropsHEADDoesNotKeepFromCleaningUp(t *testing.T) {
	t.Parallel()
	b, c, deletes := keeping(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	journal := &lockedBuffer{}
	c.Filter, c.Journal = []string{"register.valid"}, journal
	run(t, c)
	require.Equal(t, 1, clientsAt(t, b))
	deletes.Store(true)
	left, err := cleanUp(t, c, journal.String())
	require.NoError(t, err)
	require.Empty(t, left)
	require.Zero(t, clientsAt(t, b))
}
