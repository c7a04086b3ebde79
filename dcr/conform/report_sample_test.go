package conform_test

import (
	"time"

	"github.com/obdcr/obdcr/dcr/conform"
)

// clause is a section of OBIE DCR 3.3.
func clause(section string) conform.Clause {
	return conform.Clause{Spec: "OBIE DCR 3.3", Section: section, URL: "https://openbankinguk.github.io/dcr-docs-pub/v3.3/dynamic-client-registration.html"}
}

// sampleReport has each verdict, and what a hostile bank may say.
func sampleReport() *conform.Report {
	post := func(status int, body string) conform.Exchange {
		return conform.Exchange{Verb: "register", Millis: 41, Sent: conform.Sent{Method: "POST", URL: "https://bank.example/register",
			Certificate: "CN=4Kb1BFCjzBrlhWlNBDxVEo,OU=0015800001041RHAAY,O=OpenBanking,C=GB",
			Headers:     []conform.HeaderField{{Name: "Accept", Value: "application/json"}, {Name: "Content-Type", Value: "application/jwt"}},
			JWS: &conform.JWS{Header: `{"alg":"PS256","kid":"hcgex","typ":"JWT"}`,
				Claims:    `{"iss":"4Kb1BFCjzBrlhWlNBDxVEo","redirect_uris":["http://app.example/cb"],"token_endpoint_auth_method":"private_key_jwt"}`,
				SSAHeader: `{"alg":"PS256","kid":"directory"}`, SSA: `{"iss":"OpenBanking Ltd","software_id":"4Kb1BFCjzBrlhWlNBDxVEo"}`}},
			Received: &conform.Received{Status: status, Headers: []conform.HeaderField{{Name: "Content-Type", Value: "application/json"}}, Body: body}}
	}
	lost := post(0, "")
	lost.Received, lost.Error, lost.Millis = nil, "timed out", 30000
	ask := conform.Exchange{Verb: "token", Millis: 12, Note: "the bank was busy (429) and asked for 1s, which were waited",
		Sent:     conform.Sent{Method: "POST", URL: "https://bank.example/token", Body: "client_id=c1&client_secret=%5Bhidden%5D&grant_type=client_credentials"},
		Received: &conform.Received{Status: 200, Headers: []conform.HeaderField{}, Body: `{"access_token":"[hidden]"}`}}
	wrong := post(201, `{"client_id":"c2","client_name":"<script>alert(1)</script>\u001b[31m","redirect_uris":["http://app.example/cb"]}`)
	wrong.Differs = []string{`/redirect_uris/0: "http://app.example/cb"`}
	return &conform.Report{Version: conform.ReportVersion, Tool: "obdcr v1.2.0", Bank: "Example Bank", Endpoint: "https://bank.example/register",
		Profile: "obie-3.3", Policy: "policy.json", Method: "private_key_jwt", Started: time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC), Millis: 31204,
		Counts: map[conform.Verdict]int{conform.Passed: 2, conform.Failed: 1, conform.Errored: 1, conform.Allowed: 1, conform.NotOffered: 1, conform.NotRun: 1},
		Results: []conform.CaseResult{
			{ID: "register.valid", Group: "register", Title: "A valid request registers a client", Citation: clause("POST /register"), OBIE: []string{"DCR-002"},
				Verdict: conform.Passed, Millis: 41, Exchanges: []conform.Exchange{post(201, `{"client_id":"c1","client_secret":"[hidden]"}`)}},
			{ID: "register.redirect-plain-http", Group: "register", Title: "A redirect URI of plain http is refused",
				Citation: clause("data dictionary, redirect_uris"), Rules: []string{"redirect_uris.https"}, Verdict: conform.Failed,
				Expected: "a refusal: status 400 with the error invalid_redirect_uri", Millis: 44,
				Exchanges: []conform.Exchange{wrong}},
			{ID: "register.lifetime", Group: "register", Title: "A request that is valid for longer than the bank admits is refused",
				Citation: clause("data dictionary, exp"), Rules: []string{"request.exp.lifetime"}, Verdict: conform.Allowed,
				Reason: "max_lifetime_seconds: the bank accepts what this rule refuses", Millis: 40, Exchanges: []conform.Exchange{post(201, `{"client_id":"c3"}`)}},
			{ID: "register.roles", Group: "register", Title: "A scope that no role of the statement allows is refused", Citation: clause("data dictionary, scope"),
				Verdict: conform.NotRun, Reason: "it needs a statement with other claims, which only the directory can sign"},
			{ID: "token.client-credentials", Group: "token", Title: "A client gets an access token by client_credentials",
				Citation: conform.Clause{Spec: "RFC 6749", Section: "4.4", URL: "https://www.rfc-editor.org/rfc/rfc6749#section-4.4"}, Verdict: conform.Passed,
				Millis: 90, Exchanges: []conform.Exchange{post(201, `{"client_id":"c4"}`), ask}},
			{ID: "get.own", Group: "get", Title: "A client reads its own registration", Citation: clause("GET /register/{ClientId}"),
				Verdict: conform.NotOffered, Reason: "GET at the address of a client answers 405"},
			{ID: "update.replaces", Group: "update", Title: "An update replaces what is registered", Citation: clause("PUT /register/{ClientId}"),
				Verdict: conform.Errored, Reason: "register: no answer: timed out", Millis: 30001, Exchanges: []conform.Exchange{lost}},
		},
		Left: []conform.Left{{SoftwareID: "4Kb1BFCjzBrlhWlNBDxVEo", JTI: "7b7a9d0e-7f0c-4f55-9f5e-6c2f6f2f7b11", Case: "update.replaces",
			Reason: "no answer came: timed out; nor to the same request again"}}}
}
