package dcr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
	"github.com/obdcr/obdcr/validate"
)

// DiscoveryWarning is something in the discovery document of an authorization server that
// does not fit the bank in front of it.
type DiscoveryWarning struct {
	Kind    DiscoveryWarningKind
	Pointer string   // the member, as a JSON pointer into the server's document; it may be absent there
	Values  []string // the address or the values in question, each as written; at most 12
	Detail  string   // one line for a log: printable ASCII, at most 500 characters
}

// String returns the member and the detail.
func (w DiscoveryWarning) String() string {
	return text.ASCII(w.Pointer, text.MaxDescription) + ": " + w.Detail
}

// DiscoveryWarningKind says what a warning is about.
type DiscoveryWarningKind string

// The kinds of a DiscoveryWarning.
const (
	// WarnOwnRegistration: the server announces a registration endpoint of its own. It must
	// be shut to all but the bank: it has none of the bank's rules. Some servers announce it
	// even when it is shut.
	WarnOwnRegistration DiscoveryWarningKind = "own_registration"
	// WarnUnboundTokens: tls_client_certificate_bound_access_tokens is not true. The bank
	// refuses each access token that is bound to no certificate (RFC 8705 section 3.3).
	WarnUnboundTokens DiscoveryWarningKind = "unbound_tokens"
	// WarnUnusable: an address is no absolute https one, or a list is none of strings.
	WarnUnusable DiscoveryWarningKind = "unusable"
	// WarnNotAnnounced: the bank's policy admits values that the server does not announce.
	// The server may refuse a client that is registered with one of them.
	WarnNotAnnounced DiscoveryWarningKind = "not_announced"
	// WarnNotAdmitted: the server announces values that the bank's policy does not admit. A
	// request that takes one of them from the document is refused.
	WarnNotAdmitted DiscoveryWarningKind = "not_admitted"
	// WarnSignedMetadata: signed_metadata was left out of the overlay.
	WarnSignedMetadata DiscoveryWarningKind = "signed_metadata"
)

const (
	maxWarnings      = 40
	maxWarningValues = 12
	maxWarnedAddress = 256 // characters of an address in a detail
)

// discoveryWarnings collects warnings. It drops those beyond maxWarnings.
type discoveryWarnings struct {
	document, aliases jsonscan.Value
	all               []DiscoveryWarning
}

func (w *discoveryWarnings) add(kind DiscoveryWarningKind, pointer string, values []string, format string, args ...any) {
	if len(w.all) < maxWarnings {
		detail := text.ASCII(fmt.Sprintf(format, args...), text.MaxDescription)
		w.all = append(w.all, DiscoveryWarning{Kind: kind, Pointer: pointer, Values: values[:min(len(values), maxWarningValues)], Detail: detail})
	}
}

// ownRegistration names each registration endpoint that is not the bank's, once.
func (w *discoveryWarnings) ownRegistration(bank string) {
	named := []string{bank}
	for pointer, address := range endpoints(w.document, w.aliases) {
		at, _ := address.Text()
		if !strings.HasSuffix(pointer, "/"+memberRegistration) || at == "" || slices.Contains(named, at) {
			continue
		}
		named = append(named, at)
		w.add(WarnOwnRegistration, pointer, []string{at},
			"the authorization server has its own registration endpoint at %s: shut it to all but the bank, because it has none of the bank's rules",
			text.ASCII(at, maxWarnedAddress))
	}
	if _, has := w.document.Member(memberSignedMetadata); has {
		w.add(WarnSignedMetadata, "/"+memberSignedMetadata, nil,
			"left out: its values would go before the bank's registration endpoint; have the authorization server send none")
	}
}

func (w *discoveryWarnings) unboundTokens() {
	const member = "tls_client_certificate_bound_access_tokens"
	if bound, _ := w.document.Member(member); !bound.Bool() {
		w.add(WarnUnboundTokens, "/"+member, nil,
			"not true: the bank refuses access tokens that are bound to no certificate; have the authorization server bind them")
	}
}

func (w *discoveryWarnings) unusable() {
	for pointer, address := range endpoints(w.document, w.aliases) {
		at, clean := address.Text()
		if !clean {
			w.add(WarnUnusable, pointer, nil, "is no string")
			continue
		}
		if _, err := uri.Endpoint(at); err != nil {
			w.add(WarnUnusable, pointer, []string{at}, "%s %v", text.ASCII(at, maxWarnedAddress), err)
		}
	}
}

// announcedList is a list of a discovery document, and what a policy has in its place.
type announcedList struct {
	member   string
	absent   []string // what a document without the member says; nil: nothing
	admitted func(p *validate.Policy) []string
}

