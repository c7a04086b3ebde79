package server_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa"
)

// keyEventsOf makes an observer of key sets, and what the log has since the last call.
func keyEventsOf() (observe func(ssa.KeyEvent), logged func() string) {
	var out strings.Builder
	observe = server.KeyLog(slog.New(slog.NewTextHandler(&out, nil)))
	return observe, func() string {
		defer out.Reset()
		return out.String()
	}
}

func TestTheLogNamesKeySetsThatAreMissingWithdrawnOrStale(t *testing.T) {
	const at = "https://keys.example/o/s.jwks"
	down := errors.New("its status is 503, not 200")
	for kind, says := range map[ssa.KeyEventKind]string{
		ssa.KeysMissing: "not found", ssa.KeysWithdrawn: "publishes no key", ssa.KeysServedStale: "cannot be read", ssa.KeysExpiredStale: "not used any more",
	} {
		observe, logged := keyEventsOf()
		observe(ssa.KeyEvent{Kind: kind, Host: "keys.example", Address: at, Err: down, Keys: 3, Withdrawn: kind == ssa.KeysServedStale})
		line := logged()
		require.Contains(t, line, "level=WARN")
		require.Contains(t, line, says)
		require.Contains(t, line, "address="+at+" keys=3")
		require.Contains(t, line, `cause="its status is 503, not 200"`)
		require.Equal(t, kind == ssa.KeysServedStale, strings.Contains(line, "of_withdrawn_keys=true"))
		require.Equal(t, 1, strings.Count(line, "\n"))
	}
	observe, logged := keyEventsOf()
	for _, kind := range []ssa.KeyEventKind{ssa.KeysFetched, ssa.KeysFailed, ssa.KeysEvicted, ssa.KeysRefused, ssa.UnknownKeyBarred, ssa.UnknownKeyRefetch} {
		observe(ssa.KeyEvent{Kind: kind, Address: at, Err: down})
	}
	require.Empty(t, logged(), "these are for metrics")
	observe(ssa.KeyEvent{Kind: ssa.KeysServedStale, Address: "https://keys.example/" + strings.Repeat("\n", 3000), Err: errors.New(strings.Repeat("x", 9000))})
	require.Less(t, len(logged()), 1500, "bounded, in one line")
}

func TestKeySetsAreLoggedInSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		observe, logged := keyEventsOf()
		stale := ssa.KeyEvent{Kind: ssa.KeysServedStale, Address: "https://keys.example/a", Keys: 1}
		for range 500 {
			observe(stale)
		}
		require.Equal(t, 1, strings.Count(logged(), "\n"))
		time.Sleep(time.Hour)
		observe(stale)
		require.Contains(t, logged(), "since_the_last_line=499")

		withdrawn := ssa.KeyEvent{Kind: ssa.KeysWithdrawn, Address: "https://keys.example/a", Keys: 2}
		observe(withdrawn)
		require.Contains(t, logged(), "publishes no key", "another kind")
		withdrawn.Keys = 0
		observe(withdrawn)
		require.Empty(t, logged(), "nothing new")
		withdrawn.Keys = 1
		observe(withdrawn)
		require.Contains(t, logged(), "keys=1 since_the_last_line=1", "new keys, withdrawn again")

		// A flood of addresses is a thousand lines in an hour.
		for i := range 1500 {
			observe(ssa.KeyEvent{Kind: ssa.KeysServedStale, Address: fmt.Sprintf("https://keys.example/of/%d", i), Keys: 1})
		}
		require.Equal(t, 998, strings.Count(logged(), "\n"))
		time.Sleep(time.Hour)
		observe(ssa.KeyEvent{Kind: ssa.KeysServedStale, Address: "https://keys.example/b", Keys: 1})
		require.Contains(t, logged(), "left_out=502")
	})
}

// The bank's own key sets are logged, and its observer is told of them.
func TestABankLogsAKeySetThatIsWithdrawn(t *testing.T) {
	w := newWorld(t)
	w.fetchKeys()
	var log logged
	told := make(chan ssa.KeyEvent, 20)
	w.config.Logger = slog.New(slog.NewTextHandler(&log, nil))
	w.config.Observer.Keys = func(e ssa.KeyEvent) { told <- e }
	w.directory.Publish(strings.TrimPrefix(w.software.JWKSURL(), w.directory.URL()), []byte(`{"keys":[]}`))
	_, client, bank := w.serve(t, w.bank(t))
	answer, err := client.Post(bank+"/register", "application/jwt", strings.NewReader(sent{}.token(t, w)))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	for e := range told {
		if e.Kind == ssa.KeysWithdrawn {
			break
		}
	}
	require.Contains(t, log.text(), "a software publishes no key")
	require.Contains(t, log.text(), "address="+w.software.JWKSURL())
}
