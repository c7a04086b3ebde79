package upstream

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

func quoted(s string) json.RawMessage { return jsonscan.AppendString(nil, s) }

// compare compares what the authorization server was asked for with what it says that it
// registered. It returns the members that the server chose, by the name here; nil for
// none. A member of the TPP's that has another value is a *dcr.Refusal. One of the bank's
// own, which the TPP cannot mend, is another error. The server's value is in the error, cut,
// for the bank's log, and not in the Refusal, which the TPP gets. A value that contains one of
// the tokens is in neither, and is not taken.
func (m *Mapping) compare(asked map[string]sent, answer jsonscan.Value, tokens ...string) (json.RawMessage, error) {
	chosen := map[string]json.RawMessage{}
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		member := asked[name]
		got, said := answer.Member(name)
		if said && m.agrees(name, string(member.value), got.Raw()) {
			continue
		}
		what, why := "registered as "+shown(got.Raw(), tokens), "registers another value"
		if !said {
			what, why = "left out", "leaves it out"
		}
		switch {
		case slices.Contains(m.Chosen, name) && said && contains(plain(got.Raw()), tokens...):
			return nil, fmt.Errorf("upstream: the authorization server has put an access token into %s", name)
		case slices.Contains(m.Chosen, name):
			if said && member.here != "" {
				chosen[member.here] = json.RawMessage(got.Raw())
			}
		case member.here != "":
			refusal := &dcr.Refusal{Code: validate.InvalidClientMetadata,
				Reason: fmt.Sprintf("%s cannot be had as asked for: the bank's authorization server %s", member.here, why)}
			return nil, fmt.Errorf("upstream: the authorization server has %s %s: %w", name, what, refusal)
		default:
			return nil, fmt.Errorf("upstream: the authorization server has %s %s, against what was asked; see its settings or the Mapping", name, what)
		}
	}
	if len(chosen) == 0 {
		return nil, nil
	}
	return json.Marshal(chosen)
}

// withheld stands for a text of the server's that contains a token.
const withheld = "(withheld: it contains an access token)"

// contains reports whether a text contains one of the tokens; an empty one does not count.
func contains(s string, tokens ...string) bool {
	return slices.ContainsFunc(tokens, func(token string) bool { return token != "" && strings.Contains(s, token) })
}

// plain writes a JSON value without escapes of the characters that tokens have.
func plain(raw string) string {
	var value any
	if err := json.Unmarshal([]byte(raw), &value); err != nil {
		return raw
	}
	again, err := json.Marshal(value)
	if err != nil {
		return raw
	}
	return string(again)
}

// shown returns a value of the server's for the log: cut, and withheld if it contains one of
// the tokens.
func shown(raw string, tokens []string) string {
	if contains(plain(raw), tokens...) {
		return withheld
	}
	return text.Echo(raw)
}

// agrees reports whether the server's value means what was asked for.
func (m *Mapping) agrees(name, asked, got string) bool {
	want, has := m.meaning(name, asked), m.meaning(name, got)
	if reflect.DeepEqual(want, has) {
		return true
	}
	wanted, isSet := want.([]string)
	given, alsoSet := has.([]string)
	return isSet && alsoSet && slices.Contains(m.Widened, name) &&
		!slices.ContainsFunc(wanted, func(value string) bool { return !slices.Contains(given, value) })
}

// meaning decodes a value for comparison. An array of strings, and scope, are sets: a
// sorted []string. The words of a response type have no order either.
func (m *Mapping) meaning(name, raw string) any {
	var value any
	if err := json.Unmarshal([]byte(raw), &value); err != nil {
		return nil
	}
	if words, ok := value.(string); ok && name == m.there("scope") {
		return set(strings.Fields(words))
	}
	list, ok := value.([]any)
	if !ok {
		return value
	}
	texts := make([]string, 0, len(list))
	for _, element := range list {
		word, ok := element.(string)
		if !ok {
			return value
		}
		if name == m.there("response_types") {
			word = strings.Join(set(strings.Fields(word)), " ")
		}
		texts = append(texts, word)
	}
	return set(texts)
}

func set(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}
