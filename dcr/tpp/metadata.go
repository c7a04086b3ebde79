package tpp

import (
	"context"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/uri"
)

// Metadata has the members of a bank's discovery document that a TPP needs to register
// (OIDC Discovery section 3, RFC 8414 section 2). A list is nil if the document does not
// have it. The endpoints are the ones for mutual TLS, if the document names such (RFC 8705
// section 5).
type Metadata struct {
	Issuer                  string
	RegistrationEndpoint    string
	TokenEndpoint           string
	TokenAudience           string // aud of client assertions: token_endpoint, even if mtls_endpoint_aliases has another
	AuthMethods             []claims.AuthMethod
	AuthSigningAlgorithms   []claims.Algorithm
	RequestObjectAlgorithms []claims.Algorithm
	IDTokenAlgorithms       []claims.Algorithm
	ResponseTypes           []claims.ResponseType
	GrantTypes              []claims.GrantType
	Scopes                  []string
	Document                []byte // as read
}

// Discover reads a bank's discovery document at an https address. The bank asks for no
// client certificate there. A nil client trusts the system's CAs. The error is a
// *ResponseError or a *NoAnswerError, or one about the address. Discover takes no clock: it
// needs the time only where a Retry-After names a date, to say how long the wait is.
func Discover(ctx context.Context, address string, client *http.Client) (*Metadata, error) {
	if _, err := uri.Endpoint(address); err != nil {
		return nil, failure("the address of the discovery document %w", err)
	}
	if client == nil {
		client = http.DefaultClient
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, failure("the address of the discovery document is no URL")
	}
	a, err := exchange(plainClient(client), verbDiscover, r)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, refusedBy(verbDiscover, a, time.Now())
	}
	m, err := ParseMetadata(a.body)
	if err != nil {
		return nil, &NoAnswerError{Verb: verbDiscover, Status: a.status, Reason: "it is no discovery document of a bank that registers clients", Err: err}
	}
	return m, nil
}

// ParseMetadata reads a discovery document. It must be one strict JSON object with
// https addresses for registration_endpoint and token_endpoint. A member of the wrong type
// is an error. Members that a TPP does not need are not looked at.
func ParseMetadata(document []byte) (*Metadata, error) {
	object, err := jsonscan.Parse(string(document))
	if err != nil {
		return nil, failure("discovery document: %w", err)
	}
	if object.Kind() != jsonscan.Object {
		return nil, failure("the discovery document is no JSON object")
	}
	read := &metadataReader{object: object}
	m := &Metadata{
		Issuer:                  read.text(object, "issuer"),
		RegistrationEndpoint:    read.endpoint(object, "registration_endpoint"),
		TokenEndpoint:           read.endpoint(object, "token_endpoint"),
		AuthMethods:             listMember[claims.AuthMethod](read, "token_endpoint_auth_methods_supported"),
		AuthSigningAlgorithms:   listMember[claims.Algorithm](read, "token_endpoint_auth_signing_alg_values_supported"),
		RequestObjectAlgorithms: listMember[claims.Algorithm](read, "request_object_signing_alg_values_supported"),
		IDTokenAlgorithms:       listMember[claims.Algorithm](read, "id_token_signing_alg_values_supported"),
		ResponseTypes:           listMember[claims.ResponseType](read, "response_types_supported"),
		GrantTypes:              listMember[claims.GrantType](read, "grant_types_supported"),
		Scopes:                  listMember[string](read, "scopes_supported"),
		Document:                document,
	}
	// token_endpoint itself is the audience and is required (RFC 8414 section 2): an alias
	// is another address of it.
	m.TokenAudience = m.TokenEndpoint
	if aliases, there := object.Member("mtls_endpoint_aliases"); there {
		if alias := read.endpoint(aliases, "registration_endpoint"); alias != "" {
			m.RegistrationEndpoint = alias
		}
		if alias := read.endpoint(aliases, "token_endpoint"); alias != "" {
			m.TokenEndpoint = alias
		}
	}
	switch {
	case read.err != nil:
		return nil, read.err
	case m.RegistrationEndpoint == "":
		return nil, failure("the discovery document names no registration_endpoint")
	case m.TokenAudience == "":
		return nil, failure("the discovery document names no token_endpoint")
	}
	return m, nil
}

// metadataReader reads the members of a discovery document. It keeps the first error, so
// that its callers need not check each member.
type metadataReader struct {
	object jsonscan.Value
	err    error
}

func (r *metadataReader) fail(name, what string) {
	if r.err == nil {
		r.err = failure("discovery document: %s %s", name, what)
	}
}

func (r *metadataReader) text(from jsonscan.Value, name string) string {
	v, there := from.Member(name)
	if !there || v.Kind() == jsonscan.Null {
		return ""
	}
	text, clean := v.Text()
	if v.Kind() != jsonscan.String || !clean {
		r.fail(name, "is no string")
	}
	return text
}

func (r *metadataReader) endpoint(from jsonscan.Value, name string) string {
	text := r.text(from, name)
	if text == "" {
		return ""
	}
	if _, err := uri.Endpoint(text); err != nil {
		r.fail(name, err.Error())
	}
	return text
}

func listMember[T ~string](r *metadataReader, name string) []T {
	v, there := r.object.Member(name)
	if !there || v.Kind() == jsonscan.Null {
		return nil
	}
	if v.Kind() != jsonscan.Array {
		r.fail(name, "is no array")
		return nil
	}
	list := []T{}
	for _, element := range v.Elements() {
		text, clean := element.Text()
		if element.Kind() != jsonscan.String || !clean {
			r.fail(name, "holds something that is no string")
			return nil
		}
		list = append(list, T(text))
	}
	return list
}
