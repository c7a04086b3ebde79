package claims

import (
	"encoding/json"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// MemberValue is the member of a request or a software statement under one name.
// [Request.Member] and [SSA.Member] make one. It holds until the member is changed.
// The zero value is an absent member without a name.
type MemberValue struct {
	from any // the *Request or *SSA
	row  memberRow
	sent presence
}

// memberRow answers about a member of a claim set. There are three kinds: a row of the
// table, a member that the table does not name, and the name of an absent member.
type memberRow interface {
	label() label
	count(from any) int // of a valid member
	text(from any, i int) string
	blank(from any) bool
}

// label has the columns of the table that do not depend on what was sent.
type label struct {
	pointer string
	array   bool // the member is an array and cannot be anything else
}

// Pointer is the RFC 6901 pointer to the member, where it is or where it would be.
// A very long name that a sender chose is cut.
func (m MemberValue) Pointer() string {
	if m.row == nil {
		return ""
	}
	return m.row.label().pointer
}

// Present reports whether the member was sent at all, even with the wrong type.
func (m MemberValue) Present() bool { return m.sent != absent }

// Valid reports whether the member was sent with the right type. A member that the
// table does not name has no type, and is valid where it was sent.
func (m MemberValue) Valid() bool { return m.sent == valid }

// IsArray reports whether the specification makes the member an array of strings, so
// that each value has a pointer of its own. The values of aud, scope and
// software_roles, which can be sent as one string too, have the member's pointer.
func (m MemberValue) IsArray() bool { return m.row != nil && m.row.label().array }

// Len is the number of values: the entries of an array, the words of a string that
// is a list, otherwise one. A member that is absent or of the wrong type has none.
func (m MemberValue) Len() int {
	if !m.Valid() {
		return 0
	}
	return m.row.count(m.from)
}

// Value is value i of Len as text. Numbers and booleans are written as in JSON. A
// member with a structure of its own has one value, its JSON text.
func (m MemberValue) Value(i int) string { return m.row.text(m.from, i) }

// Text is the value of a member that has exactly one, and "" for all others.
func (m MemberValue) Text() string {
	if m.Len() != 1 {
		return ""
	}
	return m.Value(0)
}

// Empty reports whether the member is valid and holds nothing: an array or a list of
// words without any, or the empty string.
func (m MemberValue) Empty() bool { return m.Valid() && m.row.blank(m.from) }

// Member returns the member of that name. It allocates nothing for one that the
// table names.
func (r *Request) Member(name string) MemberValue { return requestFields.member(r, r.Unknown, name) }

// Member returns the claim of that name. It allocates nothing for one that the
// table names.
func (s *SSA) Member(name string) MemberValue { return ssaFields.member(s, s.Unknown, name) }

// RequestMember returns Member for one name, which it looks up here and not each
// time it is called.
func RequestMember(name string) func(*Request) MemberValue {
	i, known := requestFields.index[name]
	if !known {
		return func(r *Request) MemberValue { return r.Member(name) }
	}
	row := &requestFields.rows[i]
	return func(r *Request) MemberValue { return row.of(r) }
}

// SSAMember returns Member for one name, which it looks up here and not each time it
// is called.
func SSAMember(name string) func(*SSA) MemberValue {
	i, known := ssaFields.index[name]
	if !known {
		return func(s *SSA) MemberValue { return s.Member(name) }
	}
	row := &ssaFields.rows[i]
	return func(s *SSA) MemberValue { return row.of(s) }
}

// RequestMembers returns the names of the members that a request can have, in the
// order of the table and in a fresh slice.
func RequestMembers() []string { return requestFields.names() }

// SSAMembers returns the names of the claims that a software statement can have, in
// the order of the table and in a fresh slice.
func SSAMembers() []string { return ssaFields.names() }

func (f *fields[T]) member(from *T, unknown []Member, name string) MemberValue {
	if i, known := f.index[name]; known {
		return f.rows[i].of(from)
	}
	for i := range unknown {
		if unknown[i].Name == name {
			return MemberValue{row: &unknown[i], sent: valid}
		}
	}
	return MemberValue{row: absentName(name)}
}

func (f *fields[T]) names() []string {
	names := make([]string, len(f.rows))
	for i := range f.rows {
		names[i] = f.rows[i].name
	}
	return names
}

func (f *field[T]) of(from *T) MemberValue {
	return MemberValue{from: from, row: f, sent: f.values.state(from)}
}

func (f *field[T]) label() label                { return f.about }
func (f *field[T]) count(from any) int          { return f.values.count(from.(*T)) }
func (f *field[T]) text(from any, i int) string { return f.values.text(from.(*T), i) }
func (f *field[T]) blank(from any) bool         { return f.values.blank(from.(*T)) }

// A member that the table does not name has one value, its text or its JSON.
func (m *Member) label() label         { return label{pointer: memberPointer(m.Name)} }
func (m *Member) count(any) int        { return 1 }
func (m *Member) text(any, int) string { return jsonText(m.Raw) }
func (m *Member) blank(any) bool       { return jsonText(m.Raw) == "" }

// absentName is the name of a member that neither the table nor the sender has.
type absentName string

func (n absentName) label() label       { return label{pointer: memberPointer(string(n))} }
func (absentName) count(any) int        { return 0 }
func (absentName) text(any, int) string { return "" }
func (absentName) blank(any) bool       { return false }

func memberPointer(name string) string {
	return jsonscan.AppendPointer("", text.Clip(name, maxPointer))
}

// jsonText is a JSON string's text, and any other value as it was written.
func jsonText(raw json.RawMessage) string {
	v, err := jsonscan.Parse(string(raw))
	if err != nil {
		return string(raw)
	}
	return valueText(v)
}
