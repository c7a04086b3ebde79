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

// objectOf writes an object of members, sorted by name. Of members with the same name it
// takes the first.
func objectOf(members []member) string {
	size, sorted := len("{}"), make([]int, len(members))
	for i, m := range members {
		size, sorted[i] = size+len(m.name)+len(m.value)+len(`"":,`), i
	}
	slices.SortFunc(sorted, func(i, j int) int { return cmp.Or(strings.Compare(members[i].name, members[j].name), i-j) })
	var out strings.Builder
	out.Grow(size)
	var name [64]byte // quoted, as a rule without a use of the heap
	separator, last := byte('{'), -1
	for _, i := range sorted {
		m := members[i]
		if last >= 0 && m.name == members[last].name {
			continue
		}
		out.WriteByte(separator)
		out.Write(jsonscan.AppendString(name[:0], m.name))
		out.WriteByte(':')
		out.WriteString(m.value)
		separator, last = ',', i
	}
	out.WriteByte('}')
	return out.String()
}

func quoted(text string) string {
	var short [128]byte // without a use of the heap but for the result, as a rule
	return string(jsonscan.AppendString(short[:0], text))
}
