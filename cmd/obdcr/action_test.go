package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/realtest"
)

// action is action.yml, as far as the tests play a runner.
type action struct {
	Inputs map[string]struct {
		Description string  `yaml:"description"`
		Required    bool    `yaml:"required"`
		Default     *string `yaml:"default"`
	} `yaml:"inputs"`
	Outputs map[string]struct {
		Value string `yaml:"value"`
	} `yaml:"outputs"`
	Runs struct {
		Using string       `yaml:"using"`
		Steps []actionStep `yaml:"steps"`
	} `yaml:"runs"`
}

type actionStep struct {
	ID    string            `yaml:"id"`
	Name  string            `yaml:"name"`
	Uses  string            `yaml:"uses"`
	Shell string            `yaml:"shell"`
	Env   map[string]string `yaml:"env"`
	Run   string            `yaml:"run"`
}

func readAction(t *testing.T) *action {
	t.Helper()
	text, err := os.ReadFile("../../action.yml")
	require.NoError(t, err)
	a := &action{}
	require.NoError(t, yaml.Unmarshal(text, a))
	return a
}

// step returns the step of a name.
func (a *action) step(t *testing.T, name string) *actionStep {
	t.Helper()
	for i := range a.Runs.Steps {
		if a.Runs.Steps[i].Name == name {
			return &a.Runs.Steps[i]
		}
	}
	require.Fail(t, "no step "+name)
	return nil
}

var expression = regexp.MustCompile(`^\$\{\{ inputs\.([a-z-]+) \}\}$`)

// runner plays the steps of the action as a runner does.
type runner struct {
	t         *testing.T
	action    *action
	workspace string
	temporary string
	bash      string
}

// newRunner makes a runner whose obdcr is this one. It is nil where there is no bash.
func newRunner(t *testing.T) *runner {
	t.Helper()
	bash, ok := realtest.Tool(t, "bash")
	if !ok {
		return nil
	}
	r := &runner{t: t, action: readAction(t), workspace: t.TempDir(), temporary: t.TempDir(), bash: bash}
	require.NoError(t, os.Mkdir(filepath.Join(r.temporary, "obdcr-bin"), 0o700))
	require.NoError(t, os.Symlink(program(t, "obdcr"), filepath.Join(r.temporary, "obdcr-bin", "obdcr")))
	return r
}

