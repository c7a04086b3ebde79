package conform_test

import (
	"net/http"
	"strings"

	"github.com/obdcr/obdcr/claims"
)

// secretCases are those about the secret of an answer. A run does not go on for long where no client can be deleted by its secret.
var secretCases = []string{"answer.secret", "answer.client-secrets-differ"}

// answerMutants answer otherwise than a bank must.
func answerMutants() []mutant {
	all := []mutant{
		{name: "no pragma", fails: []string{"answer.pragma"}, wrap: answers(posted, noHeader("Pragma"))},
		{name: "a challenge is missing", fails: []string{"answer.challenge"}, wrap: answers(read, noHeader("WWW-Authenticate"))},
		{name: "a client_id of 40 characters", fails: []string{"answer.client-id"}, play: []string{"answer.client-id"},
			wrap: answers(posted, member("client_id", strings.Repeat("a", 40)), 201)},
		{name: "a client_id with a blank", fails: []string{"answer.client-id"}, play: []string{"answer.client-id"}, wrap: answers(posted, member("client_id", "a b"), 201)},
		{name: "no client_id", fails: []string{"register.valid"}, play: []string{"register.*"}, wrap: answers(posted, member("client_id", nil), 201)},
		{name: "the time of issue is a text", fails: []string{"answer.issued-at"}, wrap: answers(posted, member("client_id_issued_at", "now"), 201)},
		{name: "the time of issue is in milliseconds", fails: []string{"answer.issued-at"}, wrap: answers(posted, member("client_id_issued_at", int64(1795792554000)), 201)},
		{name: "a secret that nobody needs", fails: []string{"answer.secret"}, wrap: answers(posted, member("client_secret", strings.Repeat("s", 24)), 201)},
		{name: "GET shows a secret that nobody needs", fails: []string{"get.secret"}, wrap: answers(read, member("client_secret", strings.Repeat("s", 24)), 200)},
		{name: "a secret is missing", method: claims.ClientSecretBasic, fails: []string{"answer.secret"}, play: secretCases,
			wrap: answers(posted, member("client_secret", nil), 201)},
		{name: "a secret is short", method: claims.ClientSecretBasic, fails: []string{"answer.secret"}, play: secretCases, wrap: answers(posted, member("client_secret", "short"), 201)},
		{name: "the end of a secret is missing", method: claims.ClientSecretBasic, fails: []string{"answer.secret"}, play: []string{"answer.*"},
			wrap: answers(posted, member("client_secret_expires_at", nil), 201)},
		{name: "each client has the same secret", method: claims.ClientSecretBasic, fails: []string{"answer.client-secrets-differ"}, play: secretCases,
			wrap: answers(posted, member("client_secret", strings.Repeat("s", 24)), 201)},
		{name: "the statement is not echoed", fails: []string{"answer.statement"}, wrap: answers(posted, member("software_statement", nil), 201)},
		{name: "the statement is echoed without its signature", fails: []string{"answer.statement"}, wrap: answers(posted, members(func(all map[string]any) {
			text, _ := all["software_statement"].(string)
			all["software_statement"] = text[:strings.LastIndexByte(text, '.')+1]
		}), 201)},
		{name: "scope is an array", fails: []string{"answer.scope"}, wrap: answers(posted, members(func(all map[string]any) {
			text, _ := all["scope"].(string)
			all["scope"] = strings.Fields(text)
		}), 201)},
		{name: "scope is missing", fails: []string{"answer.scope"}, wrap: answers(posted, member("scope", nil), 201)},
		{name: "grant types are missing", fails: []string{"answer.members"}, wrap: answers(posted, member("grant_types", nil), 201)},
		{name: "grant types are one text", fails: []string{"answer.members"}, wrap: answers(posted, member("grant_types", "client_credentials"), 201)},
		{name: "redirect URIs are missing", fails: []string{"answer.members"}, wrap: answers(posted, member("redirect_uris", nil), 201)},
		{name: "the type of the application is missing", fails: []string{"answer.members"}, wrap: answers(posted, member("application_type", nil), 201)},
		{name: "an algorithm is registered otherwise", fails: []string{"answer.asked"}, wrap: answers(posted, member("id_token_signed_response_alg", "RS256"), 201)},
		{name: "response types are dropped", fails: []string{"answer.asked"}, wrap: answers(posted, member("response_types", []string{"code"}), 201)},
		{name: "a member stands there twice", fails: []string{"answer.members-once"}, wrap: answers(posted, func(a *answer) {
			text := a.body.String()
			a.body.Reset()
			a.body.WriteString(`{"scope":"x",` + strings.TrimPrefix(strings.TrimSpace(text), "{"))
		}, 201)},
		{name: "an error that nobody knows", fails: []string{"answer.error"}, play: []string{"answer.*"}, wrap: answers(posted, member("error", "server_error"), 400)},
		{name: "an error without its code", fails: []string{"answer.error"}, play: []string{"answer.*"}, wrap: answers(posted, member("error", nil), 400)},
		{name: "an error that always is the same", fails: []string{"register.redirect-plain-http", "statement.changed"}, play: []string{"register.*", "statement.*", "answer.*"},
			wrap: answers(posted, member("error", "invalid_client_metadata"), 400)},
		{name: "a description of 600 characters", fails: []string{"answer.error-description"}, wrap: answers(posted, member("error_description", strings.Repeat("x", 600)), 400)},
		{name: "a description with a character beyond ASCII", fails: []string{"answer.error-description"}, wrap: answers(posted, member("error_description", "ungültig"), 400)},
		{name: "a refusal has one more member", fails: []string{"answer.error-members"}, wrap: answers(posted, member("reason", "x"), 400)},
		{name: "a refusal is a page", fails: []string{"answer.type-refused"}, play: []string{"answer.*"}, wrap: answers(posted, func(a *answer) {
			a.header.Set("Content-Type", "text/html")
			a.body.Reset()
			a.body.WriteString("<html>no</html>")
		}, 400)},
		{name: "a registration is answered with 200", fails: []string{"register.valid"}, play: []string{"register.*"}, wrap: answers(posted, status(200), 201)},
		{name: "a registration is answered with 202", fails: []string{"register.valid"}, play: []string{"register.valid"}, wrap: answers(posted, status(202), 201)},
		{name: "a refusal is answered with 422", fails: []string{"register.expired"}, play: []string{"register.expired", "answer.*"}, wrap: answers(posted, status(422), 400)},
		{name: "a refusal is answered with 500", fails: []string{"register.expired"}, play: []string{"register.expired", "answer.*"}, wrap: answers(posted, status(500), 400)},
		{name: "a refusal is answered with 201", fails: []string{"register.expired"}, play: []string{"register.expired", "answer.*"}, wrap: answers(posted, status(201), 400)},
	}
	kinds := []struct {
		id     string
		match  matcher
		status int
		body   bool
	}{{"registered", posted, 201, true}, {"refused", posted, 400, true}, {"read", read, 200, true}, {"updated", put, 200, true}, {"deleted", deleted, 204, false},
		{"unauthorised", read, 401, false}, {"token", tokened, 200, true}}
	for _, k := range kinds {
		all = append(all, mutant{name: "caches may store the answer: " + k.id, fails: []string{"answer.no-store-" + k.id}, wrap: answers(k.match, setHeader("Cache-Control", "max-age=60"), k.status)})
		if k.body {
			all = append(all, mutant{name: "an answer is plain text: " + k.id, fails: []string{"answer.type-" + k.id}, wrap: answers(k.match, setHeader("Content-Type", "text/plain"), k.status)})
		}
	}
	return all
}

