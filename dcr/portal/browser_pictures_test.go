package portal_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/dcr/server"
	chromium "github.com/obdcr/obdcr/internal/browser"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// pictured are the pages that have pictures, for docs/portal.md.
var pictured = []string{"sign-in", "applications-empty", "add", "review", "review-faults", "confirmation", "application", "renew", "delete",
	"deleted", "applications", "expired", "error", "signed-out", "pending", "approvals", "approval", "approval-confirm", "decided",
	"operators-search", "remove", "removed"}

// maxPictures bounds the bytes of all pictures: who clones the repository gets them.
const maxPictures = 4 << 20

func TestEachPageHasItsPictures(t *testing.T) {
	want, bytes := map[string]bool{}, int64(0)
	for _, name := range pictured {
		for _, width := range widths {
			want[pictureName(name, width, false)], want[pictureName(name, width, true)] = true, true
		}
	}
	files, err := os.ReadDir(pictures)
	require.NoError(t, err, "make screenshots draws them")
	for _, file := range files {
		info, err := file.Info()
		require.NoError(t, err)
		assert.True(t, want[file.Name()], "%s is of no page", file.Name())
		delete(want, file.Name())
		bytes += info.Size()
	}
	assert.Empty(t, want, "make screenshots draws them")
	assert.Less(t, bytes, int64(maxPictures))
}

// stillClock goes on only when it is told to.
type stillClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *stillClock) read() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *stillClock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// lockedReader lets one at a time read.
type lockedReader struct {
	mu sync.Mutex
	io.Reader
}

func (r *lockedReader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Reader.Read(b)
}

// newStillWorld is a bank whose pages are the same in every run.
func newStillWorld(t *testing.T, policy func(*validate.Policy)) (*world, *stillClock) {
	t.Helper()
	clock := &stillClock{now: time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)}
	random := &lockedReader{Reader: rand.NewChaCha8([32]byte{})}
	w := newWorld(t, options{policy: policy, store: store.NewMemory(clock.read), made: ssatest.Options{Deterministic: true, Clock: clock.read},
		bank: func(c *server.Config) { c.Clock, c.Random = clock.read, random },
		portal: func(c *portal.Config) {
			c.Clock, c.Random = clock.read, random
			c.Look.Bank = "Example Bank"
		}})
	w.contact("ada", orgOne)
	w.operator("olga")
	return w, clock
}

// TestBrowserEveryPageIsUsable draws every page of a contact.
func TestBrowserEveryPageIsUsable(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w, clock := newStillWorld(t, withSecrets)
	s := w.surf(t, chromium.Options{})
	s.goTo("/")
	s.usable("sign-in")
	s.goTo("/sign-in?as=ada")
	s.sees("Applications")
	s.usable("applications-empty")
	s.goTo("/applications/add")
	s.usable("add")
	faulty := ssaOf(t, w.software(t, ssatest.SoftwareOptions{ClientName: "Broken Budget"}), map[string]any{
		"software_redirect_uris": []string{"http://tpp.example/callback", "https://localhost/callback", "https://tpp.example/callback#here"},
		"software_roles":         []string{"AISP", "Accounts"}, "software_mode": "Live"})
	s.reviews(faulty)
	s.usable("review-faults")
	software := w.software(t, ssatest.SoftwareOptions{ClientName: "Budget & Co"})
	s.goTo("/applications/add")
	s.reviews(ssaOf(t, software, nil))
	s.usable("review")
	s.Click("input[name=method][value=client_secret_basic]")
	require.Equal(t, http.StatusOK, s.Follow("button[value=add]"))
	s.usable("confirmation")
	s.Follow("main a.button")
	clock.pass(3 * time.Minute)
	s.subscribesTo("accounts")
	s.usable("application")
	clock.pass(5 * time.Minute)
	application := s.URL()
	s.Follow(`main a[href$="/renew"]`)
	s.usable("")
	s.reviews(ssaOf(t, software, map[string]any{"software_roles": []claims.Role{claims.PISP}, "software_client_name": "Budget & Sons"}))
	s.usable("renew")
	s.Open(application)
	s.Follow(`main a[href$="/delete"]`)
	s.usable("delete")
	s.Follow("main form button")
	s.sees("Delete the application", "There is a problem")
	s.usable("")
	s.Fill("#confirm", "Budget & Co")
	s.Follow("main form button")
	s.sees("The application was deleted")
	s.usable("deleted")
	for _, name := range []string{"Savings Coach", "Pay by bank – a name that is so long that no column of a list has room for it: قرض حسن"} {
		clock.pass(time.Minute)
		_, err := w.bank.Registrar().RegisterFromSSA(context.Background(), ssaOf(t, w.software(t, ssatest.SoftwareOptions{ClientName: name}), nil))
		require.NoError(t, err)
	}
	s.goTo("/applications")
	s.usable("applications")
	s.goTo("/applications/none")
	s.sees("There is no such application")
	s.usable("error")
	s.goTo("/applications/add")
	s.Fill("#statement", "eyJ.what.was-entered")
	s.ForgetCookies()
	require.Equal(t, http.StatusUnauthorized, s.Follow("main form button"))
	s.usable("expired")
	s.goTo("/signed-out")
	s.usable("signed-out")
}

