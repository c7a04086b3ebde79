package conform

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

func updateCases() []Case {
	return slices.Concat(updateKeeps, updateRefusals())
}

// updated makes a case about an update that the bank takes.
func updated(id, title string, citation validate.Citation, run func(p *play), more ...Need) Case {
	return Case{ID: "update." + id, Group: "update", Title: title, Citation: citation, Needs: verbNeeds(NeedPut, more...), run: run}
}

var updateKeeps = []Case{
	{ID: "update.same", Group: "update", Title: "A client is updated with what it has: 200", Citation: dcr33("PUT /register/{ClientId}"),
		OBIE:  []string{"DCR-008"},
		Needs: verbNeeds(NeedPut), run: func(p *play) { p.expectStatus(p.update(p.registered()), http.StatusOK) }},
	updated("keeps-client-id", "An update keeps the client_id", rfc("7592", "2.2"), func(p *play) {
		c := p.registered()
		x := p.update(c)
		p.expectStatus(x, http.StatusOK)
		if p.text(x, "client_id") != c.id {
			p.fail("client_id as it was")
		}
	}),
	updated("keeps-issued-at", "An update keeps client_id_issued_at", rfc("7592", "3"), func(p *play) {
		made := p.register()
		p.expectCreated(made)
		x := p.update(made.client)
		p.expectStatus(x, http.StatusOK)
		if at := p.object(made)["client_id_issued_at"]; at != nil && p.object(x)["client_id_issued_at"] != at {
			p.fail("client_id_issued_at as it was")
		}
	}),
	updated("keeps-tokens", "The access tokens of a client stay valid after an update", dcr33("PUT /register/{ClientId}"), func(p *play) {
		c := p.registered()
		token := p.token(c)
		p.expectStatus(p.update(c), http.StatusOK)
		p.expectStatus(p.get(c, bearer(token)), http.StatusOK)
	}, NeedGet),
	updated("without-client-id", "An update without client_id is taken: the address names the client", dcr33("PUT /register/{ClientId}"),
		func(p *play) {
			x := p.update(p.registered(), remove("/client_id"))
			p.expectStatus(x, http.StatusOK)
		}),
	updated("changes", "An update changes what is registered, and GET shows it", rfc("7592", "2.2"), func(p *play) {
		c := p.registered()
		p.expectStatus(p.update(c, fewerGrants(p)), http.StatusOK)
		x := p.get(c)
		p.expectStatus(x, http.StatusOK)
		if got := words(p.object(x)["grant_types"]); !slices.Equal(got, []string{string(claims.ClientCredentials)}) {
			p.fail("grant_types with client_credentials alone, as the update has it")
		}
	}, NeedGet),
	updated("answer", "The answer to an update is the client as it is now", rfc("7592", "3"), func(p *play) {
		c := p.registered()
		x := p.update(c, fewerGrants(p))
		p.expectStatus(x, http.StatusOK)
		if got := words(p.object(x)["grant_types"]); !slices.Equal(got, []string{string(claims.ClientCredentials)}) {
			p.fail("grant_types with client_credentials alone, as the update has it")
		}
	}),
	updated("replaces", "A member that an update leaves out is gone", rfc("7592", "2.2"), func(p *play) {
		c := p.registered()
		p.expectStatus(p.update(c, fewerGrants(p)), http.StatusOK)
		x := p.get(c)
		p.expectStatus(x, http.StatusOK)
		if p.object(x)["response_types"] != nil {
			p.allowed("response_types", "the bank registers its default")
		}
	}, NeedGet),
	updated("twice", "A client is updated again", rfc("7592", "2.2"), func(p *play) {
		c := p.registered()
		p.expectStatus(p.update(c, fewerGrants(p)), http.StatusOK)
		p.expectStatus(p.update(c), http.StatusOK)
		x := p.get(c)
		p.expectStatus(x, http.StatusOK)
		if got := words(p.object(x)["grant_types"]); !slices.Contains(got, string(claims.AuthorizationCode)) {
			p.fail("grant_types with authorization_code again, as the second update has it")
		}
	}, NeedGet),
	updated("refused-keeps", "An update that is refused changes nothing", rfc("7592", "2.2"), func(p *play) {
		c := p.registered()
		before := p.get(c)
		p.expectStatus(before, http.StatusOK)
		x := p.update(c, fewerGrants(p), remove("/aud"))
		p.expectRefusal(x, validate.RuleAudRequired)
		after := p.get(c)
		p.expectStatus(after, http.StatusOK)
		p.expectSame(before, after)
	}, NeedGet),
	updated("token-after", "A client gets tokens after an update as before", rfc("7592", "2.2"), func(p *play) {
		c := p.registered()
		p.expectStatus(p.update(c), http.StatusOK)
		p.freshToken(c)
	}),
	updated("method", "A client moves to another method of authentication and authenticates by it",
		dcr33("data dictionary, token_endpoint_auth_method"), func(p *play) {
			c := p.registered()
			other := p.otherMethod()
			x := p.update(c, p.byMethod(other)...)
			p.expectStatus(x, http.StatusOK)
			if got := p.text(x, "token_endpoint_auth_method"); got != string(other) {
				p.fail("token_endpoint_auth_method %s", other)
			}
			p.freshToken(c)
		}),
}

// fewerGrants takes all grant types away but client_credentials, with what depends on them.
func fewerGrants(_ *play) change {
	return func(m *message) {
		set("/grant_types", []any{string(claims.ClientCredentials)})(m)
		for _, name := range []string{"response_types", "backchannel_token_delivery_mode", "backchannel_client_notification_endpoint",
			"backchannel_authentication_request_signing_alg", "backchannel_user_code_parameter_supported"} {
			remove("/" + name)(m)
		}
	}
}

