package conform

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/obdcr/obdcr/validate"
)

func manageCases() []Case {
	return slices.Concat(getCases, deleteCases, intruders())
}

// verbNeeds are the needs of a case about a verb at the address of a client.
func verbNeeds(need Need, more ...Need) []Need { return append([]Need{NeedToken, need}, more...) }

var getCases = []Case{
	{ID: "get.own", Group: "get", Title: "A client reads its own registration", Citation: dcr33("GET /register/{ClientId}"),
		OBIE:  []string{"DCR-005"},
		Needs: verbNeeds(NeedGet), run: func(p *play) {
			c := p.registered()
			x := p.get(c)
			p.expectStatus(x, http.StatusOK)
			if p.text(x, "client_id") != c.id {
				p.fail("client_id of the client that was asked for")
			}
		}},
	{ID: "get.same", Group: "get", Title: "GET shows what the registration was answered with", Citation: rfc("7592", "2.1"),
		Needs: verbNeeds(NeedGet), OBIE: []string{"DCR-005"},
		run: func(p *play) {
			made := p.register()
			p.expectCreated(made)
			x := p.get(made.client)
			p.expectStatus(x, http.StatusOK)
			p.expectSame(made, x, "client_secret", "client_secret_expires_at", "registration_access_token", "registration_client_uri")
		}},
	{ID: "get.secret", Group: "get", Title: "GET answers with no secret of a method that has none", Citation: rfc("7592", "3"),
		Needs: verbNeeds(NeedGet), run: func(p *play) {
			x := p.get(p.registered())
			p.expectStatus(x, http.StatusOK)
			if !p.method().NeedsSecret() && p.object(x)["client_secret"] != nil {
				p.fail("no client_secret: the method is %s", p.method())
			}
		}},
	{ID: "get.twice", Group: "get", Title: "GET changes nothing: it answers the same again", Citation: rfc("9110", "9.2.1"),
		Needs: verbNeeds(NeedGet), run: func(p *play) {
			c := p.registered()
			first := p.get(c)
			p.expectStatus(first, http.StatusOK)
			again := p.get(c)
			p.expectStatus(again, http.StatusOK)
			p.expectSame(first, again, "client_secret", "registration_access_token")
		}},
	{ID: "get.two-clients", Group: "get", Title: "Of two clients each reads its own registration", Citation: rfc("7592", "2.1"),
		Needs: verbNeeds(NeedGet), run: func(p *play) {
			first, other := p.registered(), p.another()
			for _, c := range []*client{first, other, first} {
				got := p.get(c)
				p.expectStatus(got, http.StatusOK)
				if p.text(got, "client_id") != c.id {
					p.fail("client_id of the client that was asked for")
				}
			}
		}},
	{ID: "get.body", Group: "get", Title: "GET with a Content-Type, and no body, answers as without", Citation: rfc("9110", "9.3.1"), Needs: verbNeeds(NeedGet),
		run: func(p *play) {
			x := p.get(p.registered(), onHTTP(func(q *http.Request) { q.Header.Set("Content-Type", "application/jwt") }))
			p.expectStatus(x, http.StatusOK)
		}},
}

