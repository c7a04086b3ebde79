package archtest

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// atTheTop are the files and folders at the top of the repository.
var atTheTop = []string{".ci", ".dockerignore", ".github", ".gitignore", ".golangci.yml", ".pre-commit-hooks.yaml", "CHANGELOG.md", "CONTRIBUTING.md",
	"Dockerfile", "LICENSE", "Makefile", "README.md", "SECURITY.md", "action.yml", "cert", "claims", "cmd", "dcr", "deploy", "doc.go", "docs", "examples",
	"go.mod", "go.sum", "internal", "ssa", "store", "validate"}

// Nothing that a command has left in the folder gets into the repository: a sandbox's folder holds private keys.
func TestNoStrayFileIsInTheRepository(t *testing.T) {
	list, err := exec.Command("git", "-c", "safe.directory=*", "-C", "../..", "ls-files", "-z").Output()
	if err != nil {
		fmt.Printf("%s did not run: the folder is no clone, or there is no git\n", t.Name())
		return
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		top, _, _ := strings.Cut(name, "/")
		require.Contains(t, atTheTop, top, "remove %s, or name its folder here", name)
		inFolder := slices.Contains(strings.Split(name, "/"), "obdcr-sandbox")
		require.False(t, inFolder || strings.HasSuffix(name, ".key") || strings.HasSuffix(name, "ready.json"), "%s is of a sandbox's folder", name)
	}
}
