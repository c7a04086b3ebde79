//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
)

// blocks returns the blocks of a page that are in a language.
func blocks(t *testing.T, page, language string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", page))
	require.NoError(t, err)
	for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
		if block[1] == language {
			found = append(found, block[2])
		}
	}
	require.NotEmpty(t, found, "%s has %s", page, language)
	return found
}

// guide is a shell in which the commands of a page run: with this obdcr, as much of curl and jq
// as pages use, and ports that are free.
type guide struct {
	t     *testing.T
	shell string
	dir   string
	path  string
	ports *strings.Replacer
}

func newGuide(t *testing.T) *guide {
	t.Helper()
	bash, ok := realtest.Tool(t, "bash")
	if !ok {
		return nil
	}
	g := &guide{t: t, shell: bash, dir: t.TempDir(), ports: strings.NewReplacer()}
	for _, name := range []string{"obdcr", "curl"} {
		g.path += filepath.Dir(program(t, name)) + string(os.PathListSeparator)
	}
	own := t.TempDir()
	jq := "#!/bin/sh\nexec '" + program(t, "jq-of-pages") + "' \"$@\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(own, "jq"), []byte(jq), 0o700))
	g.path += own + string(os.PathListSeparator)
	repository, err := filepath.Abs("../../dcr")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(repository, filepath.Join(g.dir, "dcr")))
	return g
}

// run runs commands to their end. What they leave in the background ends with them.
func (g *guide) run(commands string, env ...string) {
	g.t.Helper()
	script := "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n" + g.ports.Replace(commands)
	cmd := exec.CommandContext(g.t.Context(), g.shell, "-eo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = g.dir, append(append(os.Environ(), "PATH="+g.path+os.Getenv("PATH")), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(g.t, err, "%s\n%s", commands, out)
}

var startsSandbox = regexp.MustCompile(`^obdcr sandbox( .*)?$`)

// play runs the blocks of a page from the top down. A sandbox that a block starts serves the
// blocks behind it. A variable is there only if a line exports it.
func (g *guide) play(page string) (commands int) {
	g.t.Helper()
	var env []string
	for _, block := range blocks(g.t, page, "sh") {
		for line := range strings.Lines(block) {
			line = strings.TrimSuffix(line, "\n")
			m := startsSandbox.FindStringSubmatch(line)
			if m == nil && strings.HasPrefix(line, "export ") {
				name, _, _ := strings.Cut(strings.TrimPrefix(line, "export "), "=")
				value := filepath.Join(g.t.TempDir(), "value")
				g.run(line+"\nprintf %s \"$"+name+"\" > '"+value+"'", env...)
				text, err := os.ReadFile(value)
				require.NoError(g.t, err)
				require.NotEmpty(g.t, text, line)
				env = append(env, name+"="+string(text))
				continue
			}
			if m == nil {
				g.run(line, env...)
				commands++
				continue
			}
			words, dir := strings.Fields(m[1]), "obdcr-sandbox"
			if quoted := regexp.MustCompile(`"([^"]*)"`).FindStringSubmatch(m[1]); quoted != nil {
				words = append(strings.Fields(strings.Replace(m[1], quoted[0], "", 1)), quoted[1])
			}
			for i, word := range words {
				if word == "--dir" {
					dir = words[i+1]
					words = append(words[:i:i], words[i+2:]...)
					break
				}
			}
			at := runSandbox(g.t, filepath.Join(g.dir, dir), words...).ready
			g.ports = strings.NewReplacer("https://127.0.0.1:8443", at.Bank, "https://127.0.0.1:8445", at.Directory)
		}
	}
	return commands
}

// TestTheGuidesForTestersDoWhatTheySay runs each command of them.
func TestTheGuidesForTestersDoWhatTheySay(t *testing.T) {
	for page, least := range map[string]int{"sandbox.md": 15, "testing.md": 5} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			if g := newGuide(t); g != nil {
				require.GreaterOrEqual(t, g.play(page), least)
				if page == "sandbox.md" {
					verdict, err := os.ReadFile(filepath.Join(g.dir, "verdict.html"))
					require.NoError(t, err)
					require.Contains(t, string(verdict), "Valid as far as checked")
					expired, err := os.ReadFile(filepath.Join(g.dir, "expired.pem"))
					require.NoError(t, err)
					require.Contains(t, string(expired), "BEGIN CERTIFICATE")
				}
			}
		})
	}
}

// pipeline is a workflow of GitHub, or a job of GitLab.
type pipeline struct {
	Jobs map[string]struct {
		Steps []struct {
			Uses string         `yaml:"uses"`
			With map[string]any `yaml:"with"`
			Run  string         `yaml:"run"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
	Repos []struct {
		Hooks []struct {
			ID   string   `yaml:"id"`
			Args []string `yaml:"args"`
		} `yaml:"hooks"`
	} `yaml:"repos"`
	Register struct {
		Script []string `yaml:"script"`
	} `yaml:"register"`
}

// TestThePipelinesOfTheGuideRun: their steps are run but for what installs and for Docker's,
// inputs are those of the action, and hooks are there.
func TestThePipelinesOfTheGuideRun(t *testing.T) {
	known, inputs, ran, used := hooks(t), readAction(t).Inputs, 0, 0
	for _, block := range blocks(t, "ci.md", "yaml") {
		var p pipeline
		require.NoError(t, yaml.Unmarshal([]byte(block), &p), block)
		var script []string
		for _, job := range p.Jobs {
			for _, step := range job.Steps {
				script = append(script, step.Run)
				if strings.HasPrefix(step.Uses, "obdcr/obdcr@") {
					for name := range step.With {
						require.Contains(t, inputs, name)
						used++
					}
				}
			}
		}
		for _, repo := range p.Repos {
			for _, h := range repo.Hooks {
				require.Contains(t, known, h.ID)
				require.NoError(t, (&app{}).lintCommand().ParseFlags(h.Args))
				used++
			}
		}
		text := strings.Join(append(script, p.Register.Script...), "\n")
		if strings.Contains(text, "docker") || !strings.Contains(text, "obdcr sandbox") {
			continue
		}
		text = regexp.MustCompile(`(?m)^go install .*$`).ReplaceAllString(text, "")
		ran++
		t.Run(strconv.Itoa(ran), func(t *testing.T) {
			t.Parallel()
			g := newGuide(t)
			if g == nil {
				return
			}
			bank, portal, directory := realtest.FreePort(t), realtest.FreePort(t), realtest.FreePort(t)
			g.ports = strings.NewReplacer("obdcr sandbox ", fmt.Sprintf("obdcr sandbox --listen 127.0.0.1:%d --portal 127.0.0.1:%d --directory 127.0.0.1:%d ", bank, portal, directory),
				":8443", ":"+strconv.Itoa(bank))
			g.run(text)
			require.FileExists(t, filepath.Join(g.dir, "lint.xml"))
			require.NoFileExists(t, filepath.Join(g.dir, "sandbox", "ready.json"), "it has ended")
		})
	}
	require.Equal(t, 2, ran)
	require.GreaterOrEqual(t, used, 5)
}
