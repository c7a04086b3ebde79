package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// code is an error code, and what leads to it.
type code struct {
	name   string
	means  string
	likely []string // rules, by how often requests in the wild break them
	others []string // what leads there besides the rules
}

// codes are those of RFC 7591 section 3.2.2, in its order, and that of a token endpoint.
var codes = []code{
	{
		name:  string(validate.InvalidRedirectURI),
		means: "A redirect URI is not fit, or not one that the software statement lists (RFC 7591 section 3.2.2).",
		likely: []string{validate.RuleRedirectURIsSubsetOfSSA, validate.RuleRedirectURIsRequired, validate.RuleRedirectURIsHTTPS,
			validate.RuleRedirectURIsLocalhost, validate.RuleSSASoftwareRedirectURIsUsable},
	},
	{
		name: string(validate.InvalidClientMetadata),
		means: "A member of the request is not fit, or the request itself cannot be trusted (RFC 7591 section 3.2.2). " +
			"Many banks answer nothing more: obdcr lint says what they could have meant.",
		likely: []string{validate.RuleAudFormat, validate.RuleAudIsBank, validate.RuleGrantTypesJWTBearerVersion, validate.RuleJTIUUIDv4,
			validate.RuleRequestObjectSigningAlgAlgorithm, validate.RuleHeaderKIDRequired, validate.RuleRequestKeyFound, validate.RuleRequestSignature,
			validate.RuleExpPast, validate.RuleApplicationTypeRequired, validate.RuleTokenEndpointAuthMethodSupported, validate.RuleScopeWithinRoles,
			validate.RuleTLSClientAuthSubjectDNMatchesCertificate, validate.RuleRequestJTIReplayed},
		others: []string{"the software is registered already, and the bank registers a software once"},
	},
	{
		name:  string(validate.InvalidSoftwareStatement),
		means: "The software statement cannot be read, is too old, or is not one that the bank trusts (RFC 7591 section 3.2.2).",
		likely: []string{validate.RuleSSAAge, validate.RuleSSAIssuerTrusted, validate.RuleSSAKeyFound, validate.RuleSSASignature,
			validate.RuleSSAJWS, validate.RuleSoftwareStatementRequired, validate.RuleSSAIatNotOlder},
	},
	{
		name:  string(validate.UnapprovedSoftwareStatement),
		means: "The software statement is good, and this bank does not take it all the same (RFC 7591 section 3.2.2).",
		likely: []string{validate.RuleSSAOrgStatusActive, validate.RuleSSAEnvironment, validate.RuleSSASoftwareModeLive,
			validate.RuleSSASoftwareRolesServed, validate.RuleSSACompetentAuthorityActive},
		others: []string{"somebody at the bank, or its own check of new clients, said no: ask the bank"},
	},
	{
		name: "invalid_client",
		means: "The token endpoint does not believe that the sender is the client (RFC 6749 section 5.2). " +
			"No rule about a registration leads there.",
		others: []string{
			"the client is not known to this bank, or was deleted",
			"the client authenticates by another method than its token_endpoint_auth_method",
			"the certificate of the connection is not one of the software's, or there is none",
			"tls_client_auth: the certificate's subject is not tls_client_auth_subject_dn; obdcr dn shows what to register",
			"private_key_jwt: the kid of the client assertion is not in the software's key set, or was withdrawn",
			"private_key_jwt: the alg of the client assertion is not token_endpoint_auth_signing_alg",
			"private_key_jwt, client_secret_jwt: iss and sub are not both the client_id, or aud is not the token endpoint",
			"private_key_jwt, client_secret_jwt: exp is past or too far away, or the jti was used before",
			"client_secret_jwt: the assertion is not signed HS256 with the bytes of the secret",
			"client_secret_basic, client_secret_post: the secret is wrong",
		},
	},
}

func codeNames() []string {
	var names []string
	for _, c := range codes {
		names = append(names, c.name)
	}
	return names
}

// explainCode lists what leads to a code: the most likely rules in full, the others by
// their members.
func (e *explainer) explainCode(name string) bool {
	i := slices.IndexFunc(codes, func(c code) bool { return c.name == name })
	if i < 0 {
		return false
	}
	c := codes[i]
	fmt.Fprintln(e.out, c.name)
	hang(e.out, "  ", "  ", c.means)
	rules := slices.DeleteFunc(slices.Clone(e.rules), func(r validate.Rule) bool { return !leadsTo(&r, name) })
	var likely []validate.Rule
	for _, id := range c.likely {
		likely = append(likely, rowsOf(id, rules)...)
	}
	if len(likely) > 0 {
		fmt.Fprint(e.out, "\nMost likely\n\n")
		listRules(e.out, likely)
	}
	if len(rules) > len(likely) {
		fmt.Fprintf(e.out, "\nThe other rules of %s, by member\n\n", e.profile)
		e.listByMember(slices.DeleteFunc(rules, func(r validate.Rule) bool { return slices.Contains(c.likely, r.ID) }))
	}
	if len(c.others) > 0 {
		title := "What leads there"
		if len(rules) > 0 {
			title = "Not by a rule"
		}
		fmt.Fprintf(e.out, "\n%s\n\n", title)
		for _, cause := range c.others {
			hang(e.out, "  - ", "    ", cause)
		}
	}
	if len(rules) > 0 {
		fmt.Fprint(e.out, "\nobdcr explain RULE tells more of each.\n")
	}
	return true
}