// httpMutants take what they must not, or at another address.
func httpMutants() []mutant {
	var all []mutant
	for id, is := range map[string]func(string) bool{
		"text":   func(t string) bool { return t == "text/plain" },
		"json":   func(t string) bool { return t == "application/json" },
		"form":   func(t string) bool { return t == "application/x-www-form-urlencoded" },
		"xml":    func(t string) bool { return t == "application/xml" },
		"absent": func(t string) bool { return t == "" },
		"broken": func(t string) bool { return strings.Contains(t, ";;") },
		"suffix": func(t string) bool { return t == "application/jwtx" },
	} {
		all = append(all, mutant{name: "a body of another type is read: " + id, fails: []string{"http.type-" + id}, wrap: requests(registering, func(_ *mutantBank, r *http.Request) {
			if is(r.Header.Get("Content-Type")) {
				r.Header.Set("Content-Type", "application/jwt")
			}
		})})
	}
	for id, method := range map[string]string{"get": "GET", "put": "PUT", "delete": "DELETE", "patch": "PATCH", "query": "QUERY"} {
		all = append(all, mutant{name: "the endpoint answers " + method, fails: []string{"http.method-" + id}, wrap: replies(onPath(method, "/register"), 200, "application/json", "{}")})
	}
	at := onPath("", "/register")
	return append(all,
		mutant{name: "405 without Allow", fails: []string{"http.method-get", "http.method-patch"}, wrap: answers(at, noHeader("Allow"), 405)},
		mutant{name: "404 in the place of 405", fails: []string{"http.method-get"}, wrap: answers(at, status(404), 405)},
		mutant{name: "POST at a client's address", fails: []string{"http.method-post-at-client"}, wrap: replies(onPath("POST", "/register/"), 201, "application/json", "{}")},
		mutant{name: "a compressed body is not looked at", fails: []string{"http.gzip-alone"}, wrap: requests(registering, func(_ *mutantBank, r *http.Request) { r.Header.Del("Content-Encoding") })},
		mutant{name: "a large request is taken", fails: []string{"http.size-too-large", "http.size-far-too-large"}, wrap: mends(func(_ *mutantBank, _ *http.Request, j *jws) bool {
			_, has := j.payload["software_more"]
			delete(j.payload, "software_more")
			return has
		})},
		mutant{name: "a request of 16 KiB is too large", fails: []string{"http.size-large"}, wrap: func(_ *mutantBank, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if registering(r) && r.ContentLength > 16<<10 {
					w.WriteHeader(http.StatusRequestEntityTooLarge)
					return
				}
				next.ServeHTTP(w, r)
			})
		}},
		mutant{name: "a slash is redirected", fails: []string{"http.path-slash"}, wrap: func(_ *mutantBank, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/register/" {
					http.Redirect(w, r, "/register", http.StatusPermanentRedirect)
					return
				}
				next.ServeHTTP(w, r)
			})
		}},
		mutant{name: "a mux of its own cleans paths", fails: []string{"http.path-dots", "http.path-double-slash"}, wrap: func(_ *mutantBank, next http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/", next)
			return mux
		}},
		mutant{name: "application/jose is broken", fails: []string{"http.type-jose"}, wrap: func(_ *mutantBank, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if registering(r) && r.Header.Get("Content-Type") == "application/jose" {
					w.WriteHeader(http.StatusInternalServerError)
					return
				}
				next.ServeHTTP(w, r)
			})
		}},
	)
}
