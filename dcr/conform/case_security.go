package conform

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/validate"
)

func securityCases() []Case {
	return slices.Concat(revocationCases, replayCases, raceCases)
}

var revocationCases = []Case{
	{ID: "revoke.unknown-client", Group: "revoke", Title: "A token that was used for a client that does not exist is revoked",
		Citation: rfc("7592", "2.1"),
		Needs:    verbNeeds(NeedGet), run: func(p *play) {
			c := p.registered()
			token := p.freshToken(c)
			p.expectUnauthorised(p.get(c, bearer(token), atClient(p, "obdcr-unknown-client")))
			p.expectRevoked(p.get(c, bearer(token)))
		}},
	{ID: "revoke.foreign-client", Group: "revoke", Title: "A token that was used for another client is revoked",
		Citation: dcr33("GET /register/{ClientId}"),
		Needs:    verbNeeds(NeedGet), run: func(p *play) {
			c, other := p.registered(), p.another()
			token := p.freshToken(c)
			x := p.get(other, bearer(token))
			if x.status() != http.StatusForbidden {
				p.expectUnauthorised(x)
			}
			p.expectRevoked(p.get(c, bearer(token)))
		}},
	{ID: "revoke.one-token", Group: "revoke", Title: "A misused token ends alone: the client goes on with others", Citation: rfc("7592", "2.1"),
		Needs: verbNeeds(NeedGet), run: func(p *play) {
			c := p.registered()
			p.expectUnauthorised(p.get(c, bearer(p.freshToken(c)), atClient(p, "obdcr-unknown-client")))
			p.expectStatus(p.get(c, bearer(p.freshToken(c))), http.StatusOK)
		}},
	{ID: "revoke.wrong-certificate", Group: "revoke", Title: "A token is bound to its certificate: under another one it opens nothing",
		Citation: rfc("8705", "3"),
		Needs:    append(verbNeeds(NeedGet), NeedSecondTPP), run: func(p *play) {
			c := p.registered()
			token := p.freshToken(c)
			p.expectShut(p.get(c, bearer(token), certificate(p.second().Certificate)))
		}},
}

// expectRevoked ends the case unless a token is refused that was misused. RFC 7592 says that it should be.
func (p *play) expectRevoked(x *Exchange) {
	p.expectAnswer(x)
	if x.status() == http.StatusOK && !p.run.config.Stricter {
		p.allowed("revocation", "the token stays valid for its client; the text says that it should not")
	}
	p.expectUnauthorised(x)
}

