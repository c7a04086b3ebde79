package portal

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// pageSize is how many applications a page lists.
const pageSize = 25

// maxSearch is the greatest length of a search, in bytes.
const maxSearch = 100

// listing is what the list of applications shows.
type listing struct {
	Rows     []listed
	IDColumn bool // the policy names applications after their software_id, so Name and ID are two columns
	Org      bool // the person sees more than one organisation
	Operator bool
	States   []store.State // those that an operator can ask for

	Search       string
	Environment  claims.Environment
	Organisation string
	State        store.State
	Filtered     bool

	Next, Previous, First string // addresses; "" where there is none
}

// listedStates are the states that an operator can ask for.
var listedStates = []store.State{store.Active, store.PendingCreate, store.PendingDelete, store.Creating, store.Updating, store.Deleting}

// listed is an application in the list.
type listed struct {
	Link        string
	Decide      string // the page where an operator decides on it; "" where nothing waits
	Name, ID    string
	OrgID       string
	Environment claims.Environment
	Roles       []string
	State       store.State
	Created     time.Time
}

// list is the page Applications: the newest first.
func (v *visit) list() error {
	l := v.listing()
	if f, ok := v.checkListing(l); !ok {
		v.show(http.StatusBadRequest, "applications", "Applications", l, f)
		return nil
	}
	form := v.r.URL.Query()
	after, okAfter := positionOf(form.Get("after"))
	before, okBefore := positionOf(form.Get("before"))
	if !okAfter || !okBefore {
		return v.redirect(v.path("applications"))
	}
	backwards := !before.IsZero()
	from := after
	if backwards {
		from = before
	}
	found, err := v.find(l, from, !backwards)
	if err != nil {
		return err
	}
	more := len(found) > pageSize
	if more {
		found = found[:pageSize]
	}
	if backwards && !more { // the first page, which may have more than what is before the position
		return v.redirect(v.listPath(l, "", ""))
	}
	if backwards {
		slices.Reverse(found)
	}
	if more || backwards {
		l.Next = v.listPath(l, "after", positionText(found[len(found)-1].Position()))
	}
	if !from.IsZero() {
		l.First = v.listPath(l, "", "")
		if len(found) > 0 {
			l.Previous = v.listPath(l, "before", positionText(found[0].Position()))
		}
	}
	for _, c := range found {
		l.Rows = append(l.Rows, v.row(c))
	}
	v.show(http.StatusOK, "applications", "Applications", l)
	return nil
}

// listing is what the address asks for. Words that are none of a choice ask for nothing.
func (v *visit) listing() listing {
	form := v.r.URL.Query()
	l := listing{IDColumn: v.byID, Operator: v.person.Operator, Org: v.person.Operator || len(v.person.Organisations) > 1,
		Search: strings.TrimSpace(form.Get("search")), Environment: claims.Environment(form.Get("environment"))}
	if l.Environment != claims.Sandbox && l.Environment != claims.Production {
		l.Environment = ""
	}
	if l.Org {
		l.Organisation = strings.TrimSpace(form.Get("organisation"))
	}
	if l.Operator {
		l.States = listedStates
		if state := store.State(form.Get("state")); slices.Contains(listedStates, state) {
			l.State = state
		}
	}
	l.Filtered = l.Search != "" || l.Environment != "" || l.Organisation != "" || l.State != ""
	return l
}

// checkListing says what of the search cannot be answered.
func (v *visit) checkListing(l listing) (f fault, ok bool) {
	switch {
	case len(l.Search) > maxSearch:
		return fault{"search", "Search for at most 100 characters"}, false
	case !isIdentifier(l.Organisation):
		return fault{"organisation", "Enter the identifier of an organisation"}, false
	case !l.Operator && l.Organisation == "" && len(v.person.Organisations) > maxOrganisations:
		return fault{"organisation", "You act for more organisations than one list can have: enter the identifier of one"}, false
	}
	return fault{}, true
}

// maxOrganisations is how many organisations a store searches at once.
const maxOrganisations = 100

// find reads one more record than a page shows.
func (v *visit) find(l listing, after store.Position, newest bool) ([]store.Client, error) {
	q := store.Query{Environment: l.Environment, OrgID: l.Organisation, State: l.State, Newest: newest}
	if !v.person.Operator {
		q.Issuers = v.config.Issuers
		if q.OrgID == "" {
			q.OrgIDs = append([]string{}, v.person.Organisations...) // nil would be every organisation
		} else if !slices.Contains(v.person.Organisations, q.OrgID) {
			return nil, nil
		}
	}
	found, err := v.search(l.Search, q, after)
	if err != nil {
		return nil, dcr.Unavailable(err, "the applications cannot be read at the moment")
	}
	// The query asks for no others. A store that has it wrong must not show them.
	return slices.DeleteFunc(found, func(c store.Client) bool { return !v.reach().Covers(c.Issuer, c.OrgID) }), nil
}

// row is what the list says of a record: what is in force, and of what is not yet what was
// asked for.
func (p *Portal) row(record store.Client) listed {
	shown := record
	if inForce, visible := record.Visible(); visible {
		shown = inForce
	}
	row := listed{Link: p.path("applications", record.ID), Name: p.nameOf(shown), ID: shown.Application.ID, OrgID: shown.OrgID,
		Environment: shown.Environment, State: record.State, Created: shown.IssuedAt}
	if record.State.IsPending() {
		row.Decide = p.path("approvals", record.ID)
	}
	for _, value := range attribute(shown, "software_roles") {
		row.Roles = append(row.Roles, strings.Fields(value)...)
	}
	return row
}

// nameOf is the name of an application for people: the software_client_name where the
// attributes have it, also at a bank that names applications after their software_id.
func (p *Portal) nameOf(c store.Client) string {
	if names := attribute(c, "software_client_name"); p.byID && len(names) == 1 && names[0] != "" {
		return names[0]
	}
	return c.Application.Name
}

// attribute returns the values of an attribute of an application, whose name ends in the
// environment.
func attribute(c store.Client, name string) []string {
	for _, a := range c.Application.Attributes {
		if a.Name == name+"_"+string(c.Environment) {
			return a.Values
		}
	}
	return nil
}

// listPath is the address of a page of the list, whose position is of the given name.
func (p *Portal) listPath(l listing, name, position string) string {
	query := url.Values{}
	for name, value := range map[string]string{"search": l.Search, "environment": string(l.Environment), "organisation": l.Organisation,
		"state": string(l.State), name: position} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if len(query) == 0 {
		return p.path("applications")
	}
	return p.path("applications") + "?" + query.Encode()
}

// positionText is a position as an address has it: seconds since 1970, a dot and the ID.
func positionText(p store.Position) string {
	return strconv.FormatInt(p.IssuedAt.Unix(), 10) + "." + p.ID
}

// positionOf reads a position; "" is the beginning.
func positionOf(s string) (p store.Position, ok bool) {
	if s == "" {
		return store.Position{}, true
	}
	seconds, id, found := strings.Cut(s, ".")
	at, err := strconv.ParseInt(seconds, 10, 64)
	if !found || err != nil || !isIdentifier(id) || at < -62135596800 || at > 253402300799 { // years 1 to 9999
		return store.Position{}, false
	}
	return store.Position{IssuedAt: time.Unix(at, 0).UTC(), ID: id}, true
}
