package validate

import "github.com/obdcr/obdcr/internal/rule"

// The IDs of the rules about the header of the request.
const (
	RuleHeaderAlgRequired   = rule.HeaderAlgRequired   // header.alg.required
	RuleHeaderAlg           = rule.HeaderAlg           // header.alg
	RuleHeaderKIDRequired   = rule.HeaderKIDRequired   // header.kid.required
	RuleHeaderKIDFormat     = rule.HeaderKIDFormat     // header.kid.format
	RuleHeaderTyp           = rule.HeaderTyp           // header.typ
	RuleHeaderTypSpelling   = rule.HeaderTypSpelling   // header.typ.spelling
	RuleHeaderCrit          = rule.HeaderCrit          // header.crit
	RuleHeaderEmbeddedKey   = rule.HeaderEmbeddedKey   // header.embedded_key
	RuleHeaderUnknownMember = rule.HeaderUnknownMember // header.unknown_member
	RuleHeaderMemberType    = rule.HeaderMemberType    // header.member.type
)

// The IDs of the rules about the request's member that holds the statement.
const (
	RuleSoftwareStatementRequired = rule.SoftwareStatementRequired // software_statement.required
	RuleSoftwareStatementType     = rule.SoftwareStatementType     // software_statement.type
	RuleSSAJWS                    = rule.SSAJWS                    // ssa.jws
)

// The IDs of the rules about the shape of the statement's claims.
const (
	RuleSSAMemberType                   = rule.SSAMemberType                   // ssa.member.type
	RuleSSASoftwareRedirectURIsType     = rule.SSASoftwareRedirectURIsType     // ssa.software_redirect_uris.type
	RuleSSAIssRequired                  = rule.SSAIssRequired                  // ssa.iss.required
	RuleSSAIatRequired                  = rule.SSAIatRequired                  // ssa.iat.required
	RuleSSAJTIRequired                  = rule.SSAJTIRequired                  // ssa.jti.required
	RuleSSASoftwareIDRequired           = rule.SSASoftwareIDRequired           // ssa.software_id.required
	RuleSSASoftwareClientNameRequired   = rule.SSASoftwareClientNameRequired   // ssa.software_client_name.required
	RuleSSASoftwareRedirectURIsRequired = rule.SSASoftwareRedirectURIsRequired // ssa.software_redirect_uris.required
	RuleSSASoftwareRolesRequired        = rule.SSASoftwareRolesRequired        // ssa.software_roles.required
	RuleSSASoftwareJWKSEndpointRequired = rule.SSASoftwareJWKSEndpointRequired // ssa.software_jwks_endpoint.required
	RuleSSAOrgIDRequired                = rule.SSAOrgIDRequired                // ssa.org_id.required
	RuleSSAOrgStatusRequired            = rule.SSAOrgStatusRequired            // ssa.org_status.required
	RuleSSASoftwareIDFormat             = rule.SSASoftwareIDFormat             // ssa.software_id.format
	RuleSSAOrgIDFormat                  = rule.SSAOrgIDFormat                  // ssa.org_id.format
	RuleSSASoftwareClientIDFormat       = rule.SSASoftwareClientIDFormat       // ssa.software_client_id.format
	RuleSSAMemberLength                 = rule.SSAMemberLength                 // ssa.member.length
	RuleSSASoftwareClientIDDiffers      = rule.SSASoftwareClientIDDiffers      // ssa.software_client_id.differs
	RuleSSASoftwareClientNameLength     = rule.SSASoftwareClientNameLength     // ssa.software_client_name.length
	RuleSSASoftwareRolesArray           = rule.SSASoftwareRolesArray           // ssa.software_roles.array
	RuleSSASoftwareRolesKnown           = rule.SSASoftwareRolesKnown           // ssa.software_roles.known
	RuleSSAAttributesRequired           = rule.SSAAttributesRequired           // ssa.attributes.required
	RuleSSAUnknownMember                = rule.SSAUnknownMember                // ssa.unknown_member
)

