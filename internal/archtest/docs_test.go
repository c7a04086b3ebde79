package archtest

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(data)
}

var readDocuments = sync.OnceValues(func() (map[string]string, error) {
	all := map[string]string{}
	return all, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(path, d.Name())
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		all[filepath.ToSlash(rel)] = string(data)
		return err
	})
})

// documents returns the Markdown files of the module by name: do not change the map.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all, err := readDocuments()
	require.NoError(t, err)
	for _, name := range []string{"README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md"} {
		require.NotEmpty(t, all[name], "%s", name)
	}
	return all
}

// TestCommandsInDocumentsExist: whatever is shown after go run or go test is there.
func TestCommandsInDocumentsExist(t *testing.T) {
	command := regexp.MustCompile(`go (run|test)((?: -[a-z]+(?: '[^']*'| [0-9a-z]+)?)*) (\./[a-z/.]+)`)
	seen := map[string]bool{}
	for name, text := range documents(t) {
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			verb, path := m[1], m[3]
			seen[verb+" "+path] = true
			dir := strings.TrimSuffix(path, "/...")
			files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
			require.NoError(t, err)
			assert.NotEmpty(t, files, "%s shows %q", name, m[0])
			if verb == "run" {
				assert.Equal(t, "main", packages(t)[module+"/"+strings.TrimPrefix(dir, "./")].Name, "%s shows %q", name, m[0])
			}
		}
	}
	for _, want := range []string{"run ./examples/quickstart", "run ./examples/bank", "run ./cmd/obdcr", "test ./..."} {
		assert.True(t, seen[want], "no document shows go %s", want)
	}
}

// TestVerbsInDocumentsExist: each verb of the command that a document shows is one
// the command has.
func TestVerbsInDocumentsExist(t *testing.T) {
	var code bytes.Buffer
	for _, s := range tree(t) {
		if s.Dir() == "cmd/obdcr" && !s.IsTest() {
			code.WriteString(readFile(t, s.Path))
		}
	}
	shown := regexp.MustCompile("(?m)(?:^|`|\\$ )(?:go run \\./cmd/)?obdcr ([a-z]+)")
	verbs := 0
	for name, text := range documents(t) {
		for _, m := range shown.FindAllStringSubmatch(text, -1) {
			verbs++
			assert.True(t, regexp.MustCompile(`Use: +"`+m[1]+`[ "]`).MatchString(code.String()), "%s shows %q", name, m[0])
		}
	}
	assert.NotZero(t, verbs)
}

func TestLinksInDocumentsLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)
	for name, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			_, err := os.Stat(filepath.Join(root, filepath.Dir(name), m[1]))
			assert.NoError(t, err, "%s links to %s", name, m[1])
		}
	}
}

// sharedSamples is the default of OBDCR_SAMPLES, the one place beside the checkout that
// documents and .ci/run may name.
const sharedSamples = "../shared/real"

// TestDocumentsStayInside: no document, and no script, names a path outside of the
// repository.
func TestDocumentsStayInside(t *testing.T) {
	all := maps.Clone(documents(t))
	scripts := []string{".ci/run", ".ci/api", "Makefile", ".github/dependabot.yml", ".github/PULL_REQUEST_TEMPLATE.md"}
	for _, name := range append(scripts, workflows(t)...) {
		all[name] = readFile(t, name)
	}
	outside := regexp.MustCompile(`(?:^|[\s"'(\x60])(/(?:work|root|home|tmp|usr/local)/[^\s)\x60]*|(?:\.\./)+[^\s)\x60]*)`)
	for name, text := range all {
		for _, m := range outside.FindAllStringSubmatch(text, -1) {
			inside := filepath.ToSlash(filepath.Join(filepath.Dir(name), m[1]))
			if strings.HasPrefix(m[1], "/") || strings.HasPrefix(inside, "../") {
				assert.Equal(t, sharedSamples, strings.TrimRight(m[1], ".,;:}\""), "%s names a path outside", name)
			}
		}
	}
}

// TestREADMEListsThePublicPackages: each package that others can import has its
// line in the table, and the table has no other.
func TestREADMEListsThePublicPackages(t *testing.T) {
	var want, got []string
	for _, p := range packages(t) {
		hidden := strings.Contains("/"+p.Room(), "/internal/") || strings.HasPrefix(p.Room(), "examples/")
		if p.Ours() && p.Room() != "." && !hidden {
			want = append(want, p.Room())
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\|").FindAllStringSubmatch(readFile(t, "README.md"), -1) {
		got = append(got, m[1])
	}
	assert.ElementsMatch(t, want, got)
}
