package claims

import (
	"encoding/json"
	"strings"
)

// Member is a member that the specification does not name, as it was sent.
type Member struct {
	Name string
	Raw  json.RawMessage
}

// StringOrList is a claim that may be one string or an array of them, such as aud
// (RFC 7519 section 4.1.3).
type StringOrList struct {
	Values []string
	List   bool // sent as an array
}

// Scope is the scope member: words in the order sent.
type Scope struct {
	Words []string
	List  bool // sent as an array, as some TPPs do; OBIE DCR wants a string
}

// String gives the space-delimited form of RFC 6749 section 3.3.
func (s Scope) String() string { return strings.Join(s.Words, " ") }

// Has reports whether the scope contains the word, compared exactly.
func (s Scope) Has(word string) bool {
	for _, w := range s.Words {
		if w == word {
			return true
		}
	}
	return false
}

// Roles is the software_roles claim in the order sent.
type Roles struct {
	Values []Role
	Text   bool // sent as a space-delimited string, as some directories do
}

// SoftwareVersion is the software_version claim, which the directory sends as a
// number or as a string.
type SoftwareVersion struct {
	Text   string // the string, or the number's literal
	Number bool   // sent as a number
}

// AuthorityClaims is one entry of organisation_competent_authority_claims. It names
// an authority and what that authority authorised the organisation for.
type AuthorityClaims struct {
	AuthorityID    Optional[string]
	RegistrationID Optional[string]
	Status         Optional[string]
	Authorisations []Authorisation
}

// Authorisation is a member state and the roles authorised there.
type Authorisation struct {
	MemberState Optional[string]
	Roles       []Role
}

// Authority is organisation_competent_authority_claims: one object, or an array in
// statements from before 2018 and from other directories.
type Authority struct {
	Claims []AuthorityClaims
	List   bool            // sent as an array
	Raw    json.RawMessage // as sent
}

// Header is a decoded JOSE header (RFC 7515 section 4), not yet judged.
type Header struct {
	Algorithm Optional[string] // alg
	KeyID     Optional[string] // kid, an opaque string
	Type      Optional[string] // typ
	Members   []string         // the names of all members, in their order
}

// Has reports whether the header has a member of that name.
func (h *Header) Has(name string) bool {
	for _, m := range h.Members {
		if m == name {
			return true
		}
	}
	return false
}

// Request is the payload of a registration request (OBIE DCR, data dictionary).
type Request struct {
	Issuer                                     Optional[string]       // iss
	IssuedAt                                   Optional[int64]        // iat, seconds since 1970
	Expiry                                     Optional[int64]        // exp, seconds since 1970
	NotBefore                                  Optional[int64]        // nbf, seconds since 1970
	Audience                                   Optional[StringOrList] // aud
	JWTID                                      Optional[string]       // jti
	ClientID                                   Optional[string]       // client_id, a wish
	RedirectURIs                               Optional[[]string]
	TokenEndpointAuthMethod                    Optional[AuthMethod]
	TokenEndpointAuthSigningAlg                Optional[Algorithm]
	TLSClientAuthSubjectDN                     Optional[string] // an RFC 4514 name
	GrantTypes                                 Optional[[]GrantType]
	ResponseTypes                              Optional[[]ResponseType]
	SoftwareID                                 Optional[string]
	Scope                                      Optional[Scope]
	SoftwareStatement                          Optional[string] // the SSA, byte for byte
	ApplicationType                            Optional[ApplicationType]
	IDTokenSignedResponseAlg                   Optional[Algorithm]
	RequestObjectSigningAlg                    Optional[Algorithm]
	BackchannelTokenDeliveryMode               Optional[DeliveryMode]
	BackchannelClientNotificationEndpoint      Optional[string]
	BackchannelAuthenticationRequestSigningAlg Optional[Algorithm]
	BackchannelUserCodeParameterSupported      Optional[bool]
	Unknown                                    []Member // everything else, in the order sent
}

// SSA is the payload of a software statement (OBIE Directory, SSA model). null counts as
// absent for each claim but those without which no statement is accepted: iss, iat, jti,
// software_id, software_client_name, software_redirect_uris, software_roles,
// software_jwks_endpoint and org_id. Times are rounded down to whole seconds.
type SSA struct {
	Issuer                      Optional[string] // iss
	IssuedAt                    Optional[int64]  // iat, seconds since 1970
	Expiry                      Optional[int64]  // exp, seldom sent
	NotBefore                   Optional[int64]  // nbf, seldom sent
	JWTID                       Optional[string] // jti, 16 hex characters at the OBIE directory
	SoftwareID                  Optional[string]
	SoftwareClientID            Optional[string]
	SoftwareClientName          Optional[string]
	SoftwareClientDescription   Optional[string]
	SoftwareVersion             Optional[SoftwareVersion]
	SoftwareClientURI           Optional[string]
	SoftwareRedirectURIs        Optional[[]string]
	SoftwareRoles               Optional[Roles]
	SoftwareJWKSEndpoint        Optional[string]
	SoftwareJWKSRevokedEndpoint Optional[string]
	SoftwareMode                Optional[string] // Live or Test
	SoftwareEnvironment         Optional[string]
	SoftwareLogoURI             Optional[string] // never fetched
	SoftwarePolicyURI           Optional[string] // never fetched
	SoftwareToSURI              Optional[string] // never fetched
	SoftwareOnBehalfOfOrg       Optional[string]
	OrgID                       Optional[string]
	OrgName                     Optional[string]
	OrgStatus                   Optional[string]          // Active, Revoked or Withdrawn
	OrgContacts                 Optional[json.RawMessage] // personal data: keep out of logs
	OrgJWKSEndpoint             Optional[string]
	OrgJWKSRevokedEndpoint      Optional[string]
	CompetentAuthority          Optional[Authority] // organisation_competent_authority_claims
	OBRegistryToS               Optional[string]
	Unknown                     []Member // everything else, in the order sent
}
