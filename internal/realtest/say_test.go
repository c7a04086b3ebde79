package realtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhatLacksEverything runs in another process, for the test below.
func TestWhatLacksEverything(t *testing.T) {
	if os.Getenv("REALTEST_LACKS") == "" {
		return
	}
	_, tool := Tool(t, "no-such-program")
	_, samples := Samples(t)
	require.False(t, tool || samples || Asked(t, "Keycloak"))
}

// The documents show a command that finds the lines of what did not run, and this holds that
// each is found by it: one line, whole, with the name of the test.
func TestWhatDidNotRunIsFoundAsDocumentsSay(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestWhatLacksEverything$", "-test.v")
	cmd.Env = append(cmd.Environ(), "REALTEST_LACKS=1", "OBDCR_FULL=", "OBDCR_SAMPLES=", "OBDCR_SERVERS=")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, name := range []string{"README.md", "docs/development.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		require.NoError(t, err)
		shown := regexp.MustCompile("`go test -v \\./\\.\\.\\. \\| grep '([^']+)'`").FindStringSubmatch(string(text))
		require.NotNil(t, shown, "%s: without -v go test shows nothing of a test that passes", name)
		var found []string
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, shown[1]) {
				found = append(found, line)
			}
		}
		require.Equal(t, []string{
			"TestWhatLacksEverything did not run: there is no no-such-program\n",
			"TestWhatLacksEverything did not run: OBDCR_SAMPLES is unset\n",
			"TestWhatLacksEverything did not run: OBDCR_SERVERS=1 starts Keycloak\n",
		}, found)
	}
}
