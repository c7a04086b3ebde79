// Package rule names the rules: one constant for each row of the table of package
// validate. The packages that report a rule use these and never spell an ID out;
// package validate exports them under the same names with Rule in front.
//
// A name is made of its ID: iss.required is IssRequired, redirect_uris.ip is
// RedirectURIsIP. An ID never changes and never comes back with another meaning.
package rule

// Rules about the header of the request.
const (
	HeaderAlgRequired   = "header.alg.required"
	HeaderAlg           = "header.alg"
	HeaderKIDRequired   = "header.kid.required"
	HeaderKIDFormat     = "header.kid.format"
	HeaderTyp           = "header.typ"
	HeaderTypSpelling   = "header.typ.spelling"
	HeaderCrit          = "header.crit"
	HeaderEmbeddedKey   = "header.embedded_key"
	HeaderUnknownMember = "header.unknown_member"
	HeaderMemberType    = "header.member.type"
)

// Rules about the request's member that holds the statement.
const (
	SoftwareStatementRequired = "software_statement.required"
	SoftwareStatementType     = "software_statement.type"
	SSAJWS                    = "ssa.jws"
)

// Rules about the shape of the statement's claims.
const (
	SSAMemberType                   = "ssa.member.type"
	SSASoftwareRedirectURIsType     = "ssa.software_redirect_uris.type"
	SSAIssRequired                  = "ssa.iss.required"
	SSAIatRequired                  = "ssa.iat.required"
	SSAJTIRequired                  = "ssa.jti.required"
	SSASoftwareIDRequired           = "ssa.software_id.required"
	SSASoftwareClientNameRequired   = "ssa.software_client_name.required"
	SSASoftwareRedirectURIsRequired = "ssa.software_redirect_uris.required"
	SSASoftwareRolesRequired        = "ssa.software_roles.required"
	SSASoftwareJWKSEndpointRequired = "ssa.software_jwks_endpoint.required"
	SSAOrgIDRequired                = "ssa.org_id.required"
	SSAOrgStatusRequired            = "ssa.org_status.required"
	SSASoftwareIDFormat             = "ssa.software_id.format"
	SSAOrgIDFormat                  = "ssa.org_id.format"
	SSASoftwareClientIDFormat       = "ssa.software_client_id.format"
	SSAMemberLength                 = "ssa.member.length"
	SSASoftwareClientIDDiffers      = "ssa.software_client_id.differs"
	SSASoftwareClientNameLength     = "ssa.software_client_name.length"
	SSASoftwareRolesArray           = "ssa.software_roles.array"
	SSASoftwareRolesKnown           = "ssa.software_roles.known"
	SSAAttributesRequired           = "ssa.attributes.required"
	SSAUnknownMember                = "ssa.unknown_member"
)

// Rules about addresses in the statement, its mode and its environment.
const (
	SSASoftwareModeKnown                = "ssa.software_mode.known"
	SSASoftwareEnvironmentKnown         = "ssa.software_environment.known"
	SSASoftwareJWKSEndpointHTTPS        = "ssa.software_jwks_endpoint.https"
	SSASoftwareJWKSRevokedEndpointHTTPS = "ssa.software_jwks_revoked_endpoint.https"
	SSAOrgJWKSEndpointHTTPS             = "ssa.org_jwks_endpoint.https"
	SSAOrgJWKSRevokedEndpointHTTPS      = "ssa.org_jwks_revoked_endpoint.https"
	SSASoftwareClientURIHTTPS           = "ssa.software_client_uri.https"
	SSASoftwareLogoURIHTTPS             = "ssa.software_logo_uri.https"
	SSASoftwarePolicyURIHTTPS           = "ssa.software_policy_uri.https"
	SSASoftwareToSURIHTTPS              = "ssa.software_tos_uri.https"
	SSAOBRegistryToSHTTPS               = "ssa.ob_registry_tos.https"
)

