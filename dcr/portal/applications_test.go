package portal_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

const orgThree = "orgthree0000000003"

// listedNames are the names that a list shows, in its order.
func (a answer) listedNames() []string {
	var names []string
	for _, m := range regexp.MustCompile(`<th scope="row" data-label="Name"><a href="[^"]+"><bdi>([^<]*)</bdi>`).FindAllStringSubmatch(a.body, -1) {
		names = append(names, html.UnescapeString(m[1]))
	}
	return names
}

// link is the address of a link of the list's pages, after the portal's; "" for none.
func (a answer) link(rel string) string {
	m := regexp.MustCompile(`href="/portal([^"]+)" rel="` + rel + `"`).FindStringSubmatch(a.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// fill stores applications of some organisations in turns, App 0 the oldest.
func (w *world) fill(t testing.TB, n int, organisations ...string) {
	t.Helper()
	first := w.asked(t, "orgelse00000000000", "First")
	for i := range n {
		w.put(t, first, func(c *store.Client) {
			c.ID, c.Application.Name, c.OrgID = fmt.Sprintf("filled-%d", i), fmt.Sprintf("App %d", i), organisations[i%len(organisations)]
			c.IssuedAt = first.IssuedAt.Add(time.Duration(i-n) * time.Minute)
		})
	}
}

func TestAPersonOfSeveralOrganisationsSeesAllInOneOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne, orgThree)
	w.fill(t, 120, orgOne, orgTwo, orgThree)
	var wanted []string
	for i := 119; i >= 0; i-- {
		if i%3 != 1 {
			wanted = append(wanted, fmt.Sprintf("App %d", i))
		}
	}
	b := w.as(t, "ada")
	var seen []string
	var pages []answer
	for path := "/applications"; path != ""; {
		a := b.get(path)
		pages = append(pages, a)
		seen = append(seen, a.listedNames()...)
		path = a.link("next")
	}
	assert.Equal(t, wanted, seen)
	require.Len(t, pages, 4)
	assert.Empty(t, pages[0].link("prev"))
	for i := 3; i > 0; i-- {
		assert.Equal(t, pages[i-1].listedNames(), b.get(pages[i].link("prev")).listedNames(), "page %d", i)
	}
	assert.Equal(t, "/portal/applications", b.get(b.get(pages[2].link("prev")).link("prev")).url.RequestURI())

	one := b.get("/applications?organisation=" + orgThree)
	assert.Contains(t, one.listedNames(), "App 119")
	assert.NotContains(t, one.listedNames(), "App 117")
	assert.Contains(t, one.link("next"), "organisation="+orgThree)
	assert.Contains(t, b.get("/applications?organisation="+orgTwo).body, "No application is like that")
	assert.NotContains(t, one.body, `name="state"`, "that is for operators")
}

func TestAnOperatorSearchesAllApplications(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: waitingPolicy})
	w.operator("olga")
	b := w.as(t, "olga")
	assert.Contains(t, b.get("/applications").body, "No application is registered yet")
	w.fill(t, 6, orgOne, orgTwo)
	w.put(t, w.record(t, "filled-0"), func(c *store.Client) { c.ID, c.State, c.Application.Name = "live", store.Active, "Live" })
	w.put(t, w.record(t, "filled-0"), func(c *store.Client) { c.ID, c.Environment, c.Application.Name = "real", claims.Production, "Ünïque" })
	all := b.get("/applications")
	assert.Len(t, all.listedNames(), 9)
	for query, names := range map[string][]string{
		"organisation=" + orgTwo:                     {"App 5", "App 3", "App 1"},
		"organisation=+" + orgTwo + "+&search=app+3": {"App 3"},
		"state=active":                               {"Live"},
		"environment=production":                     {"Ünïque"},
		"search=%C3%BCn%C3%8FQUE":                    {"Ünïque"},
		"state=active&organisation=" + orgTwo:        nil,
		"organisation=nobody":                        nil,
	} {
		assert.Equal(t, names, b.get("/applications?"+query).listedNames(), query)
	}
	for _, unknown := range []string{"state=none", "environment=none", "organisation=", "search="} {
		assert.Len(t, b.get("/applications?"+unknown).listedNames(), 9, unknown)
	}
	assert.Contains(t, b.get("/applications?state=active").body, `<option value="active" selected>`)
}

func TestASearchThatCannotBeAnsweredSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne, orgTwo)
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("org-%d", i)
	}
	w.contact("max", many...)
	w.contact("nobody")
	b := w.as(t, "ada")
	a := b.get("/applications?search=" + strings.Repeat("x", 101))
	assert.Equal(t, http.StatusBadRequest, a.status)
	assert.Contains(t, a.body, `<a href="#search">`)
	for _, org := range []string{strings.Repeat("x", 1001), "%00", "%ff"} {
		assert.Equal(t, http.StatusBadRequest, b.get("/applications?organisation="+org).status, org)
	}
	for _, position := range []string{"x", "1", "1e9.x", ".x", "1.\x00", "1.\xff", "99999999999999.x", "-99999999999999.x", strings.Repeat("1", 2000) + ".x"} {
		for _, name := range []string{"after", "before"} {
			assert.Equal(t, "/portal/applications", b.get("/applications?"+url.Values{name: {position}}.Encode()).url.RequestURI(), position)
		}
	}
	assert.Equal(t, http.StatusOK, b.get("/applications?after=-62135596800.").status)
	max := w.visitor(t)
	assert.Contains(t, max.get("/sign-in?as=max").body, "You act for more organisations than one list can have")
	assert.Equal(t, http.StatusOK, max.get("/applications?organisation=org-7").status)
	w.fill(t, 3, orgOne)
	assert.Empty(t, w.as(t, "nobody").get("/applications").listedNames(), "of no organisation")
	assert.Empty(t, slices.DeleteFunc(b.get("/applications").listedNames(), func(name string) bool { return strings.HasPrefix(name, "App ") }))
}
