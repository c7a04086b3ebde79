// Package browser drives a Chromium through pages under test, as a person would: it opens,
// fills, clicks and reads. For tests only.
//
// What the browser itself complains of, such as a script that fails, a resource that is not
// there or a breach of the page's Content Security Policy, fails the test; so do faults of
// accessibility that Axe finds. The tests of a package share a browser, and each page of New has
// cookies and storage of its own. Tests that use it do not run in parallel.
//
// Ask realtest.Asked for "Chromium" first:
//
//	if !realtest.Asked(t, "Chromium") {
//		return
//	}
//	page := browser.New(t, browser.Options{Trust: []*x509.Certificate{server.Leaf}})
//	page.Open(address)
package browser

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/obdcr/obdcr/internal/realtest"
)

// patience is how long an action may take, on a busy machine too.
const patience = 30 * time.Second

// shared is the browser of the tests of a package.
var shared struct {
	sync.Mutex
	ctx   context.Context // of chromedp; nil as long as there is no browser
	trust string          // what it was started with
	users int             // pages that are open
}

// acquire returns the shared browser's context. A browser learns whom to trust when it starts,
// so a test that trusts others gets a browser of its own, and ends the earlier one.
func acquire(t testing.TB, trust []*x509.Certificate) context.Context {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	pins := pins(trust)
	if shared.ctx != nil && (shared.ctx.Err() != nil || shared.trust != pins) {
		if shared.users > 0 {
			t.Fatal("browser: another test trusts other servers at the same time; these tests do not run in parallel")
		}
		_ = chromedp.Cancel(shared.ctx) // its folder is removed in the end all the same
		shared.ctx = nil
	}
	if shared.ctx == nil {
		shared.ctx, shared.trust = start(t, pins), pins
	}
	shared.users++
	t.Cleanup(func() {
		shared.Lock()
		defer shared.Unlock()
		shared.users--
	})
	return shared.ctx
}

// pins are the hashes of the public keys in the form of Chromium's option.
func pins(trust []*x509.Certificate) string {
	var hashes []string
	for _, certificate := range trust {
		sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
		hashes = append(hashes, base64.StdEncoding.EncodeToString(sum[:]))
	}
	slices.Sort(hashes)
	return strings.Join(slices.Compact(hashes), ",")
}

// start starts a browser that no window shows. It listens at no port: it is driven by a pipe,
// whose end it takes for its own.
func start(t testing.TB, pins string) context.Context {
	t.Helper()
	folder, err := os.MkdirTemp("", "obdcr-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	var command *exec.Cmd
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(realtest.Chromium(t)),
		chromedp.UserDataDir(folder),
		chromedp.Env("TMPDIR="+folder),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) { command = cmd; realtest.InGroup(cmd) }),
		chromedp.Flag("font-render-hinting", "none"), // pictures look alike on every machine with these fonts
		chromedp.Flag("disable-lcd-text", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("lang", "en-GB"),
	)
	if pins != "" {
		options = append(options, chromedp.Flag("ignore-certificate-errors-spki-list", pins))
	}
	//nolint:gosec // G118: they live as long as the process of the tests
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator) //nolint:gosec // G118: so does this
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	realtest.EndWithTests(t, command.Process.Pid, folder)
	return ctx
}
