package tpp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/uri"
)

// The lists of a discovery document.
const (
	memberAuthMethods       = "token_endpoint_auth_methods_supported"
	memberAuthSigningAlgs   = "token_endpoint_auth_signing_alg_values_supported"
	memberRequestObjectAlgs = "request_object_signing_alg_values_supported"
	memberIDTokenAlgs       = "id_token_signing_alg_values_supported"
	memberResponseTypes     = "response_types_supported"
	memberGrantTypes        = "grant_types_supported"
	memberScopes            = "scopes_supported"
)

// metadataReader reads the members of a discovery document. It keeps the first error, so
// that its callers need not check each member.
type metadataReader struct {
	object  jsonscan.Value
	aliases jsonscan.Value // mtls_endpoint_aliases
	err     error
	faults  []MetadataFault
}

func newMetadataReader(document []byte) (*metadataReader, error) {
	object, err := jsonscan.Parse(string(document))
	if err != nil {
		return nil, failure("discovery document: %w", err)
	}
	if object.Kind() != jsonscan.Object {
		return nil, failure("the discovery document is no JSON object")
	}
	r := &metadataReader{object: object}
	r.aliases, _ = object.Member("mtls_endpoint_aliases")
	return r, nil
}

func (r *metadataReader) fail(err *EndpointError) {
	if r.err == nil {
		r.err = err
	}
}

// memberText returns a text member of an object; problem is what is wrong with it.
func memberText(from jsonscan.Value, name string) (text, problem string) {
	v, there := from.Member(name)
	if !there || v.Kind() == jsonscan.Null {
		return "", ""
	}
	text, clean := v.Text()
	if !clean {
		return "", "is no string"
	}
	return text, ""
}

// optional reads a text that a TPP can do without.
func (r *metadataReader) optional(name string) string {
	text, problem := memberText(r.object, name)
	if problem != "" {
		r.faults = append(r.faults, MetadataFault{name, problem})
	}
	return text
}

// endpoint returns the address to use: the override, the alias for mutual TLS, or the
// document's own. plain is the override or the document's own.
func (r *metadataReader) endpoint(name, override string) (use, plain string) {
	if override != "" {
		return override, override
	}
	plain = r.address(r.object, name)
	if plain == "" && (name == "token_endpoint" || r.address(r.aliases, name) == "") {
		r.fail(&EndpointError{Member: name})
	}
	if use = r.address(r.aliases, name); use == "" {
		use = plain
	}
	return use, plain
}

// address reads an endpoint; "" if there is none.
func (r *metadataReader) address(from jsonscan.Value, name string) string {
	text, problem := memberText(from, name)
	if text != "" {
		if _, err := uri.Endpoint(text); err != nil {
			problem = err.Error()
		}
	}
	if problem != "" {
		r.fail(&EndpointError{Member: name, Problem: problem})
	}
	return text
}

// listMember reads a list; nil if there is none. A list of the wrong type or without values
// is a fault.
func listMember[T ~string](r *metadataReader, name string) []T {
	v, there := r.object.Member(name)
	if !there || v.Kind() == jsonscan.Null {
		return nil
	}
	list, problem := []T{}, ""
	if v.Kind() != jsonscan.Array {
		problem = "is no array"
	}
	for i, element := range v.Elements() {
		text, clean := element.Text()
		if !clean {
			problem = fmt.Sprintf("holds something at %d that is no string", i)
			break
		}
		list = append(list, T(text))
	}
	if problem == "" && len(list) == 0 { // RFC 8414 section 3.2: it must be left out
		problem = "is an empty array"
	}
	if problem != "" {
		r.faults = append(r.faults, MetadataFault{name, problem})
		return nil
	}
	return list
}

// inOneOrder writes the words of each response type in the order of the alphabet, which that
// of claims is: the order means nothing (RFC 6749 section 3.1.1).
func inOneOrder(types []claims.ResponseType) []claims.ResponseType {
	for i, t := range types {
		words := strings.Fields(string(t))
		slices.Sort(words)
		types[i] = claims.ResponseType(strings.Join(words, " "))
	}
	return types
}