// Rules about the header of the statement.
const (
	SSAHeaderAlgRequired   = "ssa.header.alg.required"
	SSAHeaderAlg           = "ssa.header.alg"
	SSAHeaderKIDRequired   = "ssa.header.kid.required"
	SSAHeaderKIDFormat     = "ssa.header.kid.format"
	SSAHeaderTypRequired   = "ssa.header.typ.required"
	SSAHeaderTyp           = "ssa.header.typ"
	SSAHeaderTypSpelling   = "ssa.header.typ.spelling"
	SSAHeaderCrit          = "ssa.header.crit"
	SSAHeaderEmbeddedKey   = "ssa.header.embedded_key"
	SSAHeaderUnknownMember = "ssa.header.unknown_member"
	SSAHeaderMemberType    = "ssa.header.member.type"
)

// Rules about the statement's issuer, signature, age and validity.
const (
	SSAIssuerTrusted    = "ssa.issuer.trusted"
	SSAKeyFound         = "ssa.key.found"
	SSASignature        = "ssa.signature"
	SSAJWKSEndpointHost = "ssa.jwks_endpoint.host"
	SSAIatRange         = "ssa.iat.range"
	SSAIatFuture        = "ssa.iat.future"
	SSAAge              = "ssa.age"
	SSAExpRange         = "ssa.exp.range"
	SSAExpPast          = "ssa.exp.past"
	SSANbf              = "ssa.nbf"
)

// Rules about a statement that the bank denies or does not approve.
const (
	SSADeniedJTI                = "ssa.denied.jti"
	SSADeniedSoftware           = "ssa.denied.software"
	SSADeniedOrganisation       = "ssa.denied.organisation"
	SSAOrgStatusActive          = "ssa.org_status.active"
	SSACompetentAuthorityActive = "ssa.competent_authority.active"
	SSACompetentAuthorityRoles  = "ssa.competent_authority.roles"
	SSASoftwareModeLive         = "ssa.software_mode.live"
	SSASoftwareRolesServed      = "ssa.software_roles.served"
	SSAEnvironment              = "ssa.environment"
)

// Rules about the bytes of a request.
const (
	RequestSize   = "request.size"
	InputEncoding = "input.encoding"
)

// Rules about the client certificate.
const (
	CertificateValidity   = "certificate.validity"
	CertificatePurpose    = "certificate.purpose"
	CertificateChain      = "certificate.chain"
	CertificateKeyRevoked = "certificate.key.revoked"
	CertificateBinding    = "certificate.binding"
	CertificateSubject    = "certificate.subject"
)

// Rules that need keys, the registered client or earlier requests.
const (
	RequestJWS              = "request.jws"
	RequestKeyFound         = "request.key.found"
	RequestKeyRevoked       = "request.key.revoked"
	RequestSignature        = "request.signature"
	ClientIDMatches         = "client_id.matches"
	SoftwareIDUnchanged     = "software_id.unchanged"
	SSAOrgIDUnchanged       = "ssa.org_id.unchanged"
	SSAEnvironmentUnchanged = "ssa.environment.unchanged"
	SSAIssuerUnchanged      = "ssa.issuer.unchanged"
	SSARecheckAge           = "ssa.recheck.age"
	SSAIatNotOlder          = "ssa.iat.not_older"
	RequestJTIReplayed      = "request.jti.replayed"
)

// Rules about the iss and the jti of a request.
const (
	IssRequired     = "iss.required"
	IssFormat       = "iss.format"
	IssLength       = "iss.length"
	IssIsSoftwareID = "iss.is_software_id"
	JTIRequired     = "jti.required"
	JTIUUIDv4       = "jti.uuid_v4"
	JTIUUID         = "jti.uuid"
)

// Rules about the times of a request.
const (
	IatRequired = "iat.required"
	IatRange    = "iat.range"
	IatFuture   = "iat.future"
	ExpRequired = "exp.required"
	ExpRange    = "exp.range"
	ExpPast     = "exp.past"
	ExpAfterIat = "exp.after_iat"
	ExpLifetime = "exp.lifetime"
	NbfRange    = "nbf.range"
	NbfFuture   = "nbf.future"
)

// Rules about aud.
const (
	AudRequired = "aud.required"
	AudSingle   = "aud.single"
	AudFormat   = "aud.format"
	AudIsBank   = "aud.is_bank"
)

