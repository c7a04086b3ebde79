package dcr

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
	"github.com/obdcr/obdcr/validate"
)

// MaxDiscovery is the greatest number of bytes that OverlayDiscovery reads.
const MaxDiscovery = 1 << 20

// Overlay is the discovery document of an authorization server, with the registration
// endpoint of the bank in the place of the server's own.
type Overlay struct {
	Issuer   string             // of the authorization server; the document has it unchanged
	Document []byte             // a JSON object, for NewDocumentHandler
	Warnings []DiscoveryWarning // what the bank should mend or know; in the order of the checks
}

// The members that an overlay changes.
const (
	memberRegistration   = "registration_endpoint"
	memberAliases        = "mtls_endpoint_aliases"
	memberSignedMetadata = "signed_metadata"
)

// OverlayDiscovery puts the bank's registration endpoint into the discovery document of its
// authorization server (RFC 8414 section 2, OIDC Discovery 1.0 section 3), so that one
// document tells software all that it needs. The bank serves the result; software that
// reads the document of the server itself finds the server's own endpoint.
//
// asDocument is one strict JSON object of at most MaxDiscovery bytes: no member stands
// twice, and issuer and token_endpoint are strings. registrationEndpoint is the https address
// at which the bank registers clients over mutual TLS, without query and without a slash at
// its end. The policy is the Registrar's; the document is compared with it. Nil compares
// nothing.
//
// In the result registration_endpoint is the bank's. If the document has
// mtls_endpoint_aliases, so is the registration_endpoint in it: software that uses mutual
// TLS takes the aliases before all others (RFC 8705 section 5). signed_metadata is left out,
// because its values would go before those of the document (RFC 8414 section 2.1). All
// other members keep their value, byte for byte, and their order.
//
// The Warnings name what is wrong between the two servers. None of them keeps the document
// from being served. The error says what of asDocument or registrationEndpoint cannot be used.
func OverlayDiscovery(asDocument []byte, registrationEndpoint string, policy *validate.Policy) (Overlay, error) {
	if err := checkRegistrationEndpoint(registrationEndpoint); err != nil {
		return Overlay{}, fmt.Errorf("dcr: overlay: the registration endpoint %w", err)
	}
	members, err := readDiscovery(asDocument)
	if err != nil {
		return Overlay{}, fmt.Errorf("dcr: overlay: the discovery document of the authorization server %w", err)
	}
	changed := map[string]string{memberSignedMetadata: ""}
	aliases, has := members.Member(memberAliases)
	if has {
		changed[memberAliases] = withRegistration(aliases, registrationEndpoint, nil)
	}
	issuer, _ := members.MemberText("issuer")
	w := discoveryWarnings{document: members, aliases: aliases}
	w.ownRegistration(registrationEndpoint)
	w.unboundTokens()
	w.unusable()
	if policy != nil {
		w.compare(policy)
	}
	return Overlay{Issuer: issuer, Document: []byte(withRegistration(members, registrationEndpoint, changed)), Warnings: w.all}, nil
}

// checkRegistrationEndpoint refuses an address to which no client identifier can be
// appended. The error has no prefix.
func checkRegistrationEndpoint(address string) error {
	if _, err := uri.Endpoint(address); err != nil {
		return err
	}
	if strings.HasSuffix(address, "/") || strings.ContainsRune(address, '?') {
		return errors.New("has a query or a slash at its end, and client identifiers are appended to it")
	}
	return nil
}

// readDiscovery checks what an overlay needs of a document. The error has no prefix.
func readDiscovery(document []byte) (jsonscan.Value, error) {
	if len(document) > MaxDiscovery {
		return jsonscan.Value{}, fmt.Errorf("has more than %d bytes", MaxDiscovery)
	}
	members, err := jsonscan.Parse(string(document))
	if err != nil {
		return jsonscan.Value{}, fmt.Errorf("cannot be read: %s", text.Detail(err))
	}
	if members.Kind() != jsonscan.Object {
		return jsonscan.Value{}, errors.New("is no JSON object")
	}
	for _, name := range []string{"issuer", "token_endpoint"} {
		if value, clean := members.MemberText(name); !clean || value == "" {
			return jsonscan.Value{}, fmt.Errorf("has no %s that is a string", name)
		}
	}
	if aliases, has := members.Member(memberAliases); has && aliases.Kind() != jsonscan.Object {
		return jsonscan.Value{}, fmt.Errorf("has a member %s that is no object", memberAliases)
	}
	return members, nil
}

// withRegistration writes an object again, with a registration_endpoint, which it appends if
// there was none. changed are the new values of other members; "" leaves the member out.
func withRegistration(object jsonscan.Value, endpoint string, changed map[string]string) string {
	quoted := string(jsonscan.AppendString(nil, endpoint))
	out, placed := []byte{'{'}, false
	put := func(name, value string) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(jsonscan.AppendString(out, name), ':'), value...)
	}
	for name, value := range object.Members() {
		other, is := changed[name]
		switch {
		case name == memberRegistration:
			put(name, quoted)
			placed = true
		case !is:
			put(name, value.Raw())
		case other != "":
			put(name, other)
		}
	}
	if !placed {
		put(memberRegistration, quoted)
	}
	return string(append(out, '}'))
}

// endpoints yields the pointers and the values of the addresses in a document: of the
// issuer, of jwks_uri, of each member whose name ends in _endpoint, and of the aliases.
func endpoints(document, aliases jsonscan.Value) func(yield func(pointer string, address jsonscan.Value) bool) {
	return func(yield func(string, jsonscan.Value) bool) {
		for name, value := range document.Members() {
			if slices.Contains([]string{"issuer", "jwks_uri"}, name) || strings.HasSuffix(name, "_endpoint") {
				if !yield(jsonscan.AppendPointer("", name), value) {
					return
				}
			}
		}
		for name, value := range aliases.Members() {
			if !yield(jsonscan.AppendPointer("/"+memberAliases, name), value) {
				return
			}
		}
	}
}