// The IDs of the rules about addresses in the statement, its mode and its environment.
const (
	RuleSSASoftwareModeKnown                = rule.SSASoftwareModeKnown                // ssa.software_mode.known
	RuleSSASoftwareEnvironmentKnown         = rule.SSASoftwareEnvironmentKnown         // ssa.software_environment.known
	RuleSSASoftwareJWKSEndpointHTTPS        = rule.SSASoftwareJWKSEndpointHTTPS        // ssa.software_jwks_endpoint.https
	RuleSSASoftwareJWKSRevokedEndpointHTTPS = rule.SSASoftwareJWKSRevokedEndpointHTTPS // ssa.software_jwks_revoked_endpoint.https
	RuleSSAOrgJWKSEndpointHTTPS             = rule.SSAOrgJWKSEndpointHTTPS             // ssa.org_jwks_endpoint.https
	RuleSSAOrgJWKSRevokedEndpointHTTPS      = rule.SSAOrgJWKSRevokedEndpointHTTPS      // ssa.org_jwks_revoked_endpoint.https
	RuleSSASoftwareClientURIHTTPS           = rule.SSASoftwareClientURIHTTPS           // ssa.software_client_uri.https
	RuleSSASoftwareLogoURIHTTPS             = rule.SSASoftwareLogoURIHTTPS             // ssa.software_logo_uri.https
	RuleSSASoftwarePolicyURIHTTPS           = rule.SSASoftwarePolicyURIHTTPS           // ssa.software_policy_uri.https
	RuleSSASoftwareToSURIHTTPS              = rule.SSASoftwareToSURIHTTPS              // ssa.software_tos_uri.https
	RuleSSAOBRegistryToSHTTPS               = rule.SSAOBRegistryToSHTTPS               // ssa.ob_registry_tos.https
)

// The IDs of the rules about the header of the statement.
const (
	RuleSSAHeaderAlgRequired   = rule.SSAHeaderAlgRequired   // ssa.header.alg.required
	RuleSSAHeaderAlg           = rule.SSAHeaderAlg           // ssa.header.alg
	RuleSSAHeaderKIDRequired   = rule.SSAHeaderKIDRequired   // ssa.header.kid.required
	RuleSSAHeaderKIDFormat     = rule.SSAHeaderKIDFormat     // ssa.header.kid.format
	RuleSSAHeaderTypRequired   = rule.SSAHeaderTypRequired   // ssa.header.typ.required
	RuleSSAHeaderTyp           = rule.SSAHeaderTyp           // ssa.header.typ
	RuleSSAHeaderTypSpelling   = rule.SSAHeaderTypSpelling   // ssa.header.typ.spelling
	RuleSSAHeaderCrit          = rule.SSAHeaderCrit          // ssa.header.crit
	RuleSSAHeaderEmbeddedKey   = rule.SSAHeaderEmbeddedKey   // ssa.header.embedded_key
	RuleSSAHeaderUnknownMember = rule.SSAHeaderUnknownMember // ssa.header.unknown_member
	RuleSSAHeaderMemberType    = rule.SSAHeaderMemberType    // ssa.header.member.type
)

// The IDs of the rules about the statement's issuer, signature, age and validity.
const (
	RuleSSAIssuerTrusted    = rule.SSAIssuerTrusted    // ssa.issuer.trusted
	RuleSSAKeyFound         = rule.SSAKeyFound         // ssa.key.found
	RuleSSASignature        = rule.SSASignature        // ssa.signature
	RuleSSAJWKSEndpointHost = rule.SSAJWKSEndpointHost // ssa.jwks_endpoint.host
	RuleSSAIatRange         = rule.SSAIatRange         // ssa.iat.range
	RuleSSAIatFuture        = rule.SSAIatFuture        // ssa.iat.future
	RuleSSAAge              = rule.SSAAge              // ssa.age
	RuleSSAExpRange         = rule.SSAExpRange         // ssa.exp.range
	RuleSSAExpPast          = rule.SSAExpPast          // ssa.exp.past
	RuleSSANbf              = rule.SSANbf              // ssa.nbf
)

// The IDs of the rules about a statement that the bank denies or does not approve.
const (
	RuleSSADeniedJTI                = rule.SSADeniedJTI                // ssa.denied.jti
	RuleSSADeniedSoftware           = rule.SSADeniedSoftware           // ssa.denied.software
	RuleSSADeniedOrganisation       = rule.SSADeniedOrganisation       // ssa.denied.organisation
	RuleSSAOrgStatusActive          = rule.SSAOrgStatusActive          // ssa.org_status.active
	RuleSSACompetentAuthorityActive = rule.SSACompetentAuthorityActive // ssa.competent_authority.active
	RuleSSACompetentAuthorityRoles  = rule.SSACompetentAuthorityRoles  // ssa.competent_authority.roles
	RuleSSASoftwareModeLive         = rule.SSASoftwareModeLive         // ssa.software_mode.live
	RuleSSASoftwareRolesServed      = rule.SSASoftwareRolesServed      // ssa.software_roles.served
	RuleSSAEnvironment              = rule.SSAEnvironment              // ssa.environment
)

