package upstream

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// Mapping says how the metadata of a client is written for an authorization server. Names
// are those of RFC 7591 and of OBIE ("here") or those that the server uses ("there"). The
// zero Mapping is for a server that knows every member and takes each as it is.
type Mapping struct {
	Rename map[string]string          // the name there, by the name here
	Drop   []string                   // names here of members that the server does not know
	Const  map[string]json.RawMessage // members by the name there, in place of any other value
	Ensure map[string]json.RawMessage // members by the name there, if the client has none
	// DropScopes are words that are left out of scope, such as openid at a server that does
	// not count it among a client's scopes.
	DropScopes []string
	// ImplicitGrant adds implicit to grant_types if a response type has id_token, as
	// OpenID Connect Dynamic Client Registration 1.0 section 2 demands.
	ImplicitGrant bool
	// RecordID is the name there of a member that gets store.Client.ID, by which an operator
	// finds the record of a client. "" is for a server that keeps no member of the bank's.
	RecordID string
	// Chosen are names there of members that the server may answer with another value or
	// not at all. The answer to the TPP has the server's value.
	Chosen []string
	// Widened are names there of members, arrays or words, to which the server may add
	// values. The answer to the TPP does not have them.
	Widened []string
}

// OIDCProvider returns the mapping for node-oidc-provider 8. The server keeps the record's
// ID if its setting extraClientMetadata.properties has obdcr_record_id.
func OIDCProvider() Mapping {
	return Mapping{Drop: []string{"software_id"}, ImplicitGrant: true, RecordID: "obdcr_record_id"}
}

// Keycloak returns the mapping for the registration endpoint of a realm of Keycloak 26:
// /realms/NAME/clients-registrations/openid-connect. The scopes must be optional client
// scopes of the realm. Keycloak registers more response types than were asked for; a client
// policy of the realm can forbid their use.
func Keycloak() Mapping {
	return Mapping{
		Drop: []string{"software_id", "application_type"}, DropScopes: []string{"openid"},
		Widened: []string{"grant_types", "response_types"},
	}
}

// clone returns a copy that shares nothing with m.
func (m Mapping) clone() Mapping {
	m.Rename, m.Const, m.Ensure = maps.Clone(m.Rename), maps.Clone(m.Const), maps.Clone(m.Ensure)
	m.Drop, m.DropScopes = slices.Clone(m.Drop), slices.Clone(m.DropScopes)
	m.Chosen, m.Widened = slices.Clone(m.Chosen), slices.Clone(m.Widened)
	return m
}

// forbidden are members that a mapping must not set: the server gives them, or the
// Endpoint writes them.
var forbidden = []string{"client_id", "client_id_issued_at", "client_secret", "client_secret_expires_at",
	"registration_access_token", "registration_client_uri", "software_statement"}

// check returns an error for a mapping that could not be meant.
func (m *Mapping) check() error {
	there := map[string]string{}
	for here, name := range m.Rename {
		if other, taken := there[name]; taken || name == "" || slices.Contains(forbidden, name) || slices.Contains(forbidden, here) {
			return fmt.Errorf("upstream: mapping: Rename of %s to %s: the name is empty, reserved, or that of %s", text.Quote(here), text.Quote(name), text.Quote(other))
		}
		there[name] = here
	}
	for _, set := range []map[string]json.RawMessage{m.Const, m.Ensure} {
		for name, value := range set {
			if _, err := jsonscan.Parse(string(value)); err != nil || name == "" || slices.Contains(forbidden, name) {
				return fmt.Errorf("upstream: mapping: the member %s is reserved or no JSON value", text.Quote(name))
			}
		}
	}
	if slices.Contains(forbidden, m.RecordID) {
		return fmt.Errorf("upstream: mapping: RecordID must not be %s", text.Quote(m.RecordID))
	}
	return nil
}
