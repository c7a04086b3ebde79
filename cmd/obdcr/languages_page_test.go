package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/internal/realtest"
)

func TestThePageFromPythonDoesWhatItSays(t *testing.T) {
	if !realtest.Asked(t, "Python") {
		return
	}
	walkPage(t, "../../docs/from-python.md")
}

func TestThePageFromJavaDoesWhatItSays(t *testing.T) {
	if !realtest.Asked(t, "Java") {
		return
	}
	walkPage(t, "../../docs/from-java.md")
}

// TestThePageOfTheVectorsShowsHowTheyAreJudged: its command judges each vector once.
func TestThePageOfTheVectorsShowsHowTheyAreJudged(t *testing.T) {
	text, err := os.ReadFile("../../docs/vectors.md")
	require.NoError(t, err)
	const command, folder = "obdcr lint -o json ", "dcr/vectors/signed/data/vectors"
	require.Contains(t, string(text), "\n"+command+folder+"\n")
	code, out, notes := call("lint", "-o", "json", filepath.Join("../..", folder))
	require.Equal(t, exitViolated, code, notes)
	vectors, err := signed.Load()
	require.NoError(t, err)
	var reports []json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(out), &reports))
	require.Len(t, reports, len(vectors))
}

// sampleName is the first line of a sample, which says the file that it is.
var sampleName = regexp.MustCompile(`^(?:#|//|<!--) ([a-zA-Z_/]+\.(?:py|java|xml))(?: -->)?\n`)

// walkPage does what a page says, from the top down, in a folder that looks like a clone:
// writes its samples into files, runs its commands, and compares what they write. A sandbox
// runs until the end.
func walkPage(t *testing.T, page string) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	dir, bin, shown := clone(t), t.TempDir(), ""
	env := append(os.Environ(), "GOBIN="+bin, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	did := map[string]int{}
	for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
		did[block[1]]++
		switch block[1] {
		case "text":
			require.Equal(t, block[2], shown, "the page shows what the command before it writes")
		case "sh":
			for line := range strings.Lines(block[2]) {
				shown = runLine(t, dir, env, strings.TrimSpace(line))
			}
		default:
			m := sampleName.FindStringSubmatch(block[2])
			require.NotNil(t, m, "a sample begins with its name: %s", block[2])
			name := filepath.Join(dir, m[1])
			require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
			sample := block[2]
			if block[1] == "xml" {
				sample = sample[len(m[0]):] // nothing may stand before an XML declaration
			}
			require.NoError(t, os.WriteFile(name, []byte(sample), 0o600))
		}
	}
	require.Greater(t, did["sh"], 5)
	require.GreaterOrEqual(t, did["text"], 3)
}

// clone makes a folder with those parts of the repository that the pages name.
func clone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "dcr/vectors/runners"), os.DirFS(otherRunners)))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "dcr/vectors/signed/data"), os.DirFS(signedVectors)))
	return dir
}

// runLine runs a command of a page to its good end, and returns its standard output. The
// sandbox starts in the background, at free ports.
func runLine(t *testing.T, dir string, env []string, line string) string {
	t.Helper()
	if line == "obdcr sandbox" {
		runSandbox(t, filepath.Join(dir, "obdcr-sandbox"))
		return ""
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", line)
	cmd.Dir, cmd.Env = dir, env
	if strings.HasPrefix(line, "go install ") { // in the clone itself
		cmd.Dir = "../.."
	}
	var notes strings.Builder
	cmd.Stderr = &notes
	out, err := cmd.Output()
	require.NoError(t, err, "%s\n%s%s", line, out, &notes)
	return string(out)
}
