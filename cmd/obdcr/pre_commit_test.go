package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// hook is a hook of .pre-commit-hooks.yaml.
type hook struct {
	ID          string `yaml:"id"`
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
	Entry       string `yaml:"entry"`
	Language    string `yaml:"language"`
	Files       string `yaml:"files"`
}

func hooks(t *testing.T) map[string]hook {
	t.Helper()
	text, err := os.ReadFile("../../.pre-commit-hooks.yaml")
	require.NoError(t, err)
	var list []hook
	require.NoError(t, yaml.Unmarshal(text, &list))
	all := map[string]hook{}
	for _, h := range list {
		all[h.ID] = h
	}
	require.Len(t, all, len(list))
	return all
}

// project fills a folder with a good request and statement, and bad ones.
func project(t *testing.T, dir string) {
	t.Helper()
	_, software := newSoftwareOf(t, ssatest.Options{})
	claims := software.Request("0015800001041RHAAY")
	request, err := software.Sign(&claims)
	require.NoError(t, err)
	statement, err := software.SSA(nil)
	require.NoError(t, err)
	for name, text := range map[string]string{"good.jwt": request, "statement.jwt": statement, "bad one.jwt": "a.b.c", "other.txt": "x", "good.jwt.md": "x"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
}

// TestTheHooksRunWhatTheySay: the entry with the files that match, as pre-commit calls it.
func TestTheHooksRunWhatTheySay(t *testing.T) {
	dir := t.TempDir()
	project(t, dir)
	for id, file := range map[string]string{"obdcr-lint": "good.jwt", "obdcr-lint-ssa": "statement.jwt"} {
		h := hooks(t)[id]
		require.Equal(t, "golang", h.Language)
		require.NotEmpty(t, h.Name+h.Description)
		words := strings.Fields(h.Entry)
		require.Equal(t, "obdcr", words[0], "it is what go install makes of cmd/obdcr")
		matches := regexp.MustCompile(h.Files)
		require.True(t, matches.MatchString("a/"+file))
		require.True(t, matches.MatchString("bad one.jwt"))
		for _, other := range []string{"other.txt", "good.jwt.md", "jwt"} {
			require.False(t, matches.MatchString(other), other)
		}
		for _, c := range []struct {
			code  int
			files []string
		}{{0, []string{file}}, {exitViolated, []string{file, "bad one.jwt"}}} {
			cmd := exec.Command(program(t, "obdcr"), append(words[1:], c.files...)...)
			cmd.Dir = dir
			out, _ := cmd.CombinedOutput() // the code says it
			require.Equal(t, c.code, cmd.ProcessState.ExitCode(), "%s", out)
		}
	}
}

// TestPreCommitRunsTheHooks: pre-commit itself installs this module from its checkout, and lints
// the files of a project.
func TestPreCommitRunsTheHooks(t *testing.T) {
	if !realtest.Asked(t, "pre-commit") {
		return
	}
	preCommit, _ := realtest.Tool(t, "pre-commit")
	git, _ := realtest.Tool(t, "git")
	golang, _ := realtest.Tool(t, "go")
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	modules, err := exec.Command(golang, "env", "GOMODCACHE").Output()
	require.NoError(t, err)
	dir := t.TempDir()
	project(t, dir)
	env := append(os.Environ(), "PRE_COMMIT_HOME="+t.TempDir(), "GOMODCACHE="+strings.TrimSpace(string(modules)))
	run := func(name string, args ...string) (int, string) {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Env = dir, env
		out, _ := cmd.CombinedOutput() // the code says it
		return cmd.ProcessState.ExitCode(), string(out)
	}
	code, said := run(git, "init", "--quiet")
	require.Zero(t, code, said)
	code, said = run(git, "add", ".")
	require.Zero(t, code, said)
	code, said = run(preCommit, "try-repo", root, "obdcr-lint", "--verbose", "--files", "good.jwt", "other.txt")
	require.Zero(t, code, said)
	require.Contains(t, said, "valid as far as checked")
	code, said = run(preCommit, "try-repo", root, "obdcr-lint", "--files", "good.jwt", "bad one.jwt")
	require.Equal(t, 1, code, said)
	require.Contains(t, said, "bad one.jwt")
}
