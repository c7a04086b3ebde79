package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
)

// representation has the members of Keycloak's ClientRepresentation that a registration
// decides. Others, such as enabled and protocol mappers, stay what an operator has made of
// them.
type representation struct {
	ID              string     `json:"id"`
	ClientID        string     `json:"clientId"`
	Name            string     `json:"name"`
	Description     string     `json:"description"`
	Protocol        string     `json:"protocol"`
	RedirectURIs    []string   `json:"redirectUris"`
	WebOrigins      []string   `json:"webOrigins"`
	Authenticator   string     `json:"clientAuthenticatorType"`
	Public          bool       `json:"publicClient"`
	BearerOnly      bool       `json:"bearerOnly"`
	ServiceAccounts bool       `json:"serviceAccountsEnabled"`    // client_credentials
	StandardFlow    bool       `json:"standardFlowEnabled"`       // response_type code
	ImplicitFlow    bool       `json:"implicitFlowEnabled"`       // with StandardFlow: code id_token
	DirectGrants    bool       `json:"directAccessGrantsEnabled"` // a password in the hands of a TPP
	FullScope       bool       `json:"fullScopeAllowed"`
	Attributes      attributes `json:"attributes"`
}

// attributes are those of a client at Keycloak. An empty one is removed there. It is sent as
// null: Keycloak removes an empty text too, but its executor secure-client-uris calls it an
// address that is not safe.
type attributes map[string]string

// MarshalJSON writes an empty attribute as null.
func (a attributes) MarshalJSON() ([]byte, error) {
	all := make(map[string]*string, len(a))
	for name, value := range a {
		if all[name] = &value; value == "" {
			all[name] = nil
		}
	}
	return json.Marshal(all)
}

// Names of attributes of a client at Keycloak.
const (
	attributeBound = "tls.client.certificate.bound.access.tokens"
	attributeOurs  = "obdcr.environment" // of the clients of this program, and of no other
	// attributeHybrid is "true" at a client with the implicit flow. -setup makes a client
	// policy for such clients.
	attributeHybrid = "obdcr.hybrid"
)

// foreign are attributes that no registration decides: addresses to which Keycloak sends
// browsers or calls, and lifetimes of one client's tokens. They are removed.
func foreign() []string {
	return []string{"post.logout.redirect.uris", "frontchannel.logout.url", "backchannel.logout.url", "access.token.lifespan",
		"client.session.idle.timeout", "client.session.max.lifespan", "client.offline.session.idle.timeout", "client.offline.session.max.lifespan"}
}

// defaultScopes are what every token has: basic the sub, which tells the client's own tokens
// from those of its users.
func defaultScopes() []string { return []string{"basic", "roles"} }

// optionalScopes are the client scopes that the client may ask for. Keycloak has none with
// the name openid.
func optionalScopes(r *claims.Request) []string {
	scope, _ := r.Scope.Get()
	return slices.DeleteFunc(slices.Clone(scope.Words), func(word string) bool { return word == "openid" })
}

// newRepresentation is the client as Keycloak shall have it, by the registered members r. The
// id at Keycloak is that of the record, so that it is known before Keycloak has the client.
func newRepresentation(p dcr.Provisioning, r *claims.Request) (*representation, error) {
	grants, _ := r.GrantTypes.Get()
	responses, _ := r.ResponseTypes.Get()
	redirects, _ := r.RedirectURIs.Get()
	authorizes := slices.Contains(grants, claims.AuthorizationCode)
	k := &representation{
		ID: p.Client.ID, ClientID: p.ClientID, Name: cut(p.Client.Application.Name), Protocol: "openid-connect", Description: "registered by its software statement",
		RedirectURIs: append([]string{}, redirects...), WebOrigins: []string{},
		ServiceAccounts: slices.Contains(grants, claims.ClientCredentials),
		StandardFlow:    authorizes,
		ImplicitFlow: authorizes && slices.ContainsFunc(responses, func(t claims.ResponseType) bool {
			return strings.Contains(string(t), "token") // code id_token
		}),
		Attributes: attributes{
			attributeOurs:                  string(p.Client.Environment),
			attributeBound:                 "true",
			attributeHybrid:                "",
			"use.refresh.tokens":           strconv.FormatBool(slices.Contains(grants, claims.RefreshToken)),
			"id.token.signed.response.alg": string(r.IDTokenSignedResponseAlg.Or("")),
			"request.object.signature.alg": string(r.RequestObjectSigningAlg.Or("")),
			"use.jwks.url":                 "true", // the keys of request objects, and of private_key_jwt
			"jwks.url":                     p.Client.JWKSURI(),
			"jwks.string":                  "",
			// Grants that the bank never gives.
			"oauth2.device.authorization.grant.enabled": "false",
			"standard.token.exchange.enabled":           "false", // Keycloak 26.2 and later
			"client_credentials.use_refresh_token":      "false",
		},
	}
	if k.ImplicitFlow {
		k.Attributes[attributeHybrid] = "true"
	}
	for _, name := range foreign() {
		k.Attributes[name] = ""
	}
	addCIBA(k.Attributes, r, slices.Contains(grants, claims.CIBA))
	return k, addAuthentication(k, r, p.Client.SubjectDN)
}

// addAuthentication sets how the client authenticates. certificate is the subject of its
// certificate (RFC 4514), "" if the client was registered without one. The attributes of the
// other method are removed.
func addAuthentication(k *representation, r *claims.Request, certificate string) error {
	algorithm, subject := "", ""
	switch method := r.TokenEndpointAuthMethod.Or(""); method {
	case claims.PrivateKeyJWT:
		k.Authenticator, algorithm = "client-jwt", string(r.TokenEndpointAuthSigningAlg.Or(""))
	case claims.TLSClientAuth:
		k.Authenticator, subject = "client-x509", cmp.Or(certificate, r.TLSClientAuthSubjectDN.Or(""))
	default:
		return fmt.Errorf("keycloak: this program sets up no client with %+.40q: leave it out of the policy", string(method))
	}
	k.Attributes["token.endpoint.auth.signing.alg"] = algorithm
	k.Attributes["x509.subjectdn"] = subject
	k.Attributes["x509.allow.regex.pattern.comparison"] = "false"
	return nil
}

func addCIBA(a attributes, r *claims.Request, wanted bool) {
	a["oidc.ciba.grant.enabled"] = strconv.FormatBool(wanted)
	mode, notify, algorithm := "", "", ""
	if wanted {
		mode = string(r.BackchannelTokenDeliveryMode.Or(claims.Poll))
		notify = r.BackchannelClientNotificationEndpoint.Or("")
		algorithm = string(r.BackchannelAuthenticationRequestSigningAlg.Or(""))
	}
	a["ciba.backchannel.token.delivery.mode"] = mode
	a["ciba.backchannel.client.notification.endpoint"] = notify
	a["ciba.backchannel.auth.request.signing.alg"] = algorithm
}
