package sandbox_test

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/internal/fulltest"
)

// The environment variables with the folder of a sandbox that is killed, and with its seed.
const (
	toKill     = "SANDBOX_TO_KILL"
	seedToKill = "SEED_OF_SANDBOX_TO_KILL"
)

// killed is that sandbox without its folder and seed.
var killed = sandbox.Config{Store: sandbox.StoreSQLite, Expose: []string{"bank"}, Listen: "0.0.0.0:0", Directory: "0.0.0.0:0"}

// TestAStartThatWillBeKilled runs in another process, for the test below.
func TestAStartThatWillBeKilled(t *testing.T) {
	dir := os.Getenv(toKill)
	if dir == "" {
		return
	}
	c := killed
	c.Dir, c.Seed = dir, os.Getenv(seedToKill)
	c.ExposePublicKeys = c.Seed != ""
	_, err := sandbox.Start(context.Background(), c)
	require.NoError(t, err)
	time.Sleep(time.Minute) // it is killed long before
}

// killAt starts a sandbox in a folder and kills it once a file is there and the delay is over.
func killAt(t *testing.T, dir, seed, file string, delay time.Duration) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestAStartThatWillBeKilled$")
	cmd.Env = append(cmd.Environ(), toKill+"="+dir, seedToKill+"="+seed)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // what it said tells more
	}()
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
			break
		}
		select {
		case <-tick.C:
		case <-ended:
			require.Fail(t, "it has ended before it was killed", "%s: %s", file, &said)
		}
	}
	time.Sleep(delay)
	require.NoError(t, cmd.Process.Kill())
	<-ended
}

// TestAFirstStartThatIsKilledIsMendedByTheNext: the names are fixed once there is a CA, and
// only then, and the next start serves, wherever SIGKILL came. Two thirds of the starts have a
// seed, which gives all keys at once; the others draw some at random.
func TestAFirstStartThatIsKilledIsMendedByTheNext(t *testing.T) {
	t.Parallel()
	moments := []string{"state", "state/sandbox.json", "ca.pem", "state/server.pem", "tpp/signing.pem", "obdcr.db", "tpp/request.jwt",
		"conformance.json", "ready.json"}
	for round := range fulltest.Rounds(len(moments)) {
		file, c := moments[round%len(moments)], killed
		if (round+round/len(moments))%3 == 0 { // another third of the moments each time
			c.Dir = unnamed(t)
			require.NoError(t, os.RemoveAll(filepath.Join(c.Dir, "state")))
		} else {
			c.Dir, c.Seed, c.ExposePublicKeys = t.TempDir(), "s", true
		}
		dir := c.Dir
		killAt(t, dir, c.Seed, file, rand.N(2*time.Millisecond))
		other := c
		other.Expose = []string{"other"}
		if _, err := os.Stat(filepath.Join(dir, "ca.pem")); err == nil {
			require.Contains(t, refusedUsage(t, other), "with --expose bank", file)
		} else if round%2 == 0 {
			c = other
		}
		w := expose(t, c)
		require.True(t, strings.HasPrefix(w.Ready.Bank, "https://"+c.Expose[0]+":"), "%s: %s", file, w.Ready.Bank)
		answer := w.register(w.mutual(), string(w.file("tpp/request.jwt")))
		require.Equal(t, 201, answer.status, "%s: %s", file, answer.body)
		w.stop()
		for _, pattern := range []string{".new-*", "*/.new-*"} {
			left, err := filepath.Glob(filepath.Join(dir, pattern))
			require.NoError(t, err)
			require.Empty(t, left, "what was being written is gone: it may be half a key")
		}
	}
}
