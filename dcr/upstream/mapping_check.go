package upstream

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// decisive returns the members that say who a client is and how its tokens are bound. A
// mapping may rename them, and no more.
func decisive() []string {
	return []string{"redirect_uris", "token_endpoint_auth_method", "jwks_uri", "tls_client_auth_subject_dn", memberBoundTokens}
}

// sendable returns the names here of all members that an Endpoint may send.
func sendable() []string {
	all := append(claims.RequestMembers(), "client_name", "jwks_uri", memberBoundTokens)
	return slices.DeleteFunc(all, func(name string) bool { return slices.Contains(forbidden, name) })
}

// check returns an error for a mapping that could not be meant.
func (m *Mapping) check() error {
	for here, name := range m.Rename {
		if !slices.Contains(sendable(), here) || name == "" || slices.Contains(forbidden, name) {
			return wrong("Rename", here, "is no member that is sent, or its new name is empty or reserved")
		}
	}
	there := map[string]string{} // the name here, by the name there
	for _, here := range sendable() {
		if slices.Contains(m.Drop, here) {
			continue
		}
		if other, taken := there[m.there(here)]; taken {
			return wrong("Rename", here, "gets the name that "+other+" has")
		}
		there[m.there(here)] = here
	}
	for _, here := range m.Drop {
		if !slices.Contains(sendable(), here) || slices.Contains(decisive(), here) {
			return wrong("Drop", here, "is no member that is sent, or one that must be")
		}
	}
	if err := m.checkOwn(); err != nil {
		return err
	}
	for field, names := range map[string][]string{"Chosen": m.Chosen, "Widened": m.Widened} {
		for _, name := range names {
			_, sent := there[name]
			if !sent && m.Const[name] == nil && m.Ensure[name] == nil || m.decides(name) {
				return wrong(field, name, "is no member that is sent, or one that the server must not change")
			}
		}
	}
	return nil
}

// checkOwn checks the members that the bank adds.
func (m *Mapping) checkOwn() error {
	for field, members := range map[string]map[string]json.RawMessage{"Const": m.Const, "Ensure": m.Ensure} {
		for name, value := range members {
			if _, err := jsonscan.Parse(string(value)); err != nil || name == "" || slices.Contains(forbidden, name) {
				return wrong(field, name, "is reserved or no JSON value")
			}
			if m.decides(name) && !(field == "Ensure" && name == m.there("redirect_uris")) {
				return wrong(field, name, "must be what the client has")
			}
		}
	}
	name := m.RecordID
	used := slices.ContainsFunc(sendable(), func(here string) bool { return name == here || name == m.there(here) })
	if used || m.Const[name] != nil || m.Ensure[name] != nil || slices.Contains(forbidden, name) {
		return wrong("RecordID", name, "is a member with another meaning")
	}
	return nil
}

// decides reports whether a name there, or here, is that of a decisive member.
func (m *Mapping) decides(name string) bool {
	return slices.ContainsFunc(decisive(), func(here string) bool { return name == here || name == m.there(here) })
}

func wrong(field, name, why string) error {
	return fmt.Errorf("upstream: mapping: %s: %s %s", field, text.Quote(name), why)
}
