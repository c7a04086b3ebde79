package conform

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/validate"
)

func httpCases() []Case {
	return slices.Concat(httpTypes(), httpSizes(), httpMethods(), httpPaths())
}

// httpTypes are bodies of another type than a signed request has.
func httpTypes() []Case {
	one := func(id, title, mediaType string) Case {
		return Case{ID: "http.type-" + id, Group: "http", Title: title, Citation: dcr33("POST /register"), run: func(p *play) {
			p.expectRefused(p.register(contentType(mediaType)), http.StatusUnsupportedMediaType, http.StatusBadRequest, http.StatusNotAcceptable)
		}}
	}
	return []Case{
		one("text", "A request of the type text/plain is refused", "text/plain"),
		one("json", "A request of the type application/json is refused", "application/json"),
		one("form", "A request of the type of a form is refused", "application/x-www-form-urlencoded"),
		one("xml", "A request of the type application/xml is refused", "application/xml"),
		one("absent", "A request without a type is refused", ""),
		one("broken", "A request whose type cannot be read is refused", "application/jwt;;"),
		one("suffix", "A request of a type that only begins as the right one is refused", "application/jwtx"),
		{ID: "http.type-jwt", Group: "http", Title: "A request of the type application/jwt is taken", Citation: dcr33("POST /register"),
			run: ofType("application/jwt")},
		{ID: "http.type-jose", Group: "http", Title: "A request of the type application/jose is taken", Citation: dcr33("POST /register"),
			OBIE: []string{"DCR-002"},
			run:  ofType("application/jose")},
		{ID: "http.type-in-capitals", Group: "http", Title: "The type of a request has no case", Citation: rfc("9110", "8.3.1"),
			run: ofType("Application/JWT")},
		{ID: "http.gzip", Group: "http", Title: "A request that is compressed is refused, or read", Citation: rfc("9110", "8.4"), run: func(p *play) {
			x := p.register(body(gzipped), onHTTP(func(q *http.Request) { q.Header.Set("Content-Encoding", "gzip") }))
			p.expectAnswer(x)
			if x.created() {
				p.allowed("Content-Encoding", "the bank reads compressed requests")
			}
			p.expectRefused(x, http.StatusUnsupportedMediaType, http.StatusBadRequest)
		}},
		{ID: "http.gzip-alone", Group: "http", Title: "A request that only says that it is compressed is refused", Citation: rfc("9110", "8.4"),
			run: func(p *play) {
				p.expectRefused(p.register(onHTTP(func(q *http.Request) { q.Header.Set("Content-Encoding", "gzip") })),
					http.StatusUnsupportedMediaType, http.StatusBadRequest)
			}},
	}
}

// ofType registers with a media type that the specification names.
func ofType(mediaType string) func(*play) {
	return func(p *play) {
		x := p.register(contentType(mediaType))
		p.expectAnswer(x)
		if x.status() == http.StatusUnsupportedMediaType {
			other := "application/jwt"
			if strings.EqualFold(mediaType, other) {
				other = "application/jose"
			}
			p.expectCreated(p.register(contentType(other)))
			p.allowed("Content-Type", "the bank takes the other of the two types alone")
		}
		p.expectCreated(x)
	}
}

func gzipped(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, text) // a bytes.Buffer takes everything
	_ = w.Close()
	return out.String()
}

// httpSizes are requests that are too large, and one that is large.
func httpSizes() []Case {
	padded := func(n int) change { return set("/software_more", strings.Repeat("x", n)) }
	tooLarge := func(n int) func(*play) {
		return func(p *play) {
			x := p.register(padded(n))
			p.expectAnswer(x)
			if x.created() {
				if p.run.open([]string{validate.RuleRequestSize}) != "" {
					p.allowed(validate.RuleRequestSize, "the bank reads requests of %d bytes", n)
				}
				p.fail("status 413: a request of more than %d bytes is refused", n)
			}
			p.expectRefused(x, http.StatusRequestEntityTooLarge, http.StatusBadRequest)
		}
	}
	return []Case{
		{ID: "http.size-large", Group: "http", Title: "A request of 32 KiB is taken", Citation: rfc("7591", "2"),
			run: func(p *play) { p.expectCreated(p.register(padded(24 << 10))) }},
		{ID: "http.size-too-large", Group: "http", Title: "A request that is too large is refused", Citation: citationOf(validate.RuleRequestSize),
			Rules: []string{validate.RuleRequestSize}, run: tooLarge(64 << 10)},
		{ID: "http.size-far-too-large", Group: "http", Title: "A request of megabytes is refused", Citation: citationOf(validate.RuleRequestSize),
			Rules: []string{validate.RuleRequestSize}, run: tooLarge(2 << 20)},
	}
}

