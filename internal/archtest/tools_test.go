package archtest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
)

// tool runs a program in the root of the module and returns what it prints. The
// second result is false where the program is not installed; .ci/run sees to it that
// it is.
func tool(t *testing.T, name string, args ...string) (string, bool) {
	t.Helper()
	path, ok := realtest.Tool(t, name)
	if !ok {
		return "", false
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out), true
}

func submatches(expression, text string) []string {
	var found []string
	for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

func TestMakeHelpListsEveryTarget(t *testing.T) {
	targets := submatches(`(?m)^([a-z]+):`, readFile(t, "Makefile"))
	require.NotEmpty(t, targets)
	assert.ElementsMatch(t, targets, strings.Fields(submatches(`(?m)^\.PHONY: (.*)$`, readFile(t, "Makefile"))[0]))
	help, ran := tool(t, "make", "--no-print-directory")
	if !ran {
		return
	}
	assert.Equal(t, targets, submatches(`(?m)^  ([a-z]+) +[a-z]`, help))
	assert.Len(t, strings.Split(strings.TrimSpace(help), "\n"), len(targets), "one line each")
}

// TestMakeImageNamesTheFileThatIsMissing: CAs are elsewhere on other systems.
func TestMakeImageNamesTheFileThatIsMissing(t *testing.T) {
	path, ok := realtest.Tool(t, "make")
	if !ok {
		return
	}
	for name, content := range map[string]*string{"none": nil, "empty": new(string)} {
		image, cas := filepath.Join(t.TempDir(), "image"), filepath.Join(t.TempDir(), "its "+name)
		if content != nil {
			require.NoError(t, os.WriteFile(cas, []byte(*content), 0o600))
		}
		cmd := exec.Command(path, "--no-print-directory", "image", "IMAGE="+image, "CAS="+cas)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		require.Error(t, err, name)
		assert.Contains(t, string(out), cas, "which file")
		assert.Contains(t, string(out), "CAS=FILE", "what to do")
		assert.NoDirExists(t, image, "nothing is made")
	}
}

func TestStagesThatTheMakefileNamesExist(t *testing.T) {
	stages := strings.Fields(submatches(`(?m)^stages=\(([a-z ]+)\)$`, readFile(t, ".ci/run"))[0])
	assert.ElementsMatch(t, stages, submatches(`(?m)^stage_([a-z]+)\(\)`, readFile(t, ".ci/run")))
	named := submatches(`\.ci/run ([a-z ]+)`, readFile(t, "Makefile"))
	require.NotEmpty(t, named)
	for _, name := range strings.Fields(strings.Join(named, " ")) {
		assert.Contains(t, stages, name)
	}
}

// TestTheStageServersFindsEveryTestThatStartsOne: a test asks in its own body, by a name of a
// server that the stage runs. So none is left out.
func TestTheStageServersFindsEveryTestThatStartsOne(t *testing.T) {
	script := readFile(t, ".ci/run")
	servers := submatches(`(?m)^\trun_with ([a-zA-Z-]+) `, script)
	require.NotEmpty(t, servers)
	find := regexp.MustCompile(`(?ms)^asks_for\(\) \{.*?^\}`).FindString(script)
	var names []string
	for _, server := range servers {
		found, ran := tool(t, "bash", "-c", find+"\nasks_for "+server)
		if !ran {
			return
		}
		require.NotEmpty(t, found, server)
		for line := range strings.Lines(found) {
			folder, name, _ := strings.Cut(strings.TrimSpace(line), " ")
			assert.DirExists(t, filepath.Join(root, folder))
			assert.Regexp(t, `^Test[A-Z]\w+$`, name, folder)
			names = append(names, name)
		}
	}
	calls := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") && !strings.HasPrefix(path, root+"/internal/archtest/") {
			calls += strings.Count(readFile(t, strings.TrimPrefix(path, root+"/")), "if !realtest.Asked(")
		}
		return err
	}))
	assert.Len(t, names, calls)
}