// The IDs of the rules about the bytes of a request.
const (
	RuleRequestSize   = rule.RequestSize   // request.size
	RuleInputEncoding = rule.InputEncoding // input.encoding
)

// The IDs of the rules about the client certificate.
const (
	RuleCertificateValidity   = rule.CertificateValidity   // certificate.validity
	RuleCertificatePurpose    = rule.CertificatePurpose    // certificate.purpose
	RuleCertificateChain      = rule.CertificateChain      // certificate.chain
	RuleCertificateKeyRevoked = rule.CertificateKeyRevoked // certificate.key.revoked
	RuleCertificateBinding    = rule.CertificateBinding    // certificate.binding
	RuleCertificateSubject    = rule.CertificateSubject    // certificate.subject
)

// The IDs of the rules that need keys, the registered client or earlier requests.
const (
	RuleRequestJWS              = rule.RequestJWS              // request.jws
	RuleRequestKeyFound         = rule.RequestKeyFound         // request.key.found
	RuleRequestKeyRevoked       = rule.RequestKeyRevoked       // request.key.revoked
	RuleRequestSignature        = rule.RequestSignature        // request.signature
	RuleClientIDMatches         = rule.ClientIDMatches         // client_id.matches
	RuleSoftwareIDUnchanged     = rule.SoftwareIDUnchanged     // software_id.unchanged
	RuleSSAOrgIDUnchanged       = rule.SSAOrgIDUnchanged       // ssa.org_id.unchanged
	RuleSSAEnvironmentUnchanged = rule.SSAEnvironmentUnchanged // ssa.environment.unchanged
	RuleSSAIssuerUnchanged      = rule.SSAIssuerUnchanged      // ssa.issuer.unchanged
	RuleSSARecheckAge           = rule.SSARecheckAge           // ssa.recheck.age
	RuleSSAIatNotOlder          = rule.SSAIatNotOlder          // ssa.iat.not_older
	RuleRequestJTIReplayed      = rule.RequestJTIReplayed      // request.jti.replayed
)

// The IDs of the rules about the iss and the jti of a request.
const (
	RuleIssRequired     = rule.IssRequired     // iss.required
	RuleIssFormat       = rule.IssFormat       // iss.format
	RuleIssLength       = rule.IssLength       // iss.length
	RuleIssIsSoftwareID = rule.IssIsSoftwareID // iss.is_software_id
	RuleJTIRequired     = rule.JTIRequired     // jti.required
	RuleJTIUUIDv4       = rule.JTIUUIDv4       // jti.uuid_v4
	RuleJTIUUID         = rule.JTIUUID         // jti.uuid
)

// The IDs of the rules about the times of a request.
const (
	RuleIatRequired = rule.IatRequired // iat.required
	RuleIatRange    = rule.IatRange    // iat.range
	RuleIatFuture   = rule.IatFuture   // iat.future
	RuleExpRequired = rule.ExpRequired // exp.required
	RuleExpRange    = rule.ExpRange    // exp.range
	RuleExpPast     = rule.ExpPast     // exp.past
	RuleExpAfterIat = rule.ExpAfterIat // exp.after_iat
	RuleExpLifetime = rule.ExpLifetime // exp.lifetime
	RuleNbfRange    = rule.NbfRange    // nbf.range
	RuleNbfFuture   = rule.NbfFuture   // nbf.future
)

// The IDs of the rules about aud.
const (
	RuleAudRequired = rule.AudRequired // aud.required
	RuleAudSingle   = rule.AudSingle   // aud.single
	RuleAudFormat   = rule.AudFormat   // aud.format
	RuleAudIsBank   = rule.AudIsBank   // aud.is_bank
)

