package upstream

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/dn"
	"github.com/obdcr/obdcr/validate"
)

// memberBoundTokens asks for certificate-bound access tokens (RFC 8705 section 3.4).
const memberBoundTokens = "tls_client_certificate_bound_access_tokens"

// sent is one member as it goes to the authorization server.
type sent struct {
	here  string          // its name in the record; "" for a member of the bank's own
	value json.RawMessage // its value
}

// metadata returns what the authorization server is asked to register, by the name there.
// A client that the server cannot have is a *dcr.Refusal.
func (m *Mapping) metadata(p *dcr.Provisioning) (map[string]sent, error) {
	request, err := p.Client.Request()
	if err != nil {
		return nil, err
	}
	if request.TokenEndpointAuthMethod.Or("").NeedsSecret() {
		return nil, &dcr.Refusal{Code: validate.InvalidClientMetadata,
			Reason: "token_endpoint_auth_method: the bank's authorization server cannot take a client secret that the bank made"}
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(p.Client.Metadata, &members); err != nil {
		return nil, err
	}
	if err := m.adapt(members, request, p.Client.SubjectDN); err != nil {
		return nil, err
	}
	all := map[string]sent{}
	for name, value := range m.Ensure {
		all[name] = sent{value: value}
	}
	own := map[string]string{"client_name": p.Client.Application.Name, "jwks_uri": p.Client.JWKSURI()}
	for here, value := range own {
		if value != "" && !slices.Contains(m.Drop, here) {
			all[m.there(here)] = sent{value: quoted(value)}
		}
	}
	if !m.DropBoundTokensUnsafe {
		all[m.there(memberBoundTokens)] = sent{value: json.RawMessage("true")}
	}
	for here, value := range members {
		all[m.there(here)] = sent{here: here, value: value}
	}
	for name, value := range m.Const {
		all[name] = sent{value: value}
	}
	return all, nil
}

// adapt changes the registered members to what RFC 7591 and the mapping want. Members that
// OBIE does not name are dropped: at the authorization server they could mean anything.
func (m *Mapping) adapt(members map[string]json.RawMessage, request *claims.Request, subject string) error {
	known := claims.RequestMembers()
	maps.DeleteFunc(members, func(name string, _ json.RawMessage) bool {
		return !slices.Contains(known, name) || slices.Contains(forbidden, name) || slices.Contains(m.Drop, name)
	})
	switch request.TokenEndpointAuthMethod.Or("") {
	case claims.TLSClientAuth:
		delete(members, "token_endpoint_auth_signing_alg") // it would mean nothing, and servers refuse it
		name, err := subjectDN(request, subject)
		if err != nil {
			return err
		}
		members["tls_client_auth_subject_dn"] = quoted(name)
	default:
		delete(members, "tls_client_auth_subject_dn")
	}
	if request.ApplicationType.Or("") == claims.Mobile && members["application_type"] != nil {
		members["application_type"] = quoted(string(claims.Native)) // the name of OpenID Connect
	}
	if scope, ok := request.Scope.Get(); ok && members["scope"] != nil {
		words := slices.DeleteFunc(slices.Clone(scope.Words), func(word string) bool { return slices.Contains(m.DropScopes, word) })
		members["scope"] = quoted(strings.Join(words, " "))
	}
	if m.ImplicitGrant && needsImplicit(request) {
		grants, err := json.Marshal(append(slices.Clone(request.GrantTypes.Or(nil)), "implicit"))
		if err != nil {
			return err
		}
		members["grant_types"] = grants
	}
	return nil
}

// subjectDN returns the subject of the client's certificate, in the one form of RFC 4514
// that this module writes. A record without one has it from the request.
func subjectDN(request *claims.Request, subject string) (string, error) {
	if subject != "" {
		return subject, nil
	}
	name, err := dn.Parse(request.TLSClientAuthSubjectDN.Or(""))
	if err != nil {
		return "", fmt.Errorf("upstream: tls_client_auth_subject_dn: %w", err)
	}
	return name.JavaRFC2253(), nil
}

// needsImplicit reports whether a response type has id_token.
func needsImplicit(request *claims.Request) bool {
	return slices.ContainsFunc(request.ResponseTypes.Or(nil), func(t claims.ResponseType) bool {
		return slices.Contains(strings.Fields(string(t)), "id_token")
	})
}

// there returns the name that the authorization server uses.
func (m *Mapping) there(here string) string {
	if name, renamed := m.Rename[here]; renamed {
		return name
	}
	return here
}

// document writes the members as JSON, with the record's ID and, for an update, the
// client_id (RFC 7592 section 2.2).
func (m *Mapping) document(members map[string]sent, recordID, clientID string) ([]byte, error) {
	all := make(map[string]json.RawMessage, len(members)+2)
	for name, member := range members {
		all[name] = member.value
	}
	if m.RecordID != "" {
		all[m.RecordID] = quoted(recordID)
	}
	if clientID != "" {
		all["client_id"] = quoted(clientID)
	}
	return json.Marshal(all)
}
