package claims

import (
	"encoding/json"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// A claim that a statement may lack may also be null: a directory writes null for what
// nobody has filled in.
var ssaFields = table(
	word("iss", func(s *SSA) *Optional[string] { return &s.Issuer }),
	roundedDown("iat", func(s *SSA) *Optional[int64] { return &s.IssuedAt }),
	orNull(roundedDown("exp", func(s *SSA) *Optional[int64] { return &s.Expiry })),
	orNull(roundedDown("nbf", func(s *SSA) *Optional[int64] { return &s.NotBefore })),
	word("jti", func(s *SSA) *Optional[string] { return &s.JWTID }),
	word("software_id", func(s *SSA) *Optional[string] { return &s.SoftwareID }),
	orNull(word("software_client_id", func(s *SSA) *Optional[string] { return &s.SoftwareClientID })),
	free("software_client_name", func(s *SSA) *Optional[string] { return &s.SoftwareClientName }),
	orNull(free("software_client_description", func(s *SSA) *Optional[string] { return &s.SoftwareClientDescription })),
	orNull(row("software_version", func(s *SSA) *Optional[SoftwareVersion] { return &s.SoftwareVersion }, readVersion, writeVersion,
		one(func(v SoftwareVersion) string { return v.Text }))),
	orNull(word("software_client_uri", func(s *SSA) *Optional[string] { return &s.SoftwareClientURI })),
	words("software_redirect_uris", func(s *SSA) *Optional[[]string] { return &s.SoftwareRedirectURIs }),
	row("software_roles", func(s *SSA) *Optional[Roles] { return &s.SoftwareRoles }, readRoles, writeRoles,
		several(func(r Roles) []Role { return r.Values })),
	word("software_jwks_endpoint", func(s *SSA) *Optional[string] { return &s.SoftwareJWKSEndpoint }),
	orNull(word("software_jwks_revoked_endpoint", func(s *SSA) *Optional[string] { return &s.SoftwareJWKSRevokedEndpoint })),
	orNull(word("software_mode", func(s *SSA) *Optional[string] { return &s.SoftwareMode })),
	orNull(word("software_environment", func(s *SSA) *Optional[string] { return &s.SoftwareEnvironment })),
	orNull(word("software_logo_uri", func(s *SSA) *Optional[string] { return &s.SoftwareLogoURI })),
	orNull(word("software_policy_uri", func(s *SSA) *Optional[string] { return &s.SoftwarePolicyURI })),
	orNull(word("software_tos_uri", func(s *SSA) *Optional[string] { return &s.SoftwareToSURI })),
	orNull(free("software_on_behalf_of_org", func(s *SSA) *Optional[string] { return &s.SoftwareOnBehalfOfOrg })),
	word("org_id", func(s *SSA) *Optional[string] { return &s.OrgID }),
	orNull(free("org_name", func(s *SSA) *Optional[string] { return &s.OrgName })),
	orNull(word("org_status", func(s *SSA) *Optional[string] { return &s.OrgStatus })),
	orNull(raw("org_contacts", func(s *SSA) *Optional[json.RawMessage] { return &s.OrgContacts })),
	orNull(word("org_jwks_endpoint", func(s *SSA) *Optional[string] { return &s.OrgJWKSEndpoint })),
	orNull(word("org_jwks_revoked_endpoint", func(s *SSA) *Optional[string] { return &s.OrgJWKSRevokedEndpoint })),
	orNull(row("organisation_competent_authority_claims", func(s *SSA) *Optional[Authority] { return &s.CompetentAuthority },
		readAuthority, writeAuthority, one(authorityText))),
	orNull(free("ob_registry_tos", func(s *SSA) *Optional[string] { return &s.OBRegistryToS })),
)

// DecodeSSA reads the payload of a software statement, as DecodeRequest does.
// names maps a claim's name in this package to the one that a directory uses
// instead; nil is right for the OBIE directory.
func DecodeSSA[Text ~string | ~[]byte](payload Text, names map[string]string) (*SSA, []Fault, error) {
	var s SSA
	faults, err := ssaFields.decode(string(payload), names, &s, &s.Unknown)
	if err != nil {
		return nil, nil, err
	}
	return &s, faults, nil
}

// ParseSSA is DecodeSSA for callers who accept no fault. With any fault it returns a
// nil statement and a *FaultError that holds all faults.
func ParseSSA[Text ~string | ~[]byte](payload Text) (*SSA, error) {
	s, faults, err := DecodeSSA(payload, nil)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return nil, &FaultError{Faults: faults}
	}
	return s, nil
}

// MarshalJSON writes the claims that are valid, in a fixed order, and then the
// unknown ones.
func (s *SSA) MarshalJSON() ([]byte, error) { return ssaFields.encode(s, s.Unknown) }

func readVersion(r *reader, v jsonscan.Value) (SoftwareVersion, bool) {
	if v.Kind() == jsonscan.Number {
		return SoftwareVersion{Text: v.Raw(), Number: true}, true
	}
	if v.Kind() != jsonscan.String {
		r.wrong(v, "number or string")
		return SoftwareVersion{}, false
	}
	s, ok := r.text(v, true)
	return SoftwareVersion{Text: s}, ok
}

func writeVersion(v SoftwareVersion) any {
	if v.Number {
		return json.RawMessage(v.Text)
	}
	return v.Text
}

func readRoles(r *reader, v jsonscan.Value) (Roles, bool) {
	if v.Kind() == jsonscan.String {
		words, ok := wordsOf[Role](r, v)
		return Roles{Values: words, Text: true}, ok
	}
	for _, first := range v.Elements() {
		if r.moved && first.Kind() == jsonscan.Object {
			return readHeldRoles(r, v)
		}
		break
	}
	list, ok := listOf[Role](r, v)
	return Roles{Values: list}, ok
}

// readHeldRoles reads roles as a directory writes them that has a claim of its own for
// them: an array of objects, each with a role and perhaps a status. A role that is not
// active is left out.
func readHeldRoles(r *reader, v jsonscan.Value) (Roles, bool) {
	type held struct{ role, status Optional[string] }
	before := r.failed
	entries := readEntries(r, v, func(r *reader, v jsonscan.Value) (h held) {
		if _, there := v.Member("role"); !there {
			r.wrong(v, "object with a role")
		}
		for name, m := range v.Members() {
			r.enter(name)
			switch {
			case name == "role":
				readText(r, m, &h.role)
			case name == "status" && m.Kind() != jsonscan.Null:
				readText(r, m, &h.status)
			}
			r.leave()
		}
		return h
	})
	roles := make([]Role, 0, len(entries))
	for _, h := range entries {
		if role, ok := h.role.Get(); ok && text.EqualFold(h.status.Or("active"), "active") {
			roles = append(roles, Role(role))
		}
	}
	return Roles{Values: roles}, r.failed == before
}

func writeRoles(roles Roles) any {
	if !roles.Text {
		return append([]Role{}, roles.Values...)
	}
	return strings.Join(text.Strings(roles.Values), " ")
}
