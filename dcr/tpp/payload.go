package tpp

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// payloadOf returns the payload of a request, with the Members and the Override of the
// options.
func payloadOf(c *claims.Request, o *RequestOptions) ([]byte, error) {
	built, err := json.Marshal(c)
	if err != nil || len(o.Members) == 0 && len(o.Override) == 0 {
		return built, err
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(built, &all); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(o.Members)) {
		_, twice := o.Override[name]
		if _, set := all[name]; set || twice {
			return nil, fmt.Errorf("member %s is set already; to replace it, name it in Override alone", text.Quote(name))
		}
		if err := checkMember(name, o.Members[name]); err != nil {
			return nil, err
		}
		all[name] = o.Members[name]
	}
	for _, name := range slices.Sorted(maps.Keys(o.Override)) {
		if len(o.Override[name]) == 0 {
			delete(all, name)
			continue
		}
		if err := checkMember(name, o.Override[name]); err != nil {
			return nil, err
		}
		all[name] = o.Override[name]
	}
	payload, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	if _, err := jsonscan.Parse(string(payload)); err != nil { // members that are too deep or too many
		return nil, err
	}
	return payload, nil
}

// checkMember checks that a member is strict JSON.
func checkMember(name string, raw json.RawMessage) error {
	if name == "" || !utf8.ValidString(name) {
		return errors.New("a member has no name in UTF-8")
	}
	if _, err := jsonscan.Parse(string(raw)); err != nil {
		return fmt.Errorf("member %s is no JSON: %s", text.Quote(name), text.Detail(err))
	}
	return nil
}
