package dcr

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
	"github.com/obdcr/obdcr/validate"
)

// Discovery has the contents of a bank's OpenID Connect discovery document (OIDC
// Discovery 1.0 section 3, RFC 8414 section 2). All addresses are https.
type Discovery struct {
	Issuer                string          // required: without query and fragment
	RegistrationEndpoint  string          // required: without a slash at its end
	TokenEndpoint         string          // required
	AuthorizationEndpoint string          // optional, like the next four: "" leaves it out
	JWKSURI               string          // of the bank's own keys
	IntrospectionEndpoint string          //
	RevocationEndpoint    string          //
	BackchannelEndpoint   string          // backchannel_authentication_endpoint (CIBA Core section 4)
	Policy                validate.Policy // required: the Registrar's, so that the document announces what a request may ask for
}

// discoveryDocument is the JSON form. Its fields stand in the order of the members.
type discoveryDocument struct {
	Issuer                string                `json:"issuer"`
	RegistrationEndpoint  string                `json:"registration_endpoint"`
	TokenEndpoint         string                `json:"token_endpoint"`
	AuthorizationEndpoint string                `json:"authorization_endpoint,omitempty"`
	JWKSURI               string                `json:"jwks_uri,omitempty"`
	IntrospectionEndpoint string                `json:"introspection_endpoint,omitempty"`
	RevocationEndpoint    string                `json:"revocation_endpoint,omitempty"`
	BackchannelEndpoint   string                `json:"backchannel_authentication_endpoint,omitempty"`
	Scopes                []string              `json:"scopes_supported"`
	ResponseTypes         []claims.ResponseType `json:"response_types_supported"`
	GrantTypes            []claims.GrantType    `json:"grant_types_supported"`
	SubjectTypes          []string              `json:"subject_types_supported"`
	IDTokenAlgs           []claims.Algorithm    `json:"id_token_signing_alg_values_supported"`
	RequestObjectAlgs     []claims.Algorithm    `json:"request_object_signing_alg_values_supported"`
	RequestParameter      bool                  `json:"request_parameter_supported"`
	RequestURIParameter   bool                  `json:"request_uri_parameter_supported"`
	TokenAuthMethods      []claims.AuthMethod   `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgs         []claims.Algorithm    `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"`
	CertificateBound      bool                  `json:"tls_client_certificate_bound_access_tokens"`
	DeliveryModes         []claims.DeliveryMode `json:"backchannel_token_delivery_modes_supported,omitempty"`
	BackchannelAlgs       []claims.Algorithm    `json:"backchannel_authentication_request_signing_alg_values_supported,omitempty"`
	UserCode              *bool                 `json:"backchannel_user_code_parameter_supported,omitempty"`
}

// NewDiscoveryHandler serves the document by NewDocumentHandler. PS256 is the first of the
// algorithms wherever the policy admits it, because clients take the first algorithm they
// find. The error names what d lacks.
func NewDiscoveryHandler(d Discovery) (http.Handler, error) {
	body, err := d.Document()
	if err != nil {
		return nil, err
	}
	return NewDocumentHandler(func() []byte { return body }), nil
}

// documentRetryAfter is what a client is told to wait for a document that is not there yet.
const documentRetryAfter = 10 * time.Second

// NewDocumentHandler serves a discovery document by GET and HEAD, at any path. It asks for
// no client certificate, and its answer is the same for every client. Caches may keep the
// document for five minutes. current returns the document of the moment, which nobody may
// change afterwards; it is called for each request, at the same time by several. While it
// returns nil, the answer is 503 with Retry-After: without the document of the
// authorization server, a bank cannot say what holds there.
func NewDocumentHandler(current func() []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			header.Set("Allow", "GET, HEAD")
			text.NoStore(header)
			http.Error(w, "the discovery document is read by GET", http.StatusMethodNotAllowed)
			return
		}
		body := current()
		if body == nil {
			text.NoStore(header)
			text.RetryAfter(header, documentRetryAfter)
			http.Error(w, "the discovery document of the authorization server could not be read yet", http.StatusServiceUnavailable)
			return
		}
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Type", "application/json")
		header.Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(body) // an error means that the client has hung up
	})
}