// The IDs of the rules about the request's software_id.
const (
	RuleSoftwareIDFormat     = rule.SoftwareIDFormat     // software_id.format
	RuleSoftwareIDLength     = rule.SoftwareIDLength     // software_id.length
	RuleSoftwareIDMatchesSSA = rule.SoftwareIDMatchesSSA // software_id.matches_ssa
)

// The IDs of the rules about redirect_uris as a list.
const (
	RuleRedirectURIsRequired          = rule.RedirectURIsRequired          // redirect_uris.required
	RuleRedirectURIsDefault           = rule.RedirectURIsDefault           // redirect_uris.default
	RuleRedirectURIsNotEmpty          = rule.RedirectURIsNotEmpty          // redirect_uris.not_empty
	RuleRedirectURIsCount             = rule.RedirectURIsCount             // redirect_uris.count
	RuleRedirectURIsDuplicate         = rule.RedirectURIsDuplicate         // redirect_uris.duplicate
	RuleRedirectURIsSubsetOfSSA       = rule.RedirectURIsSubsetOfSSA       // redirect_uris.subset_of_ssa
	RuleSSASoftwareRedirectURIsUsable = rule.SSASoftwareRedirectURIsUsable // ssa.software_redirect_uris.usable
	RuleSSASoftwareRedirectURIsUnfit  = rule.SSASoftwareRedirectURIsUnfit  // ssa.software_redirect_uris.unfit
)

// The IDs of the rules about each single redirect URI.
const (
	RuleRedirectURIsAbsolute    = rule.RedirectURIsAbsolute    // redirect_uris.absolute
	RuleRedirectURIsHTTPS       = rule.RedirectURIsHTTPS       // redirect_uris.https
	RuleRedirectURIsLength      = rule.RedirectURIsLength      // redirect_uris.length
	RuleRedirectURIsCharacters  = rule.RedirectURIsCharacters  // redirect_uris.characters
	RuleRedirectURIsUserinfo    = rule.RedirectURIsUserinfo    // redirect_uris.userinfo
	RuleRedirectURIsFragment    = rule.RedirectURIsFragment    // redirect_uris.fragment
	RuleRedirectURIsLocalhost   = rule.RedirectURIsLocalhost   // redirect_uris.localhost
	RuleRedirectURIsIP          = rule.RedirectURIsIP          // redirect_uris.ip
	RuleRedirectURIsHost        = rule.RedirectURIsHost        // redirect_uris.host
	RuleRedirectURIsPunycode    = rule.RedirectURIsPunycode    // redirect_uris.punycode
	RuleRedirectURIsPort        = rule.RedirectURIsPort        // redirect_uris.port
	RuleRedirectURIsDotSegments = rule.RedirectURIsDotSegments // redirect_uris.dot_segments
	RuleRedirectURIsWildcard    = rule.RedirectURIsWildcard    // redirect_uris.wildcard
)

// The IDs of the rules about token_endpoint_auth_method.
const (
	RuleTokenEndpointAuthMethodRequired  = rule.TokenEndpointAuthMethodRequired  // token_endpoint_auth_method.required
	RuleTokenEndpointAuthMethodKnown     = rule.TokenEndpointAuthMethodKnown     // token_endpoint_auth_method.known
	RuleTokenEndpointAuthMethodSupported = rule.TokenEndpointAuthMethodSupported // token_endpoint_auth_method.supported
	RuleTokenEndpointAuthMethodFAPI      = rule.TokenEndpointAuthMethodFAPI      // token_endpoint_auth_method.fapi
)

// The IDs of the rules about the members that name an algorithm.
const (
	RuleTokenEndpointAuthSigningAlgRequired    = rule.TokenEndpointAuthSigningAlgRequired    // token_endpoint_auth_signing_alg.required
	RuleTokenEndpointAuthSigningAlgNotEnforced = rule.TokenEndpointAuthSigningAlgNotEnforced // token_endpoint_auth_signing_alg.not_enforced
	RuleTokenEndpointAuthSigningAlgUnused      = rule.TokenEndpointAuthSigningAlgUnused      // token_endpoint_auth_signing_alg.unused
	RuleIDTokenSignedResponseAlgRequired       = rule.IDTokenSignedResponseAlgRequired       // id_token_signed_response_alg.required
	RuleRequestObjectSigningAlgRequired        = rule.RequestObjectSigningAlgRequired        // request_object_signing_alg.required
	RuleTokenEndpointAuthSigningAlgAlgorithm   = rule.TokenEndpointAuthSigningAlgAlgorithm   // token_endpoint_auth_signing_alg.algorithm
	RuleTokenEndpointAuthSigningAlgSupported   = rule.TokenEndpointAuthSigningAlgSupported   // token_endpoint_auth_signing_alg.supported
	RuleIDTokenSignedResponseAlgAlgorithm      = rule.IDTokenSignedResponseAlgAlgorithm      // id_token_signed_response_alg.algorithm
	RuleIDTokenSignedResponseAlgSupported      = rule.IDTokenSignedResponseAlgSupported      // id_token_signed_response_alg.supported
	RuleRequestObjectSigningAlgAlgorithm       = rule.RequestObjectSigningAlgAlgorithm       // request_object_signing_alg.algorithm
	RuleRequestObjectSigningAlgSupported       = rule.RequestObjectSigningAlgSupported       // request_object_signing_alg.supported
)

