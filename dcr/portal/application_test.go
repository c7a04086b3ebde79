package portal_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// TestThePageOfAnApplication: what it shows of the record, the keys and the trail.
func TestThePageOfAnApplication(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: withSecrets})
	w.contact("ada", orgOne)
	w.contact("bob", orgOne)
	ada := w.as(t, "ada")
	s := w.software(t, ssatest.SoftwareOptions{ClientName: "Budget"})
	made, _ := ada.add(ssaOf(t, s, nil), nil)
	page := ada.get("/applications/" + made.ID)
	for _, said := range []string{"Budget", "Active", made.ClientID, s.SoftwareID, orgOne, "sandbox", "less than a minute ago",
		"software_roles_sandbox", "software_jwks_endpoint_sandbox", s.JWKSURL(), "software_id_sandbox",
		"token_endpoint_auth_method private_key_jwt", s.RedirectURIs[0], s.RedirectURIs[1], "grant_types",
		s.SigningKeyID, s.TransportKeyID, "RSA, 2048 bits", "good until 31 Dec 2049", "Registration", "you"} {
		assert.Contains(t, page.text(), said)
	}
	for _, a := range made.Application.Attributes {
		assert.Contains(t, page.body, "<code>"+a.Name+"</code>", "attributes stand as they are stored")
	}
	bobs := w.as(t, "bob").get("/applications/" + made.ID)
	assert.Contains(t, bobs.text(), "a contact")
	assert.NotContains(t, bobs.body, "ada@tpp.example")
}

// TestNameAndIDStandAsThePolicyNamesApplications: with UseSoftwareIdAsApplicationName and without.
func TestNameAndIDStandAsThePolicyNamesApplications(t *testing.T) {
	t.Parallel()
	for _, byID := range []bool{false, true} {
		w := newWorld(t, options{policy: func(p *validate.Policy) { p.UseSoftwareIDAsApplicationName = byID }})
		w.contact("ada", orgOne)
		ada := w.as(t, "ada")
		s := w.software(t, ssatest.SoftwareOptions{ClientName: "Budget"})
		made, _ := ada.add(ssaOf(t, s, nil), nil)
		list, page := ada.get("/applications"), ada.get("/applications/"+made.ID)
		assert.Equal(t, byID, strings.Contains(list.body, `<th scope="col">ID</th>`))
		assert.Contains(t, list.body, "<bdi>Budget</bdi>")
		assert.Equal(t, byID, strings.Contains(page.text(), "Name Budget ID "+s.SoftwareID))
		assert.Equal(t, !byID, strings.Contains(page.text(), "Software ID "+s.SoftwareID))
	}
}

// TestKeysThatCannotBeReadHoldNoPageUp: the rest of the page is there.
func TestKeysThatCannotBeReadHoldNoPageUp(t *testing.T) {
	t.Parallel()
	keys := &switched{}
	w := newWorld(t, options{bank: withSwitch(keys)})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	made, _ := ada.add(ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil), nil)
	keys.down.Store(true)
	page := ada.get("/applications/" + made.ID)
	assert.Equal(t, http.StatusOK, page.status)
	assert.Contains(t, page.text(), "The keys cannot be read at the moment.")
	assert.Contains(t, page.text(), made.ClientID)
	keys.down.Store(false)
	keys.slow.Store(true)
	began := time.Now()
	page = ada.get("/applications/" + made.ID)
	assert.Equal(t, http.StatusOK, page.status)
	assert.Contains(t, page.text(), "The keys cannot be read at the moment.")
	assert.Less(t, time.Since(began), 8*time.Second)
}