// Document returns the discovery document, a JSON object. The error names what d lacks.
func (d Discovery) Document() ([]byte, error) {
	document, err := d.document()
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("dcr: discovery: %w", err)
	}
	return body, nil
}

func (d *Discovery) document() (*discoveryDocument, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	p := &d.Policy
	document := &discoveryDocument{
		Issuer: d.Issuer, RegistrationEndpoint: d.RegistrationEndpoint, TokenEndpoint: d.TokenEndpoint,
		AuthorizationEndpoint: d.AuthorizationEndpoint, JWKSURI: d.JWKSURI, IntrospectionEndpoint: d.IntrospectionEndpoint,
		RevocationEndpoint: d.RevocationEndpoint, BackchannelEndpoint: d.BackchannelEndpoint,
		Scopes:              offered(p, "scope", p.Scopes),
		ResponseTypes:       offered(p, "response_types", p.ResponseTypes),
		GrantTypes:          offered(p, "grant_types", p.GrantTypes),
		SubjectTypes:        []string{"public"},
		IDTokenAlgs:         preferred(p, "id_token_signed_response_alg", p.MemberAlgorithms.IDToken),
		RequestObjectAlgs:   preferred(p, "request_object_signing_alg", p.MemberAlgorithms.RequestObject),
		RequestParameter:    true,
		RequestURIParameter: false,
		TokenAuthMethods:    offered(p, "token_endpoint_auth_method", p.AuthMethods),
		TokenAuthAlgs:       preferred(p, "token_endpoint_auth_signing_alg", p.MemberAlgorithms.TokenEndpointAuth),
		CertificateBound:    true,
	}
	if slices.Contains(document.GrantTypes, claims.CIBA) {
		document.DeliveryModes = offered(p, "backchannel_token_delivery_mode", []claims.DeliveryMode{claims.Poll, claims.Ping})
		document.BackchannelAlgs = preferred(p, "backchannel_authentication_request_signing_alg", p.MemberAlgorithms.Backchannel)
		document.UserCode = new(bool)
	}
	for member, n := range map[string]int{
		"scopes": len(document.Scopes), "response types": len(document.ResponseTypes), "grant types": len(document.GrantTypes),
		"authentication methods": len(document.TokenAuthMethods), "algorithms of ID tokens": len(document.IDTokenAlgs),
		"algorithms of request objects": len(document.RequestObjectAlgs),
	} {
		if n == 0 {
			return nil, fmt.Errorf("dcr: discovery: the policy admits no %s", member)
		}
	}
	return document, nil
}

func (d *Discovery) check() error {
	for _, e := range []struct {
		name, address string
		required      bool
	}{
		{"Issuer", d.Issuer, true}, {"RegistrationEndpoint", d.RegistrationEndpoint, true}, {"TokenEndpoint", d.TokenEndpoint, true},
		{"AuthorizationEndpoint", d.AuthorizationEndpoint, false}, {"JWKSURI", d.JWKSURI, false},
		{"IntrospectionEndpoint", d.IntrospectionEndpoint, false}, {"RevocationEndpoint", d.RevocationEndpoint, false},
		{"BackchannelEndpoint", d.BackchannelEndpoint, false},
	} {
		if e.address == "" && !e.required {
			continue
		}
		if _, err := uri.Endpoint(e.address); err != nil {
			return fmt.Errorf("dcr: discovery: %s %w", e.name, err)
		}
	}
	if strings.ContainsRune(d.Issuer, '?') {
		return errors.New("dcr: discovery: the Issuer must have no query")
	}
	if err := checkRegistrationEndpoint(d.RegistrationEndpoint); err != nil {
		return fmt.Errorf("dcr: discovery: RegistrationEndpoint %w", err)
	}
	return nil
}
