package portal_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// foreign are records that ada of orgOne must not know of, by what is foreign in them.
func (w *world) foreign(t testing.TB) (map[string]store.Client, *ssatest.EnrolledSoftware) {
	t.Helper()
	other, software := w.victim(t, orgTwo)
	records := map[string]store.Client{
		"another organisation's": other,
		"of the same org_id at another directory": w.put(t, other, func(c *store.Client) {
			c.ID, c.ClientID, c.OrgID, c.Issuer = "other-directory", "client-of-other-directory", orgOne, "Another Directory"
		}),
		"of no organisation": w.put(t, other, func(c *store.Client) { c.ID, c.ClientID, c.OrgID = "of-nobody", "client-of-nobody", "" }),
	}
	for _, state := range []store.State{store.PendingCreate, store.Creating} {
		records[string(state)] = w.put(t, other, func(c *store.Client) { c.ID, c.State = "is-"+string(state), state })
	}
	for _, state := range []store.State{store.PendingDelete, store.Updating, store.Deleting} {
		c := w.put(t, other, func(c *store.Client) { c.ID, c.ClientID = "is-"+string(state), "client-"+string(state) })
		c.State = state
		require.NoError(t, w.store.Update(t.Context(), c, store.Change{}))
		records[string(state)] = w.record(t, c.ID)
	}
	return records, software
}

// TestNobodyReachesAnApplicationOfOthers: each page, for each identifier of each foreign record,
// by each kind of person, answers as for a record that does not exist, after the same time.
func TestNobodyReachesAnApplicationOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: waitingPolicy})
	w.contact("ada", orgOne)
	w.contact("nobody")
	records, software := w.foreign(t)
	statement := ssaOf(t, software, nil)
	before := w.everything(t)
	pages := slices.DeleteFunc(w.pages(), func(p page) bool { return !strings.Contains(p.pattern, "{id}") })
	require.GreaterOrEqual(t, len(pages), 11, "the routes were enumerated")
	all := newCrowd()
	for _, name := range []string{"ada", "nobody"} {
		b := w.as(t, name)
		for _, p := range pages {
			ask := func(id string, c store.Client) (answer, time.Duration) {
				began := time.Now()
				if p.method == http.MethodGet {
					return b.sends(http.MethodGet, p.at(id), nil, nil), time.Since(began)
				}
				body, header := formOf(fieldsFor(c, statement))
				return b.sends(p.method, p.at(id), body, header), time.Since(began)
			}
			missing, _ := ask("not-there", store.Client{})
			require.Equal(t, http.StatusNotFound, missing.status, "%s %s", p.method, p.pattern)
			for what, c := range records {
				for _, id := range slices.Compact([]string{c.ID, c.ClientID, c.SoftwareID, c.OrgID, c.Application.Name}) {
					if id == "" {
						continue
					}
					all.do(func() {
						got, took := ask(id, c)
						where := name + " " + p.method + " " + p.pattern + ": " + what + " as " + id
						assert.Equal(t, http.StatusNotFound, got.status, where)
						assert.Equal(t, missing.body, got.body, where)
						if p.who == "members" {
							assert.GreaterOrEqual(t, took, 50*time.Millisecond, "%s: it is not told by its time", where)
						}
						safe(t, got, where)
					})
				}
			}
		}
	}
	all.wait.Wait()
	assert.Equal(t, before, w.everything(t))
}

func TestNoListAndNoSearchTellsOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: waitingPolicy})
	w.contact("ada", orgOne)
	records, _ := w.foreign(t)
	own, _ := w.victim(t, orgOne)
	b := w.as(t, "ada")
	require.Equal(t, []string{own.Application.Name}, b.get("/applications").listedNames())
	nothing := b.get("/applications?search=zzzz")
	for what, c := range records {
		for _, text := range []string{c.ID, c.ClientID, c.Application.Name, c.ID[:4], c.SoftwareID} {
			for _, name := range []string{"search", "organisation", "state", "environment", "after", "before"} {
				if text == "" {
					continue
				}
				a := b.get("/applications?" + url.Values{name: {text}}.Encode())
				for _, told := range []string{c.ID, c.OrgID, c.Application.Name} {
					if told != "" && told != orgOne && !strings.Contains(text, told) {
						assert.NotContains(t, a.body, told, "%s by %s=%s", what, name, text)
					}
				}
				if name == "search" {
					assert.Subset(t, []string{own.Application.Name}, a.listedNames())
				}
			}
		}
		a := b.get("/applications?" + url.Values{"search": {c.ID}}.Encode())
		assert.Equal(t, strings.ReplaceAll(nothing.body, "zzzz", ""), strings.ReplaceAll(a.body, c.ID, ""), what)
	}
}

func TestWhoIsNotSignedInReachesNoPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: waitingPolicy})
	c, software := w.victim(t, orgOne)
	statement := ssaOf(t, software, nil)
	before := w.everything(t)
	b := w.visitor(t)
	for _, p := range w.pages() {
		if p.who == "all" {
			continue
		}
		for _, id := range []string{c.ID, "not-there"} {
			if p.method == http.MethodGet {
				a := b.sends(p.method, p.at(id), nil, nil)
				assert.Equal(t, http.StatusSeeOther, a.status, p.pattern)
				assert.Equal(t, "/portal/sign-in?back="+url.QueryEscape("/portal"+p.at(id)), a.header.Get("Location"))
				continue
			}
			body, header := formOf(fieldsFor(c, statement))
			a := b.sends(p.method, p.at(id), body, header)
			assert.Equal(t, http.StatusUnauthorized, a.status, p.pattern)
			assert.Contains(t, a.body, "Your session has ended")
			assert.Contains(t, a.body, `action="/portal`+p.at(id)+`"`)
		}
	}
	assert.Equal(t, before, w.everything(t))
}

// TestAStatementOfAnotherOrganisationIsOfNoUse: neither to add it nor to renew by it, and the
// review tells nothing of what is registered by it.
func TestAStatementOfAnotherOrganisationIsOfNoUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	own, _ := w.victim(t, orgOne)
	_, theirs := w.victim(t, orgTwo)
	fresh := w.software(t, ssatest.SoftwareOptions{OrgID: orgTwo})
	sibling := w.software(t, ssatest.SoftwareOptions{OrgID: orgOne})
	before := w.everything(t)
	b := w.as(t, "ada")
	var said []string
	for _, software := range []*ssatest.EnrolledSoftware{theirs, fresh} {
		a := b.sent("/applications/add", url.Values{"statement": {ssaOf(t, software, nil)}, "do": {"add"}}, nil)
		assert.Equal(t, http.StatusForbidden, a.status, a.text())
		said = append(said, strings.NewReplacer(software.SoftwareID, "", software.ClientName, "").Replace(a.text()))
		a = b.sent("/applications/"+own.ID+"/renew", url.Values{"statement": {ssaOf(t, software, nil)}, "do": {"renew"}}, nil)
		assert.GreaterOrEqual(t, a.status, 400, a.text())
	}
	assert.NotContains(t, said[0], "registered already")
	a := b.sent("/applications/"+own.ID+"/renew", url.Values{"statement": {ssaOf(t, sibling, nil)}, "do": {"renew"}}, nil)
	assert.GreaterOrEqual(t, a.status, 400, "another software of the same organisation: "+a.text())
	assert.Equal(t, before, w.everything(t))
}
