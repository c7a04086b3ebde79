package validate

import (
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonform"
)

// The values that the members of a policy may have under some profile.
var (
	signingAlgorithms = []claims.Algorithm{claims.PS256, claims.ES256, claims.RS256}
	grantTypes        = []claims.GrantType{claims.ClientCredentials, claims.AuthorizationCode, claims.RefreshToken, claims.CIBA, claims.JWTBearer}
	applicationTypes  = []claims.ApplicationType{claims.Web, claims.Mobile, claims.Native}
	standardScopes    = []string{"openid", "accounts", "payments", "fundsconfirmations"}

	// adjustableMembers are members with lists: the bank leaves unsupported values out. In
	// place of an unsupported single value it would have to choose another one.
	adjustableMembers = []string{"grant_types", "response_types", "scope"}
	widenings         = []Widening{WidenRS256, WidenClientSecretJWT, WidenClientSecretBasic, WidenClientSecretPost}
)

const (
	maxSkew     = time.Hour                 // a clock that differs by more is broken
	maxDuration = 10 * 365 * 24 * time.Hour // so that sums of times cannot overflow
)

// policyTable has one row for each field of Policy. It is the one source for ParsePolicy,
// MarshalJSON, the copy and the checks that New makes, PolicySchema and docs/policy.md.
var policyTable = jsonform.Table[Policy]{
	{
		Name:  "audiences",
		Other: []string{"aud"},
		Field: jsonform.At(func(p *Policy) *[]string { return &p.Audiences }, jsonform.Texts[string]{}),
		Doc: "The values of `aud` that the bank accepts: its identifiers, of the shapes that `audience_kinds` names. " +
			"Where there is none, only the shape of `aud` is judged. That suits `obdcr lint`; a registrar demands at least one.",
		Example: `["0015800001HQQrZAAX"]`,
		Check:   checkPolicyAudiences,
	},
	{
		Name: "audience_kinds",
		Field: jsonform.At(func(p *Policy) *[]AudienceKind { return &p.AudienceKinds },
			jsonform.Texts[AudienceKind]{Known: []AudienceKind{AudienceID, AudienceURL, AudienceList}, Filled: true, Once: true}),
		Doc: "The shapes that `aud` may have. `id` is one identifier of 1 to 18 letters and digits, `url` is one https URL, " +
			"`list` is an array whose entries have one of the other shapes that are named here.",
		Example: `["id", "url"]`,
		Check:   checkPolicyAudienceKinds,
	},
	{
		Name:  "signing_algorithms",
		Other: []string{"AllowedInboundSignatureAlgorithms"},
		Field: jsonform.At(func(p *Policy) *[]claims.Algorithm { return &p.SigningAlgorithms },
			jsonform.Texts[claims.Algorithm]{Known: signingAlgorithms, Filled: true, Once: true}),
		Doc:     "The algorithms that may sign requests and software statements. `RS256` must also be named in `widenings`.",
		Example: `["PS256"]`,
		Check: func(f *jsonform.Faults, p *Policy) {
			checkWidened(f, p, "signing_algorithms", p.SigningAlgorithms)
		},
	},
	{
		Name:  "auth_methods",
		Other: []string{"token_endpoint_auth_method", "token_endpoint_auth_methods", "token_endpoint_auth_methods_supported"},
		Field: jsonform.At(func(p *Policy) *[]claims.AuthMethod { return &p.AuthMethods },
			jsonform.Texts[claims.AuthMethod]{Known: claims.AuthMethods(), Filled: true, Once: true}),
		Doc: "The values of `token_endpoint_auth_method` that a request may ask for. The three `client_secret_` methods must also " +
			"be named in `widenings`.",
		Example: `["tls_client_auth"]`,
		Check:   func(f *jsonform.Faults, p *Policy) { checkWidened(f, p, "auth_methods", p.AuthMethods) },
	},
	{
		Name:  "grant_types",
		Other: []string{"grant_types_supported"},
		Field: jsonform.At(func(p *Policy) *[]claims.GrantType { return &p.GrantTypes },
			jsonform.Texts[claims.GrantType]{Known: grantTypes, Filled: true, Once: true}),
		Doc: "The values of `grant_types` that a request may ask for, among those that the profile knows: CIBA from version 3.3 on, " +
			"jwt-bearer in 3.4.",
		Example: `["client_credentials", "authorization_code"]`,
	},
	{
		Name:  "response_types",
		Other: []string{"response_types_supported"},
		Field: jsonform.At(func(p *Policy) *[]claims.ResponseType { return &p.ResponseTypes },
			jsonform.Texts[claims.ResponseType]{Known: []claims.ResponseType{claims.Code, claims.CodeIDToken}, Filled: true, Once: true}),
		Doc:     "The values of `response_types` that a request may ask for.",
		Example: `["code id_token"]`,
	},
	{
		Name:  "scopes",
		Other: []string{"scope", "scopes_supported"},
		Field: jsonform.At(func(p *Policy) *[]string { return &p.Scopes }, jsonform.Texts[string]{Once: true}),
		Doc: "The words of `scope` that a request may ask for. `openid` is one of them, and each other one is allowed by a role of " +
			"`role_scopes`. Where a file gives `scopes` and leaves `default_scopes` out, those of the default that remain are assigned.",
		Example: `["openid", "accounts"]`,
		Check:   checkPolicyScopes,
	},
	{
		Name: "role_scopes",
		Field: jsonform.At(func(p *Policy) *map[claims.Role][]string { return &p.RoleScopes },
			jsonform.Map[claims.Role, []string]{Of: jsonform.Texts[string]{}}),
		Doc: "The scopes that each software role allows. A role that is not named allows none. `CD_AISP` and the other roles of the " +
			"Crown Dependencies allow, unless they are named, what they do without `CD_`. No other role than `AISP`, `PISP`, `CBPII` and " +
			"`ASPSP`, with or without `CD_`, can be named.",
		Example: `{"AISP": ["accounts"], "PISP": ["payments", "accounts"], "CBPII": ["fundsconfirmations"], "ASPSP": []}`,
		Check:   checkPolicyRoleScopes,
	},
	{
		Name: "application_types",
		Field: jsonform.At(func(p *Policy) *[]claims.ApplicationType { return &p.ApplicationTypes },
			jsonform.Texts[claims.ApplicationType]{Known: applicationTypes, Filled: true, Once: true}),
		Doc: "The values of `application_type` that a request may ask for, among those that the profile knows: `native` in version 3.4, " +
			"`mobile` in 3.2 and 3.3, `web` alone in wso2.",
		Example: `["web"]`,
	},
	{
		Name:  "member_algorithms",
		Other: slices.Concat(idTokenNames, requestObjectNames, tokenEndpointAuthNames, backchannelNames),
		Field: jsonform.At(func(p *Policy) *MemberAlgorithms { return &p.MemberAlgorithms },
			jsonform.Object[MemberAlgorithms]{Table: memberAlgorithmTable}),
		Doc: "The algorithms that a request may ask for in the members that name one. `RS256` must also be named in `widenings`. " +
			"What a file leaves out of this object is as in the default.",
		Example: `{"id_token": ["PS256"]}`,
		Check:   checkPolicyMemberAlgorithms,
	},
	{
		Name: "required_members",
		Field: jsonform.At(func(p *Policy) *[]string { return &p.RequiredMembers },
			jsonform.Texts[string]{Known: claims.RequestMembers(), Once: true}),
		Doc:     "The members that a request must have though the profile does not require them.",
		Example: `["software_id"]`,
	},
	{
		Name: "allowed_values",
		Field: jsonform.At(func(p *Policy) *map[string][]string { return &p.AllowedValues },
			jsonform.Map[string, []string]{Of: jsonform.Texts[string]{Filled: true}}),
		Doc: "Narrows members of the request, by their names, to lists of values. Each entry of an array and each word of `scope` " +
			"must be in the list. `iat`, `exp` and `nbf` cannot be narrowed.",
		Example: `{"response_types": ["code id_token"]}`,
		Check:   checkPolicyAllowedValues,
	},
	{
		Name: "adjustable",
		Field: jsonform.At(func(p *Policy) *[]string { return &p.Adjustable },
			jsonform.Texts[string]{Known: adjustableMembers, Once: true}),
		Doc: "The members whose unsupported values are left out instead of refused; the response says what has changed. A member " +
			"of which nothing would be left is refused, and so is a scope that no role of the software allows.",
		Example: `["scope"]`,
	},
	{
		Name:  "default_scopes",
		Field: jsonform.At(func(p *Policy) *[]string { return &p.DefaultScopes }, jsonform.Texts[string]{Once: true}),
		Doc: "The words of `scope` that a request gets which names no scope, as far as the roles of its software allow them. `openid` " +
			"is one of them, and each is in `scopes`.",
		Example: `["openid"]`,
		Check: func(f *jsonform.Faults, p *Policy) {
			checkScopeList(f, "default_scopes", p.DefaultScopes, p.Scopes, "is not in scopes")
		},
	},
	{
		Name:  "claim_names",
		Field: jsonform.At(func(p *Policy) *map[string]string { return &p.ClaimNames }, jsonform.Map[string, string]{Of: jsonform.Text[string]{}}),
		Doc: "The names that the bank's directories give to claims of a statement, where they are not those of the OBIE directory: from " +
			"its name to theirs. `iss`, `iat`, `exp`, `nbf` and `jti` keep their names. Under a name of its own `software_roles` may also be an " +
			"array of objects, each with a `role` and perhaps a `status`; a role that is not `Active` is not held.",
		Example: `{"software_jwks_endpoint": "software_jwks_uri", "software_roles": "software_statement_roles"}`,
		Check:   checkClaimNames,
	},
	{
		Name:  "id_shapes",
		Field: jsonform.At(func(p *Policy) *[]IDShape { return &p.IDShapes }, jsonform.Texts[IDShape]{Known: idShapes, Filled: true, Once: true}),
		Doc: "The shapes of the identifiers that the bank's directories give out: `software_id`, `software_client_id` and `org_id` of a " +
			"statement, `iss` and `software_id` of a request. `obie` is a software of 1 to 22 letters and digits, of an organisation " +
			"of 1 to 35 letters, digits and hyphens. `uuid` is a UUID with hyphens. `url_safe` is 1 to 64 letters, digits, hyphens and underscores.",
		Example: `["obie", "uuid"]`,
	},
	{
		Name: "software_id_from",
		Field: jsonform.At(func(p *Policy) *SoftwareIDSource { return &p.SoftwareIDFrom },
			jsonform.Text[SoftwareIDSource]{Known: []SoftwareIDSource{SoftwareIDFromSSA, SoftwareIDFromHint}}),
		Doc: "Whose `software_id` counts. With `ssa` it is the statement's, and a request's must be equal to it. With `request_hint` " +
			"it is the request's where the statement has none.",
		Example: `"request_hint"`,
	},
	{
		Name: "issuer_kinds",
		Field: jsonform.At(func(p *Policy) *[]IssuerKind { return &p.IssuerKinds },
			jsonform.Texts[IssuerKind]{Known: []IssuerKind{IssuerSoftwareID, IssuerOrgID}, Filled: true, Once: true}),
		Doc:     "The claims of the software statement that `iss` of a request may be equal to.",
		Example: `["software_id", "org_id"]`,
	},
	{
		Name: "subject_dn_match",
		Field: jsonform.At(func(p *Policy) *SubjectDNMatch { return &p.SubjectDNMatch },
			jsonform.Text[SubjectDNMatch]{Known: []SubjectDNMatch{DNMatchExact, DNMatchReversed, DNMatchAnyOrder, DNMatchImmutable}}),
		Doc: "How `tls_client_auth_subject_dn` is compared with the subject of the certificate. Case does not count, beyond ASCII either. `exact` " +
			"compares part by part in their order. `reversed` also takes the whole name the other way round. `any_order` takes the same parts in any order. " +
			"`immutable` also takes a name that leaves parts out, but never those that bind the certificate to its owner: CN and OU of an " +
			"OB Transport certificate, CN of an OBWAC, organizationIdentifier of a QWAC. Any other certificate is compared as with `any_order`.",
		Example: `"reversed"`,
	},
	{
		Name:  "subject_dn_from_key_set",
		Field: jsonform.At(func(p *Policy) *bool { return &p.SubjectDNFromKeySet }, jsonform.Bool{}),
		Doc: "An update may change `tls_client_auth_subject_dn` to the subject of another transport certificate of the software, so that a client can move to " +
			"a certificate with another subject. That certificate stands in `x5c` of the software's key set, is valid now, is for TLS clients, " +
			"leads to one of the bank's CAs and is not revoked. With `false` the name is always that of the certificate that the client connects with.",
		Example: `false`,
	},
	{
		Name: "registrations",
		Field: jsonform.At(func(p *Policy) *Registrations { return &p.Registrations },
			jsonform.Text[Registrations]{Known: []Registrations{RegistrationsMany, RegistrationsOnePerSoftware, RegistrationsOnePerClientName}}),
		Doc: "How many clients may be registered: any number for each software, one for each `software_id`, or one for each " +
			"`software_client_name`. Each directory and each environment is counted apart.",
		Example: `"one_per_software"`,
	},
	{
		Name: "attributes",
		Field: jsonform.At(func(p *Policy) *[]claims.AttributeDeclaration { return &p.Attributes },
			jsonform.Objects[claims.AttributeDeclaration]{Table: attributeTable}),
		Doc: "The attributes that an application gets from the software statement. The environment is added to each name: " +
			"`software_id` becomes `software_id_sandbox` or `software_id_production`. An empty list stands for none.",
		Example: `[{"name": "software_id", "claim": "software_id", "required": true}]`,
		Check:   checkPolicyAttributes,
	},
	{
		Name:    "UseSoftwareIdAsApplicationName",
		Field:   jsonform.At(func(p *Policy) *bool { return &p.UseSoftwareIDAsApplicationName }, jsonform.Bool{}),
		Doc:     "Applications are named by `software_id` instead of `software_client_name`.",
		Example: `true`,
	},
	{
		Name:    "clock_skew_seconds",
		Other:   []string{"leeway"},
		Field:   jsonform.At(func(p *Policy) *time.Duration { return &p.ClockSkew }, jsonform.Seconds{Low: 0, High: maxSkew}),
		Doc:     "The difference between two clocks, in seconds, that is forgiven in either direction.",
		Example: `30`,
	},
	{
		Name:    "max_lifetime_seconds",
		Field:   jsonform.At(func(p *Policy) *time.Duration { return &p.MaxLifetime }, jsonform.Seconds{Low: time.Second, High: maxDuration}),
		Doc:     "The greatest lifetime of a request, `exp` minus `iat`, in seconds.",
		Example: `300`,
	},
	{
		Name:    "ssa_max_age_seconds",
		Field:   jsonform.At(func(p *Policy) *time.Duration { return &p.SSAMaxAge }, jsonform.Seconds{Low: time.Second, High: maxDuration}),
		Doc:     "The greatest age of a software statement that has no `exp`, in seconds.",
		Example: `172800`,
	},
	{
		Name:    "ssa_max_age_with_exp_seconds",
		Field:   jsonform.At(func(p *Policy) *time.Duration { return &p.SSAMaxAgeWithExp }, jsonform.Seconds{Low: time.Second, High: maxDuration}),
		Doc:     "The greatest age of a software statement that has an `exp`, in seconds. It is refused earlier if its `exp` has passed.",
		Example: `604800`,
	},
	{
		Name:  "recheck_statement_max_age_seconds",
		Other: []string{"recheck_statement_max_age"},
		Field: jsonform.At(func(p *Policy) *time.Duration { return &p.RecheckStatementMaxAge }, jsonform.Seconds{Low: 0, High: maxDuration}),
		Doc: "The greatest age of the software statement of a registered client, in seconds, when the bank rechecks its clients. " +
			"0 sets none. It says nothing about the statements in requests, whose age `ssa_max_age_seconds` limits.",
		Example: `31536000`,
	},
	{
		Name:  "older_statement_in_update",
		Field: jsonform.At(func(p *Policy) *bool { return &p.OlderStatementInUpdate }, jsonform.Bool{}),
		Doc: "An update may replace the client's software statement by an older one, by their `iat`. The client may get back roles and " +
			"redirect URIs that the directory has withdrawn since.",
		Example: `true`,
	},
	{
		Name:    "max_redirect_uris",
		Field:   jsonform.At(func(p *Policy) *int { return &p.MaxRedirectURIs }, jsonform.Int{Low: 1, High: 1000}),
		Doc:     "The greatest number of `redirect_uris`.",
		Example: `10`,
	},
	{
		Name:    "scope_as_array",
		Field:   jsonform.At(func(p *Policy) *bool { return &p.ScopeAsArray }, jsonform.Bool{}),
		Doc:     "A request may write `scope` as an array of words.",
		Example: `true`,
	},
	{
		Name:    "scope_array_only",
		Field:   jsonform.At(func(p *Policy) *bool { return &p.ScopeArrayOnly }, jsonform.Bool{}),
		Doc:     "A request must write `scope` as an array of words: a string is refused. `scope_as_array` need not be given beside it.",
		Example: `true`,
	},
	{
		Name:    "roles_as_string",
		Field:   jsonform.At(func(p *Policy) *bool { return &p.RolesAsString }, jsonform.Bool{}),
		Doc:     "A software statement may write `software_roles` as one string with blanks between the roles.",
		Example: `true`,
	},
	{
		Name:  "served_roles",
		Other: []string{"software_roles", "roles"},
		Field: jsonform.At(func(p *Policy) *[]claims.Role { return &p.ServedRoles }, jsonform.Texts[claims.Role]{Filled: true}),
		Doc: "The software roles that the bank serves; each has an entry in `role_scopes`. A software statement that has none of them " +
			"is unapproved.",
		Example: `["AISP", "PISP"]`,
		Check:   checkPolicyServedRoles,
	},
	{
		Name:    "denied_statements",
		Field:   jsonform.At(func(p *Policy) *[]string { return &p.DeniedStatements }, jsonform.Texts[string]{Once: true}),
		Doc:     "The `jti` of software statements that are unapproved, whatever else they say. Upper and lower case are the same.",
		Example: `["3d1b3595efac4e36"]`,
		Check:   func(f *jsonform.Faults, p *Policy) { checkDenied(f, "denied_statements", p.DeniedStatements) },
	},
	{
		Name:    "denied_software",
		Field:   jsonform.At(func(p *Policy) *[]string { return &p.DeniedSoftware }, jsonform.Texts[string]{Once: true}),
		Doc:     "The `software_id` of software that is unapproved.",
		Example: `["9b5usDpbNtmxDcTzs7GzKp"]`,
		Check:   func(f *jsonform.Faults, p *Policy) { checkDenied(f, "denied_software", p.DeniedSoftware) },
	},
	{
		Name:    "denied_organisations",
		Field:   jsonform.At(func(p *Policy) *[]string { return &p.DeniedOrganisations }, jsonform.Texts[string]{Once: true}),
		Doc:     "The `org_id` of organisations that are unapproved.",
		Example: `["0015800001041RHAAY"]`,
		Check:   func(f *jsonform.Faults, p *Policy) { checkDenied(f, "denied_organisations", p.DeniedOrganisations) },
	},
	{
		Name:    "created_status",
		Field:   jsonform.At(func(p *Policy) *int { return &p.CreatedStatus }, jsonform.Int{Low: 200, High: 201}),
		Doc:     "The HTTP status of a successful registration.",
		Example: `200`,
	},
	{
		Name:    "response_scope_as_array",
		Field:   jsonform.At(func(p *Policy) *bool { return &p.ResponseScopeAsArray }, jsonform.Bool{}),
		Doc:     "Responses write `scope` as an array of words.",
		Example: `true`,
	},
	{
		Name: "error_detail",
		Field: jsonform.At(func(p *Policy) *ErrorDetail { return &p.ErrorDetail },
			jsonform.Text[ErrorDetail]{Known: []ErrorDetail{DetailFirst, DetailAll}}),
		Doc: "How much `error_description` tells: `first` tells the violation that decides the error code, `all` tells as many as fit " +
			"into 500 characters, with what was found and what would be right where there is room.",
		Example: `"all"`,
	},
	{
		Name: "foreign_token",
		Field: jsonform.At(func(p *Policy) *ForeignToken { return &p.ForeignToken },
			jsonform.Text[ForeignToken]{Known: []ForeignToken{ForeignTokenUnauthorized, ForeignTokenForbidden}}),
		Doc: "The answer to a token of one client at the address of another. `unauthorized` answers 401 as for a client that does not " +
			"exist, so that nobody learns which do. `forbidden` answers 403 where the client exists.",
		Example: `"forbidden"`,
	},
	{
		Name: "pending_changes",
		Field: jsonform.At(func(p *Policy) *[]PendingChange { return &p.PendingChanges },
			jsonform.Texts[PendingChange]{Known: []PendingChange{PendingCreate, PendingDelete}, Once: true}),
		Doc: "The changes that wait for the decision of a person at the bank. `create`: a registration is answered with 202, `client_id` " +
			"and `\"status\": \"pending\"`, and the client exists once it is approved. `delete`: a deletion is answered with 202, and the " +
			"client goes on as it is until the deletion is approved.",
		Example: `["create"]`,
	},
	{
		Name:  "pending_days",
		Field: jsonform.At(func(p *Policy) *int { return &p.PendingDays }, jsonform.Int{Low: 1, High: 365}),
		Doc: "After how many days a change of `pending_changes` that nobody has decided on counts as refused: the registration is " +
			"forgotten, the client that was to be deleted stays.",
		Example: `7`,
	},
	{
		Name:  "management_scope",
		Field: jsonform.At(func(p *Policy) *string { return &p.ManagementScope }, jsonform.Text[string]{}),
		Doc: "The words, with a blank between them, that the scope of an access token must have where a client is read, changed or deleted. " +
			"Without them the answer is 403 with `insufficient_scope`, which names them. An empty string demands none.",
		Example: `"registration"`,
		Check:   checkPolicyManagementScope,
	},
	{
		Name:  "management_audience",
		Field: jsonform.At(func(p *Policy) *string { return &p.ManagementAudience }, jsonform.Text[string]{}),
		Doc: "What `aud` of an access token must have where a client is read, changed or deleted: the name of the registration endpoint at the " +
			"authorization server. Without it the answer is 401. An empty string demands none.",
		Example: `"https://bank.example/register"`,
		Check:   checkPolicyManagementAudience,
	},
	{
		Name: "widenings",
		Field: jsonform.At(func(p *Policy) *[]Widening { return &p.Widenings },
			jsonform.Texts[Widening]{Known: widenings, Once: true}),
		Doc: "The ways in which the policy is knowingly wider than the FAPI rules of the profile. One that the policy takes and does not " +
			"name here is refused.",
		Example: `["RS256"]`,
	},
}
