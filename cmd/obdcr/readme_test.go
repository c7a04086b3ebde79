package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

var (
	fenced = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")
	copied = regexp.MustCompile(`^docker cp sandbox:/obdcr-sandbox (\S+)`)
	ours   = regexp.MustCompile(`^go run \./(cmd/obdcr|examples/bank)\b([^#]*)`)
)

// withoutRoots is true of systems where no SSL_CERT_FILE names the roots of TLS, as the
// README says.
const withoutRoots = runtime.GOOS == "darwin" || runtime.GOOS == "windows"

// TestTheREADMEsCommandsDoWhatItSays runs each line of the README that calls the
// command, from the top down, in a folder with the files that they name.
func TestTheREADMEsCommandsDoWhatItSays(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	dir := t.TempDir()
	directory, software := newSoftwareOf(t, ssatest.Options{})
	claims := software.Request("0015800001041RHAAY")
	request, err := software.Sign(&claims)
	require.NoError(t, err)
	for name, content := range map[string]string{
		"request.jwt": request, "directory.jwks": string(directory.JWKS()), "software.jwks": string(software.JWKS()),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	at := realtest.FreeAddress(t) // of the bank of the examples
	ran, env, local := map[string]bool{}, os.Environ(), strings.NewReplacer("127.0.0.1:9443", at)
	var shown string // what the last command wrote to standard output
	for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
		if block[1] == "text" {
			require.Equal(t, alike(block[2]), alike(shown), "the README shows what the command before it writes")
			continue
		}
		for line := range strings.Lines(block[2]) {
			line = local.Replace(line)
			if set, found := strings.CutPrefix(line, "export "); found {
				env = append(env, strings.Fields(set)...)
				continue
			}
			if m := copied.FindStringSubmatch(line); m != nil { // of a sandbox that is set up likewise
				to := filepath.Join(dir, m[1])
				require.NoDirExists(t, to, "docker cp would put one folder into the other: %s", line)
				ignored, err := os.ReadFile("../../.gitignore")
				require.NoError(t, err)
				require.Contains(t, string(ignored), "\n/"+m[1]+"/\n", "it has keys")
				require.NoError(t, os.CopyFS(to, os.DirFS(filepath.Join(dir, "obdcr-sandbox"))))
				continue
			}
			m := ours.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			verb, args := m[1], strings.Fields(m[2])
			if verb == "cmd/obdcr" {
				verb = args[0]
			}
			ran[verb] = true
			if withoutRoots && (verb == "examples/bank" || strings.Contains(line, at)) {
				continue
			}
			switch verb {
			case "sandbox":
				require.Len(t, args, 1)
				directory := runSandbox(t, filepath.Join(dir, "obdcr-sandbox")).ready.Directory
				local = strings.NewReplacer("127.0.0.1:9443", at, "https://127.0.0.1:8445", directory)
			case "examples/bank":
				runBank(t, dir, env)
			default:
				cmd := exec.Command(program(t, "obdcr"), args...)
				cmd.Dir = dir
				var messages strings.Builder
				cmd.Stderr = &messages
				out, err := cmd.Output()
				require.NoError(t, err, "%s\n%s\n%s", line, out, &messages)
				require.NotEmpty(t, string(out)+messages.String(), line)
				shown = string(out)
			}
		}
	}
	require.Equal(t, map[string]bool{"sandbox": true, "register": true, "get": true, "update": true, "delete": true, "ssa": true,
		"lint": true, "conform": true, "examples/bank": true}, ran, "the README shows these")
}

// alike makes two reports of different sandboxes the same: the kid of each is its own.
func alike(report string) string {
	return regexp.MustCompile(`kid \S+`).ReplaceAllString(report, "kid ...")
}

// A quickstart is read to the end only where it is short.
func TestQuickstartsOfTheREADMEAreShort(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	sections := strings.Split(fenced.ReplaceAllString(string(text), ""), "\n## Quickstart: ")
	require.Len(t, sections, 4, "for a TPP, a tester and a bank")
	for _, section := range sections[1:] {
		section, _, _ = strings.Cut(section, "\n## ")
		lines := 0
		for line := range strings.Lines(section) {
			if strings.TrimSpace(line) != "" {
				lines++
			}
		}
		require.LessOrEqual(t, lines, 30, section)
	}
}

// runBank runs the example until the test ends, and waits until it listens.
func runBank(t *testing.T, dir string, env []string) {
	t.Helper()
	bank := filepath.Join(t.TempDir(), "bank")
	out, err := exec.Command("go", "build", "-o", bank, "../../examples/bank").CombinedOutput()
	require.NoError(t, err, "%s", out)
	r := &running{cmd: exec.Command(bank), dir: dir, out: newOutput(), err: newOutput(), ended: make(chan struct{})}
	r.cmd.Dir, r.cmd.Env, r.cmd.Stdout, r.cmd.Stderr = dir, env, r.out, r.err
	r.run(t)
	r.says(t, r.err, "the bank serves")
}
