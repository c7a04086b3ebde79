package sqlite_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
)

// TestALimitOnTheSizeOfFilesIsTold: the shell sets it for a child that registers. What was
// acknowledged before is there afterwards, without the limit.
func TestALimitOnTheSizeOfFilesIsTold(t *testing.T) {
	shell, ok := realtest.Tool(t, "sh")
	if !ok {
		return
	}
	path := file(t)
	child := exec.CommandContext(t.Context(), shell, "-c", `ulimit -f 1000; exec "$0"`, os.Args[0]) // 500 or 1000 KiB, as the shell counts
	child.Env = append(os.Environ(), faultyDisk+"="+path)
	said, err := child.CombinedOutput()
	require.NoError(t, err, string(said))
	var acknowledged []string
	for line := range strings.Lines(string(said)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "ok "); ok {
			acknowledged = append(acknowledged, name)
		}
	}
	require.NotEmpty(t, acknowledged)
	require.Less(t, len(acknowledged), faultyChanges)
	require.Contains(t, string(said), "over a limit")
	faults, _ := faultsAfter(t, path, acknowledged)
	require.Empty(t, faults)
}