// The IDs of the rules about tls_client_auth_subject_dn.
const (
	RuleTLSClientAuthSubjectDNRequired           = rule.TLSClientAuthSubjectDNRequired           // tls_client_auth_subject_dn.required
	RuleTLSClientAuthSubjectDNForbidden          = rule.TLSClientAuthSubjectDNForbidden          // tls_client_auth_subject_dn.forbidden
	RuleTLSClientAuthSubjectDNFormat             = rule.TLSClientAuthSubjectDNFormat             // tls_client_auth_subject_dn.format
	RuleTLSClientAuthSubjectDNLength             = rule.TLSClientAuthSubjectDNLength             // tls_client_auth_subject_dn.length
	RuleTLSClientAuthSubjectDNLength34           = rule.TLSClientAuthSubjectDNLength34           // tls_client_auth_subject_dn.length_3.4
	RuleTLSClientAuthSubjectDNCNFirst            = rule.TLSClientAuthSubjectDNCNFirst            // tls_client_auth_subject_dn.cn_first
	RuleTLSClientAuthSubjectDNMatchesCertificate = rule.TLSClientAuthSubjectDNMatchesCertificate // tls_client_auth_subject_dn.matches_certificate
)

// The IDs of the rules about grant_types.
const (
	RuleGrantTypesRequired         = rule.GrantTypesRequired         // grant_types.required
	RuleGrantTypesNotEmpty         = rule.GrantTypesNotEmpty         // grant_types.not_empty
	RuleGrantTypesKnown            = rule.GrantTypesKnown            // grant_types.known
	RuleGrantTypesCIBAVersion      = rule.GrantTypesCIBAVersion      // grant_types.ciba.version
	RuleGrantTypesJWTBearerVersion = rule.GrantTypesJWTBearerVersion // grant_types.jwt_bearer.version
	RuleGrantTypesSupported        = rule.GrantTypesSupported        // grant_types.supported
	RuleGrantTypesDuplicate        = rule.GrantTypesDuplicate        // grant_types.duplicate
)

// The IDs of the rules about response_types.
const (
	RuleResponseTypesDefault    = rule.ResponseTypesDefault    // response_types.default
	RuleResponseTypesNotEmpty   = rule.ResponseTypesNotEmpty   // response_types.not_empty
	RuleResponseTypesKnown      = rule.ResponseTypesKnown      // response_types.known
	RuleResponseTypesSupported  = rule.ResponseTypesSupported  // response_types.supported
	RuleResponseTypesConsistent = rule.ResponseTypesConsistent // response_types.consistent
	RuleResponseTypesDuplicate  = rule.ResponseTypesDuplicate  // response_types.duplicate
)

// The IDs of the rules about scope.
const (
	RuleScopeRequired          = rule.ScopeRequired          // scope.required
	RuleScopeDefault           = rule.ScopeDefault           // scope.default
	RuleScopeString            = rule.ScopeString            // scope.string
	RuleScopeArray             = rule.ScopeArray             // scope.array
	RuleScopeSyntax            = rule.ScopeSyntax            // scope.syntax
	RuleScopeLength            = rule.ScopeLength            // scope.length
	RuleScopeOpenID            = rule.ScopeOpenID            // scope.openid
	RuleScopeOpenIDRecommended = rule.ScopeOpenIDRecommended // scope.openid.recommended
	RuleScopeSupported         = rule.ScopeSupported         // scope.supported
	RuleScopeWithinRoles       = rule.ScopeWithinRoles       // scope.within_roles
	RuleScopeDuplicate         = rule.ScopeDuplicate         // scope.duplicate
)