// leadsTo reports whether a sender can break the rule and is answered the code.
// A server that has nothing to judge breaks validate.input.
func leadsTo(r *validate.Rule, code string) bool {
	return answered(r) == code && r.ID != validate.RuleValidateInput
}

// splitID parts the member from what a rule's ID says of it: the last word, and behind it
// the version, if there is one.
func splitID(id string) (member, rest string) {
	at := strings.LastIndexByte(id, '.')
	for at > 0 && at+1 < len(id) && text.IsDigit(id[at+1]) {
		at = strings.LastIndexByte(id[:at], '.')
	}
	return id[:max(at, 0)], id[at+1:]
}

// listByMember writes one entry for each member: its name, and the rest of its rules' IDs.
func (e *explainer) listByMember(rules []validate.Rule) {
	var order []string
	rests := map[string][]string{}
	for _, r := range rules {
		member, rest := splitID(r.ID)
		if rests[member] == nil {
			order = append(order, member)
		}
		rests[member] = append(rests[member], rest)
	}
	for _, member := range order {
		hang(e.out, "  ", "    ", member+": "+strings.Join(rests[member], ", "))
	}
}

// explainMember lists the rules about a member: the request's first, then the statement's.
func (e *explainer) explainMember(name string) bool {
	var own, statement []validate.Rule
	for _, r := range e.rules {
		switch about := membersOf(&r); {
		case slices.Contains(about, name) && !ofStatement(&r):
			own = append(own, r)
		case slices.Contains(about, name), slices.Contains(about, "software_"+name):
			statement = append(statement, r)
		}
	}
	if len(own)+len(statement) == 0 {
		return false
	}
	for _, part := range [...]struct {
		title string
		rules []validate.Rule
	}{{"in the request", own}, {"in the software statement", statement}} {
		if len(part.rules) > 0 {
			fmt.Fprintf(e.out, "%s %s, %s\n\n", name, part.title, e.profile)
			listRules(e.out, part.rules)
			fmt.Fprintln(e.out)
		}
	}
	fmt.Fprint(e.out, "obdcr explain RULE tells more of each.\n")
	return true
}

func ofStatement(r *validate.Rule) bool {
	return r.Document == validate.DocSSA || r.Document == validate.DocSSAHeader
}

// Members that a rule is about and that its example does not show.
var (
	keyMembers      = []string{"jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256"}
	digestMembers   = []string{"x5t", "x5t#S256"}
	responseMembers = []string{"client_secret", "client_id_issued_at", "client_secret_expires_at", "registration_access_token", "registration_client_uri"}
	furtherMembers  = map[string][]string{
		validate.RuleHeaderEmbeddedKey:           keyMembers,
		validate.RuleSSAHeaderEmbeddedKey:        keyMembers,
		validate.RuleHeaderMemberType:            digestMembers,
		validate.RuleSSAHeaderMemberType:         digestMembers,
		validate.RuleRequestResponseMember:       responseMembers,
		validate.RuleRequestResponseMemberUpdate: responseMembers,
	}
)

// membersOf returns the members that a rule is about: the one that its ID begins with,
// those of its bad example, and those that it shows no example of.
func membersOf(r *validate.Rule) []string {
	parts := strings.Split(r.ID, ".")
	for len(parts) > 1 && slices.Contains([]string{"request", "ssa", "header"}, parts[0]) {
		parts = parts[1:]
	}
	return slices.Concat(parts[:1], exampleMembers(r), furtherMembers[r.ID])
}

// exampleMembers returns the members that a rule's bad example names. The example of an
// unknown member has a name that is none.
func exampleMembers(r *validate.Rule) []string {
	members, names, ok := r.Bad.Fragment()
	if strings.HasSuffix(r.ID, ".unknown_member") || !ok {
		return nil
	}
	if object, err := jsonscan.Parse(members); err == nil {
		for name := range object.Members() {
			names = append(names, name)
		}
	}
	return names
}

// memberNames are the members that some rule is about.
func memberNames() []string {
	var names []string
	for _, r := range validate.Rules() {
		names = slices.Concat(names, exampleMembers(&r), furtherMembers[r.ID])
	}
	return names
}