// TestEachStateOfAnApplicationHasItsPage: what can be done in it, and that nothing else can.
func TestEachStateOfAnApplicationHasItsPage(t *testing.T) {
	t.Parallel()
	for state, c := range map[store.State]struct {
		said          string
		renew, delete bool
	}{
		store.Active:        {"Active", true, true},
		store.PendingCreate: {"This registration waits for the bank", false, true},
		store.PendingDelete: {"The deletion waits for the bank", false, false},
		store.Creating:      {"The application is being set up", false, false},
		store.Updating:      {"The application is being changed", false, false},
		store.Deleting:      {"The application is being deleted", false, false},
	} {
		t.Run(string(state), func(t *testing.T) {
			w := newWorld(t, options{})
			w.contact("ada", orgOne)
			ada := w.as(t, "ada")
			s := w.software(t, ssatest.SoftwareOptions{})
			made, _ := ada.add(ssaOf(t, s, nil), nil)
			made = w.turn(t, made, state)
			page := ada.get("/applications/" + made.ID)
			assert.Equal(t, http.StatusOK, page.status)
			assert.Contains(t, page.text(), c.said)
			assert.Equal(t, c.renew, strings.Contains(page.body, made.ID+"/renew"))
			assert.Equal(t, c.delete, strings.Contains(page.body, made.ID+"/delete"))
			assert.Equal(t, c.renew, strings.Contains(page.body, made.ID+"/subscriptions"))
			for path, may := range map[string]bool{"/renew": c.renew, "/delete": c.delete} {
				wanted := http.StatusConflict
				if may {
					wanted = http.StatusOK
				}
				assert.Equal(t, wanted, ada.get("/applications/"+made.ID+path).status, path)
				if !may {
					form := url.Values{"statement": {ssaOf(t, s, nil)}, "do": {"renew"}, "confirm": {"Test TPP"}}
					assert.Equal(t, wanted, ada.post("/applications/"+made.ID+path, form).status, path)
				}
			}
			if !c.renew {
				a := ada.post("/applications/"+made.ID+"/subscriptions", url.Values{"api": {"accounts"}})
				assert.GreaterOrEqual(t, a.status, 400)
			}
			assert.Len(t, w.clients(t), 1)
			assert.Equal(t, state, w.clients(t)[0].State)
		})
	}
}

// turn leaves a record in a state, as a change that stopped there does.
func (w *world) turn(t testing.TB, c store.Client, to store.State) store.Client {
	t.Helper()
	if to == store.Active {
		return c
	}
	if to == store.Creating || to == store.PendingCreate {
		require.NoError(t, w.store.Delete(context.Background(), c.ID, c.Version, store.Change{}))
		c.State, c.Version = to, 0
		require.NoError(t, w.store.Create(context.Background(), c, store.Change{}))
	} else {
		c.State = to
		require.NoError(t, w.store.Update(context.Background(), c, store.Change{}))
	}
	c, err := w.store.Get(context.Background(), c.ID)
	require.NoError(t, err)
	return c
}

// TestNobodySeesOrChangesWhatIsAnothers: each page and each form of an application answers
// somebody of another organisation, and of another directory, as it answers for one that is not
// there; what was absent takes as long.
func TestNobodySeesOrChangesWhatIsAnothers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: withSecrets})
	w.contact("ada", orgOne)
	w.contact("eve", orgTwo)
	ada, eve := w.as(t, "ada"), w.as(t, "eve")
	s := w.software(t, ssatest.SoftwareOptions{ClientName: "Secret plans"})
	made, _ := ada.add(ssaOf(t, s, nil), nil)
	require.Equal(t, http.StatusOK, ada.post("/applications/"+made.ID+"/subscriptions", url.Values{"api": {"directory"}}).status)
	elsewhere := made.Clone()
	elsewhere.ID, elsewhere.ClientID, elsewhere.UniqueKey, elsewhere.Issuer, elsewhere.Version = "elsewhere", "elsewhere", "elsewhere", "Another Directory", 0
	require.NoError(t, w.store.Create(context.Background(), elsewhere, store.Change{}))
	before, trail := w.clients(t), len(w.history(t))

	forms := url.Values{"statement": {ssaOf(t, s, nil)}, "do": {"renew"}, "api": {"accounts"}, "confirm": {"Secret plans"}, "once": {"o"}}
	end := url.Values{"api": {"directory"}}
	for _, c := range []struct {
		method, path string
		form         url.Values
	}{
		{http.MethodGet, "", nil}, {http.MethodGet, "/renew", nil}, {http.MethodGet, "/delete", nil}, {http.MethodGet, "?before=1", nil},
		{http.MethodPost, "/renew", forms}, {http.MethodPost, "/delete", forms}, {http.MethodPost, "/subscriptions", forms}, {http.MethodPost, "/subscriptions/end", end},
	} {
		ask := func(b *browser, id string) (answer, time.Duration) {
			began := time.Now()
			if c.method == http.MethodGet {
				return b.get("/applications/" + id + c.path), time.Since(began)
			}
			return b.post("/applications/"+id+c.path, c.form), time.Since(began)
		}
		absent, _ := ask(eve, "there-is-no-such")
		for who, of := range map[string]struct {
			b  *browser
			id string
		}{"another organisation": {eve, made.ID}, "another directory": {ada, "elsewhere"}} {
			foreign, took := ask(of.b, of.id)
			assert.Equal(t, http.StatusNotFound, foreign.status, "%s %s %s", who, c.method, c.path)
			assert.Equal(t, absent.text(), foreign.text())
			assert.NotContains(t, foreign.body, "Secret plans")
			assert.GreaterOrEqual(t, took, 50*time.Millisecond, "the time tells nothing")
		}
	}
	assert.Equal(t, before, w.clients(t))
	assert.Len(t, w.history(t), trail)
	assert.NotContains(t, eve.get("/applications").body, made.ID)
}

