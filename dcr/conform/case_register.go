package conform

import (
	"net/http"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// dcr33 cites a section of OBIE DCR 3.3.
func dcr33(section string) validate.Citation {
	return validate.Citation{Spec: "OBIE DCR 3.3", Section: section,
		URL: "https://openbankinguk.github.io/dcr-docs-pub/v3.3/dynamic-client-registration.html"}
}

func registerCases() []Case {
	return slices.Concat(registerGood, refusals("register", registerBad), wrongResponseTypes())
}

// registerGood are requests that a bank takes.
var registerGood = []Case{
	{ID: "register.valid", Group: "register", Title: "A valid request registers a client", Citation: dcr33("POST /register"),
		OBIE: []string{"DCR-002", "DCR-003"},
		run:  func(p *play) { p.expectCreated(p.register()) }},
	{ID: "register.status", Group: "register", Title: "A registration is answered with 201", Citation: rfc("7591", "3.2.1"),
		OBIE: []string{"DCR-002"}, run: func(p *play) {
			x := p.register()
			p.expectCreated(x)
			if x.status() == http.StatusOK {
				p.allowed("created_status", "the bank answers 200")
			}
		}},
	{ID: "register.again", Group: "register", Title: "A software registers again, or is told that it is registered", Citation: rfc("7591", "3"),
		run: func(p *play) {
			p.registered()
			p.expectAnotherOrOne(p.register())
		}},
	{ID: "register.order-of-scope", Group: "register", Title: "The order of the words of scope does not matter", Citation: rfc("6749", "3.3"),
		run: func(p *play) {
			scope := words(p.goodClaims(p.software(), nil)["scope"])
			slices.Reverse(scope)
			p.expectCreated(p.register(set("/scope", strings.Join(scope, " "))))
		}},
	{ID: "register.order-of-grants", Group: "register", Title: "The order of grant_types does not matter", Citation: rfc("7591", "2"),
		run: func(p *play) {
			list, _ := p.goodClaims(p.software(), nil)["grant_types"].([]any)
			slices.Reverse(list)
			p.expectCreated(p.register(set("/grant_types", list)))
		}},
	{ID: "register.unknown-member", Group: "register", Title: "A member that the bank does not know is ignored", Citation: rfc("7591", "2"),
		run: func(p *play) {
			p.expectCreated(p.register(set("/obdcr_unknown_member", "x")))
		}},
	{ID: "register.jti-in-capitals", Group: "register", Title: "A jti in capitals is taken, as the text has it",
		Citation: dcr33("data dictionary, jti"), run: func(p *play) {
			jti, _ := p.goodClaims(p.software(), nil)["jti"].(string)
			p.expectCreated(p.register(set("/jti", strings.ToUpper(jti))))
		}},
	{ID: "register.one-redirect-uri", Group: "register", Title: "One of the statement's redirect URIs is enough",
		Citation: dcr33("data dictionary, redirect_uris"), run: func(p *play) {
			list := words(p.goodClaims(p.software(), nil)["redirect_uris"])
			if len(list) == 0 {
				p.notRun("the statement has no redirect URIs")
			}
			x := p.register(set("/redirect_uris", []any{list[0]}))
			p.expectCreated(x)
			if got := words(p.object(x)["redirect_uris"]); !slices.Equal(got, list[:1]) {
				p.fail("redirect_uris with the one that was asked for, and not those of the statement")
			}
		}},
	{ID: "register.without-client-id", Group: "register", Title: "The bank chooses the client_id", Citation: rfc("7591", "3.2.1"),
		run: func(p *play) {
			x := p.register(set("/client_id", "obdcr-wanted-client"))
			p.expectAnswer(x)
			if !x.created() {
				p.expectStatus(x, http.StatusBadRequest)
				p.allowed("client_id", "the bank refuses a request that names a client_id")
			}
			p.expectCreated(x)
		}},
	{ID: "register.clock", Group: "register", Title: "A clock that is half a minute ahead is forgiven", Citation: rfc("7519", "4.1.5"),
		run: func(p *play) {
			now := p.run.config.Clock().Unix()
			x := p.register(set("/iat", now+30), set("/exp", now+630))
			p.expectAnswer(x)
			if !x.created() && (p.run.config.Policy == nil || p.policy().ClockSkew.Seconds() < 30) {
				p.allowed("clock_skew_seconds", "the bank forgives less")
			}
			p.expectCreated(x)
		}},
}

// registerBad are the requests that the OBIE tool and its offspring send, and that any bank refuses. The
// vectors have more.
var registerBad = []refusal{
	{id: "expired", title: "A request that has expired is refused", rules: []string{validate.RuleExpPast}, obie: []string{"DCR-004"},
		changes: func(p *play) []change {
			now := p.run.config.Clock().Unix()
			return []change{set("/iat", now), set("/exp", now-3600)}
		}},
	{id: "iss-not-base62", title: "An iss that is not base62 is refused", rules: []string{validate.RuleIssFormat}, obie: []string{"DCR-004"},
		changes: with(set("/iss", "foo.is/invalid"))},
	{id: "iss-empty", title: "An iss that is empty is refused", rules: []string{validate.RuleIssFormat, validate.RuleIssRequired},
		obie: []string{"DCR-004"}, changes: with(set("/iss", ""))},
	{id: "iss-too-long", title: "An iss of 30 characters is refused", rules: []string{validate.RuleIssLength}, obie: []string{"DCR-004"},
		changes: with(set("/iss", "123456789012345678901234567890"))},
	{id: "iss-other", title: "An iss that is another software is refused", rules: []string{validate.RuleIssIsSoftwareID},
		changes: with(set("/iss", "obdcrOtherSoftware"))},
	{id: "aud-other", title: "A request for another bank is refused", rules: []string{validate.RuleAudIsBank},
		changes: with(set("/aud", "0015800001041OTHER"))},
	{id: "redirect-plain-http", title: "A redirect URI of plain http is refused", rules: []string{validate.RuleRedirectURIsHTTPS,
		validate.RuleRedirectURIsSubsetOfSSA},
		changes: with(set("/redirect_uris/0", "http://app.example/cb"))},
	{id: "redirect-not-in-statement", title: "A redirect URI that the statement lacks is refused",
		rules:   []string{validate.RuleRedirectURIsSubsetOfSSA},
		changes: with(set("/redirect_uris/0", "https://obdcr-not-in-the-statement.example/cb"))},
	{id: "redirect-one-bad", title: "One redirect URI that the statement lacks spoils the list",
		rules: []string{validate.RuleRedirectURIsSubsetOfSSA},
		changes: func(p *play) []change {
			list, _ := p.goodClaims(p.software(), nil)["redirect_uris"].([]any)
			return []change{set("/redirect_uris", append(list, "https://obdcr-not-in-the-statement.example/cb"))}
		}},
	{id: "redirect-longer", title: "A redirect URI that only begins as one of the statement is refused",
		rules: []string{validate.RuleRedirectURIsSubsetOfSSA},
		changes: func(p *play) []change {
			list := words(p.goodClaims(p.software(), nil)["redirect_uris"])
			if len(list) == 0 {
				p.notRun("the statement has no redirect URIs")
			}
			return []change{set("/redirect_uris", []any{list[0] + "/more"})}
		}},
	{id: "scope-beyond-roles", title: "A scope that no role of the software allows is refused", rules: []string{validate.RuleScopeWithinRoles,
		validate.RuleScopeSupported},
		changes: func(p *play) []change {
			if scope := beyond(p); scope != "" {
				return []change{set("/scope", "openid "+scope)}
			}
			if p.software().Mint == nil {
				p.notRun("the software has every role, and it needs a statement with fewer, which only the directory can sign")
			}
			return []change{claim("software_roles", []any{string(claims.AISP)}), set("/scope", "openid payments")}
		}},
	{id: "scope-unknown", title: "A scope that the bank does not know is refused", rules: []string{validate.RuleScopeSupported},
		changes: with(set("/scope", "openid obdcr_unknown_scope"))},
	{id: "method-unknown", title: "A method of authentication that nobody knows is refused",
		rules:   []string{validate.RuleTokenEndpointAuthMethodKnown},
		changes: with(set("/token_endpoint_auth_method", "obdcr_method"))},
	{id: "method-none", title: "A client without authentication is refused", rules: []string{validate.RuleTokenEndpointAuthMethodKnown},
		changes: with(set("/token_endpoint_auth_method", "none"))},
	{id: "grant-password", title: "The password grant is refused", rules: []string{validate.RuleGrantTypesKnown}, changes: with(set("/grant_types",
		[]any{"client_credentials", "password"}))},
	{id: "grant-implicit", title: "The implicit grant is refused", rules: []string{validate.RuleGrantTypesKnown}, changes: with(set("/grant_types",
		[]any{"client_credentials", "implicit"}))},
	{id: "id-token-none", title: "ID tokens that nobody signs are refused", rules: []string{validate.RuleIDTokenSignedResponseAlgAlgorithm},
		changes: with(set("/id_token_signed_response_alg", "none"))},
	{id: "request-object-none", title: "Request objects that nobody signs are refused",
		rules:   []string{validate.RuleRequestObjectSigningAlgAlgorithm},
		changes: with(set("/request_object_signing_alg", "none"))},
	{id: "lifetime", title: "A request that is valid for a year is refused", rules: []string{validate.RuleExpLifetime},
		changes: func(p *play) []change { return []change{set("/exp", p.run.config.Clock().Unix()+365*24*3600)} }},
	{id: "not-yet", title: "A request that is not valid yet is refused", rules: []string{validate.RuleNbfFuture},
		changes: func(p *play) []change { return []change{set("/nbf", p.run.config.Clock().Unix()+3600)} }},
	{id: "subject-of-another", title: "The subject of another certificate is refused",
		rules: []string{validate.RuleTLSClientAuthSubjectDNMatchesCertificate},
		changes: func(p *play) []change {
			if !slices.Contains(p.metadata().AuthMethods, claims.TLSClientAuth) {
				p.notOffered("the bank does not announce tls_client_auth")
			}
			return append(p.byMethod(claims.TLSClientAuth), set("/tls_client_auth_subject_dn", "CN=obdcr-other,OU=other,O=OpenBanking,C=GB"))
		}},
}

// beyond is a scope of open banking that the software's roles do not allow; "" if they allow each.
func beyond(p *play) string {
	all, _ := objectOf([]byte(statementPayload(p)))
	for scope, role := range map[string]claims.Role{"payments": claims.PISP, "accounts": claims.AISP, "fundsconfirmations": claims.CBPII} {
		if roles := words(all["software_roles"]); !slices.Contains(roles, string(role)) && !slices.Contains(roles, "CD_"+string(role)) {
			return scope
		}
	}
	return ""
}

func statementPayload(p *play) string { return plain(p, tokenParts(p)[1]) }

// wrongResponseTypes is the last scenario of the OBIE tool, and its parts.
func wrongResponseTypes() []Case {
	return refusals("register", []refusal{
		{id: "response-types", title: "The response types id_token and token are refused", rules: []string{validate.RuleResponseTypesKnown},
			obie:    []string{"DCR-011"},
			changes: with(set("/response_types", []any{"id_token", "token"}))},
		{id: "response-type-token", title: "The response type token is refused", rules: []string{validate.RuleResponseTypesKnown},
			changes: with(set("/response_types", []any{"token"}))},
		{id: "response-type-one-bad", title: "One unknown response type spoils the list", rules: []string{validate.RuleResponseTypesKnown},
			changes: with(set("/response_types", []any{"code", "token"}))},
	})
}

// methodCases are the life of a client by each method of authentication and each algorithm.
func methodCases() []Case {
	var all []Case
	for _, method := range claims.AuthMethods() {
		all = append(all, Case{ID: "method." + string(method), Group: "method",
			Title:    "A client of " + string(method) + " registers, gets a token and manages itself",
			Citation: dcr33("data dictionary, token_endpoint_auth_method"), Needs: []Need{NeedToken}, OBIE: []string{"DCR-002"}, run: func(p *play) {
				p.announced(method)
				x := p.register(p.byMethod(method)...)
				p.expectCreated(x)
				if got := p.text(x, "token_endpoint_auth_method"); got != string(method) {
					p.fail("token_endpoint_auth_method %s", method)
				}
				token := p.freshToken(x.client)
				if read := p.get(x.client, bearer(token)); read.status() != http.StatusMethodNotAllowed && read.status() != http.StatusNotFound {
					p.expectStatus(read, http.StatusOK)
				}
			}})
	}
	for _, algorithm := range []claims.Algorithm{claims.PS256, claims.ES256} {
		for member, list := range map[string]func(*play) []claims.Algorithm{
			"id_token_signed_response_alg": func(p *play) []claims.Algorithm { return p.metadata().IDTokenAlgorithms },
			"request_object_signing_alg":   func(p *play) []claims.Algorithm { return p.metadata().RequestObjectAlgorithms },
		} {
			all = append(all, Case{ID: "method." + member + "-" + strings.ToLower(string(algorithm)), Group: "method",
				Title:    member + " " + string(algorithm) + " is registered where it is announced",
				Citation: dcr33("data dictionary, " + member), run: func(p *play) {
					if !slices.Contains(list(p), algorithm) {
						p.notOffered("the bank does not announce %s", algorithm)
					}
					x := p.register(set("/"+member, string(algorithm)))
					p.expectCreated(x)
					if got := p.text(x, member); got != string(algorithm) {
						p.fail("%s %s", member, algorithm)
					}
				}})
		}
	}
	slices.SortStableFunc(all, func(a, b Case) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// announced ends the case where the bank does not announce a method of authentication.
func (p *play) announced(method claims.AuthMethod) {
	if !slices.Contains(p.metadata().AuthMethods, method) {
		p.notOffered("the bank does not announce %s", method)
	}
}