// TestDevelopmentNamesWhatTheScriptInstalls: each package, and no other.
func TestDevelopmentNamesWhatTheScriptInstalls(t *testing.T) {
	script := readFile(t, ".ci/run")
	installed := submatches(`(?m)^\thave \S+ (\S+) `, script)
	for _, list := range submatches(`(?m)^\trun_with (.*)$`, script) {
		installed = append(installed, submatches(`\S+:(\S+)`, list)...)
	}
	for _, list := range submatches(`\|\| install ([a-z][^#\n]*)`, script) {
		installed = append(installed, strings.Fields(list)...)
	}
	slices.Sort(installed)
	installed = slices.Compact(installed)
	named := submatches(`(?s)What .\.ci/run. installs, by apt-get: (.*?)\n.go test`, readFile(t, "docs/development.md"))
	require.Len(t, named, 1)
	assert.ElementsMatch(t, installed, submatches("`([^`]+)`", named[0]))
}

// TestOnlyOnePackageLooksForPrograms: realtest says in one form what did not run, and knows
// when that is a failure.
func TestOnlyOnePackageLooksForPrograms(t *testing.T) {
	for _, s := range tree(t) {
		if s.IsTest() && s.Dir() != "internal/archtest" {
			text := readFile(t, s.Path)
			assert.NotContains(t, text, "exec.LookPath(", "%s: call realtest.Tool", s.Path)
			assert.NotContains(t, text, `os.Getenv("OBDCR_SAMPLES")`, "%s: call realtest.Samples", s.Path)
			assert.NotRegexp(t, `\.(Skip|SkipNow|Skipf)\(`, text, "%s: a test that does not run says so", s.Path)
		}
	}
}

// TestMakeDocsRendersEveryDocument: each package whose tests write a document, by
// -update, is asked to by the Makefile.
func TestMakeDocsRendersEveryDocument(t *testing.T) {
	var writers []string
	for _, s := range tree(t) {
		if s.IsTest() && regexp.MustCompile(`flag\.Bool\("update"`).MatchString(readFile(t, s.Path)) {
			writers = append(writers, s.Dir())
		}
	}
	require.NotEmpty(t, writers)
	assert.Subset(t, submatches(`(?m)^\tgo test \./([a-z/]+) .*-update$`, readFile(t, "Makefile")), writers)
}

