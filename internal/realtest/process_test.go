package realtest

import (
	"context"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAServerEndsWhenItIsToldTo(t *testing.T) {
	for name, end := range map[string]func(*Process){"asked": (*Process).Stop, "killed": (*Process).Kill} {
		t.Run(name, func(t *testing.T) {
			p := Start(t, exec.CommandContext(t.Context(), "sh", "-c", "echo ready; sleep 600 & wait"))
			require.False(t, p.Ended())
			require.Eventually(t, func() bool { return p.Output() == "ready\n" }, time.Minute, 10*time.Millisecond)
			end(p)
			require.True(t, p.Ended())
		})
	}
}

func TestAServerThatDoesNotAnswerIsNotReady(t *testing.T) {
	require.Error(t, answers(t.Context(), http.DefaultClient, "http://127.0.0.1:1/", http.StatusOK))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, answers(ctx, http.DefaultClient, "http://127.0.0.1:1/", http.StatusOK), context.Canceled)
}

// A registry that fails now and then is asked again.
func TestADownloadThatFailedIsTriedAgain(t *testing.T) {
	defer func(pause time.Duration) { downloadPause = pause }(downloadPause)
	downloadPause = time.Millisecond
	run(t, t.TempDir(), "sh", "-c", "test -e tried || { touch tried; exit 1; }")
}

func TestAProgramThatIsThereIsFound(t *testing.T) {
	path, ok := Tool(t, "sh")
	require.True(t, ok)
	require.NotEmpty(t, path)
}

// No two servers of tests are told to listen at one port, also where the first listens late.
func TestAPortIsGivenOnce(t *testing.T) {
	given := map[int]bool{}
	for range 400 { // each holds a descriptor; by chance alone some would be the same
		port := FreePort(t)
		require.False(t, given[port], port)
		given[port] = true
	}
}
