package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/validate"
)

const (
	signedVectors = "../../dcr/vectors/signed/data"
	otherRunners  = "../../dcr/vectors/runners"
)

// otherLanguage is a copy of a folder of dcr/vectors/runners in which programs of another
// language are built and run, so that nothing is written into the repository.
type otherLanguage struct {
	dir    string
	runner []string // the command that runs the runner
}

// copyOfRunner copies a folder of the runners.
func copyOfRunner(t testing.TB, folder string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), folder)
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(otherRunners, folder))))
	return dir
}

// does runs a command in the folder to its good end.
func (l *otherLanguage) does(t testing.TB, command ...string) string {
	t.Helper()
	out, _, err := l.run(t, command...)
	require.NoError(t, err, "%s\n%s", strings.Join(command, " "), out)
	return out
}

// run runs a command in the folder, and returns all that it wrote and its exit code.
func (l *otherLanguage) run(t testing.TB, command ...string) (out string, code int, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = l.dir
	all, err := cmd.CombinedOutput()
	return string(all), cmd.ProcessState.ExitCode(), err
}

// python makes an environment with the libraries of the runner.
func python(t *testing.T) *otherLanguage {
	t.Helper()
	l := &otherLanguage{dir: copyOfRunner(t, "python")}
	l.does(t, "python3", "-m", "venv", "env")
	interpreter := filepath.Join(l.dir, "env", "bin", "python")
	l.does(t, interpreter, "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", "requirements.txt")
	l.runner = []string{interpreter, "vectors.py"}
	return l
}

// java compiles the runner.
func java(t *testing.T, folder string) *otherLanguage {
	t.Helper()
	l := &otherLanguage{dir: copyOfRunner(t, folder)}
	l.does(t, "mvn", "-q", "-B", "compile", "dependency:copy-dependencies")
	l.runner = []string{"java", "-cp", strings.Join([]string{"target/classes", "target/dependency/*"}, string(os.PathListSeparator)), "Vectors"}
	return l
}

// javaScript fetches the libraries of a program.
func javaScript(t *testing.T, folder, program string) *otherLanguage {
	t.Helper()
	l := &otherLanguage{dir: copyOfRunner(t, folder), runner: []string{"node", program}}
	l.does(t, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	return l
}

func TestPythonJudgesAndPlaysTheVectors(t *testing.T) {
	if !realtest.Asked(t, "Python") {
		return
	}
	python(t).judgesAndPlays(t)
}

func TestJavaJudgesAndPlaysTheVectors(t *testing.T) {
	if !realtest.Asked(t, "Java") {
		return
	}
	java(t, "java").judgesAndPlays(t)
}

func TestJavaScriptJudgesAndPlaysTheVectors(t *testing.T) {
	if !realtest.Asked(t, "JavaScript") {
		return
	}
	javaScript(t, "javascript", "vectors.mjs").judgesAndPlays(t)
}

// judgesAndPlays has a runner judge all vectors and play all live ones, and then others that
// are wrong.
func (l *otherLanguage) judgesAndPlays(t *testing.T) {
	t.Helper()
	vectors, err := signed.Load()
	require.NoError(t, err)
	obdcr, folder := program(t, "obdcr"), absolute(t, signedVectors)
	sandboxes, clients := playgrounds(t, vectors)
	live := 0
	for i := range vectors {
		if vectors[i].Live {
			live++
		}
	}
	began := time.Now()
	out, code, _ := l.run(t, append(slices.Concat(l.runner, []string{obdcr, folder}), sandboxes...)...)
	require.Equal(t, fmt.Sprintf("%d of %d judged, %d of %d live ones played, 0 differences\n", len(vectors), len(vectors), live, live), out)
	require.Zero(t, code)
	t.Logf("%d vectors judged and %d played in %s", len(vectors), live, time.Since(began).Round(time.Second/10))
	for _, left := range clients() {
		require.Empty(t, left, "a client is left")
	}
	l.noticesWhatIsWrong(t, obdcr, sandboxes[0])
	l.noticesABankThatIsWrong(t, obdcr, sandboxes[0])
}

// noticesWhatIsWrong has the runner judge few vectors, each time with another fault.
func (l *otherLanguage) noticesWhatIsWrong(t *testing.T, obdcr, sandbox string) {
	t.Helper()
	const good, bad = "redirect_uris.https/scheme-in-upper-case", "redirect_uris.https/plain-http"
	for name, c := range map[string]struct {
		old, replacement string // in the file of bad, or of the index
		inIndex          bool
		says             string // what the runner says, besides that it fails
	}{
		"nothing":             {says: "2 of 2 judged, 2 of 2 live ones played, 0 differences"},
		"another verdict":     {old: `"valid": false`, replacement: `"valid": true`, says: bad},
		"another rule":        {old: `"redirect_uris.https"`, replacement: `"redirect_uris.ip"`, says: bad},
		"another code":        {old: `"wire": "invalid_redirect_uri"`, replacement: `"wire": "invalid_client_metadata"`, says: bad},
		"another status":      {old: `"status": 400`, replacement: `"status": 401`, says: bad},
		"a warning":           {old: `"warnings": []`, replacement: `"warnings": ["redirect_uris.ip"]`, says: bad},
		"one is unusable":     {old: `"version": 1`, replacement: `"version": 2`, says: bad},
		"another version":     {old: `"version": 1`, replacement: `"version": 2`, inIndex: true, says: "version 2"},
		"a vector is missing": {old: `"count": 2`, replacement: `"count": 3`, inIndex: true, says: "2 of 3 judged"},
	} {
		folder := someVectors(t, good, bad)
		file := filepath.Join(folder, "index.json")
		if !c.inIndex {
			file = filepath.Join(folder, "vectors", bad+".json")
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), c.old)
		require.NoError(t, os.WriteFile(file, bytes.Replace(text, []byte(c.old), []byte(c.replacement), 1), 0o600))
		out, code, _ := l.run(t, slices.Concat(l.runner, []string{obdcr, folder, sandbox})...)
		require.Contains(t, out, c.says, name)
		require.Equal(t, c.old == "", code == 0, "%s: %s", name, out)
		require.NotContains(t, out, good)
	}
}

