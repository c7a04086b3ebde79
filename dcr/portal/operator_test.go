package portal_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// waitingPolicy lets registrations and deletions wait for an operator. Clients have secrets.
func waitingPolicy(p *validate.Policy) {
	p.PendingChanges = []validate.PendingChange{validate.PendingCreate, validate.PendingDelete}
	p.PendingDays = 7
	p.AuthMethods = []claims.AuthMethod{claims.ClientSecretBasic}
	p.Widenings = []validate.Widening{validate.WidenClientSecretBasic}
}

// asked registers a new software of an organisation by its statement alone, and returns the
// record as it is then.
func (w *world) asked(t testing.TB, org, name string) store.Client {
	t.Helper()
	statement := ssaOf(t, w.software(t, ssatest.SoftwareOptions{OrgID: org, ClientName: name}), nil)
	registration, err := w.bank.Registrar().RegisterFromSSA(context.Background(), statement)
	require.NoError(t, err)
	return registration.Client
}

// put stores a record that differs from another one.
func (w *world) put(t testing.TB, c store.Client, change func(*store.Client)) store.Client {
	t.Helper()
	c = c.Clone()
	c.ClientID, c.UniqueKey = "", ""
	change(&c)
	require.NoError(t, w.store.Create(context.Background(), c, store.Change{}))
	return w.record(t, c.ID)
}

// record reads a record.
func (w *world) record(t testing.TB, id string) store.Client {
	t.Helper()
	c, err := w.store.Get(context.Background(), id)
	require.NoError(t, err)
	return c
}

// entries are those of the audit trail of a record, as "version decision by actor, reason".
func (w *world) entries(t testing.TB, id string) []string {
	t.Helper()
	entries, err := w.store.(store.Auditor).History(context.Background(), id, 0, 100)
	require.NoError(t, err)
	var lines []string
	for _, e := range entries {
		line := e.Operation + " " + e.Decision + " by " + e.Actor
		if e.Actor == string(dcr.ActorOperator) {
			line += " " + e.ActorName
		}
		if e.Reason != "" {
			line += ", " + e.Reason
		}
		lines = append(lines, line)
	}
	return lines
}

// decideOn sends a decision and confirms it.
func (b *browser) decideOn(id, decision, reason string) answer {
	b.t.Helper()
	a := b.post("/approvals/"+id, url.Values{"decision": {decision}, "reason": {reason}})
	require.Equal(b.t, http.StatusOK, a.status, a.body)
	require.Contains(b.t, a.body, "Is this what you decide?")
	return b.post("/approvals/"+id, a.form())
}

// newWaitingWorld is a bank where changes wait, with an operator and a contact.
func newWaitingWorld(t *testing.T) *world {
	w := newWorld(t, options{policy: waitingPolicy})
	w.operator("olga")
	w.contact("ada", orgOne)
	return w
}

func TestAnOperatorApprovesARegistrationAndSeesItsSecretOnce(t *testing.T) {
	t.Parallel()
	w := newWaitingWorld(t)
	c := w.asked(t, orgOne, "Pay & <b>Save</b>")
	require.Equal(t, store.PendingCreate, c.State)
	b := w.as(t, "olga")
	list := b.get("/approvals")
	assert.Equal(t, http.StatusOK, list.status)
	assert.Contains(t, list.body, "Pay &amp; &lt;b&gt;Save&lt;/b&gt;")
	assert.Contains(t, list.body, orgOne)
	assert.Contains(t, list.body, `datetime="`+c.Since.Format(time.RFC3339)+`"`)
	assert.Contains(t, list.body, `datetime="`+c.Since.AddDate(0, 0, 7).Format(time.RFC3339)+`"`, "when it expires by the policy")
	assert.Contains(t, list.body, ">Registration<")
	page := b.get("/approvals/" + c.ID)
	assert.Equal(t, http.StatusOK, page.status)
	for _, told := range []string{"org_status", "software_roles", "token_endpoint_auth_method", "client_secret_basic", c.SoftwareID, "/portal/applications/" + c.ID} {
		assert.Contains(t, page.body, told)
	}

	done := b.decideOn(c.ID, "approve", "contract 17 <signed>")
	require.Equal(t, http.StatusOK, done.status, done.body)
	assert.Contains(t, done.body, "The registration is approved")
	shown := regexp.MustCompile(`<code class="secret" translate="no">([^<]+)</code>`).FindStringSubmatch(done.body)
	require.NotNil(t, shown, done.body)
	assert.Contains(t, done.body, "not by plain e-mail")
	stored := w.record(t, c.ID)
	assert.Equal(t, store.Active, stored.State)
	assert.Contains(t, done.body, stored.ClientID)
	assert.Contains(t, strings.Join(w.entries(t, c.ID), "\n"), "create approved by operator olga@bank.example, contract 17 <signed>")
	assert.Contains(t, b.get("/applications/"+c.ID).body, "contract 17 &lt;signed&gt;")
	own := w.as(t, "ada").get("/applications/" + c.ID)
	assert.Contains(t, own.body, "approved")
	assert.NotContains(t, own.body, "contract 17", "the TPP is not told")
	for _, path := range []string{"/approvals", "/applications", "/approvals/" + c.ID} {
		assert.NotContains(t, b.get(path).body, shown[1], path)
	}
	assert.Contains(t, b.get("/approvals").body, "Nothing waits for a decision")
}

