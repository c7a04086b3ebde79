package conform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

func answerCases() []Case {
	return slices.Concat(answerHeaders(), answerMembers(), answerErrors())
}

// answerHeaders are the headers of each kind of answer.
func answerHeaders() []Case {
	kinds := []struct {
		id, name string
		needs    []Need
		body     bool // the answer has one
		ask      func(p *play) *Exchange
	}{
		{"registered", "a registration", nil, true, func(p *play) *Exchange { x := p.register(); p.expectCreated(x); return x }},
		{"refused", "a refusal", nil, true, func(p *play) *Exchange { return p.register(remove("/aud")) }},
		{"read", "GET", []Need{NeedToken, NeedGet}, true, func(p *play) *Exchange { return p.get(p.registered()) }},
		{"updated", "PUT", []Need{NeedToken, NeedPut}, true, func(p *play) *Exchange { return p.update(p.registered()) }},
		{"deleted", "DELETE", []Need{NeedToken, NeedDelete}, false, func(p *play) *Exchange { return p.delete(p.registered()) }},
		{"unauthorised", "a refusal of a token", []Need{NeedGet}, false,
			func(p *play) *Exchange { return p.get(p.registered(), bearer("obdcr-no-token")) }},
		{"token", "the token endpoint", []Need{NeedToken}, true, func(p *play) *Exchange { return p.askToken(p.registered(), nil) }},
	}
	var all []Case
	for _, k := range kinds {
		all = append(all, Case{ID: "answer.no-store-" + k.id, Group: "answer", Title: "No cache may store the answer to " + k.name,
			Citation: rfc("7591", "3.2.1"), Needs: k.needs, run: func(p *play) {
				x := k.ask(p)
				p.expectAnswer(x)
				directives := strings.Split(strings.ToLower(x.responseHeader("Cache-Control")), ",")
				if !slices.ContainsFunc(directives, func(d string) bool { return strings.TrimSpace(d) == "no-store" }) {
					p.fail("Cache-Control with no-store")
				}
			}})
		if k.body {
			all = append(all, Case{ID: "answer.type-" + k.id, Group: "answer", Title: "The answer to " + k.name + " is application/json",
				Citation: rfc("7591", "3.2"), Needs: k.needs, run: func(p *play) { x := k.ask(p); p.expectAnswer(x); p.expectJSON(x) }})
		}
	}
	return append(all, Case{ID: "answer.pragma", Group: "answer", Title: "The answer to a registration has Pragma: no-cache",
		Citation: rfc("7591", "3.2.1"),
		run: func(p *play) {
			x := p.register()
			p.expectCreated(x)
			if !strings.EqualFold(x.responseHeader("Pragma"), "no-cache") {
				p.fail("Pragma: no-cache")
			}
		}})
}

// expectJSON ends the case as failed unless the answer is JSON and says so.
func (p *play) expectJSON(x *Exchange) {
	if media, _, err := mime.ParseMediaType(x.responseHeader("Content-Type")); err != nil || media != "application/json" {
		p.fail("Content-Type: application/json")
	}
	p.object(x)
}

// answered makes a case about the members of the answer to a registration.
func answered(id, title string, citation validate.Citation, check func(p *play, x *Exchange)) Case {
	return Case{ID: "answer." + id, Group: "answer", Title: title, Citation: citation, OBIE: []string{"DCR-005"}, run: func(p *play) {
		x := p.register()
		p.expectCreated(x)
		check(p, x)
	}}
}