// replayCases use a request or its jti again.
var replayCases = []Case{
	{ID: "replay.same-bytes", Group: "replay", Title: "The same request is registered once", Citation: citationOf(validate.RuleRequestJTIReplayed),
		Rules: []string{validate.RuleRequestJTIReplayed},
		run: func(p *play) {
			first := p.register()
			p.expectCreated(first)
			p.expectRefusal(p.register(body(func(string) string { return first.Sent.Body })), validate.RuleRequestJTIReplayed)
		}},
	{ID: "replay.same-jti", Group: "replay", Title: "Another request with the same jti is refused",
		Citation: citationOf(validate.RuleRequestJTIReplayed), Rules: []string{validate.RuleRequestJTIReplayed},
		run: func(p *play) {
			jti := set("/jti", p.goodClaims(p.software(), nil)["jti"])
			p.expectCreated(p.register(jti))
			p.expectRefusal(p.register(jti, fewerGrants(p)), validate.RuleRequestJTIReplayed)
		}},
	{ID: "replay.jti-in-capitals", Group: "replay", Title: "A jti is the same one in capitals", Citation: citationOf(validate.RuleRequestJTIReplayed),
		Rules: []string{validate.RuleRequestJTIReplayed},
		run: func(p *play) {
			jti, _ := p.goodClaims(p.software(), nil)["jti"].(string)
			p.expectCreated(p.register(set("/jti", strings.ToLower(jti))))
			p.expectRefusal(p.register(set("/jti", strings.ToUpper(jti))), validate.RuleRequestJTIReplayed)
		}},
	{ID: "replay.refused", Group: "replay", Title: "A request that is refused uses no jti up", Citation: rfc("7591", "3.2.2"), run: func(p *play) {
		jti := set("/jti", p.goodClaims(p.software(), nil)["jti"])
		p.expectRefusal(p.register(jti, remove("/aud")), validate.RuleAudRequired)
		x := p.register(jti)
		p.expectAnswer(x)
		if !x.created() && p.run.config.Policy == nil {
			p.allowed("jti", "the text does not say when a jti is used up")
		}
		p.expectCreated(x)
	}},
	{ID: "replay.after-delete", Group: "replay", Title: "A request is not registered again after its client was deleted",
		Citation: citationOf(validate.RuleRequestJTIReplayed),
		Rules:    []string{validate.RuleRequestJTIReplayed}, Needs: verbNeeds(NeedDelete), run: func(p *play) {
			first := p.register()
			p.expectCreated(first)
			p.expectDeleted(p.delete(first.client))
			p.expectRefusal(p.register(body(func(string) string { return first.Sent.Body })), validate.RuleRequestJTIReplayed)
		}},
	{ID: "replay.update", Group: "replay", Title: "The same update is carried out once", Citation: citationOf(validate.RuleRequestJTIReplayed),
		Rules: []string{validate.RuleRequestJTIReplayed},
		Needs: verbNeeds(NeedPut), run: func(p *play) {
			c := p.registered()
			first := p.update(c)
			p.expectStatus(first, http.StatusOK)
			p.expectRefusal(p.update(c, body(func(string) string { return first.Sent.Body })), validate.RuleRequestJTIReplayed)
		}},
	{ID: "replay.registration-as-update", Group: "replay", Title: "A request that has registered a client does not update it",
		Citation: citationOf(validate.RuleRequestJTIReplayed),
		Rules:    []string{validate.RuleRequestJTIReplayed}, Needs: verbNeeds(NeedPut), run: func(p *play) {
			first := p.register()
			p.expectCreated(first)
			p.expectRefusal(p.update(first.client, body(func(string) string { return first.Sent.Body })), validate.RuleRequestJTIReplayed)
		}},
	{ID: "replay.statement", Group: "replay", Title: "A software statement may be used again: its jti is no one-time value",
		Citation: rfc("7591", "2.3"), OBIE: []string{"DCR-002"}, run: func(p *play) {
			p.registered()
			x := p.register()
			p.expectAnswer(x)
			if !x.created() && (p.run.config.Policy == nil || p.policy().Registrations != validate.RegistrationsMany) {
				p.allowed("registrations", "the bank registers a software once")
			}
			p.expectCreated(x)
		}},
}

