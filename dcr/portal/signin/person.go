package signin

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

const (
	maxEmail = 254 // bytes (RFC 5321 section 4.5.3.1.3, less the brackets)
	maxName  = 256 // bytes; what is longer is cut
	maxList  = 100 // organisations
	maxEntry = 100 // bytes of each

	maxGroups = 1000 // texts of Operator, which are any: a directory keeps groups for others too
)

// person is what one document says of the person. The ID token is one, the userinfo the other.
type person struct {
	email         *string
	verified      *bool
	name          *string
	associated    *bool
	organisations []string // nil: it says nothing
	operator      []string // nil: it says nothing
}

// read reads the claims about the person. Each error is ErrToken.
func (n *ClaimNames) read(claims jsonscan.Value) (p person, err error) {
	if value, there := single(claims, n.Email); there {
		email, clean := value.Text()
		if !clean || !isEmail(email) {
			return person{}, fault(ErrToken, "the claim "+text.Quote(n.Email)+" is no email address of at most 254 bytes")
		}
		p.email = &email
	}
	if value, there := single(claims, "email_verified"); there {
		verified := value.Bool()
		p.verified = &verified
	}
	if value, there := single(claims, n.Name); there {
		name, _ := value.Text()
		name = legible(name)
		p.name = &name
	}
	if value, there := single(claims, n.Associated); there {
		if value.Kind() != jsonscan.Bool {
			return person{}, fault(ErrToken, "the claim "+text.Quote(n.Associated)+" is neither true nor false in JSON")
		}
		associated := value.Bool()
		p.associated = &associated
	}
	if p.organisations, err = list(claims, n.Organisations, true); err != nil {
		return person{}, err
	}
	p.operator, err = list(claims, n.Operator, false)
	return p, err
}

// with adds what the userinfo says. What both say must be the same, but for the name, which
// is for display: that of the ID token counts. A person is not who a contradiction suits.
func (p person) with(other person) (person, error) {
	differ := func(claim string) error {
		return fault(ErrToken, "ID token and userinfo contradict each other in the claim of "+claim)
	}
	switch {
	case p.email != nil && other.email != nil && *p.email != *other.email:
		return person{}, differ("the email")
	case p.verified != nil && other.verified != nil && *p.verified != *other.verified:
		return person{}, differ("the verified email")
	case p.associated != nil && other.associated != nil && *p.associated != *other.associated:
		return person{}, differ("the association")
	case p.organisations != nil && other.organisations != nil && !slices.Equal(p.organisations, other.organisations):
		return person{}, differ("the organisations")
	case p.operator != nil && other.operator != nil && !slices.Equal(p.operator, other.operator):
		return person{}, differ("the operators")
	}
	return person{
		email: or(p.email, other.email), verified: or(p.verified, other.verified), name: or(p.name, other.name),
		associated:    or(p.associated, other.associated),
		organisations: orList(p.organisations, other.organisations), operator: orList(p.operator, other.operator),
	}, nil
}

func or[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

func orList(a, b []string) []string {
	if a != nil {
		return a
	}
	return b
}

// said returns what a pointer leads to, or the zero value.
func said[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

// isEmail reports whether a text can be a person's address: something on both sides of one @,
// and nothing that is not seen as it is, such as spaces and marks of direction. Addresses
// beyond ASCII exist (RFC 6531).
func isEmail(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	hidden := func(c rune) bool { return text.Hidden(c) || unicode.IsSpace(c) }
	return found && local != "" && domain != "" && !strings.Contains(domain, "@") && len(s) <= maxEmail &&
		utf8.ValidString(s) && !strings.ContainsFunc(s, hidden)
}

// legible returns a name for display: without control characters, and cut where it is too long.
func legible(name string) string {
	name = strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == utf8.RuneError {
			return -1
		}
		return c
	}, name))
	return text.Clip(name, maxName)
}

// list reads a claim of several texts, sorted and without duplicates; nil where there is none.
// Those of organisations are identifiers, and may be the names of an object's members.
func list(claims jsonscan.Value, name string, organisations bool) ([]string, error) {
	if name == "" {
		return nil, nil
	}
	limit := maxGroups
	if organisations {
		limit = maxList
	}
	var all []string
	for _, value := range find(claims, name) {
		var some []string
		if organisations && value.Kind() == jsonscan.Object {
			for member := range value.Members() {
				some = append(some, member)
			}
		} else {
			var ok bool
			if some, ok = texts(value); !ok {
				return nil, fault(ErrToken, "the claim "+text.Quote(name)+
					" is of another type than Claims allows; for a list of objects name a pointer, such as /organisations/*/id")
			}
		}
		if all == nil {
			all = []string{}
		}
		for _, one := range some {
			if organisations && !isPlain(one, maxEntry) {
				return nil, fault(ErrToken, "the claim "+text.Quote(name)+" has an entry that is not 1 to 100 characters of visible ASCII")
			}
		}
		if all = append(all, some...); len(all) > limit {
			return nil, fault(ErrToken, "the claim "+text.Quote(name)+" has more than "+strconv.Itoa(limit)+" entries")
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// single finds the claim of that name. One that is null counts as absent.
func single(claims jsonscan.Value, name string) (jsonscan.Value, bool) {
	found := find(claims, name)
	if len(found) == 0 {
		return jsonscan.Value{}, false
	}
	return found[0], true
}

// find returns the values that a claim's name leads to, without those that are null.
func find(claims jsonscan.Value, name string) []jsonscan.Value {
	found := []jsonscan.Value{claims}
	for _, step := range steps(name) {
		var next []jsonscan.Value
		for _, value := range found {
			next = append(next, children(value, step, name[0] == '/')...)
		}
		found = next
	}
	return slices.DeleteFunc(found, func(v jsonscan.Value) bool { return v.Kind() == jsonscan.Null })
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// steps splits the name of a claim: a pointer at its slashes, any other name not at all.
func steps(name string) []string {
	if !strings.HasPrefix(name, "/") {
		return []string{name}
	}
	all := strings.Split(name[1:], "/")
	for i := range all {
		all[i] = unescape.Replace(all[i])
	}
	return all
}

// children returns what a step leads to. A member of a list is found by * alone: the order of
// a list of claims means nothing.
func children(value jsonscan.Value, step string, pointer bool) []jsonscan.Value {
	if !pointer || step != "*" {
		if member, there := value.Member(step); there {
			return []jsonscan.Value{member}
		}
		return nil
	}
	var all []jsonscan.Value
	for _, element := range value.Elements() {
		all = append(all, element)
	}
	for _, member := range value.Members() {
		all = append(all, member)
	}
	return all
}