// noticesABankThatIsWrong has the runner play a vector against a sandbox that refuses it, and
// then without a sandbox or obdcr.
func (l *otherLanguage) noticesABankThatIsWrong(t *testing.T, obdcr, right string) {
	t.Helper()
	const good = "redirect_uris.https/scheme-in-upper-case" // of an AISP
	folder := someVectors(t, good)
	wrong := startPlayground(t, right, &signed.Vector{Profile: validate.OBIE33, Policy: json.RawMessage(`{"served_roles": ["PISP"]}`)})
	ready := func(dir string, change func(members map[string]any)) string {
		text, err := os.ReadFile(filepath.Join(dir, "ready.json"))
		require.NoError(t, err)
		members := map[string]any{}
		require.NoError(t, json.Unmarshal(text, &members))
		change(members)
		text, err = json.Marshal(members)
		require.NoError(t, err)
		other := t.TempDir()
		require.NoError(t, os.CopyFS(other, os.DirFS(dir)))
		require.NoError(t, os.WriteFile(filepath.Join(other, "ready.json"), text, 0o600))
		return other
	}
	lies := ready(wrong, func(members map[string]any) { delete(members, "policy") })
	ended := ready(right, func(members map[string]any) {
		members["directory"], members["registration_endpoint"] = "https://127.0.0.1:1", "https://127.0.0.1:1/register"
	})
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	for name, c := range map[string]struct{ obdcr, sandbox, says string }{
		"another answer":       {obdcr, lies, good},
		"a sandbox that ended": {obdcr, ended, ended},
		"no sandbox":           {obdcr, nowhere, nowhere},
		"no obdcr":             {nowhere, right, nowhere},
	} {
		out, code, _ := l.run(t, slices.Concat(l.runner, []string{c.obdcr, folder, c.sandbox})...)
		require.Contains(t, out, c.says, name)
		require.NotZero(t, code, "%s: %s", name, out)
	}
}

