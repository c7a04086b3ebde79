package archtest

import (
	"encoding/json"
	"flag"
	"go/ast"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	sample         = "examples/bank/main.go"
	maxSampleLines = 40 // blank ones too
)

var (
	update  = flag.Bool("update", false, "copy the examples into the documents that show them")
	goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")
)

// samples are the Go samples of documents, and where each is copied from: a whole file, or one
// function of it.
var samples = []struct{ document, file, function string }{
	{"README.md", sample, ""},
	{"README.md", "dcr/dcrtest/first_test.go", "TestABankRefusesAForeignRedirectURI"},
	{"docs/operations.md", "dcr/server/example_front_test.go", "serveInFront"},
	{"docs/operations.md", "dcr/example_pending_test.go", "decideAll"},
	{"docs/portal.md", "dcr/portal/example_test.go", "newPortal"},
	{"docs/testing.md", "dcr/dcrtest/guide_test.go", "TestABankRefusesAnotherCallback"},
	{"docs/portal.md", "dcr/portal/example_test.go", "ownSignIn"},
}

func TestDocumentsShowTheExamples(t *testing.T) {
	known := map[string]int{}
	for _, s := range samples {
		known[s.document]++
		text, program, begins := readFile(t, s.document), readFile(t, s.file), "package "
		if s.function != "" {
			program, begins = functionOf(t, s.file, s.function), "func "+s.function
		}
		blocks := slices.DeleteFunc(goBlock.FindAllStringSubmatchIndex(text, -1), func(at []int) bool {
			return !strings.Contains(text[at[2]:at[3]], begins)
		})
		require.Len(t, blocks, 1, "%s has one Go sample of %s", s.document, s.file)
		from, to := blocks[0][2], blocks[0][3]
		if *update {
			require.NoError(t, os.WriteFile(filepath.Join(root, s.document), []byte(text[:from]+program+text[to:]), 0o644))
			continue
		}
		assert.Equal(t, program, text[from:to], "run make docs")
	}
	for document, count := range known {
		assert.Len(t, goBlock.FindAllString(readFile(t, document), -1), count, "%s has no other Go sample", document)
	}
}

// functionOf returns the text of a function with its comment.
func functionOf(t *testing.T, path, name string) string {
	t.Helper()
	at := slices.IndexFunc(tree(t), func(s source) bool { return s.Path == path })
	require.NotEqual(t, -1, at, path)
	s, text := tree(t)[at], readFile(t, path)
	for _, declared := range s.File.Decls {
		if f, is := declared.(*ast.FuncDecl); is && f.Name.Name == name {
			return text[s.Fset.Position(f.Doc.Pos()).Offset:s.Fset.Position(f.End()).Offset] + "\n"
		}
	}
	require.Fail(t, "there is no function", "%s of %s", name, path)
	return ""
}

func TestTheSampleFitsAGlanceAndHandlesEveryError(t *testing.T) {
	at := slices.IndexFunc(tree(t), func(s source) bool { return s.Path == sample })
	require.NotEqual(t, -1, at)
	assert.LessOrEqual(t, strings.Count(readFile(t, sample), "\n"), maxSampleLines)
	ast.Inspect(tree(t)[at].File, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok {
			assert.NotEqual(t, "_", name.Name, "%s: something is dropped", tree(t)[at].At(name))
		}
		return true
	})
}

var moduleCommands = regexp.MustCompile("(?m)^```\n(go mod init (?:.*\n)*?)go mod tidy\n```$")

// TestTheSampleBuildsInAModuleOfItsOwn runs what the README says to put a clone in the
// place of a release. go mod tidy asks the network for modules that nothing here needs,
// so the test takes over what it would find: the versions and sums of this module.
func TestTheSampleBuildsInAModuleOfItsOwn(t *testing.T) {
	commands := moduleCommands.FindStringSubmatch(readFile(t, "README.md"))
	require.NotNil(t, commands, "the README shows how to use a clone")
	clone, err := filepath.Abs(root)
	require.NoError(t, err)
	bank := t.TempDir()
	for from, to := range map[string]string{sample: "main.go", "go.sum": "go.sum"} {
		require.NoError(t, os.WriteFile(filepath.Join(bank, to), []byte(readFile(t, from)), 0o600))
	}
	run := func(dir string, args ...string) string {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=mod", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", args, out)
		return string(out)
	}
	for command := range strings.Lines(strings.Replace(commands[1], "=../obdcr\n", "="+clone+"\n", 1)) {
		run(bank, strings.Fields(command)...)
	}
	var ours struct {
		Require []struct{ Path, Version string }
	}
	require.NoError(t, json.Unmarshal([]byte(run(clone, "go", "mod", "edit", "-json")), &ours))
	edit := []string{"go", "mod", "edit"}
	for _, r := range ours.Require {
		edit = append(edit, "-require", r.Path+"@"+r.Version)
	}
	run(bank, edit...)
	run(bank, "go", "build", "-ldflags=-s -w", "-o", filepath.Join(bank, "built"), ".")
	assert.Contains(t, run(bank, "go", "version", "-m", "built"), "=>\t"+clone, "it is made from the clone")
}