// Rules about the request's software_id.
const (
	SoftwareIDFormat     = "software_id.format"
	SoftwareIDLength     = "software_id.length"
	SoftwareIDMatchesSSA = "software_id.matches_ssa"
)

// Rules about redirect_uris as a list.
const (
	RedirectURIsRequired          = "redirect_uris.required"
	RedirectURIsDefault           = "redirect_uris.default"
	RedirectURIsNotEmpty          = "redirect_uris.not_empty"
	RedirectURIsCount             = "redirect_uris.count"
	RedirectURIsDuplicate         = "redirect_uris.duplicate"
	RedirectURIsSubsetOfSSA       = "redirect_uris.subset_of_ssa"
	SSASoftwareRedirectURIsUsable = "ssa.software_redirect_uris.usable"
	SSASoftwareRedirectURIsUnfit  = "ssa.software_redirect_uris.unfit"
)

// Rules about each single redirect URI.
const (
	RedirectURIsAbsolute    = "redirect_uris.absolute"
	RedirectURIsHTTPS       = "redirect_uris.https"
	RedirectURIsLength      = "redirect_uris.length"
	RedirectURIsCharacters  = "redirect_uris.characters"
	RedirectURIsUserinfo    = "redirect_uris.userinfo"
	RedirectURIsFragment    = "redirect_uris.fragment"
	RedirectURIsLocalhost   = "redirect_uris.localhost"
	RedirectURIsIP          = "redirect_uris.ip"
	RedirectURIsHost        = "redirect_uris.host"
	RedirectURIsPunycode    = "redirect_uris.punycode"
	RedirectURIsPort        = "redirect_uris.port"
	RedirectURIsDotSegments = "redirect_uris.dot_segments"
	RedirectURIsWildcard    = "redirect_uris.wildcard"
)

// Rules about token_endpoint_auth_method.
const (
	TokenEndpointAuthMethodRequired  = "token_endpoint_auth_method.required"
	TokenEndpointAuthMethodKnown     = "token_endpoint_auth_method.known"
	TokenEndpointAuthMethodSupported = "token_endpoint_auth_method.supported"
	TokenEndpointAuthMethodFAPI      = "token_endpoint_auth_method.fapi"
)

// Rules about the members that name an algorithm.
const (
	TokenEndpointAuthSigningAlgRequired    = "token_endpoint_auth_signing_alg.required"
	TokenEndpointAuthSigningAlgNotEnforced = "token_endpoint_auth_signing_alg.not_enforced"
	TokenEndpointAuthSigningAlgUnused      = "token_endpoint_auth_signing_alg.unused"
	IDTokenSignedResponseAlgRequired       = "id_token_signed_response_alg.required"
	RequestObjectSigningAlgRequired        = "request_object_signing_alg.required"
	TokenEndpointAuthSigningAlgAlgorithm   = "token_endpoint_auth_signing_alg.algorithm"
	TokenEndpointAuthSigningAlgSupported   = "token_endpoint_auth_signing_alg.supported"
	IDTokenSignedResponseAlgAlgorithm      = "id_token_signed_response_alg.algorithm"
	IDTokenSignedResponseAlgSupported      = "id_token_signed_response_alg.supported"
	RequestObjectSigningAlgAlgorithm       = "request_object_signing_alg.algorithm"
	RequestObjectSigningAlgSupported       = "request_object_signing_alg.supported"
)

// Rules about tls_client_auth_subject_dn.
const (
	TLSClientAuthSubjectDNRequired           = "tls_client_auth_subject_dn.required"
	TLSClientAuthSubjectDNForbidden          = "tls_client_auth_subject_dn.forbidden"
	TLSClientAuthSubjectDNFormat             = "tls_client_auth_subject_dn.format"
	TLSClientAuthSubjectDNLength             = "tls_client_auth_subject_dn.length"
	TLSClientAuthSubjectDNLength34           = "tls_client_auth_subject_dn.length_3.4"
	TLSClientAuthSubjectDNCNFirst            = "tls_client_auth_subject_dn.cn_first"
	TLSClientAuthSubjectDNMatchesCertificate = "tls_client_auth_subject_dn.matches_certificate"
)