// answerMembers are the members of the answer to a registration.
func answerMembers() []Case {
	dictionary := func(name string) validate.Citation { return dcr33("data dictionary, " + name) }
	return []Case{
		answered("client-id", "A client_id has 1 to 36 characters that an address can have", dictionary("client_id"), func(p *play, x *Exchange) {
			if id := p.text(x, "client_id"); len(id) < 1 || len(id) > 36 || !visible.MatchString(id) {
				p.fail("a client_id of 1 to 36 characters that are visible ASCII")
			}
		}),
		{ID: "answer.client-id-new", Group: "answer", Title: "Each client has a client_id of its own", Citation: rfc("7591", "3.2.1"),
			run: func(p *play) {
				first := p.registered()
				x := p.register()
				p.expectAnswer(x)
				if x.client == nil {
					p.allowed("registrations", "the bank registers a software once")
				}
				if x.client.id == first.id {
					p.allowed("registrations", "the bank answers a second registration with the same client")
				}
			}},
		answered("issued-at", "client_id_issued_at is the time of the registration in seconds", rfc("7591", "3.2.1"), func(p *play, x *Exchange) {
			value := p.object(x)["client_id_issued_at"]
			if value == nil {
				p.allowed("client_id_issued_at", "the answer need not have it")
			}
			at, whole := wholeNumber(value)
			if away := math.Abs(p.run.config.Clock().Sub(time.Unix(at, 0)).Hours()); !whole || away > 24 {
				p.fail("client_id_issued_at as seconds since 1970, within a day of now")
			}
		}),
		answered("secret", "A client_secret is there where the method needs one, and not else", dictionary("client_secret"), expectSecret),
		answered("statement", "The software statement is echoed byte for byte", rfc("7591", "3.2.1"), func(p *play, x *Exchange) {
			if got := p.object(x)["software_statement"]; got != p.software().Statement {
				p.fail("software_statement as it was sent")
			}
		}),
		answered("scope", "scope is one string of words", dictionary("scope"), func(p *play, x *Exchange) {
			if _, list := p.object(x)["scope"].([]any); list && (p.policy().ResponseScopeAsArray || p.run.config.Policy == nil) {
				p.allowed("response_scope_as_array", "the bank writes scope as an array")
			}
			if scope := p.text(x, "scope"); scope == "" || len(scope) > 256 {
				p.fail("scope of 1 to 256 characters")
			}
		}),
		answered("members", "Each member that was registered is in the answer, in its type", rfc("7591", "3.2.1"), expectMembers),
		answered("asked", "What is registered is what was asked for", rfc("7591", "3.2.1"), expectAsked),
		answered("claims-of-the-request", "iss, iat, exp, aud and jti of the request are not registered", dcr33("data dictionary"),
			func(p *play, x *Exchange) {
				for _, name := range []string{"iss", "iat", "exp", "aud", "jti"} {
					if _, has := p.object(x)[name]; has {
						p.allowed("answer", "the bank repeats %s, as the OpenAPI document of OBIE has it", name)
					}
				}
			}),
		answered("members-once", "No member of the answer stands there twice", rfc("8259", "4"), func(p *play, x *Exchange) {
			if name := twice(x.raw.Body); name != "" {
				p.fail("%.40s once", name)
			}
		}),
		answered("registration-token", "The answer has no registration access token: GET, PUT and DELETE take one of client_credentials",
			dcr33("GET /register/{ClientId}"),
			func(p *play, x *Exchange) {
				if p.object(x)["registration_access_token"] != nil {
					p.allowed("RFC 7592", "the bank gives a registration access token besides")
				}
			}),
	}
}

// visible are the characters of a client_id that no address has to escape twice.
var visible = regexp.MustCompile(`^[!-~]+$`)

// secretText are the characters of a client_secret that form encoding leaves alone.
var secretText = regexp.MustCompile(`^[\x21-\x7e]{22,36}$`)

func expectSecret(p *play, x *Exchange) {
	all := p.object(x)
	secret, has := all["client_secret"].(string)
	if !p.method().NeedsSecret() {
		if has {
			p.fail("no client_secret: the method is %s", p.method())
		}
		return
	}
	if !secretText.MatchString(secret) {
		p.fail("a client_secret of 22 to 36 visible characters")
	}
	if _, whole := wholeNumber(all["client_secret_expires_at"]); !whole {
		p.fail("client_secret_expires_at as a whole number, as RFC 7591 section 3.2.1 demands with a secret")
	}
}

// wholeNumber is the value of a JSON number without a fraction.
func wholeNumber(value any) (int64, bool) {
	f, is := value.(float64)
	return int64(f), is && f == math.Trunc(f)
}

// twice is the name of a member of an object that stands there twice.
func twice(object string) string {
	decoder := json.NewDecoder(strings.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		return ""
	}
	seen := map[string]bool{}
	for decoder.More() {
		name, err := decoder.Token()
		text, is := name.(string)
		var value json.RawMessage
		if err != nil || !is || decoder.Decode(&value) != nil {
			return ""
		}
		if seen[text] {
			return text
		}
		seen[text] = true
	}
	return ""
}

