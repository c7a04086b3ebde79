package portal

import (
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// changed is a value that a renewal changes.
type changed struct {
	Name          string
	Before, After []string // what only the one has, and what only the other has
}

// compare writes what a renewal would change.
func (r *review) compare(p *dcr.Preview) {
	if p.Change == nil || p.Change.Before == nil {
		return
	}
	r.Changes = changesOf(p.Change.Before, p.Change.After)
	r.Gained, r.Lost, r.Ends = text.Strings(p.Change.RolesGained), text.Strings(p.Change.RolesLost), p.Ends
	r.Unchanged = len(r.Changes) == 0
}

// changesOf compares what two records have: registered members and attributes, in the order of
// their names.
func changesOf(before, after *store.Client) []changed {
	old, current := valuesOf(before), valuesOf(after)
	var names []string
	for _, name := range slices.Concat(old.names, current.names) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var changes []changed
	for _, name := range names {
		was, is := old.values[name], current.values[name]
		if slices.Equal(was, is) {
			continue
		}
		missing := func(from []string) func(string) bool { return func(s string) bool { return slices.Contains(from, s) } }
		gone, come := slices.DeleteFunc(slices.Clone(was), missing(is)), slices.DeleteFunc(slices.Clone(is), missing(was))
		if len(gone)+len(come) > 0 {
			changes = append(changes, changed{Name: name, Before: gone, After: come})
		}
	}
	return changes
}

// namedValues are values by their names, which keep their order.
type namedValues struct {
	names  []string
	values map[string][]string
}

// valuesOf are the registered members of a record, and its attributes.
func valuesOf(c *store.Client) namedValues {
	v := namedValues{values: map[string][]string{}}
	for _, m := range membersOf(c) {
		v.names, v.values[m.Name] = append(v.names, m.Name), m.Values
	}
	for _, a := range c.Application.Attributes {
		v.names, v.values[a.Name] = append(v.names, a.Name), a.Values
	}
	return v
}

// membersOf are the registered members of a record, in the order of the specification. Of one
// that cannot be read there are none.
func membersOf(c *store.Client) []fact {
	request, err := c.Request()
	if err != nil {
		return nil
	}
	names := slices.DeleteFunc(claims.RequestMembers(), func(name string) bool { return name == "software_statement" })
	return memberFacts(names, request.Member)
}

// memberFacts are the members of these names that are there.
func memberFacts(names []string, member func(string) claims.MemberValue) []fact {
	var members []fact
	for _, name := range names {
		m := member(name)
		if !m.Present() {
			continue
		}
		values := make([]string, 0, m.Len())
		for i := range m.Len() {
			values = append(values, m.Value(i))
		}
		f := several(name, values)
		f.CodeName, f.List = true, m.IsArray() || name == "scope"
		members = append(members, f)
	}
	return members
}