// TestBrowserEveryPageOfOperatorsIsUsable draws what waits for the bank, and every page of an operator.
func TestBrowserEveryPageOfOperatorsIsUsable(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w, clock := newStillWorld(t, waitingPolicy)
	ada, olga := w.surf(t, chromium.Options{}), w.surf(t, chromium.Options{})
	olga.goTo("/sign-in?as=olga")
	olga.usable("")
	olga.goTo("/approvals")
	olga.sees("Approvals", "Nothing waits for a decision")
	olga.usable("")
	ada.goTo("/sign-in?as=ada")
	ada.goTo("/applications/add")
	ada.reviews(ssaOf(t, w.software(t, ssatest.SoftwareOptions{ClientName: "Budget & Co"}), nil))
	require.Equal(t, http.StatusOK, ada.Follow("button[value=add]"))
	ada.usable("pending")
	ada.Follow("main a.button")
	ada.usable("")
	clock.pass(time.Minute)
	w.asked(t, orgTwo, "Savings Coach")
	olga.goTo("/approvals")
	olga.usable("approvals")
	olga.Follow("tbody tr:last-child th a")
	olga.usable("approval")
	olga.Follow("main form button")
	olga.sees("A registration waits for a decision", "There is a problem")
	olga.usable("")
	olga.Click("#approve")
	olga.Fill("#reason", "Checked by telephone")
	olga.Follow("main form button")
	olga.usable("approval-confirm")
	olga.Follow("main form button")
	olga.sees("The registration is approved")
	olga.usable("decided")
	olga.goTo("/applications?search=budget")
	olga.usable("operators-search")
	olga.Follow("tbody th a")
	olga.usable("")
	olga.Follow(`main a[href$="/remove"]`)
	olga.usable("remove")
	olga.Fill("#reason", "The TPP lost its authorisation")
	olga.Fill("#typed", w.clients(t)[0].Application.ID)
	olga.Follow("main form button")
	olga.sees("The application is removed")
	olga.usable("removed")
}

// TestBrowserManyViolationsAndStrangeNamesStayLegible: a statement may be as bad as its length lets it.
func TestBrowserManyViolationsAndStrangeNamesStayLegible(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w, _ := newStillWorld(t, withSecrets)
	redirects, roles := []string{"https://tpp.example/fit"}, []string{"AISP"}
	for n := range 500 {
		redirects, roles = append(redirects, fmt.Sprintf("http://tpp.example/%d", n)), append(roles, fmt.Sprintf("ROLE%d", n))
	}
	s := w.surf(t, chromium.Options{})
	s.goTo("/sign-in?as=ada")
	s.goTo("/applications/add")
	s.reviews(ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), map[string]any{"software_redirect_uris": redirects, "software_roles": roles,
		"software_client_name": "<b id=made>bold</b> \u202egnirts\u202c \u2066isolated " + strings.Repeat("LongWord", 20)}))
	s.sees("Check and add", "<b id=made>bold</b>")
	assert.Zero(t, s.Count("#made"), "markup makes no element")
	assert.NotContains(t, s.Text("main"), "\u202e", "a character that turns the text is shown as its number")
	s.usable("")
	chromium.Eval[bool](s.Page, "document.querySelectorAll('details').forEach(d => d.open = true), true")
	for _, width := range widths {
		s.Look(width, false)
		s.fits(width)
	}
}

// reviews sends a statement from the page that takes one.
func (s *surfer) reviews(statement string) {
	s.t.Helper()
	s.Fill("#statement", statement)
	require.Equal(s.t, http.StatusOK, s.Follow("main form button"))
	require.Contains(s.t, []string{"Check and add", "Check and renew"}, s.Text("h1"))
}