// expectSame ends the case as failed unless two answers have the same members, but for some.
func (p *play) expectSame(a, b *Exchange, but ...string) {
	one, other := p.object(a), p.object(b)
	names := slices.Sorted(maps.Keys(one))
	for name := range other {
		if _, has := one[name]; !has {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if slices.Contains(but, name) {
			continue
		}
		if got, want := fmt.Sprint(other[name]), fmt.Sprint(one[name]); got != want {
			p.fail("%s as it was: %.200s", name, want)
		}
	}
}

var deleteCases = []Case{
	{ID: "delete.own", Group: "delete", Title: "A client is deleted with 204 and no body", Citation: dcr33("DELETE /register/{ClientId}"),
		OBIE:  []string{"DCR-002", "DCR-003"},
		Needs: verbNeeds(NeedDelete), run: func(p *play) {
			x := p.delete(p.registered())
			p.expectDeleted(x)
			if x.raw.Body != "" {
				p.fail("no body, as status 204 has none")
			}
		}},
	afterDelete("get", "A client that was deleted is not read: 401", NeedGet, []string{"DCR-003", "DCR-010"},
		func(p *play, c *client) *Exchange { return p.get(c) }),
	afterDelete("put", "A client that was deleted is not updated: 401", NeedPut, []string{"DCR-009"},
		func(p *play, c *client) *Exchange { return p.update(c) }),
	afterDelete("again", "A client that was deleted is not deleted again: 401", NeedDelete, nil,
		func(p *play, c *client) *Exchange { return p.delete(c) }),
	{ID: "delete.token-endpoint", Group: "delete", Title: "A client that was deleted gets no token: invalid_client", Citation: rfc("7592", "2.3"),
		Needs: verbNeeds(NeedDelete),
		run: func(p *play) {
			c := p.registered()
			p.expectDeleted(p.delete(c))
			p.expectInvalidClient(p.askToken(c, nil))
		}},
	{ID: "delete.token-dead", Group: "delete", Title: "A token of a client that was deleted opens no other client",
		Citation: dcr33("DELETE /register/{ClientId}"),
		Needs:    verbNeeds(NeedDelete, NeedGet), run: func(p *play) {
			c, other := p.registered(), p.another()
			dead := p.token(c)
			p.expectDeleted(p.delete(c))
			p.expectDenied(p.get(other, bearer(dead)))
		}},
	{ID: "delete.others-stay", Group: "delete", Title: "To delete a client leaves the other clients of the software alone",
		Citation: rfc("7592", "2.3"), Needs: verbNeeds(NeedDelete, NeedGet),
		run: func(p *play) {
			c, other := p.registered(), p.another()
			p.expectDeleted(p.delete(c))
			p.expectStatus(p.get(other), http.StatusOK)
		}},
	{ID: "delete.again-registered", Group: "delete", Title: "A software registers again after its client was deleted", Citation: rfc("7592", "2.3"),
		Needs: verbNeeds(NeedDelete), run: func(p *play) {
			p.expectDeleted(p.delete(p.registered()))
			p.expectCreated(p.register())
		}},
	{ID: "delete.second-token-dead", Group: "delete", Title: "Each of a client's tokens ends with the client",
		Citation: dcr33("DELETE /register/{ClientId}"),
		Needs:    verbNeeds(NeedDelete, NeedGet), run: func(p *play) {
			c := p.registered()
			other := p.freshToken(c)
			p.expectDeleted(p.delete(c))
			p.expectDenied(p.get(c, bearer(other)))
		}},
}

// another registers a second client of the same software.
func (p *play) another(changes ...change) *client {
	x := p.register(changes...)
	p.expectAnotherOrOne(x)
	p.expectCreated(x)
	return x.client
}

// expectAnotherOrOne ends the case unless the bank has registered another client of a software. It may let a software have
// one, unless its policy says otherwise, and refuses then.
func (p *play) expectAnotherOrOne(x *Exchange) {
	p.expectAnswer(x)
	if x.created() {
		return
	}
	if p.run.config.Policy != nil && p.policy().Registrations == validate.RegistrationsMany {
		p.fail("another client: the policy has registrations %s", validate.RegistrationsMany)
	}
	p.expectStatus(x, http.StatusBadRequest, http.StatusConflict)
	p.allowed("registrations", "the bank registers a software once")
}

// expectDeleted ends the case as failed unless the client is deleted. A bank may ask a person first.
func (p *play) expectDeleted(x *Exchange) {
	p.expectAnswer(x)
	if x.status() == http.StatusAccepted {
		p.allowed("pending_changes", "a person at the bank decides on the deletion")
	}
	p.expectStatus(x, http.StatusNoContent)
}

// expectDenied ends the case as failed unless the bank denies: 401, or 403 where its policy says so of a
// token of another client.
func (p *play) expectDenied(x *Exchange) {
	p.expectAnswer(x)
	if x.status() == http.StatusForbidden && (p.run.config.Policy == nil || p.policy().ForeignToken == validate.ForeignTokenForbidden) {
		p.allowed("foreign_token", "the bank answers 403")
	}
	p.expectUnauthorised(x)
}

func afterDelete(id, title string, need Need, obie []string, ask func(*play, *client) *Exchange) Case {
	needs := verbNeeds(NeedDelete)
	if need != NeedDelete {
		needs = append(needs, need)
	}
	return Case{ID: "delete.then-" + id, Group: "delete", Title: title, Citation: rfc("7592", "2"), Needs: needs, OBIE: obie, run: func(p *play) {
		c := p.registered()
		p.expectDeleted(p.delete(c))
		p.expectUnauthorised(ask(p, c))
	}}
}

// verbs are GET, PUT and DELETE at the address of a client.
var verbs = []struct {
	id   string
	name string
	need Need
	send func(*play, *client, ...change) *Exchange
}{
	{"get", "GET", NeedGet, (*play).get},
	{"update", "PUT", NeedPut, (*play).update},
	{"delete", "DELETE", NeedDelete, (*play).delete},
}

// intruders are requests at the address of a client by somebody who may not.
func intruders() []Case {
	bad := []struct {
		id, title string
		obie      []string
		needs     []Need
		changes   func(p *play, c *client) []change
	}{
		{"no-token", "%s without a token is refused: 401", nil, nil, func(*play, *client) []change { return []change{bearer("")} }},
		{"empty-token", "%s with an empty token is refused: 401", []string{"DCR-007"}, nil,
			func(*play, *client) []change { return []change{bearer(""), authorization("Bearer")} }},
		{"unknown-token", "%s with a token that nobody issued is refused: 401", nil, nil,
			func(*play, *client) []change { return []change{bearer("obdcr-no-token")} }},
		{"cut-token", "%s with a token that is cut is refused: 401", nil, nil,
			func(p *play, c *client) []change { token := p.token(c); return []change{bearer(token[:len(token)-1])} }},
		{"basic", "%s with a token under the scheme Basic is refused: 401", nil, nil,
			func(p *play, c *client) []change { return []change{bearer(""), authorization("Basic " + p.token(c))} }},
		{"token-in-address", "%s with a token in the address is refused: 401", nil, nil,
			func(p *play, c *client) []change { return []change{bearer(""), inAddress(p.token(c))} }},
		{"no-certificate", "%s without a client certificate is refused", nil, nil,
			func(*play, *client) []change { return []change{withoutCertificate()} }},
		{"second-certificate", "%s with the certificate of another software is refused", nil, []Need{NeedSecondTPP},
			func(p *play, _ *client) []change { return []change{certificate(p.second().Certificate)} }},
		{"second-token", "%s with the token of another software's client is refused", nil, []Need{NeedSecondTPP}, secondToken},
		{"second-software", "%s of another software, with its own token and certificate, is refused", nil, []Need{NeedSecondTPP},
			func(p *play, c *client) []change {
				return append(secondToken(p, c), certificate(p.second().Certificate))
			}},
		{"own-other-client", "%s with the token of another client of the same software is refused", nil, nil,
			func(p *play, _ *client) []change { return []change{bearer(p.freshToken(p.another()))} }},
	}
	var all []Case
	for _, v := range verbs {
		for _, b := range bad {
			obie := b.obie
			if v.need != NeedGet {
				obie = nil
			}
			all = append(all, Case{ID: v.id + "." + b.id, Group: v.id, Title: fmt.Sprintf(b.title, v.name), Citation: rfc("7592", "2"), OBIE: obie,
				Needs: append(verbNeeds(v.need), b.needs...), run: func(p *play) {
					c := p.registered()
					p.token(c)
					p.expectShut(v.send(p, c, b.changes(p, c)...))
					p.expectStays(c)
				}})
		}
		all = append(all, unknownClient(v.id, v.name, v.need, v.send))
	}
	return all
}

// expectShut ends the case as failed unless the bank keeps somebody out: it closes the connection in the
// handshake, or answers 401, or 403 where its policy says so.
func (p *play) expectShut(x *Exchange) {
	if x.lost != nil && handshake(x.lost) {
		return
	}
	p.expectDenied(x)
}

// expectStays ends the case as failed unless the client is still there, as far as the bank tells.
func (p *play) expectStays(c *client) {
	if slices.Contains(p.run.config.Without, NeedGet) {
		return
	}
	x := p.get(c, bearer(p.freshToken(c)))
	if x.status() != http.StatusMethodNotAllowed {
		p.expectStatus(x, http.StatusOK)
	}
}

// unknownClient is a request for a client that does not exist.
func unknownClient(id, name string, need Need, send func(*play, *client, ...change) *Exchange) Case {
	return Case{ID: id + ".unknown-client", Group: id, Title: name + " of a client that does not exist is refused: 401",
		Citation: dcr33("GET /register/{ClientId}"),
		Needs:    verbNeeds(need), OBIE: nil, run: func(p *play) {
			c := p.registered()
			p.expectUnauthorised(send(p, c, bearer(p.freshToken(c)), atClient(p, "obdcr-unknown-client"), remove("/client_id")))
		}}
}

// atClient sends to the address of another client.
func atClient(p *play, id string) change { return at((&client{id: id}).address(p.run)) }

func authorization(value string) change {
	return onHTTP(func(q *http.Request) { q.Header.Set("Authorization", value) })
}

// inAddress sends a token in the query of the address.
func inAddress(token string) change {
	return onHTTP(func(q *http.Request) { q.URL.RawQuery = "access_token=" + token })
}

// secondToken is a token of a client of the second software.
func secondToken(p *play, _ *client) []change {
	x := p.register(as(p.second()))
	p.expectAnswer(x)
	if x.client == nil {
		p.notRun("the bank does not register the second software: status %d %s", x.status(), x.toldCode())
	}
	return []change{bearer(p.freshToken(x.client))}
}