// otherMethod is a method that the bank announces beside that of the run.
func (p *play) otherMethod() claims.AuthMethod {
	for _, m := range p.metadata().AuthMethods {
		if m != p.method() && m.Known() {
			return m
		}
	}
	p.notOffered("the bank announces no other method of authentication")
	return ""
}

// byMethod asks for a method of authentication, with the members that belong to it.
func (p *play) byMethod(method claims.AuthMethod) []change {
	changes := []change{set("/token_endpoint_auth_method", string(method)), remove("/tls_client_auth_subject_dn"),
		remove("/token_endpoint_auth_signing_alg")}
	switch method {
	case claims.TLSClientAuth:
		dn := p.subjectDN()
		changes = append(changes, set("/tls_client_auth_subject_dn", dn))
	case claims.PrivateKeyJWT, claims.ClientSecretJWT:
		changes = append(changes, set("/token_endpoint_auth_signing_alg", algorithmOf(p.software().Signer)))
	}
	return changes
}

// updateRefusals are updates that a bank must refuse, and that leave the client as it was.
func updateRefusals() []Case {
	rows := []refusal{
		{id: "bad-redirect-uri", title: "An update with a redirect URI of plain http is refused", rules: []string{validate.RuleRedirectURIsHTTPS,
			validate.RuleRedirectURIsSubsetOfSSA},
			changes: with(set("/redirect_uris", []any{"http://app.example/cb"}))},
		{id: "foreign-redirect-uri", title: "An update with a redirect URI that the statement lacks is refused",
			rules:   []string{validate.RuleRedirectURIsSubsetOfSSA},
			changes: with(set("/redirect_uris", []any{"https://obdcr-not-in-the-statement.example/cb"}))},
		{id: "expired", title: "An update that has expired is refused", rules: []string{validate.RuleExpPast}, changes: func(p *play) []change {
			now := p.run.config.Clock().Unix()
			return []change{set("/iat", now-7200), set("/exp", now-3600)}
		}},
		{id: "no-audience", title: "An update for nobody is refused", rules: []string{validate.RuleAudRequired}, changes: with(remove("/aud"))},
		{id: "bad-signature", title: "An update that a stranger signed is refused", rules: []string{validate.RuleRequestSignature},
			changes: strangerSigns},
		{id: "unsigned", title: "An update that nobody signed is refused", rules: []string{validate.RuleHeaderAlg},
			changes: with(header("alg", "none"), unsigned())},
		{id: "forged-statement", title: "An update with a statement that was changed is refused", rules: []string{validate.RuleSSASignature},
			changes: ofStatement(func(p *play, part []string) []string {
				return []string{part[0], encoded([]byte(within(`,"software_more":"x"`)(plain(p, part[1])))), part[2]}
			})},
		{id: "other-client-id", title: "An update with the client_id of another client is refused", rules: []string{validate.RuleClientIDMatches},
			changes: with(set("/client_id", "obdcr-unknown-client"))},
		{id: "older-statement", title: "An update with a statement that is older than the client's is refused",
			rules: []string{validate.RuleSSAIatNotOlder}, needs: []Need{NeedMint},
			changes: func(p *play) []change { return []change{claim("iat", statementTime(p)-600)} }},
		{id: "withdrawn", title: "An update with the statement of an organisation that is withdrawn is refused",
			rules: []string{validate.RuleSSAOrgStatusActive}, needs: []Need{NeedMint},
			changes: with(claim("org_status", "Withdrawn"))},
		{id: "second-statement", title: "An update with the statement and the keys of another software is refused", needs: []Need{NeedSecondTPP},
			rules:   []string{validate.RuleSoftwareIDUnchanged, validate.RuleCertificateBinding},
			changes: func(p *play) []change { return []change{ofSecond(p)} }},
		{id: "type", title: "An update of the type text/plain is refused", rules: []string{validate.RuleRequestJWS},
			changes: with(contentType("text/plain"))},
	}
	var all []Case
	for _, r := range rows {
		all = append(all, Case{ID: "update." + r.id, Group: "update", Title: r.title, Citation: citationOf(r.rules[0]), Rules: r.rules,
			Needs: append(verbNeeds(NeedPut), r.needs...), run: func(p *play) {
				c := p.registered()
				x := p.update(c, r.changes(p)...)
				if x.status() == http.StatusUnsupportedMediaType && r.id == "type" {
					return
				}
				p.expectRefusal(x, r.rules...)
				p.expectStays(c)
			}})
	}
	return all
}

// statementTime is the iat of the software's statement.
func statementTime(p *play) int64 {
	_, payload := decoded(p.software().Statement)
	all, err := objectOf([]byte(payload))
	if err != nil {
		p.notRun("the statement cannot be decoded")
	}
	var at int64
	if _, err := fmt.Sscan(strings.TrimSpace(fmt.Sprint(all["iat"])), &at); err != nil {
		p.notRun("the statement has no iat")
	}
	return at
}

// ofSecond makes the request one of the second software, at the address and with the certificate and the
// token of the first.
func ofSecond(p *play) change {
	second := p.second()
	return edit(func(m *message) {
		m.claims = setAt(p.goodClaims(second, nil), "/software_statement", second.Statement)
		m.header["kid"], m.header["alg"], m.signer = second.KeyID, algorithmOf(second.Signer), second.Signer
	})
}

// subjectDN is the tls_client_auth_subject_dn of a good request.
func (p *play) subjectDN() string {
	if p.run.config.Request.SubjectDN != "" {
		return p.run.config.Request.SubjectDN
	}
	return cert.SubjectDN(p.software().Certificate.Leaf.RawSubject)
}
