package dcr

import (
	"encoding/json"
	"strings"

	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// flattened are the prefixes of the SSA claims that a response repeats.
var flattened = []string{"software_", "org_", "organisation_", "ob_"}

// Response returns the JSON document that describes a registered client to its TPP
// (OBIE DCR, response; RFC 7591 section 3.2.1): the registered members, the SSA's
// claims beside them, and the members that the server sets. secret is "" where
// there is none to show. Contacts are left out: they are personal data.
func Response(c store.Client, secret string, policy validate.Policy) ([]byte, error) {
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(c.Metadata, &members); err != nil {
		return nil, err
	}
	if err := flatten(c.SoftwareStatement, members); err != nil {
		return nil, err
	}
	set := map[string]any{"client_id": c.ID, "client_id_issued_at": c.IssuedAt.Unix()}
	if secret != "" {
		set["client_secret"], set["client_secret_expires_at"] = secret, 0
	}
	if policy.ResponseScopeAsArray {
		var scope string
		if err := json.Unmarshal(members["scope"], &scope); err != nil {
			return nil, err
		}
		set["scope"] = strings.Fields(scope)
	}
	for name, value := range set {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		members[name] = text
	}
	return json.Marshal(members)
}

// flatten adds the SSA's claims. None overwrites a member that is set already.
func flatten(token string, members map[string]json.RawMessage) error {
	payload, err := statementPayload(token)
	if err != nil {
		return err
	}
	for name, value := range payload {
		if _, set := members[name]; set || name == "org_contacts" || !hasPrefix(name, flattened) {
			continue
		}
		members[name] = value
	}
	return nil
}

func hasPrefix(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

func statementPayload(token string) (map[string]json.RawMessage, error) {
	statement, err := ssa.Parse(token)
	if err != nil {
		return nil, err
	}
	payload := map[string]json.RawMessage{}
	err = json.Unmarshal([]byte(statement.Signed().UnverifiedPayload()), &payload)
	return payload, err
}