// httpMethods are methods that the registration endpoint does not have.
func httpMethods() []Case {
	without := func(method string) Case {
		return Case{ID: "http.method-" + strings.ToLower(method), Group: "http",
			Title:    method + " at the registration endpoint is refused with 405 and Allow",
			Citation: rfc("9110", "15.5.6"), run: func(p *play) {
				x := p.ask(method, p.metadata().RegistrationEndpoint)
				p.expectAnswer(x)
				others := []int{http.StatusNotFound, http.StatusNotImplemented, http.StatusUnauthorized, http.StatusForbidden}
				if slices.Contains(others, x.status()) && !p.run.config.Stricter {
					p.allowed("status", "the bank answers %d in the place of 405", x.status())
				}
				p.expectStatus(x, http.StatusMethodNotAllowed)
				if !slices.ContainsFunc(strings.Split(x.responseHeader("Allow"), ","),
					func(m string) bool { return strings.TrimSpace(m) == http.MethodPost }) {
					p.fail("Allow with POST, as RFC 9110 section 15.5.6 demands with 405")
				}
			}}
	}
	all := []Case{}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch, "QUERY"} {
		all = append(all, without(method))
	}
	return append(all, Case{ID: "http.method-post-at-client", Group: "http", Title: "POST at the address of a client is refused with 405 and Allow",
		Citation: rfc("9110", "15.5.6"), run: func(p *play) {
			c := p.registered()
			x := p.register(at(c.address(p.run)))
			p.expectAnswer(x)
			if x.status() == http.StatusNotFound || x.status() == http.StatusUnauthorized {
				p.allowed("status", "the bank answers %d in the place of 405", x.status())
			}
			p.expectStatus(x, http.StatusMethodNotAllowed)
		}})
}

// httpPaths are addresses that are nearly right.
func httpPaths() []Case {
	one := func(id, title string, address func(endpoint string) string) Case {
		return Case{ID: "http.path-" + id, Group: "http", Title: title, Citation: rfc("7591", "3.1"), run: func(p *play) {
			x := p.register(at(address(p.metadata().RegistrationEndpoint)))
			if x.status() >= 300 && x.status() < 400 {
				p.fail("no redirect: a client would send its request again, at another address")
			}
			p.expectAnswer(x)
			if x.created() {
				p.allowed("path", "the bank takes registrations at this address too")
			}
			p.expectRefused(x, http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusUnauthorized)
		}}
	}
	return []Case{
		one("slash", "A registration endpoint with a slash behind it is not redirected", func(e string) string { return e + "/" }),
		one("dots", "A path with dot segments is not redirected", func(e string) string {
			at := strings.LastIndexByte(e, '/')
			return e[:at] + "/x/.." + e[at:]
		}),
		one("double-slash", "A path with an empty segment is not redirected", func(e string) string {
			at := strings.LastIndexByte(e, '/')
			return e[:at] + "/" + e[at:]
		}),
	}
}

// at sends to another address.
func at(address string) change { return func(m *message) { m.address = address } }

// ask sends a request without a body to any address, with the software's certificate.
func (p *play) ask(method, address string) *Exchange {
	q, err := http.NewRequestWithContext(p.ctx, method, address, http.NoBody)
	if err != nil {
		p.notRun("the address %.200q cannot be asked", address)
	}
	q.Header.Set("Accept", "application/json")
	return p.send(strings.ToLower(method), q, p.software().Certificate)
}

// expectCreated ends the case unless the bank has registered a client.
func (p *play) expectCreated(x *Exchange) {
	p.expectStatus(x, p.createdStatus()...)
	if x.client == nil {
		p.fail("a JSON object with a client_id, as RFC 7591 section 3.2.1 has it")
	}
}

// expectRefused ends the case as failed unless the bank has refused by one of the statuses. Another
// refusal by the same class of statuses is allowed.
func (p *play) expectRefused(x *Exchange, statuses ...int) {
	p.expectAnswer(x)
	if x.status() >= 400 && x.status() < 500 && !slices.Contains(statuses, x.status()) && !p.run.config.Stricter {
		p.allowed("status", "the bank refuses with %d, where %s would say more", x.status(), either(statuses))
	}
	p.expectStatus(x, statuses...)
}