// TestAnOperatorDoesWhatAContactCan: for any organisation, under the operator's own name.
func TestAnOperatorDoesWhatAContactCan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	w.operator("olga")
	olga := w.as(t, "olga")
	s := w.software(t, ssatest.SoftwareOptions{})
	made, _ := olga.add(ssaOf(t, s, nil), nil)
	require.Equal(t, http.StatusOK, olga.post("/applications/"+made.ID+"/subscriptions", url.Values{"api": {"accounts"}}).status)
	page := w.as(t, "ada").get("/applications/" + made.ID)
	assert.Contains(t, page.text(), "by the bank")
	assert.NotContains(t, page.body, "olga@bank.example", "a contact learns no name of the bank's people")
	assert.Contains(t, olga.get("/applications/"+made.ID).text(), "by you")
	for _, e := range w.history(t) {
		if e.Client == made.ID {
			assert.Equal(t, []string{"operator", "olga@bank.example"}, []string{e.Actor, e.ActorName})
		}
	}
	a := olga.post("/applications/"+made.ID+"/delete", url.Values{"confirm": {made.ClientID}})
	assert.Equal(t, http.StatusOK, a.status)
	assert.Empty(t, w.clients(t))
}

// TestTheHistoryIsReadInPages: the newest first, each entry once, over versions that left none.
func TestTheHistoryIsReadInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	made, _ := ada.add(ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil), nil)
	for i := range 200 {
		c, err := w.store.Get(context.Background(), made.ID)
		require.NoError(t, err)
		with := store.Change{}
		if i%4 == 0 {
			with.Audit = store.Audit{Actor: "bank", Operation: "update", Decision: "done", Reason: fmt.Sprintf("reason <%d>", i)}
		}
		require.NoError(t, w.store.Update(context.Background(), c, with))
	}
	path, seen := "/applications/"+made.ID, []string{}
	for pages := 0; path != ""; pages++ {
		require.Less(t, pages, 20)
		a := ada.get(path)
		for i := 200; i >= 0; i-- {
			if strings.Contains(a.body, fmt.Sprintf("reason &lt;%d&gt;", i)) {
				seen = append(seen, fmt.Sprint(i))
			}
		}
		path = ""
		if _, rest, found := strings.Cut(a.body, "?before="); found {
			number, _, _ := strings.Cut(rest, "#")
			path = "/applications/" + made.ID + "?before=" + number
		} else {
			assert.Contains(t, a.text(), "Registration")
			assert.Contains(t, a.body, "<code>client_id_issued_at</code></dt>")
			assert.NotContains(t, a.text(), fmt.Sprint(made.IssuedAt.Unix()), "a time is a date")
		}
	}
	assert.Len(t, seen, 50)
	for i := 1; i < len(seen); i++ {
		var newer, older int
		_, _ = fmt.Sscan(seen[i-1], &newer)
		_, _ = fmt.Sscan(seen[i], &older)
		assert.Greater(t, newer, older)
	}
	for _, before := range []string{"-1", "x", "99999999999999999999", "0"} {
		assert.Equal(t, http.StatusOK, ada.get("/applications/"+made.ID+"?before="+before).status)
	}
}