// expectMembers ends the case as failed unless the answer has the members of the data dictionary.
func expectMembers(p *play, x *Exchange) {
	all := p.object(x)
	for _, name := range []string{"token_endpoint_auth_method", "application_type", "id_token_signed_response_alg", "request_object_signing_alg"} {
		if text, is := all[name].(string); !is || text == "" {
			p.fail("%s as a string", name)
		}
	}
	for _, name := range []string{"redirect_uris", "grant_types"} {
		if list, is := all[name].([]any); !is || len(list) == 0 || slices.ContainsFunc(list, func(v any) bool { _, is := v.(string); return !is }) {
			p.fail("%s as a list of strings", name)
		}
	}
	if p.method() == claims.TLSClientAuth {
		most := 128
		if p.profile() == validate.OBIE34 {
			most = 512
		}
		if dn := p.text(x, "tls_client_auth_subject_dn"); dn == "" || len(dn) > most {
			p.fail("tls_client_auth_subject_dn of 1 to %d characters", most)
		}
	}
	for _, address := range words(all["redirect_uris"]) {
		if !strings.HasPrefix(strings.ToLower(address), "https://") || len(address) > 256 {
			p.fail("redirect_uris of https and at most 256 characters")
		}
	}
}

// expectAsked compares the answer with the request.
func expectAsked(p *play, x *Exchange) {
	_, payload := decoded(x.Sent.Body)
	sent, err := objectOf([]byte(payload))
	if err != nil {
		p.broken("the request cannot be read again: %s", err)
	}
	all := p.object(x)
	for _, name := range []string{"redirect_uris", "token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "grant_types", "response_types",
		"scope",
		"application_type", "id_token_signed_response_alg", "request_object_signing_alg", "tls_client_auth_subject_dn"} {
		asked, got := words(sent[name]), words(all[name])
		slices.Sort(asked)
		slices.Sort(got)
		if sent[name] == nil || slices.Equal(asked, got) {
			continue
		}
		if p.run.config.Policy == nil || p.policy().CanAdjust(name) {
			p.allowed("adjustable", "the bank registers %s as %.100s, and says so", name, fmt.Sprint(got))
		}
		p.fail("%s as it was asked for: %.200s", name, strings.Join(asked, " "))
	}
}

// answerErrors are the objects of refusals.
func answerErrors() []Case {
	refusal := func(p *play) (*Exchange, map[string]any) {
		x := p.register(remove("/aud"))
		p.expectStatus(x, http.StatusBadRequest)
		return x, p.object(x)
	}
	return []Case{
		{ID: "answer.error", Group: "answer", Title: "A refusal has one of the four errors", Citation: rfc("7591", "3.2.2"),
			OBIE: []string{"DCR-004"}, run: func(p *play) {
				x, _ := refusal(p)
				if !slices.Contains(registrationCodes(), x.code()) {
					p.fail("error as one of %s", strings.Join(registrationCodes(), ", "))
				}
			}},
		{ID: "answer.error-description", Group: "answer", Title: "error_description has 1 to 500 characters of ASCII", Citation: rfc("7591", "3.2.2"),
			run: func(p *play) {
				_, all := refusal(p)
				if all["error_description"] == nil {
					p.allowed("error_description", "a refusal need not have it")
				}
				text, is := all["error_description"].(string)
				if !is || text == "" || len(text) > 500 || bytes.ContainsFunc([]byte(text), func(r rune) bool { return r > '~' || r < ' ' }) {
					p.fail("error_description as a text of 1 to 500 characters of ASCII")
				}
			}},
		{ID: "answer.error-members", Group: "answer", Title: "A refusal has no other member than error and error_description",
			Citation: rfc("7591", "3.2.2"), run: func(p *play) {
				_, all := refusal(p)
				for name := range all {
					if name != "error" && name != "error_description" {
						p.fail("no other member than error and error_description, and not %.40s", name)
					}
				}
			}},
		{ID: "answer.challenge", Group: "answer", Title: "A refusal of a token has WWW-Authenticate of the scheme Bearer", Citation: rfc("6750", "3"),
			Needs: []Need{NeedGet}, run: func(p *play) {
				x := p.get(p.registered(), bearer("obdcr-no-token"))
				p.expectUnauthorised(x)
				if !strings.HasPrefix(strings.ToLower(x.responseHeader("WWW-Authenticate")), "bearer") {
					p.fail("WWW-Authenticate: Bearer")
				}
			}},
		{ID: "answer.client-secrets-differ", Group: "answer", Title: "Two clients have two secrets", Citation: rfc("7591", "5"), run: func(p *play) {
			if !p.method().NeedsSecret() {
				p.notRun("clients of %s have no secret: play it by another --auth-method", p.method())
			}
			first, x := p.registered(), p.register()
			if x.client != nil && x.client.secret == first.secret {
				p.fail("another client_secret for another client")
			}
		}},
	}
}
