package dcr

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

// member is a member of a JSON object: its name, and its value as JSON text.
type member struct{ name, value string }

// appendMembers appends those members of a JSON object whose name is wanted, in the
// object's order.
func appendMembers(members []member, object string, wanted func(name string) bool) ([]member, error) {
	document, err := jsonscan.Scan(object, func(name string, v jsonscan.Value) {
		if wanted(name) {
			members = append(members, member{name, v.Raw()})
		}
	})
	if err == nil && document.Kind() != jsonscan.Object {
		err = errors.New("dcr: the members are no JSON object")
	}
	return members, err
}

// sortMembers sorts by name. Members of the same name keep their order.
func sortMembers(members []member) {
	slices.SortStableFunc(members, func(a, b member) int { return cmp.Compare(a.name, b.name) })
}

// objectOf writes an object of sorted members. Of members with the same name it takes
// the first.
func objectOf(sorted []member) string {
	size := len("{}")
	for _, m := range sorted {
		size += len(m.name) + len(m.value) + len(`"":,`)
	}
	var out strings.Builder
	out.Grow(size)
	var name [64]byte // quoted, as a rule without a use of the heap
	separator := byte('{')
	for i, m := range sorted {
		if i > 0 && m.name == sorted[i-1].name {
			continue
		}
		out.WriteByte(separator)
		out.Write(jsonscan.AppendString(name[:0], m.name))
		out.WriteByte(':')
		out.WriteString(m.value)
		separator = ','
	}
	out.WriteByte('}')
	return out.String()
}

func quoted(text string) string { return string(jsonscan.AppendString(nil, text)) }