// TestTheChangelogNamesIncompatibleChanges runs the script that compares the public
// API over a report and a changelog made up for it.
func TestTheChangelogNamesIncompatibleChanges(t *testing.T) {
	const changelog = "# Changelog\n\n## Unreleased\n\n### Added\n- `dcr.Added` and `store`.\n\n### Changed\n" +
		"- `ssa.Config` has no clock; `tpp.Client.Register` takes\n  a context, `dcr/server.New` two.\n\n### Removed\n- `dcr/roles/...`, which `validate` replaces.\n\n" +
		"## 0.1.0\n\n### Changed\n- `cert.Old`.\n"
	const before, after = "Incompatible changes:\n", "Compatible changes:\n- ./cert.New: added\n"
	for name, c := range map[string]struct {
		change string
		named  bool
	}{
		"a function":                            {"./dcr/server.New: changed from func() to func(int)", true},
		"a method":                              {"./dcr/tpp.(*Client).Register: changed from func() to func(int)", true},
		"a field of a type that is named":       {"./ssa.Config.Clock: removed", true},
		"the method set of a type":              {"./ssa.Config, method set of *Config: removed", true},
		"a package":                             {"package github.com/obdcr/obdcr/dcr/roles: removed", true},
		"a name in a package that is named":     {"./dcr/roles.Role: removed", true},
		"a program":                             {"package github.com/obdcr/obdcr/cmd/obdcr: removed", true},
		"a method that nobody names":            {"./dcr/tpp.(*Client).Get: removed", false},
		"a package that nobody names":           {"package github.com/obdcr/obdcr/dcr/tpp: removed", false},
		"a package that is mentioned":           {"package github.com/obdcr/obdcr/validate: removed", false},
		"a name in a package that is mentioned": {"./validate.New: removed", false},
		"a name that is longer":                 {"./dcr/server.NewServer: removed", false},
		"the same name in another package":      {"./dcr/upstream.New: removed", false},
		"what is named as added":                {"./dcr.Added: removed", false},
		"a package that is named as added":      {"package github.com/obdcr/obdcr/store: removed", false},
		"what an earlier release named":         {"./cert.Old: removed", false},
		"a type of which a method is named":     {"./dcr/tpp.Client: removed", false},
		"a type without a name in the section":  {"./claims.Request: removed", false},
	} {
		t.Run(name, func(t *testing.T) {
			unnamed, ran := unnamedChanges(t, before+"- "+c.change+"\n"+after, changelog)
			if !ran {
				return
			}
			if c.named {
				assert.Empty(t, unnamed)
				return
			}
			assert.Equal(t, c.change+"\n", unnamed)
		})
	}
	if unnamed, ran := unnamedChanges(t, before+"- ./cert.Old: removed\n", "# Changelog\n\n## Unreleased\n\n### Added\n- `cert.New`.\n"); ran {
		assert.Equal(t, "./cert.Old: removed\n", unnamed, "a changelog that names no change")
	}
	if unnamed, ran := unnamedChanges(t, after, changelog); ran {
		assert.Empty(t, unnamed, "a report without incompatible changes")
	}
}

// unnamedChanges has the script compare a report and a changelog. The second result
// is false where there is no bash.
func unnamedChanges(t *testing.T, report, changelog string) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "report"), []byte(report), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "CHANGELOG.md"), []byte(changelog), 0o600))
	return tool(t, "bash", ".ci/api", "unnamed", filepath.Join(dir, "report"), filepath.Join(dir, "CHANGELOG.md"))
}

// workflows returns the names of the workflows' files.
func workflows(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.yml", "*.yaml"} {
		paths, err := filepath.Glob(filepath.Join(root, ".github/workflows", pattern))
		require.NoError(t, err)
		for _, path := range paths {
			names = append(names, ".github/workflows/"+filepath.Base(path))
		}
	}
	require.Contains(t, names, ".github/workflows/ci.yml")
	return names
}

// TestWorkflowsOnlyCallTheScript: what a change has to pass stands in one place.
func TestWorkflowsOnlyCallTheScript(t *testing.T) {
	for _, name := range workflows(t) {
		text := readFile(t, name)
		for _, run := range submatches(`(?m)^ +(?:- )?run: *(.*)$`, text) {
			assert.Equal(t, ".ci/run", run, "%s", name)
		}
		for _, action := range submatches(`uses: (\S+)`, text) {
			assert.Regexp(t, `^actions/[a-z-]+@[0-9a-f]{40}$`, action, "%s: an action is pinned by its commit", name)
		}
	}
	text := readFile(t, ".github/workflows/ci.yml")
	assert.NotEmpty(t, submatches(`(?m)^ +- (run): \.ci/run$`, text))
	minor := submatches(`(?m)^go (\d+\.\d+)`, readFile(t, "go.mod"))
	assert.Equal(t, minor, submatches(`go-version: "(.*)\.x"`, text), "the latest release of the Go that go.mod names")
	assert.Equal(t, []string{"true"}, submatches(`check-latest: (.*)`, text))
	assert.NotContains(t, text, "go-version-file", "it would install exactly what go.mod names, without later patches")
	modules := submatches(`(?m)directory: (.*)$`, readFile(t, ".github/dependabot.yml"))
	for _, module := range nestedModules(t) {
		assert.True(t, slices.Contains(modules, "/"+module), "dependabot does not look after %s", module)
	}
}