// announcedLists are the lists that a bank must have in common with its authorization
// server. The values of those that are absent are of RFC 8414 section 2.
func announcedLists() []announcedList {
	return []announcedList{
		{"token_endpoint_auth_methods_supported", []string{string(claims.ClientSecretBasic)}, func(p *validate.Policy) []string {
			return text.Strings(offered(p, "token_endpoint_auth_method", p.AuthMethods))
		}},
		{"token_endpoint_auth_signing_alg_values_supported", nil, func(p *validate.Policy) []string {
			if !slices.ContainsFunc(offered(p, "token_endpoint_auth_method", p.AuthMethods), signs) {
				return nil
			}
			return text.Strings(offered(p, "token_endpoint_auth_signing_alg", p.MemberAlgorithms.TokenEndpointAuth))
		}},
		{"grant_types_supported", []string{string(claims.AuthorizationCode), "implicit"}, func(p *validate.Policy) []string {
			return text.Strings(offered(p, "grant_types", p.GrantTypes))
		}},
		{"response_types_supported", nil, func(p *validate.Policy) []string {
			return text.Strings(offered(p, "response_types", p.ResponseTypes))
		}},
		{"scopes_supported", nil, func(p *validate.Policy) []string { return offered(p, "scope", p.Scopes) }},
		{"id_token_signing_alg_values_supported", nil, func(p *validate.Policy) []string {
			return text.Strings(offered(p, "id_token_signed_response_alg", p.MemberAlgorithms.IDToken))
		}},
		{"request_object_signing_alg_values_supported", nil, func(p *validate.Policy) []string {
			return text.Strings(offered(p, "request_object_signing_alg", p.MemberAlgorithms.RequestObject))
		}},
		{"backchannel_authentication_request_signing_alg_values_supported", nil, func(p *validate.Policy) []string {
			if !slices.Contains(offered(p, "grant_types", p.GrantTypes), claims.CIBA) {
				return nil
			}
			return text.Strings(offered(p, "backchannel_authentication_request_signing_alg", p.MemberAlgorithms.Backchannel))
		}},
	}
}

// signs reports whether a client authenticates by signing an assertion.
func signs(m claims.AuthMethod) bool { return m == claims.PrivateKeyJWT || m == claims.ClientSecretJWT }

// compare compares the document with a policy, in both directions.
func (w *discoveryWarnings) compare(p *validate.Policy) {
	for _, list := range announcedLists() {
		admitted := list.admitted(p)
		if len(admitted) == 0 {
			continue
		}
		pointer := "/" + list.member
		announced, has, readable := w.list(list.member)
		switch {
		case !readable:
			w.add(WarnUnusable, pointer, nil, "is no array of strings")
			continue
		case !has:
			announced = list.absent
		}
		if missing := unlisted(admitted, announced); len(missing) > 0 {
			absent := ""
			if !has {
				absent = " (the document has no such member)"
			}
			w.add(WarnNotAnnounced, pointer, missing,
				"the authorization server does not announce %s%s: enable it there, or take it out of the bank's policy", named(missing), absent)
		}
		if other := unlisted(announced, admitted); len(other) > 0 {
			w.add(WarnNotAdmitted, pointer, other, "the bank's policy does not admit %s: software that asks for it is refused", named(other))
		}
	}
}

// list reads an array of strings.
func (w *discoveryWarnings) list(member string) (values []string, has, readable bool) {
	array, has := w.document.Member(member)
	if has && array.Kind() != jsonscan.Array {
		return nil, true, false
	}
	for _, element := range array.Elements() {
		value, clean := element.Text()
		if !clean {
			return nil, true, false
		}
		values = append(values, value)
	}
	return values, has, true
}

// unlisted returns those of the values that are not among others. The words of a response
// type may stand in any order (OAuth 2.0 Multiple Response Types section 3).
func unlisted(values, others []string) []string {
	known := map[string]bool{}
	for _, other := range others {
		known[sorted(other)] = true
	}
	return slices.DeleteFunc(slices.Clone(values), func(value string) bool { return known[sorted(value)] })
}

func sorted(words string) string {
	all := strings.Fields(words)
	slices.Sort(all)
	return strings.Join(all, " ")
}

// named lists values for a person. It names the first ones and counts the others.
func named(values []string) string {
	shown := make([]string, 0, maxWarningValues)
	for _, value := range values[:min(len(values), maxWarningValues)] {
		shown = append(shown, text.Echo(value))
	}
	if more := len(values) - len(shown); more > 0 {
		return strings.Join(shown, ", ") + fmt.Sprintf(" and %d more", more)
	}
	return text.And(shown)
}
