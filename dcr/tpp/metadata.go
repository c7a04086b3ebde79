package tpp

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/fetch"
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
	ResponseTypes           []claims.ResponseType // words in the order of claims: code id_token, also for id_token code
	GrantTypes              []claims.GrantType
	Scopes                  []string
	Document                []byte // as read
	// Faults are the members of the wrong type that a TPP can do without. They count as
	// not announced.
	Faults []MetadataFault
}

// MetadataFault is a member of a discovery document that cannot be read.
type MetadataFault struct {
	Member  string // its name
	Problem string // what is wrong with it, such as "is no array"
}

// EndpointError means that a discovery document has no usable address of an endpoint. An
// override of the same name mends it.
type EndpointError struct {
	Member  string // registration_endpoint or token_endpoint
	Problem string // what is wrong with it, such as "is no string"; "": the document has none
}

// Error returns the detail with the name of the package in front.
func (e *EndpointError) Error() string { return "tpp: " + e.Detail() }

// Detail names the endpoint and what is wrong with it.
func (e *EndpointError) Detail() string {
	if e.Problem == "" {
		return "the discovery document names no " + e.Member + ": if the bank tells it elsewhere, give it as an override"
	}
	return "discovery document: " + e.Member + " " + e.Problem + "; give a right one as an override"
}

// Overrides are values that a user knows better than a bank's discovery document. A value
// that is empty overrides nothing. What is overridden need not be in the document, nor be
// of the right type there.
type Overrides struct {
	Issuer               string // the default aud of a request
	RegistrationEndpoint string // an https address; mtls_endpoint_aliases does not count then
	TokenEndpoint        string // an https address; mtls_endpoint_aliases does not count then
	TokenAudience        string // aud of client assertions; "": TokenEndpoint, or else the document's token_endpoint
}

// Discover reads a bank's discovery document at an https address. The bank asks for no
// client certificate there. A nil client trusts the system's CAs, and uses the proxies of the
// environment variables. The client's Timeout bounds the exchange, 30 seconds if it is zero.
// Overrides go before what the document says. The error is a *ResponseError or a
// *NoAnswerError, or one about the address. Discover takes no clock: it needs the time only
// where a Retry-After names a date, to say how long the wait is.
func Discover(ctx context.Context, address string, client *http.Client, overrides ...Overrides) (*Metadata, error) {
	if _, err := uri.Endpoint(address); err != nil {
		return nil, failure("the address of the discovery document %w", err)
	}
	if client == nil {
		transport := fetch.Transport(nil)
		defer transport.CloseIdleConnections()
		client = &http.Client{Transport: transport}
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
	m, err := ParseMetadata(a.body, overrides...)
	if err != nil {
		return nil, &NoAnswerError{Verb: verbDiscover, Status: a.status, Reason: "it is no discovery document of a bank that registers clients", Err: err,
			Document: received(verbDiscover, a.body)}
	}
	return m, nil
}

// ParseMetadata reads a discovery document. It must be one strict JSON object with https
// addresses for registration_endpoint and token_endpoint, unless Overrides have them. A list
// of the wrong type is one of the Faults, and BuildFor needs the option in its place.
// Members that a TPP does not use are not looked at. Of several Overrides the last value
// counts that is not empty. An address that is missing or unusable is an *EndpointError.
func ParseMetadata(document []byte, overrides ...Overrides) (*Metadata, error) {
	read, err := newMetadataReader(document)
	if err != nil {
		return nil, err
	}
	over, err := merged(overrides)
	if err != nil {
		return nil, err
	}
	m := &Metadata{
		Issuer:                  over.Issuer,
		AuthMethods:             listMember[claims.AuthMethod](read, memberAuthMethods),
		AuthSigningAlgorithms:   listMember[claims.Algorithm](read, memberAuthSigningAlgs),
		RequestObjectAlgorithms: listMember[claims.Algorithm](read, memberRequestObjectAlgs),
		IDTokenAlgorithms:       listMember[claims.Algorithm](read, memberIDTokenAlgs),
		ResponseTypes:           inOneOrder(listMember[claims.ResponseType](read, memberResponseTypes)),
		GrantTypes:              listMember[claims.GrantType](read, memberGrantTypes),
		Scopes:                  listMember[string](read, memberScopes),
		Document:                document,
	}
	if m.Issuer == "" {
		m.Issuer = read.optional("issuer")
	}
	m.RegistrationEndpoint, _ = read.endpoint("registration_endpoint", over.RegistrationEndpoint)
	// token_endpoint itself is the audience and is required (RFC 8414 section 2): an alias
	// is another address of it.
	m.TokenEndpoint, m.TokenAudience = read.endpoint("token_endpoint", over.TokenEndpoint)
	if read.err != nil {
		return nil, read.err
	}
	m.TokenAudience = cmp.Or(over.TokenAudience, m.TokenAudience)
	m.Faults = read.faults
	return m, nil
}

// merged returns the last value of each override, and checks the endpoints.
func merged(overrides []Overrides) (Overrides, error) {
	var all Overrides
	for _, o := range overrides {
		all.Issuer = cmp.Or(o.Issuer, all.Issuer)
		all.RegistrationEndpoint = cmp.Or(o.RegistrationEndpoint, all.RegistrationEndpoint)
		all.TokenEndpoint = cmp.Or(o.TokenEndpoint, all.TokenEndpoint)
		all.TokenAudience = cmp.Or(o.TokenAudience, all.TokenAudience)
	}
	for _, e := range []struct{ name, address string }{
		{"registration_endpoint", all.RegistrationEndpoint}, {"token_endpoint", all.TokenEndpoint},
	} {
		if e.address == "" {
			continue
		}
		if _, err := uri.Endpoint(e.address); err != nil {
			return all, failure("the override of %s %w", e.name, err)
		}
	}
	return all, nil
}

// faulty reports whether the document has a member that cannot be read.
func (m *Metadata) faulty(member string) bool {
	return slices.ContainsFunc(m.Faults, func(f MetadataFault) bool { return f.Member == member })
}
