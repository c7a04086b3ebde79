package upstream

import (
	"encoding/json"
	"maps"
	"slices"
)

// Mapping says how the metadata of a client is written for an authorization server. Names
// are those of RFC 7591 and of OBIE ("here") or those that the server uses ("there"). The
// zero Mapping is for a server that knows every member and takes each as it is.
type Mapping struct {
	Rename map[string]string // the name there, by the name here
	// Drop are names here of members that the server does not know. Those that say who a
	// client is and how its tokens are bound cannot be dropped, replaced or left to the server:
	// redirect_uris, token_endpoint_auth_method, jwks_uri, tls_client_auth_subject_dn and
	// tls_client_certificate_bound_access_tokens. Ensure may have redirect_uris.
	Drop   []string
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
	// DropBoundTokensUnsafe leaves out tls_client_certificate_bound_access_tokens. It is for a
	// server that does not know the member and binds every access token by itself. At any
	// other one a stolen token is good for its thief: the bank's own endpoints refuse unbound
	// tokens, and no API that does not look does.
	DropBoundTokensUnsafe bool
	// CreatedBy200 takes 200 for a registration, too. RFC 7591 section 3.2.1 has 201 alone. A
	// server that answers a second registration of a software by 200 and the client that it
	// has already must not be used with it.
	CreatedBy200 bool
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