// The IDs of the rules about application_type.
const (
	RuleApplicationTypeRequired    = rule.ApplicationTypeRequired    // application_type.required
	RuleApplicationTypeWebOrMobile = rule.ApplicationTypeWebOrMobile // application_type.web_or_mobile
	RuleApplicationTypeWebOrNative = rule.ApplicationTypeWebOrNative // application_type.web_or_native
	RuleApplicationTypeWeb         = rule.ApplicationTypeWeb         // application_type.web
	RuleApplicationTypeSupported   = rule.ApplicationTypeSupported   // application_type.supported
)

// The IDs of the rules about CIBA's members.
const (
	RuleBackchannelVersion                                  = rule.BackchannelVersion                                  // backchannel.version
	RuleBackchannelTokenDeliveryModeRequired                = rule.BackchannelTokenDeliveryModeRequired                // backchannel_token_delivery_mode.required
	RuleBackchannelTokenDeliveryModeForbidden               = rule.BackchannelTokenDeliveryModeForbidden               // backchannel_token_delivery_mode.forbidden
	RuleBackchannelTokenDeliveryModeKnown                   = rule.BackchannelTokenDeliveryModeKnown                   // backchannel_token_delivery_mode.known
	RuleBackchannelAuthenticationRequestSigningAlgRequired  = rule.BackchannelAuthenticationRequestSigningAlgRequired  // backchannel_authentication_request_signing_alg.required
	RuleBackchannelAuthenticationRequestSigningAlgForbidden = rule.BackchannelAuthenticationRequestSigningAlgForbidden // backchannel_authentication_request_signing_alg.forbidden
	RuleBackchannelAuthenticationRequestSigningAlgAlgorithm = rule.BackchannelAuthenticationRequestSigningAlgAlgorithm // backchannel_authentication_request_signing_alg.algorithm
	RuleBackchannelAuthenticationRequestSigningAlgSupported = rule.BackchannelAuthenticationRequestSigningAlgSupported // backchannel_authentication_request_signing_alg.supported
	RuleBackchannelUserCodeParameterSupportedForbidden      = rule.BackchannelUserCodeParameterSupportedForbidden      // backchannel_user_code_parameter_supported.forbidden
	RuleBackchannelUserCodeParameterSupportedFalse          = rule.BackchannelUserCodeParameterSupportedFalse          // backchannel_user_code_parameter_supported.false
	RuleBackchannelClientNotificationEndpointRequired       = rule.BackchannelClientNotificationEndpointRequired       // backchannel_client_notification_endpoint.required
	RuleBackchannelClientNotificationEndpointForbidden      = rule.BackchannelClientNotificationEndpointForbidden      // backchannel_client_notification_endpoint.forbidden
	RuleBackchannelClientNotificationEndpointHTTPS          = rule.BackchannelClientNotificationEndpointHTTPS          // backchannel_client_notification_endpoint.https
	RuleBackchannelClientNotificationEndpointLength         = rule.BackchannelClientNotificationEndpointLength         // backchannel_client_notification_endpoint.length
	RuleBackchannelClientNotificationEndpointHost           = rule.BackchannelClientNotificationEndpointHost           // backchannel_client_notification_endpoint.host
)

// The IDs of the rules about members in general.
const (
	RuleRequestMemberType           = rule.RequestMemberType           // request.member.type
	RuleRedirectURIsType            = rule.RedirectURIsType            // redirect_uris.type
	RuleRequestResponseMember       = rule.RequestResponseMember       // request.response_member
	RuleRequestResponseMemberUpdate = rule.RequestResponseMemberUpdate // request.response_member.update
	RuleRequestUnknownMember        = rule.RequestUnknownMember        // request.unknown_member
	RuleClientIDIgnored             = rule.ClientIDIgnored             // client_id.ignored
	RuleRequestRequiredByPolicy     = rule.RequestRequiredByPolicy     // request.required_by_policy
	RuleRequestAllowedByPolicy      = rule.RequestAllowedByPolicy      // request.allowed_by_policy
)

// The IDs of the rules about the input of the validator itself.
const (
	RuleValidateInput = rule.ValidateInput // validate.input
)
