package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/validate"
)

// site is a folder with the site, built once.
var site = sync.OnceValues(func() (folder string, err error) {
	if folder, err = os.MkdirTemp("", "obdcr-site-"); err != nil {
		return "", err
	}
	files, err := build(folder)
	for _, f := range files {
		sizes[f.name] = f
	}
	return folder, err
})

// sizes are those of the files of the site.
var sizes = map[string]built{}

func TestMain(m *testing.M) {
	code := m.Run()
	if folder, _ := site(); folder != "" && errors.Is(os.RemoveAll(folder), os.ErrPermission) {
		code = 1
	}
	os.Exit(code)
}

func read(t *testing.T, name string) string {
	t.Helper()
	folder, err := site()
	require.NoError(t, err)
	data, err := os.ReadFile(filepath.Join(folder, name))
	require.NoError(t, err)
	return string(data)
}

// TestMakeSiteBuildsTheSite: the command of docs/lint-page.md writes the files that the tests
// look at, byte for byte, and tells the size of each.
func TestMakeSiteBuildsTheSite(t *testing.T) {
	path, ok := realtest.Tool(t, "make")
	if !ok {
		return
	}
	read(t, "index.html")
	folder := filepath.Join(t.TempDir(), "a site")
	cmd := exec.Command(path, "--no-print-directory", "-C", filepath.Join("..", ".."), "site", "SITE="+folder)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Len(t, files, len(sizes))
	for name := range sizes {
		made, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		assert.True(t, string(made) == read(t, name), name)
		assert.Regexp(t, `(?m)^`+regexp.QuoteMeta(name)+` +\d+ bytes`, string(out))
	}
}

// maxZipped is what a visitor loads at most, in bytes.
const maxZipped = 6 << 20

func TestTheSiteIsSmallEnoughToBeLoaded(t *testing.T) {
	read(t, "index.html")
	total := 0
	for _, f := range sizes {
		total += f.zipped
		t.Logf("%s: %d bytes, %d by gzip", f.name, f.size, f.zipped)
	}
	assert.Less(t, total, maxZipped)
	assert.NotZero(t, sizes["obdcr.wasm"].zipped)
}

var (
	attribute = regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	anchor    = regexp.MustCompile(`id="([^"]*)"`)
)

// TestLinksOfTheSiteLead: each link to a page of the site finds it, and its anchor.
func TestLinksOfTheSiteLead(t *testing.T) {
	anchors := map[string]map[string]bool{}
	for _, name := range []string{"index.html", "rules.html", "policy.html"} {
		anchors[name] = map[string]bool{"": true}
		for _, found := range anchor.FindAllStringSubmatch(read(t, name), -1) {
			assert.False(t, anchors[name][found[1]], "%s has %s twice", name, found[1])
			anchors[name][found[1]] = true
		}
	}
	for name := range anchors {
		for _, found := range attribute.FindAllStringSubmatch(read(t, name), -1) {
			link := found[1]
			if strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "data:") {
				continue
			}
			file, at, _ := strings.Cut(link, "#")
			if file == "" {
				file = name
			}
			read(t, file)
			if of := anchors[file]; of != nil {
				assert.True(t, of[at], "%s: %s leads nowhere", name, link)
			}
		}
	}
	for _, r := range validate.Rules() {
		assert.True(t, anchors["rules.html"][r.ID], "%s has no place to link to", r.ID)
	}
}

// TestThePagesLoadNothingOfOthers: a policy forbids it, and no page tries.
func TestThePagesLoadNothingOfOthers(t *testing.T) {
	for _, name := range []string{"index.html", "rules.html", "policy.html"} {
		page := read(t, name)
		for _, part := range []string{"default-src 'none'", "connect-src 'self'", "script-src 'self' 'wasm-unsafe-eval'", "base-uri 'none'"} {
			assert.Contains(t, page, part, name)
		}
		assert.NotContains(t, page, "'unsafe-", name)
		assert.NotRegexp(t, `(?:src|<link[^>]* href)="https?:`, page, name)
		assert.NotContains(t, page, "<style", name)
		assert.NotContains(t, page, " style=", name)
	}
	index := read(t, "index.html")
	assert.Contains(t, index, "<noscript>")
	assert.Contains(t, index, "obdcr lint --serve")
}
