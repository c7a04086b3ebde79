package claims

import (
	"iter"
	"slices"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

// Payload is the payload of a request or of a statement, read once and not decoded: one
// strict JSON object of at most 2,000 values. Only ParsePayload makes one that is not
// empty. It does not change, so that what is decoded from it is always what the text
// says that it was made of.
type Payload struct {
	text    string
	members []payloadMember
}

// payloadMember is a member as it stands in the text.
type payloadMember struct {
	name  string
	value jsonscan.Value
}

// usualMembers is how many members of a payload find room at once. For more there is room
// for as many as there may be: a list that grew by and by would allocate twice as much.
const usualMembers = 32

// ParsePayload reads a payload. It returns an error where the payload is not one strict
// JSON object of at most 2,000 values.
func ParsePayload(text string) (*Payload, error) {
	p := &Payload{text: text, members: make([]payloadMember, 0, usualMembers)}
	err := parseObject(text, func(name string, v jsonscan.Value) {
		if len(p.members) == usualMembers {
			p.members = slices.Grow(p.members, jsonscan.MaxMembers-usualMembers)
		}
		p.members = append(p.members, payloadMember{name, v})
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// String returns the text that the payload was made of.
func (p *Payload) String() string { return p.text }

// Members yields the name and the JSON text of each member, in the order sent.
func (p *Payload) Members() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, m := range p.members {
			if !yield(m.name, m.value.Raw()) {
				return
			}
		}
	}
}

// Issuer returns iss, which is called that in every directory.
func (p *Payload) Issuer() (issuer Optional[string]) {
	for _, m := range p.members {
		if text, clean := m.value.Text(); m.name == "iss" && clean {
			issuer.set(text)
		}
	}
	return issuer
}

// SSA decodes the payload of a software statement, as DecodeSSA does.
func (p *Payload) SSA(names map[string]string) (*SSA, []Fault) {
	var s SSA
	faults := ssaFields.decode(p, names, &s, &s.Unknown)
	return &s, faults
}
