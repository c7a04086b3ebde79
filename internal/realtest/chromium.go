package realtest

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// AxeVersion is the version of axe-core that AxeCore returns.
const AxeVersion = "4.14.1"

// axeSum is the SHA-256 of its axe.min.js.
const axeSum = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"

// axe is the environment variable with the path of axe.min.js, where npm shall not download it.
const axe = "OBDCR_AXE"

// Chromium returns the path of a Chromium or a Chrome. Ask Asked first: the test fails where
// there is none.
func Chromium(t testing.TB) string {
	t.Helper()
	for _, name := range chromiumNames() {
		if path, ok := find(name); ok {
			return path
		}
	}
	t.Fatal("there is no Chromium: apt-get install chromium")
	return ""
}

// chromiumNames are what Chromium is called, by Debian first.
func chromiumNames() []string { return []string{"chromium", "chromium-browser", "google-chrome"} }

// InGroup makes a program that another package starts lead a process group, so that
// EndWithTests ends its children too. Call it before the program is started.
func InGroup(cmd *exec.Cmd) { ownGroup(cmd) }

// leftBehind keeps the pipes open that the guards of EndWithTests wait for.
var leftBehind []*os.File

// EndWithTests sees to it that a program that tests share does not outlive the process of the
// tests, however that ends: a guard then kills the process group and removes the folder.
func EndWithTests(t testing.TB, group int, folder string) {
	t.Helper()
	script := `kill -TERM -- "-$1" 2>/dev/null && sleep 1; kill -KILL -- "-$1" 2>/dev/null
		for n in 1 2 3 4 5; do rm -rf "$2" && break; sleep 1; done`
	_, alive := guard(t, script, nil, strconv.Itoa(group), folder)
	leftBehind = append(leftBehind, alive)
}

// AxeCore returns the text of axe-core, which looks for faults of accessibility in a page. It
// lies where OBDCR_AXE says, or else in a cache folder of the user, to which npm downloads it
// once. Ask Asked first.
func AxeCore(t testing.TB) string {
	t.Helper()
	name := axeScript(t)
	if _, err := os.Stat(name); err != nil && os.Getenv(axe) == "" {
		installAxe(t, name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != axeSum {
		t.Fatalf("%s is not the axe.min.js of axe-core %s", name, AxeVersion)
	}
	return string(text)
}

// axeScript returns the path of axe.min.js, which may have to be downloaded.
func axeScript(t testing.TB) string {
	t.Helper()
	if name := os.Getenv(axe); name != "" {
		return name
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "obdcr-test", "axe-core-"+AxeVersion, "axe.min.js")
}

// installAxe downloads axe-core and puts its script where it is looked for.
func installAxe(t testing.TB, name string) {
	t.Helper()
	part := t.TempDir()
	run(t, part, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "axe-core@"+AxeVersion)
	text, err := os.ReadFile(filepath.Join(part, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name+".part", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".part", name); err != nil {
		t.Fatal(err)
	}
}
