package portal_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// basic chooses a method with a secret.
func basic(form url.Values) { form.Set("method", "client_secret_basic") }

var shownSecret = regexp.MustCompile(`<code class="secret"[^>]*>([A-Za-z0-9_-]{30,})</code>`)

// secretOf returns the client secret that a page shows.
func secretOf(t testing.TB, a answer) string {
	t.Helper()
	found := shownSecret.FindAllStringSubmatch(a.body, -1)
	require.NotEmpty(t, found, a.text())
	return found[len(found)-1][1]
}

// TestAnAnswerIsGivenAgainToItsFormAlone: neither to another session, nor for another choice, nor
// after ten minutes, nor for a record that has changed since.
func TestAnAnswerIsGivenAgainToItsFormAlone(t *testing.T) {
	t.Parallel()
	late := time.Duration(0)
	w := newWorld(t, options{policy: withSecrets, portal: func(c *portal.Config) { c.Clock = func() time.Time { return time.Now().Add(late) } }})
	w.contact("ada", orgOne)
	ada, elsewhere := w.as(t, "ada"), w.as(t, "ada")
	software := w.software(t, ssatest.SoftwareOptions{})
	review := ada.reviewed(ssaOf(t, software, nil))
	secret := secretOf(t, ada.press(review, "add", basic))
	before := w.history(t)
	assert.Equal(t, secret, secretOf(t, ada.press(review, "add", basic)))
	told := w.since(t, before)
	require.Len(t, told, 1, "the trail tells that it was shown again")
	assert.Equal(t, []string{"contact", "create", "denied", w.clients(t)[0].ID}, []string{told[0].Actor, told[0].Operation, told[0].Decision, told[0].Client})
	assert.Contains(t, told[0].Reason, "its answer was shown again")
	refused := func(name string, b *browser, change func(url.Values)) {
		t.Helper()
		a := b.press(review, "add", change)
		assert.Equal(t, http.StatusConflict, a.status, name)
		assert.NotContains(t, a.body, secret, name)
		assert.Contains(t, a.text(), "This was sent already", name)
		assert.Contains(t, a.body, `href="/portal/applications"`, name)
	}
	refused("another session", elsewhere, basic)
	refused("another choice", ada, nil)
	late = 10 * time.Minute
	refused("later", ada, basic)
	late = 0
	assert.Equal(t, secret, secretOf(t, ada.press(review, "add", basic)))

	made := w.clients(t)[0]
	renewal := ada.sent("/applications/"+made.ID+"/renew", url.Values{"statement": {ssaOf(t, software, nil)}}, nil)
	require.Equal(t, http.StatusOK, ada.press(renewal, "renew", nil).status)
	refused("a record that changed", ada, basic)
	require.Equal(t, http.StatusOK, ada.post("/applications/"+made.ID+"/delete", url.Values{"confirm": {"Test TPP"}}).status)
	refused("a record that is gone", ada, basic)
}

// noticing is a store that tells what is kept of sessions, and lets a test act once a record is
// created, and once the answer to a form was looked for.
type noticing struct {
	*store.Memory

	mu      sync.Mutex
	kept    []store.Session
	created func()
	looked  func()
}

func (s *noticing) GetSession(ctx context.Context, key string) (store.Session, error) {
	found, err := s.Memory.GetSession(ctx, key)
	if s.looked != nil && strings.HasPrefix(key, "answer ") {
		s.looked()
	}
	return found, err
}

func (s *noticing) PutSession(ctx context.Context, session store.Session) error {
	s.mu.Lock()
	s.kept = append(s.kept, session)
	s.mu.Unlock()
	return s.Memory.PutSession(ctx, session)
}

func (s *noticing) Create(ctx context.Context, c store.Client, with store.Change) error {
	err := s.Memory.Create(ctx, c, with)
	if err == nil && s.created != nil {
		s.created()
	}
	return err
}

// TestTheSecretOfAFormWhoseBrowserLeftIsShownToTheNext: as with a double click, where the browser
// drops the first answer. The machine stands still before that is kept, for longer than the second
// form waits. The store has no secret that it could tell.
func TestTheSecretOfAFormWhoseBrowserLeftIsShownToTheNext(t *testing.T) {
	t.Parallel()
	records := &noticing{Memory: store.NewMemory(nil)}
	w := newWorld(t, options{policy: withSecrets, store: records})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	review := ada.reviewed(ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil))
	ctx, leave := context.WithCancel(t.Context())
	goOn := make(chan struct{})
	var looks atomic.Int32
	records.created = func() {
		leave()
		<-goOn
	}
	records.looked = func() {
		if looks.Add(1) == 3 { // once by the first form, and the second time by the second one
			time.Sleep(portal.AnswerWait + time.Millisecond) // the machine stands still
			close(goOn)
		}
	}
	form := review.form()
	form.Set("do", "add")
	basic(form)
	first, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address+"/applications/add", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	first.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	first.Header.Set("Sec-Fetch-Site", "same-origin")
	dropped, err := ada.http.Do(first)
	if err == nil {
		_ = dropped.Body.Close()
	}
	require.ErrorIs(t, err, context.Canceled)

	second := ada.post("/applications/add", form)
	require.Equal(t, http.StatusOK, second.status, second.text())
	secret := secretOf(t, second)
	assert.Contains(t, second.text(), "The application was added")
	assert.Len(t, w.clients(t), 1)
	require.NotEmpty(t, records.kept)
	for _, session := range records.kept {
		assert.NotContains(t, string(session.Data), secret)
		assert.NotContains(t, session.Key, secret)
	}
}

// TestARenewalAndAnApprovalAreAnsweredAgain: with the secret that they made.
func TestARenewalAndAnApprovalAreAnsweredAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: withSecrets})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	software := w.software(t, ssatest.SoftwareOptions{})
	made, _ := ada.add(ssaOf(t, software, nil), nil)
	renewal := ada.sent("/applications/"+made.ID+"/renew", url.Values{"statement": {ssaOf(t, software, nil)}}, nil)
	done := ada.press(renewal, "renew", basic)
	require.Equal(t, http.StatusOK, done.status, done.text())
	again := ada.press(renewal, "renew", basic)
	assert.Equal(t, secretOf(t, done), secretOf(t, again))
	assert.Contains(t, again.text(), "The application was renewed")

	waiting := newWaitingWorld(t)
	waits := waiting.asked(t, orgOne, "Waiting")
	olga, other := waiting.as(t, "olga"), waiting.as(t, "olga")
	ask := olga.post("/approvals/"+waits.ID, url.Values{"decision": {"approve"}, "reason": {""}})
	require.Contains(t, ask.body, "Is this what you decide?")
	approved := olga.post("/approvals/"+waits.ID, ask.form())
	require.Equal(t, http.StatusOK, approved.status)
	twice := olga.post("/approvals/"+waits.ID, ask.form())
	require.Equal(t, http.StatusOK, twice.status, twice.text())
	assert.Equal(t, secretOf(t, approved), secretOf(t, twice))
	assert.Equal(t, http.StatusConflict, other.post("/approvals/"+waits.ID, ask.form()).status, "another session")
	refusal := ask.form()
	refusal.Set("decision", "refuse")
	refusal.Set("reason", "no")
	assert.Equal(t, http.StatusConflict, olga.post("/approvals/"+waits.ID, refusal).status, "another decision")
}
