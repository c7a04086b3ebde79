package validate

import (
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// Policy is what a bank decides where the specification leaves it a choice.
// Start from [DefaultPolicy], or read one with [ParsePolicy]. [New] refuses the zero
// value, since an empty list never means "anything goes". Each comment ends with the
// JSON name of its member in parentheses; docs/policy.md has an example of each.
type Policy struct {
	// Audiences are the accepted values of aud: the bank's identifiers. Where
	// there is none, only the shape of aud is judged. That suits a lint; a
	// Registrar demands at least one. (audiences)
	Audiences []string
	// AudienceKinds are the shapes that aud may have. (audience_kinds)
	AudienceKinds []AudienceKind
	// SigningAlgorithms may sign requests and software statements.
	// (signing_algorithms)
	SigningAlgorithms []claims.Algorithm
	// AuthMethods may be asked for as token_endpoint_auth_method. (auth_methods)
	AuthMethods []claims.AuthMethod
	// GrantTypes may be asked for. (grant_types)
	GrantTypes []claims.GrantType
	// ResponseTypes may be asked for. (response_types)
	ResponseTypes []claims.ResponseType
	// Scopes may be asked for. (scopes)
	Scopes []string
	// RoleScopes are the scopes that each software role allows. A role that is
	// not a key allows nothing. See [Policy.ScopesOf]. (role_scopes)
	RoleScopes map[claims.Role][]string
	// ApplicationTypes may be asked for. (application_types)
	ApplicationTypes []claims.ApplicationType
	// MemberAlgorithms may be asked for in the members that name an algorithm.
	// (member_algorithms)
	MemberAlgorithms MemberAlgorithms
	// RequiredMembers must be present though the profile does not require
	// them. (required_members)
	RequiredMembers []string
	// AllowedValues narrows members of the request, by their names there, to lists
	// of values. Each entry of an array and each word of scope must be in the list.
	// (allowed_values)
	AllowedValues map[string][]string
	// Adjustable are the members whose unsupported values are left out instead of
	// refused: grant_types, response_types and scope, no other. The response says
	// what has changed. A member of which nothing would be left is refused, and so is
	// a scope that no role of the software allows. (adjustable)
	Adjustable []string
	// DefaultScopes are assigned to a request that names no scope, as far as
	// its roles allow them. (default_scopes)
	DefaultScopes []string
	// ClaimNames maps claims of a software statement, by their names in package claims, to
	// the names that the bank's directories use instead. The trust anchors need the same
	// mapping. Empty for the OBIE directory. (claim_names)
	ClaimNames map[string]string
	// IDShapes are the shapes of the identifiers of the directories that the bank trusts.
	// (id_shapes)
	IDShapes []IDShape
	// SoftwareIDFrom is the source of the software_id that counts. (software_id_from)
	SoftwareIDFrom SoftwareIDSource
	// IssuerKinds are what iss of a request may be equal to. (issuer_kinds)
	IssuerKinds []IssuerKind
	// SubjectDNMatch is how tls_client_auth_subject_dn is compared with the
	// certificate's subject. (subject_dn_match)
	SubjectDNMatch SubjectDNMatch
	// SubjectDNFromKeySet lets an update name the subject of another transport certificate
	// that the software publishes (x5c) as tls_client_auth_subject_dn, so that the client can
	// move to it. (subject_dn_from_key_set)
	SubjectDNFromKeySet bool
	// Registrations limits how many clients one software may have. (registrations)
	Registrations Registrations
	// Attributes are the application attributes that are taken from the
	// software statement. (attributes)
	Attributes []claims.AttributeDeclaration
	// UseSoftwareIDAsApplicationName names applications by software_id instead
	// of software_client_name. (UseSoftwareIdAsApplicationName)
	UseSoftwareIDAsApplicationName bool
	// ClockSkew is the difference of clocks that is forgiven, both ways.
	// (clock_skew_seconds)
	ClockSkew time.Duration
	// MaxLifetime is the greatest exp - iat of a request. (max_lifetime_seconds)
	MaxLifetime time.Duration
	// SSAMaxAge is the greatest age of a software statement that has no exp.
	// (ssa_max_age_seconds)
	SSAMaxAge time.Duration
	// SSAMaxAgeWithExp is the greatest age of a software statement that has an exp.
	// (ssa_max_age_with_exp_seconds)
	SSAMaxAgeWithExp time.Duration
	// RecheckStatementMaxAge is the greatest age of a registered client's statement when the
	// client is rechecked; 0 sets none. It says nothing about requests.
	// (recheck_statement_max_age_seconds)
	RecheckStatementMaxAge time.Duration
	// OlderStatementInUpdate lets an update replace the client's software statement by an
	// older one. (older_statement_in_update)
	OlderStatementInUpdate bool
	// MaxRedirectURIs is the greatest number of redirect_uris.
	// (max_redirect_uris)
	MaxRedirectURIs int
	// ScopeAsArray admits scope as an array of words. (scope_as_array)
	ScopeAsArray bool
	// ScopeArrayOnly admits scope as an array of words alone, whatever ScopeAsArray says.
	// (scope_array_only)
	ScopeArrayOnly bool
	// RolesAsString admits software_roles as a space-separated string.
	// (roles_as_string)
	RolesAsString bool
	// ServedRoles are the software roles that this bank serves. A statement with
	// none of them is unapproved. See [Policy.Serves]. (served_roles)
	ServedRoles []claims.Role
	// DeniedStatements are the jti of software statements that are unapproved,
	// whatever else they say. Their case does not count, as in a replay.
	// (denied_statements)
	DeniedStatements []string
	// DeniedSoftware are the software_id of software that is unapproved.
	// (denied_software)
	DeniedSoftware []string
	// DeniedOrganisations are the org_id of organisations that are unapproved.
	// (denied_organisations)
	DeniedOrganisations []string
	// CreatedStatus is the HTTP status of a successful registration, 201 or
	// 200. (created_status)
	CreatedStatus int
	// ResponseScopeAsArray writes scope as an array in responses.
	// (response_scope_as_array)
	ResponseScopeAsArray bool
	// ErrorDetail is how much error_description tells. (error_detail)
	ErrorDetail ErrorDetail
	// ForeignToken is how a token of one client is answered at the address of
	// another. (foreign_token)
	ForeignToken ForeignToken
	// PendingChanges are the changes that wait for the decision of a person at the bank.
	// (pending_changes)
	PendingChanges []PendingChange
	// PendingDays is after how many days a change that nobody has decided on counts as
	// refused. (pending_days)
	PendingDays int
	// ManagementScope has the words, with a blank between them, that the scope of an access
	// token must have at the address of a client. Without them the answer is 403. Empty
	// demands none. (management_scope)
	ManagementScope string
	// ManagementAudience must be in aud of an access token at the address of a client.
	// Without it the answer is 401. Empty demands none. (management_audience)
	ManagementAudience string
	// Widenings names each way in which this policy is knowingly wider than the
	// FAPI rules of the profile. [New] refuses a policy that uses one without its
	// name. (widenings)
	Widenings []Widening
}

// MemberAlgorithms holds, for each member of a request that names a JWS
// algorithm, the values that may be asked for.
type MemberAlgorithms struct {
	IDToken           []claims.Algorithm // id_token_signed_response_alg (id_token)
	RequestObject     []claims.Algorithm // request_object_signing_alg (request_object)
	TokenEndpointAuth []claims.Algorithm // token_endpoint_auth_signing_alg (token_endpoint_auth)
	Backchannel       []claims.Algorithm // backchannel_authentication_request_signing_alg (backchannel)
}

// AudienceKind is a shape of aud.
type AudienceKind string

// The shapes: one identifier (base62, 1..18 characters), one https URL, or an
// array whose entries have one of the other admitted shapes.
const (
	AudienceID   AudienceKind = "id"
	AudienceURL  AudienceKind = "url"
	AudienceList AudienceKind = "list"
)

// IssuerKind is a claim of the software statement that iss may be equal to.
type IssuerKind string

// The kinds.
const (
	IssuerSoftwareID IssuerKind = "software_id"
	IssuerOrgID      IssuerKind = "org_id"
)

// SoftwareIDSource is the source of the software_id that counts.
type SoftwareIDSource string

// With SoftwareIDFromSSA the statement's software_id counts, and a request's must be
// equal to it. With SoftwareIDFromHint a request's counts where the statement has none.
const (
	SoftwareIDFromSSA  SoftwareIDSource = "ssa"
	SoftwareIDFromHint SoftwareIDSource = "request_hint"
)

// SubjectDNMatch is a way of comparing subject DNs.
type SubjectDNMatch string

// Each way of comparing accepts all names of the ones before it:
//
//   - DNMatchExact compares RDN by RDN, in their order.
//   - DNMatchReversed also accepts the whole name in reverse order, C first.
//   - DNMatchAnyOrder demands every RDN of the certificate and no other, in any order.
//     Go's pkix.Name writes attributes that it does not know at the end.
//   - DNMatchImmutable also accepts a name that leaves RDNs out, because some clients drop
//     attributes that they do not know. It must have the RDNs that bind a certificate of
//     its profile to its owner: CN and OU of an OB Transport certificate, CN of an OBWAC,
//     organizationIdentifier of a QWAC. A certificate of another kind has no such RDNs,
//     and is matched as by DNMatchAnyOrder.
const (
	DNMatchExact     SubjectDNMatch = "exact"
	DNMatchReversed  SubjectDNMatch = "reversed"
	DNMatchAnyOrder  SubjectDNMatch = "any_order"
	DNMatchImmutable SubjectDNMatch = "immutable"
)

// Registrations limits how many clients one software may have.
type Registrations string

// The choices.
const (
	RegistrationsMany             Registrations = "many"
	RegistrationsOnePerSoftware   Registrations = "one_per_software"
	RegistrationsOnePerClientName Registrations = "one_per_client_name"
)

// ErrorDetail is how much error_description tells.
type ErrorDetail string

// DetailFirst tells the violation that decides the code; DetailAll tells as many as fit
// into 500 characters, and what they got and want where there is room.
const (
	DetailFirst ErrorDetail = "first"
	DetailAll   ErrorDetail = "all"
)

// PendingChange is a change that waits for the decision of a person at the bank: it is
// answered with 202 and takes effect later.
type PendingChange string

// A registration that waits is unknown to everybody but the bank. A client whose deletion
// waits goes on as it is.
const (
	PendingCreate PendingChange = "create"
	PendingDelete PendingChange = "delete"
)

// ForeignToken is how a token of one client is answered at another's address.
type ForeignToken string

// ForeignTokenUnauthorized answers 401, the same as for a client that does not exist, so
// that a sender cannot learn which clients exist. ForeignTokenForbidden answers 403 if the
// client exists.
const (
	ForeignTokenUnauthorized ForeignToken = "unauthorized"
	ForeignTokenForbidden    ForeignToken = "forbidden"
)

// Widening names one way of being wider than FAPI allows.
type Widening string

// The widenings that can be named; nothing wider is possible.
const (
	WidenRS256             Widening = "RS256"
	WidenClientSecretJWT   Widening = "client_secret_jwt"
	WidenClientSecretBasic Widening = "client_secret_basic"
	WidenClientSecretPost  Widening = "client_secret_post"
)

// ScopesOf returns the scopes that role allows: its entry of RoleScopes, or for
// a role CD_x without an entry that of x. Nil for an unknown role.
func (p *Policy) ScopesOf(role claims.Role) []string {
	if s, ok := p.RoleScopes[role]; ok {
		return s
	}
	return p.RoleScopes[role.Plain()]
}

// Serves reports whether role, or for CD_x the role x, is one of ServedRoles.
func (p *Policy) Serves(role claims.Role) bool {
	return slices.Contains(p.ServedRoles, role) || slices.Contains(p.ServedRoles, role.Plain())
}

// CanAdjust reports whether unsupported values of member are changed instead of
// refused.
func (p *Policy) CanAdjust(member string) bool { return slices.Contains(p.Adjustable, member) }

// DefaultPolicy returns the strict policy of a profile: FAPI's algorithms and
// authentication methods, everything else that the profile knows, no audience.
// Each call returns fresh values. An unknown profile gives the zero Policy,
// which New refuses.
func DefaultPolicy(p Profile) Policy {
	if !p.Valid() {
		return Policy{}
	}
	fapi := func() []claims.Algorithm { return []claims.Algorithm{claims.PS256, claims.ES256} }
	pol := Policy{
		AudienceKinds:     []AudienceKind{AudienceID},
		SigningAlgorithms: fapi(),
		AuthMethods:       []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth},
		GrantTypes:        profileGrants(p),
		ResponseTypes:     []claims.ResponseType{claims.Code, claims.CodeIDToken},
		Scopes:            slices.Clone(standardScopes),
		RoleScopes: map[claims.Role][]string{
			claims.AISP: {"accounts"}, claims.PISP: {"payments"},
			claims.CBPII: {"fundsconfirmations"}, claims.ASPSP: {},
		},
		ApplicationTypes: profileApplicationTypes(p),
		MemberAlgorithms: MemberAlgorithms{
			IDToken: fapi(), RequestObject: fapi(), TokenEndpointAuth: fapi(), Backchannel: fapi(),
		},
		DefaultScopes:       slices.Clone(standardScopes),
		IDShapes:            []IDShape{IDShapeOBIE},
		SoftwareIDFrom:      SoftwareIDFromSSA,
		IssuerKinds:         []IssuerKind{IssuerSoftwareID},
		SubjectDNMatch:      DNMatchExact,
		SubjectDNFromKeySet: true,
		Registrations:       RegistrationsMany,
		Attributes:          claims.DefaultAttributes(),
		ClockSkew:           time.Minute,
		MaxLifetime:         time.Hour,
		SSAMaxAge:           24 * time.Hour,
		SSAMaxAgeWithExp:    30 * 24 * time.Hour,
		MaxRedirectURIs:     50,
		ServedRoles:         []claims.Role{claims.AISP, claims.PISP, claims.CBPII, claims.ASPSP},
		CreatedStatus:       201,
		ErrorDetail:         DetailFirst,
		ForeignToken:        ForeignTokenUnauthorized,
		PendingDays:         30,
	}
	if p == WSO2 {
		pol.RequiredMembers = []string{"redirect_uris"}
		pol.AudienceKinds = []AudienceKind{AudienceID, AudienceURL} // the vendor's sample has a URL
	}
	return pol
}

// profileGrants are the grant types that a profile knows.
func profileGrants(p Profile) []claims.GrantType {
	g := []claims.GrantType{claims.ClientCredentials, claims.AuthorizationCode, claims.RefreshToken}
	switch p {
	case OBIE33:
		g = append(g, claims.CIBA)
	case OBIE34:
		g = append(g, claims.CIBA, claims.JWTBearer)
	}
	return g
}

// profileApplicationTypes are the application types that a profile knows.
func profileApplicationTypes(p Profile) []claims.ApplicationType {
	switch p {
	case OBIE34:
		return []claims.ApplicationType{claims.Web, claims.Native}
	case WSO2:
		return []claims.ApplicationType{claims.Web}
	}
	return []claims.ApplicationType{claims.Web, claims.Mobile}
}
