package claims

import (
	"slices"
	"strings"
)

// AuthMethod is a token_endpoint_auth_method (OIDC Core section 9, RFC 8705).
type AuthMethod string

// The methods that OBIE DCR names. Only the first two comply with FAPI.
const (
	PrivateKeyJWT     AuthMethod = "private_key_jwt"
	TLSClientAuth     AuthMethod = "tls_client_auth"
	ClientSecretJWT   AuthMethod = "client_secret_jwt"
	ClientSecretBasic AuthMethod = "client_secret_basic"
	ClientSecretPost  AuthMethod = "client_secret_post"
)

// AuthMethods returns the methods that OBIE DCR names, in a fresh slice. Those that
// comply with FAPI come first.
func AuthMethods() []AuthMethod {
	return []AuthMethod{PrivateKeyJWT, TLSClientAuth, ClientSecretJWT, ClientSecretBasic, ClientSecretPost}
}

// Known reports whether m is one of [AuthMethods].
func (m AuthMethod) Known() bool { return slices.Contains(AuthMethods(), m) }

// NeedsSecret reports whether a client with this method shares a secret with the bank.
func (m AuthMethod) NeedsSecret() bool {
	return m == ClientSecretJWT || m == ClientSecretBasic || m == ClientSecretPost
}

// SignsAssertions reports whether a client with this method signs an assertion for each
// token request, so that it names an algorithm.
func (m AuthMethod) SignsAssertions() bool { return m == PrivateKeyJWT || m == ClientSecretJWT }

// Algorithm is a JWS algorithm (RFC 7518 section 3.1).
type Algorithm string

// Algorithms that occur in requests. FAPI section 8.6 admits PS256 and ES256.
const (
	PS256   Algorithm = "PS256"
	ES256   Algorithm = "ES256"
	RS256   Algorithm = "RS256"
	AlgNone Algorithm = "none"
)

// GrantType is an OAuth 2.0 grant type (RFC 7591 section 2).
type GrantType string

// The grant types that OBIE DCR names: three in 3.2, CIBA from 3.3, JWTBearer in 3.4.
const (
	ClientCredentials GrantType = "client_credentials"
	AuthorizationCode GrantType = "authorization_code"
	RefreshToken      GrantType = "refresh_token"
	CIBA              GrantType = "urn:openid:params:grant-type:ciba"
	JWTBearer         GrantType = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// ResponseType is an OAuth 2.0 response type, several words separated by a blank.
type ResponseType string

// The response types that OBIE DCR names.
const (
	Code        ResponseType = "code"
	CodeIDToken ResponseType = "code id_token"
)

// Role is a PSD2 role of a software as the directory writes it.
type Role string

// The PSD2 roles. For the Crown Dependencies they carry the prefix CD_.
const (
	AISP  Role = "AISP"
	PISP  Role = "PISP"
	CBPII Role = "CBPII"
	ASPSP Role = "ASPSP"
)

// PlainRoles returns the roles without the prefix of the Crown Dependencies, in a fresh slice.
func PlainRoles() []Role { return []Role{AISP, PISP, CBPII, ASPSP} }

// Plain returns the role without the prefix of the Crown Dependencies. CD_AISP opens the
// same APIs as AISP.
func (r Role) Plain() Role { return Role(strings.TrimPrefix(string(r), "CD_")) }

// ApplicationType is the kind of a client (OIDC Registration section 2).
type ApplicationType string

// The application types: Mobile up to 3.3, Native in 3.4.
const (
	Web    ApplicationType = "web"
	Mobile ApplicationType = "mobile"
	Native ApplicationType = "native"
)

// DeliveryMode is a backchannel_token_delivery_mode (CIBA Core section 4).
type DeliveryMode string

// The delivery modes of CIBA. FAPI-CIBA forbids Push.
const (
	Poll DeliveryMode = "poll"
	Ping DeliveryMode = "ping"
	Push DeliveryMode = "push"
)

// Environment is a directory's sandbox or its production.
type Environment string

// The environments. The trust anchor that verified a statement says which one the
// statement belongs to.
const (
	Sandbox    Environment = "sandbox"
	Production Environment = "production"
)