// someVectors is a folder with the named vectors alone.
func someVectors(t *testing.T, names ...string) string {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(folder, "keys"), os.DirFS(filepath.Join(signedVectors, "keys"))))
	var index struct {
		Version int              `json:"version"`
		Count   int              `json:"count"`
		Vectors []map[string]any `json:"vectors"`
	}
	text, err := os.ReadFile(filepath.Join(signedVectors, "index.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &index))
	index.Vectors = slices.DeleteFunc(index.Vectors, func(v map[string]any) bool { return !slices.Contains(names, v["name"].(string)) })
	index.Count = len(names)
	require.Len(t, index.Vectors, len(names))
	text, err = json.MarshalIndent(index, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "index.json"), text, 0o600))
	for _, v := range index.Vectors {
		name := filepath.FromSlash(v["file"].(string))
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700))
		text, err := os.ReadFile(filepath.Join(signedVectors, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), text, 0o600))
	}
	return folder
}

func absolute(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	require.NoError(t, err)
	return path
}

// playgrounds starts a sandbox for each profile and policy of live vectors, and returns their
// folders. The first is the command itself, as a tester starts it; the others run in this
// process. clients returns the clients that each has.
func playgrounds(t *testing.T, vectors []signed.Vector) (dirs []string, clients func() []string) {
	t.Helper()
	first := filepath.Join(t.TempDir(), "sandbox")
	runSandbox(t, first)
	folders := map[string]string{string(validate.OBIE33) + " ": first}
	for i := range vectors {
		v := &vectors[i]
		of := string(v.Profile) + " "
		if v.Policy != nil { // the same one in another spelling is no other
			var members any
			require.NoError(t, json.Unmarshal(v.Policy, &members))
			spelt, err := json.Marshal(members)
			require.NoError(t, err)
			of += string(spelt)
		}
		if v.Live && folders[of] == "" {
			folders[of] = startPlayground(t, first, v)
		}
	}
	for _, of := range slices.Sorted(maps.Keys(folders)) {
		if folders[of] != first {
			dirs = append(dirs, folders[of])
		}
	}
	return slices.Insert(dirs, 0, first), func() []string {
		var all []string
		for _, folder := range folders {
			code, out, notes := call("clients", "list", "--store", filepath.Join(folder, "obdcr.db"), "-o", "csv")
			require.Zero(t, code, notes)
			_, rows, _ := strings.Cut(out, "\n")
			all = append(all, rows)
		}
		return all
	}
}

// startPlayground runs a sandbox with the profile and the policy of a vector, and with the
// keys of another sandbox: new ones take long.
func startPlayground(t *testing.T, keysOf string, v *signed.Vector) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"ca.pem", "ca.key", "directory.key", "directory.jwks", "tpp/transport.pem", "tpp/transport.key",
		"tpp/signing.pem", "tpp/signing.key", "state/server.pem", "state/server.key"} {
		data, err := os.ReadFile(filepath.Join(keysOf, name))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	config := sandbox.Config{Dir: dir, Profile: v.Profile, Listen: "127.0.0.1:0", Directory: "127.0.0.1:0"}
	if v.Policy != nil {
		config.Policy = v.Policy
	}
	s, err := sandbox.Start(t.Context(), config)
	require.NoError(t, err, "%s", v.Name)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, s.Close(ctx))
	})
	return dir
}

// TestTheRunnersAreShort: a tester reads one before he runs it. Every line counts.
func TestTheRunnersAreShort(t *testing.T) {
	for folder, runner := range map[string]string{"python": "vectors.py", "java": "Vectors.java", "javascript": "vectors.mjs"} {
		text, err := os.ReadFile(filepath.Join(otherRunners, folder, runner))
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		require.LessOrEqual(t, len(lines), 60, runner)
		for _, line := range lines {
			require.LessOrEqual(t, len([]rune(line)), 120, "%s: %s", runner, line)
		}
		files, err := os.ReadDir(filepath.Join(otherRunners, folder))
		require.NoError(t, err)
		for _, file := range files { // it is one file, beside those of package managers
			require.Contains(t, []string{runner, "requirements.txt", "pom.xml", "package.json", "package-lock.json"}, file.Name())
		}
	}
}
