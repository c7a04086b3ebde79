package validate

import (
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/claims"
)

// Example is a fragment of the document that a rule is about, as people read it:
//
//	{"aud": ["0015800001041RHAAY"]}     these members
//	without aud                         without that member
//	{"alg": "PS256"} without kid, typ   both
//	a request that another key signed   in words, for what members cannot show
//
// Members that an example does not name are as in a good request. Examples are judged on
// 14 November 2023 at 22:13:20 UTC, which is 1700000000. In the members a{240} stands for
// 240 times a.
type Example string

// Fragment returns the members as a JSON object, empty where there are none, and the names
// of those that are absent. It returns false for an example in words.
func (e Example) Fragment() (members string, without []string, ok bool) {
	const absent = "without "
	members, names, found := strings.Cut(string(e), "} "+absent)
	switch {
	case found:
		members += "}"
	case strings.HasPrefix(members, absent):
		members, names = "", members[len(absent):]
	case !strings.HasPrefix(members, "{"):
		return "", nil, false
	}
	if names != "" {
		without = strings.Split(names, ", ")
	}
	return repeated(members), without, true
}

// repeated writes out each character that is followed by a number in braces.
func repeated(s string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "{")
		number, after, closed := strings.Cut(rest, "}")
		n, err := strconv.ParseUint(number, 10, 16)
		switch {
		case !found:
			b.WriteString(s)
			return b.String()
		case !closed || err != nil || before == "":
			b.WriteString(before + "{")
			s = rest
			continue
		}
		last := len(before) - 1
		b.WriteString(before[:last] + strings.Repeat(before[last:], int(n)))
		s = after
	}
}

// Given is what the examples of a rule need besides their own members. The zero value is
// a good request under the default policy of each profile of the rule.
type Given struct {
	Profile     Profile            // the one profile that the examples are for; empty means all of the rule's
	Policy      string             // of the bank, as ParsePolicy reads it
	Request     Example            // of the request
	Update      bool               // the request would change a registered client
	Environment claims.Environment // of the trust anchor
	Certificate string             // subject of the client certificate, by RFC 4514
	Words       string             // what the other fields cannot show
}

// String tells in one line what is given. It is empty for the zero value.
func (g Given) String() string {
	var parts []string
	if g.Update {
		parts = append(parts, "the update of a client")
	}
	for _, p := range [...]struct{ name, value string }{
		{"profile ", string(g.Profile)}, {"policy ", g.Policy}, {"request ", string(g.Request)},
		{"environment ", string(g.Environment)}, {"certificate of ", g.Certificate}, {"", g.Words},
	} {
		if p.value != "" {
			parts = append(parts, p.name+p.value)
		}
	}
	return strings.Join(parts, "; ")
}