// raceCases send requests at the same time.
var raceCases = []Case{
	{ID: "race.same-request", Group: "race", Title: "Of the same request, sent four times at once, one is registered",
		Citation: citationOf(validate.RuleRequestJTIReplayed),
		Rules:    []string{validate.RuleRequestJTIReplayed}, run: sameAtOnce},
	{ID: "race.registrations", Group: "race", Title: "Requests at the same time give clients of their own", Citation: rfc("7591", "3.2.1"),
		run: func(p *play) {
			answers := p.atOnce(4, func() *Exchange { return p.register() })
			ids := map[string]bool{}
			for _, x := range answers {
				id, _ := x.member("client_id").(string)
				if !x.created() || id == "" || p.run.older(x) != "" {
					continue
				}
				if ids[id] {
					p.fail("a client_id of its own for each client")
				}
				ids[id] = true
			}
			for _, x := range answers {
				if p.expectAnswer(x); x.client == nil {
					p.expectBusy(x)
				}
			}
		}},
	{ID: "race.updates", Group: "race", Title: "Updates at the same time leave the client as one of them has it", Citation: rfc("7592", "2.2"),
		Needs: verbNeeds(NeedPut, NeedGet), run: func(p *play) {
			c := p.registered()
			p.token(c)
			for _, x := range p.atOnce(4, func() *Exchange { return p.update(c, fewerGrants(p)) }) {
				p.expectAnswer(x)
				if x.status() != http.StatusOK {
					p.expectBusy(x)
				}
			}
			x := p.get(c)
			p.expectStatus(x, http.StatusOK)
			if got := words(p.object(x)["grant_types"]); !slices.Equal(got, []string{"client_credentials"}) {
				p.fail("grant_types with client_credentials alone, as the updates have it")
			}
		}},
	{ID: "race.update-delete", Group: "race", Title: "A client that is updated while it is deleted is gone", Citation: rfc("7592", "2.3"),
		Needs: verbNeeds(NeedPut, NeedDelete, NeedGet), run: func(p *play) {
			c := p.registered()
			token := p.token(c)
			var gone *Exchange
			p.together(func() { p.update(c) }, func() { gone = p.delete(c) }, func() { p.update(c) })
			p.expectAnswer(gone)
			if gone.status() == http.StatusAccepted {
				p.allowed("pending_changes", "a person at the bank decides on the deletion")
			}
			if gone.status() != http.StatusNoContent {
				p.expectBusy(gone)
				return
			}
			p.expectUnauthorised(p.get(c, bearer(token)))
		}},
	{ID: "race.deletes", Group: "race", Title: "A client that is deleted four times at once is deleted once", Citation: rfc("7592", "2.3"),
		Needs: verbNeeds(NeedDelete), run: func(p *play) {
			c := p.registered()
			p.token(c)
			done := 0
			for _, x := range p.atOnce(4, func() *Exchange { return p.delete(c) }) {
				p.expectAnswer(x)
				switch {
				case x.status() == http.StatusAccepted:
					p.allowed("pending_changes", "a person at the bank decides on the deletion")
				case x.status() == http.StatusNoContent:
					done++
				case x.status() != http.StatusUnauthorized:
					p.expectBusy(x)
				}
			}
			if done == 0 {
				p.fail("status 204 to one of them")
			}
		}},
	{ID: "race.assertion", Group: "race", Title: "A client assertion that is sent four times at once gives one token", Citation: rfc("7523", "3"),
		Needs: []Need{NeedToken}, run: func(p *play) {
			c := p.assertionClient(false)
			assertion := p.assertion(c)
			given := 0
			for _, x := range p.atOnce(4, func() *Exchange {
				return p.askToken(c, func(f url.Values, _ http.Header) { f.Set("client_assertion", assertion) })
			}) {
				p.expectAnswer(x)
				if x.status() == http.StatusOK {
					given++
				}
			}
			if given > 1 && !p.run.config.Stricter {
				p.allowed("jti", "RFC 7523 section 3 leaves it to the server to remember jti")
			}
			if given != 1 {
				p.fail("one token")
			}
		}},
}

// atOnce sends n requests at the same time.
func (p *play) atOnce(n int, send func() *Exchange) []*Exchange {
	answers := make([]*Exchange, n)
	all := make([]func(), n)
	for i := range all {
		all[i] = func() { answers[i] = send() }
	}
	p.together(all...)
	return answers
}

// expectBusy ends the case as failed unless the bank says that it is busy with the same.
func (p *play) expectBusy(x *Exchange) {
	p.expectStatus(x, http.StatusConflict, http.StatusServiceUnavailable, http.StatusBadRequest)
}

// sameAtOnce sends one signed request several times.
func sameAtOnce(p *play) {
	m := &message{method: http.MethodPost, address: p.metadata().RegistrationEndpoint, as: p.software()}
	p.prepare(m, nil)
	text := p.sign(m)
	made := 0
	for _, x := range p.atOnce(4, func() *Exchange { return p.register(body(func(string) string { return text })) }) {
		p.expectAnswer(x)
		if x.created() {
			made++
		} else {
			p.expectBusy(x)
		}
	}
	if made > 1 && p.run.open([]string{validate.RuleRequestJTIReplayed}) != "" {
		p.allowed(validate.RuleRequestJTIReplayed, "the bank registers a request more than once")
	}
	if made != 1 {
		p.fail("one registration and no more")
	}
}
