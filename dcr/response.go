package dcr

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// flattened are the prefixes of the SSA claims that a response repeats at its top level.
var flattened = []string{"software_", "org_", "organisation_", "ob_"}

// Response returns the JSON document that describes a registered client to its TPP
// (OBIE DCR, response; RFC 7591 section 3.2.1). It has the registered members, the SSA's
// claims, and the members that the server sets, sorted by name. A zero secret is left
// out. org_contacts is left out too: it is personal data.
func Response(c store.Client, secret claims.Secret, policy validate.Policy) ([]byte, error) {
	statement, err := ssa.Parse(c.SoftwareStatement)
	if err != nil {
		return nil, err
	}
	body, err := respond(&c, statement.Signed().UnverifiedPayload(), secret, policy.ResponseScopeAsArray)
	return []byte(body), err
}

// respond makes the response from a verified statement. An error is an *Error.
func (r *Registrar) respond(c *store.Client, statement *ssa.Verified, secret claims.Secret) (claims.Secret, error) {
	body, err := respond(c, statement.Payload(), secret, r.policy.ResponseScopeAsArray)
	if err != nil {
		return claims.Secret{}, internalError(fmt.Errorf("client %s: %w", c.ID, err))
	}
	return claims.NewSecret(body), nil
}

// respond makes the response from the record and the payload of its statement. Of members
// with the same name, the server's wins over the one that the authorization server added,
// that over the registered one, and that over the SSA's.
func respond(c *store.Client, payload string, secret claims.Secret, scopeAsArray bool) (string, error) {
	members := append(make([]member, 0, 64),
		member{"client_id", quoted(clientIDOf(c))}, member{"client_id_issued_at", strconv.FormatInt(c.IssuedAt.Unix(), 10)})
	if !secret.IsZero() {
		members = append(members, member{"client_secret", quoted(secret.Reveal())}, member{"client_secret_expires_at", "0"})
	}
	all := func(string) bool { return true }
	var err error
	if c.UpstreamMembers != nil {
		if members, err = appendMembers(members, string(c.UpstreamMembers), all); err != nil {
			return "", err
		}
	}
	if members, err = appendMembers(members, string(c.Metadata), all); err != nil {
		return "", err
	}
	if i := slices.IndexFunc(members, func(m member) bool { return m.name == "scope" }); i >= 0 && scopeAsArray {
		if members[i].value, err = asArray(members[i].value); err != nil {
			return "", err
		}
	}
	members, err = appendMembers(members, payload, func(name string) bool {
		return name != "org_contacts" && hasPrefix(name, flattened)
	})
	if err != nil {
		return "", err
	}
	return objectOf(members), nil
}

// asArray turns a JSON string of words into a JSON array of them.
func asArray(value string) (string, error) {
	var text string
	if err := json.Unmarshal([]byte(value), &text); err != nil {
		return "", err
	}
	words, err := json.Marshal(strings.Fields(text))
	return string(words), err
}

func hasPrefix(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