// Rules about grant_types.
const (
	GrantTypesRequired         = "grant_types.required"
	GrantTypesNotEmpty         = "grant_types.not_empty"
	GrantTypesKnown            = "grant_types.known"
	GrantTypesCIBAVersion      = "grant_types.ciba.version"
	GrantTypesJWTBearerVersion = "grant_types.jwt_bearer.version"
	GrantTypesSupported        = "grant_types.supported"
	GrantTypesDuplicate        = "grant_types.duplicate"
)

// Rules about response_types.
const (
	ResponseTypesDefault    = "response_types.default"
	ResponseTypesNotEmpty   = "response_types.not_empty"
	ResponseTypesKnown      = "response_types.known"
	ResponseTypesSupported  = "response_types.supported"
	ResponseTypesConsistent = "response_types.consistent"
	ResponseTypesDuplicate  = "response_types.duplicate"
)

// Rules about scope.
const (
	ScopeRequired          = "scope.required"
	ScopeDefault           = "scope.default"
	ScopeString            = "scope.string"
	ScopeArray             = "scope.array"
	ScopeSyntax            = "scope.syntax"
	ScopeLength            = "scope.length"
	ScopeOpenID            = "scope.openid"
	ScopeOpenIDRecommended = "scope.openid.recommended"
	ScopeSupported         = "scope.supported"
	ScopeWithinRoles       = "scope.within_roles"
	ScopeDuplicate         = "scope.duplicate"
)

// Rules about application_type.
const (
	ApplicationTypeRequired    = "application_type.required"
	ApplicationTypeWebOrMobile = "application_type.web_or_mobile"
	ApplicationTypeWebOrNative = "application_type.web_or_native"
	ApplicationTypeWeb         = "application_type.web"
	ApplicationTypeSupported   = "application_type.supported"
)

// Rules about CIBA's members.
const (
	BackchannelVersion                                  = "backchannel.version"
	BackchannelTokenDeliveryModeRequired                = "backchannel_token_delivery_mode.required"
	BackchannelTokenDeliveryModeForbidden               = "backchannel_token_delivery_mode.forbidden"
	BackchannelTokenDeliveryModeKnown                   = "backchannel_token_delivery_mode.known"
	BackchannelAuthenticationRequestSigningAlgRequired  = "backchannel_authentication_request_signing_alg.required"
	BackchannelAuthenticationRequestSigningAlgForbidden = "backchannel_authentication_request_signing_alg.forbidden"
	BackchannelAuthenticationRequestSigningAlgAlgorithm = "backchannel_authentication_request_signing_alg.algorithm"
	BackchannelAuthenticationRequestSigningAlgSupported = "backchannel_authentication_request_signing_alg.supported"
	BackchannelUserCodeParameterSupportedForbidden      = "backchannel_user_code_parameter_supported.forbidden"
	BackchannelUserCodeParameterSupportedFalse          = "backchannel_user_code_parameter_supported.false"
	BackchannelClientNotificationEndpointRequired       = "backchannel_client_notification_endpoint.required"
	BackchannelClientNotificationEndpointForbidden      = "backchannel_client_notification_endpoint.forbidden"
	BackchannelClientNotificationEndpointHTTPS          = "backchannel_client_notification_endpoint.https"
	BackchannelClientNotificationEndpointLength         = "backchannel_client_notification_endpoint.length"
	BackchannelClientNotificationEndpointHost           = "backchannel_client_notification_endpoint.host"
)

// Rules about members in general.
const (
	RequestMemberType           = "request.member.type"
	RedirectURIsType            = "redirect_uris.type"
	RequestResponseMember       = "request.response_member"
	RequestResponseMemberUpdate = "request.response_member.update"
	RequestUnknownMember        = "request.unknown_member"
	ClientIDIgnored             = "client_id.ignored"
	RequestRequiredByPolicy     = "request.required_by_policy"
	RequestAllowedByPolicy      = "request.allowed_by_policy"
)

// Rules about the input of the validator itself.
const (
	ValidateInput = "validate.input"
)