func TestARefusalNeedsAReasonThatTheTrailKeeps(t *testing.T) {
	t.Parallel()
	w := newWaitingWorld(t)
	c := w.asked(t, orgOne, "App")
	b := w.as(t, "olga")
	for _, f := range []struct{ decision, reason, told string }{
		{"refuse", " \r\n ", "Say why, for the audit trail"},
		{"refuse", strings.Repeat("ü", 501), "Shorten the reason: it has 501 characters"},
		{"approve", strings.Repeat("ü", 501), "Shorten the reason"},
		{"", "why not", "Choose whether you approve or refuse"},
		{"destroy", "why not", "Choose whether you approve or refuse"},
	} {
		a := b.post("/approvals/"+c.ID, url.Values{"decision": {f.decision}, "reason": {f.reason}, "confirmed": {"1"}})
		assert.Equal(t, http.StatusBadRequest, a.status)
		assert.Contains(t, a.body, f.told)
		assert.Contains(t, a.body, strings.TrimSpace(f.reason), "what was typed is kept")
		assert.Contains(t, a.body, "<title>Error: ")
	}
	assert.Equal(t, store.PendingCreate, w.record(t, c.ID).State)
	longest := strings.Repeat("ü", 500)
	done := b.decideOn(c.ID, "refuse", longest)
	assert.Contains(t, done.body, "The registration is refused")
	_, err := w.store.Get(context.Background(), c.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	assert.Contains(t, strings.Join(w.entries(t, c.ID), "\n"), "create refused by operator olga@bank.example, üüü")
}

func TestAnOperatorDecidesOnADeletion(t *testing.T) {
	t.Parallel()
	w := newWaitingWorld(t)
	b := w.as(t, "olga")
	for _, decision := range []string{"refuse", "approve"} {
		c := w.asked(t, orgOne, "App")
		_, err := w.bank.Registrar().ApprovePending(context.Background(), c.ID)
		require.NoError(t, err)
		record := w.record(t, c.ID)
		record.State = store.PendingDelete
		require.NoError(t, w.store.Update(context.Background(), record, store.Change{}))
		assert.Contains(t, b.get("/approvals").body, ">Deletion<")
		assert.Contains(t, b.get("/approvals/"+c.ID).body, "Approve: the application is deleted")
		done := b.decideOn(c.ID, decision, "as agreed")
		assert.Equal(t, http.StatusOK, done.status, done.body)
		if decision == "refuse" {
			assert.Contains(t, done.body, "The deletion is refused")
			assert.Equal(t, store.Active, w.record(t, c.ID).State)
			continue
		}
		assert.Contains(t, done.body, "The deletion is approved")
		_, err = w.store.Get(context.Background(), c.ID)
		require.ErrorIs(t, err, store.ErrNotFound)
		assert.Contains(t, strings.Join(w.entries(t, c.ID), "\n"), "by operator olga@bank.example, as agreed")
	}
}

// TestOfTwoDecisionsOneIsCarriedOut: the other operator gets a page that says so, and so does
// one who decides on another state of the record than was shown.
func TestOfTwoDecisionsOneIsCarriedOut(t *testing.T) {
	t.Parallel()
	w := newWaitingWorld(t)
	w.operator("otto")
	c := w.asked(t, orgOne, "App")
	olga, otto := w.as(t, "olga"), w.as(t, "otto")
	form := otto.post("/approvals/"+c.ID, url.Values{"decision": {"refuse"}, "reason": {"no"}}).form()
	require.Equal(t, http.StatusOK, olga.decideOn(c.ID, "approve", "").status)
	before := w.record(t, c.ID)
	for _, a := range []answer{otto.post("/approvals/"+c.ID, form), olga.decideOnce(c.ID), otto.get("/approvals/" + c.ID), otto.get("/approvals/nobody")} {
		assert.Equal(t, http.StatusConflict, a.status)
		assert.Contains(t, a.body, "Nothing waits for a decision here")
	}
	assert.Equal(t, before, w.record(t, c.ID))

	changed := w.asked(t, orgOne, "Other")
	form = otto.post("/approvals/"+changed.ID, url.Values{"decision": {"approve"}}).form()
	require.NoError(t, w.store.Update(context.Background(), w.record(t, changed.ID), store.Change{}))
	assert.Equal(t, http.StatusConflict, otto.post("/approvals/"+changed.ID, form).status)
	assert.Equal(t, store.PendingCreate, w.record(t, changed.ID).State)
}

// decideOnce sends an approval with the first page's form alone.
func (b *browser) decideOnce(id string) answer {
	b.t.Helper()
	return b.post("/approvals/"+id, url.Values{"decision": {"approve"}})
}

func TestOneOfTwoDecisionsAtOnceIsCarriedOut(t *testing.T) {
	t.Parallel()
	w := newWaitingWorld(t)
	w.operator("otto")
	olga, otto := w.as(t, "olga"), w.as(t, "otto")
	for range 5 {
		c := w.asked(t, orgOne, "App")
		form := olga.post("/approvals/"+c.ID, url.Values{"decision": {"approve"}}).form()
		answers := make(chan int, 2)
		for _, b := range []*browser{olga, otto} {
			go func() { answers <- b.post("/approvals/"+c.ID, form).status }()
		}
		assert.ElementsMatch(t, []int{http.StatusOK, http.StatusConflict}, []int{<-answers, <-answers})
		assert.Equal(t, store.Active, w.record(t, c.ID).State)
	}
}

func TestApprovalsAreListedAPageAtATime(t *testing.T) {
	t.Parallel()
	w := newWaitingWorld(t)
	first := w.asked(t, orgOne, "App")
	for i := range 59 {
		w.put(t, first, func(c *store.Client) { c.ID = "waiting-" + string(rune('A'+i)) })
	}
	b := w.as(t, "olga")
	seen := map[string]bool{}
	link := regexp.MustCompile(`href="/portal/approvals/([^"]+)"`)
	next := regexp.MustCompile(`href="/portal(/approvals\?after=[^"]+)" rel="next"`)
	pages := 0
	for path := "/approvals"; path != ""; pages++ {
		a := b.get(path)
		for _, m := range link.FindAllStringSubmatch(a.body, -1) {
			assert.False(t, seen[m[1]], "listed twice")
			seen[m[1]] = true
		}
		path = ""
		if m := next.FindStringSubmatch(a.body); m != nil {
			path = html.UnescapeString(m[1])
		}
	}
	assert.Len(t, seen, 60)
	assert.Equal(t, 3, pages)
	assert.Contains(t, b.get("/approvals?after=zzzz").body, "Nothing more waits")
	assert.Equal(t, "/portal/approvals", b.get("/approvals?after="+strings.Repeat("z", 1001)).url.RequestURI())
}

func TestAnOperatorRemovesAnApplicationForAReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.operator("olga")
	c := w.asked(t, orgOne, "App")
	b := w.as(t, "olga")
	page := b.get("/applications/" + c.ID + "/remove")
	assert.Equal(t, http.StatusOK, page.status)
	assert.Contains(t, page.body, c.SoftwareID)
	for _, f := range []struct {
		form url.Values
		told string
	}{
		{url.Values{"typed": {c.SoftwareID}}, "Say why"},
		{url.Values{"reason": {"lost its licence"}}, "Enter the software identifier"},
		{url.Values{"reason": {"lost its licence"}, "typed": {"App"}}, "Enter the software identifier"},
	} {
		a := b.post("/applications/"+c.ID+"/remove", f.form)
		assert.Equal(t, http.StatusBadRequest, a.status)
		assert.Contains(t, a.body, f.told)
	}
	assert.Equal(t, store.Active, w.record(t, c.ID).State)
	form := url.Values{"reason": {"lost its licence"}, "typed": {" " + c.SoftwareID + " "}}
	a := b.post("/applications/"+c.ID+"/remove", form)
	assert.Equal(t, http.StatusOK, a.status)
	assert.Contains(t, a.body, "The application is removed")
	_, err := w.store.Get(context.Background(), c.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	assert.Contains(t, strings.Join(w.entries(t, c.ID), "\n"), "delete done by operator olga@bank.example, lost its licence")
	assert.Equal(t, http.StatusNotFound, b.post("/applications/"+c.ID+"/remove", form).status, "a second time")
}

func TestTheOperatorsPagesAreNotThereForOthers(t *testing.T) {
	t.Parallel()
	w := newWaitingWorld(t)
	c := w.asked(t, orgOne, "App")
	b := w.as(t, "ada")
	nothing := b.get("/no-such-page")
	require.Equal(t, http.StatusNotFound, nothing.status)
	for _, path := range []string{"/approvals", "/approvals/" + c.ID, "/approvals/nobody", "/applications/" + c.ID + "/remove"} {
		a := b.get(path)
		assert.Equal(t, http.StatusNotFound, a.status, path)
		assert.Equal(t, nothing.body, a.body, path)
	}
	for _, path := range []string{"/approvals/" + c.ID, "/applications/" + c.ID + "/remove"} {
		a := b.post(path, url.Values{"decision": {"approve"}, "confirmed": {"1"}, "reason": {"x"}, "typed": {c.SoftwareID}})
		assert.Equal(t, http.StatusNotFound, a.status, path)
		assert.Equal(t, nothing.body, a.body, path)
	}
	assert.Equal(t, c, w.record(t, c.ID))
	assert.NotContains(t, b.get("/applications").body, "Approvals")
	assert.Contains(t, w.as(t, "olga").get("/applications").body, "/portal/approvals")
}
