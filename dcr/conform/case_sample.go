package conform

import "github.com/obdcr/obdcr/validate"

// dcr33 cites a section of OBIE DCR 3.3.
func dcr33(section string) validate.Citation {
	return validate.Citation{Spec: "OBIE DCR 3.3", Section: section, URL: "https://openbankinguk.github.io/dcr-docs-pub/v3.3/dynamic-client-registration.html"}
}

func sampleCases() []Case {
	return []Case{{
		ID: "register.valid", Group: "register", Title: "A valid request registers a client",
		Citation: dcr33("POST /register"), OBIE: []string{"DCR-002"},
		run: func(p *play) {
			c := p.registered()
			if c.id == "" {
				p.fail("a client_id in the answer")
			}
		},
	}, {
		ID: "get.own", Group: "get", Title: "A client reads its own registration",
		Citation: dcr33("GET /register/{ClientId}"), Needs: []Need{NeedToken, NeedGet},
		run: func(p *play) {
			c := p.registered()
			x := p.get(c)
			p.expectStatus(x, 200)
			if got, _ := x.member("client_id").(string); got != c.id {
				p.fail("client_id of the client that was asked for")
			}
		},
	}, {
		ID: "register.redirect-plain-http", Group: "register", Title: "A redirect URI of plain http is refused",
		Citation: dcr33("data dictionary, redirect_uris"), Rules: []string{validate.RuleRedirectURIsHTTPS},
		run: func(p *play) {
			x := p.register(set("/redirect_uris/0", "http://app.example/cb"))
			p.expectRefusal(x, validate.RuleRedirectURIsHTTPS, validate.RuleRedirectURIsSubsetOfSSA)
		},
	}}
}