// run runs a step with inputs, and returns its exit code, what it wrote and its outputs.
func (r *runner) run(name string, inputs map[string]string, env ...string) (code int, said string, outputs map[string]string) {
	r.t.Helper()
	step := r.action.step(r.t, name)
	output := filepath.Join(r.t.TempDir(), "output")
	cmd := exec.Command(r.bash, "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
	cmd.Dir = r.workspace
	root, err := filepath.Abs("../..")
	require.NoError(r.t, err)
	cmd.Env = append(os.Environ(), "RUNNER_TEMP="+r.temporary, "GITHUB_OUTPUT="+output, "GITHUB_ACTION_PATH="+root)
	for name, value := range step.Env {
		if m := expression.FindStringSubmatch(value); m != nil {
			in, known := r.action.Inputs[m[1]]
			require.True(r.t, known, value)
			given, there := inputs[m[1]]
			if value = given; !there && in.Default != nil {
				value = *in.Default
			}
		}
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Env = append(cmd.Env, env...)
	out, _ := cmd.CombinedOutput() // the code says it
	outputs = map[string]string{}
	text, _ := os.ReadFile(output) // none where the step failed
	for line := range strings.Lines(string(text)) {
		key, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		require.True(r.t, found, line)
		outputs[key] = value
	}
	return cmd.ProcessState.ExitCode(), string(out), outputs
}

func (r *runner) file(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.workspace, filepath.FromSlash(name))
	require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(r.t, os.WriteFile(path, []byte(text), 0o600))
}

// results returns the files that the report of SARIF has results of.
func results(t *testing.T, sarif string) (files []string) {
	t.Helper()
	text, err := os.ReadFile(sarif)
	require.NoError(t, err)
	var report struct {
		Version string `json:"version"`
		Runs    []struct {
			Results []struct {
				Locations []struct {
					Physical struct {
						Artifact struct {
							URI string `json:"uri"`
						} `json:"artifactLocation"`
					} `json:"physicalLocation"`
				} `json:"locations"`
			} `json:"results"`
		} `json:"runs"`
	}
	require.NoError(t, json.Unmarshal(text, &report))
	require.Equal(t, "2.1.0", report.Version)
	seen := map[string]bool{}
	for _, run := range report.Runs {
		for _, result := range run.Results {
			for _, l := range result.Locations {
				if uri := l.Physical.Artifact.URI; !seen[uri] {
					seen[uri] = true
					files = append(files, uri)
				}
			}
		}
	}
	return files
}

// TestTheActionPassesInputsByTheEnvironmentAlone: an expression in a script would let a file
// name be a part of it. Each input reaches a step, and each output comes from one.
func TestTheActionPassesInputsByTheEnvironmentAlone(t *testing.T) {
	a := readAction(t)
	require.Equal(t, "composite", a.Runs.Using)
	used := map[string]bool{}
	for _, s := range a.Runs.Steps {
		if s.Uses != "" {
			require.Regexp(t, `^actions/[a-z-]+@[0-9a-f]{40}$`, s.Uses)
			continue
		}
		require.Equal(t, "bash", s.Shell)
		require.NotContains(t, s.Run, "${{", s.Name)
		for name, value := range s.Env {
			if m := expression.FindStringSubmatch(value); m != nil {
				used[m[1]] = true
				require.Contains(t, s.Run, name)
			} else {
				require.NotContains(t, value, "${{")
			}
		}
	}
	for name, in := range a.Inputs {
		require.True(t, used[name], name)
		require.NotEmpty(t, in.Description)
		require.Equal(t, in.Required, in.Default == nil, name)
	}
	for name, out := range a.Outputs {
		require.Equal(t, "${{ steps.lint.outputs."+name+" }}", out.Value)
	}
	workflow, err := os.ReadFile("../../.github/workflows/ci.yml")
	require.NoError(t, err)
	require.Contains(t, string(workflow), a.Runs.Steps[0].Uses, "the action and our own workflow pin the same commit")
}

// TestTheActionLints files of a project, into a report for GitHub's code scanning.
func TestTheActionLints(t *testing.T) {
	r := newRunner(t)
	if r == nil {
		return
	}
	_, software := newSoftware(t)
	claims := software.Request("0015800001041RHAAY")
	good, err := software.Sign(&claims)
	require.NoError(t, err)
	statement, err := software.SSA(nil)
	require.NoError(t, err)
	r.file("requests/good.jwt", good)
	r.file("requests/bad.json", `{"iss": 1, "redirect_uris": [], "software_statement": "x"}`)
	r.file("policy.json", `{}`)
	r.file("ssa/statement.jwt", statement)
	now := scriptTime.Format("2006-01-02T15:04:05Z07:00")

	code, said, outputs := r.run("Lint", map[string]string{"files": "requests/good.jwt\n", "now": now, "policy": "policy.json"})
	require.Zero(t, code, said)
	require.Equal(t, map[string]string{"sarif": filepath.Join(r.temporary, "obdcr.sarif"), "valid": "true"}, outputs)
	require.NotContains(t, results(t, outputs["sarif"]), "requests/bad.json")

	code, said, outputs = r.run("Lint", map[string]string{"files": "requests\n\n", "now": now, "sarif-file": "out.sarif"})
	require.Equal(t, exitViolated, code, said)
	require.Equal(t, map[string]string{"sarif": filepath.Join(r.workspace, "out.sarif"), "valid": "false"}, outputs)
	require.Contains(t, results(t, outputs["sarif"]), "requests/bad.json")
	require.Contains(t, said, "::error file=requests/bad.json")

	code, said, outputs = r.run("Lint", map[string]string{"files": "requests/*.json", "fail-on": "never", "annotations": "false", "now": now})
	require.Zero(t, code, said)
	require.Equal(t, "false", outputs["valid"])
	require.NotContains(t, said, "::error")

	code, said, outputs = r.run("Lint", map[string]string{"files": "statement.jwt", "kind": "statement", "working-directory": "ssa", "now": now})
	require.Zero(t, code, said)
	require.Equal(t, "true", outputs["valid"])

	code, said, _ = r.run("Lint", map[string]string{"files": "requests/good.jwt", "strict": "true", "now": now})
	require.Equal(t, exitViolated, code, said)
}

// TestNoInputOfTheActionIsAScript: whatever a pull request calls its files.
func TestNoInputOfTheActionIsAScript(t *testing.T) {
	r := newRunner(t)
	if r == nil {
		return
	}
	names := []string{"a b.json", `it's "quoted".json`, "$(touch owned).json", "`touch owned`.json", "; touch owned; .json", "-o.json", "--help.json", "& touch owned.json", "ü.json", "%0A.json"}
	for _, name := range names {
		r.file(name, `{"iss": 1}`)
	}
	code, said, outputs := r.run("Lint", map[string]string{"files": strings.Join(names, "\r\n")})
	require.Equal(t, exitViolated, code, said)
	require.Len(t, results(t, outputs["sarif"]), len(names))
	for input, value := range map[string]string{
		"files": "a\n$(touch owned)", "profile": "$(touch owned)", "bank": "`touch owned`", "policy": "; touch owned", "aud": "x\"; touch owned; \"", "now": "$(touch owned)",
		"fail-on": "x; touch owned", "strict": "$(touch owned)", "kind": "$(touch owned)", "annotations": "true; touch owned", "sarif-file": "x\nvalid=true",
		"working-directory": "$(touch owned)", "ssa-jwks": "$(touch owned)", "software-jwks": "$(touch owned)", "directory": "$(touch owned)", "discovery": "$(touch owned)",
	} {
		inputs := map[string]string{"files": "a b.json"}
		inputs[input] = value
		code, said, outputs := r.run("Lint", inputs)
		require.NotZero(t, code, "%s: %s", input, said)
		if input != "aud" {
			require.Empty(t, outputs, "%s: %s", input, said)
		}
	}
	code, said, _ = r.run("Lint", map[string]string{"files": "\n\n"})
	require.Equal(t, exitUsage, code, said)
	for _, version := range []string{"$(touch owned)", "-x", "v1; touch owned", "v1\nv2", "@latest"} {
		code, said, _ := r.run("Build obdcr", map[string]string{"version": version}, "PATH=/nowhere:"+os.Getenv("PATH"))
		require.Equal(t, exitUsage, code, said)
	}
	require.NoError(t, filepath.WalkDir(r.workspace, func(path string, _ os.DirEntry, err error) error {
		require.NotEqual(t, "owned", filepath.Base(path))
		return err
	}))
}

// TestTheActionBuildsObdcr from its own checkout, by a real go build.
func TestTheActionBuildsObdcr(t *testing.T) {
	if !fulltest.Asked() {
		realtest.Missing(t, "OBDCR_FULL=1 builds the command")
		return
	}
	r := newRunner(t)
	if r == nil {
		return
	}
	require.NoError(t, os.Remove(filepath.Join(r.temporary, "obdcr-bin", "obdcr")))
	code, said, _ := r.run("Build obdcr", nil)
	require.Zero(t, code, said)
	r.file("bad.json", `{"iss": 1}`)
	code, said, _ = r.run("Lint", map[string]string{"files": "bad.json"})
	require.Equal(t, exitViolated, code, said)
}
