package conform

import (
	"crypto"
	"crypto/tls"
	"net/http"
)

// message is what a case sends: a request to the registration endpoint in the making.
type message struct {
	method, address string
	contentType     string
	header          map[string]any // of the JWS
	claims          any            // of the request: an object, until a change makes it something else
	statement       *string        // instead of the software's; "" leaves it in place
	ssaChanges      map[string]any
	signer          crypto.Signer
	raw             func(string) string // makes the body of the compact JWS
	http            []func(*http.Request)
	certificate     *tls.Certificate // shown instead of the software's; one without a chain is none
	as              *Registrant
	token           string // Bearer
	unsigned        bool
	edits           []func(*message) // of header and claims, in their order
	differs         []string         // from a good request, in words; nil: apply finds it
	again           string           // number in the journal of a registration that is sent once more; "" for any other message
}

// change makes a good request a bad one, or another good one. Each is made once. What it does to header and claims is an
// edit, which is made when the good request is there: other changes decide whose it is.
type change func(*message)

// edit is a change of header and claims.
func edit(f func(*message)) change {
	return func(m *message) { m.edits = append(m.edits, f) }
}

// begin makes changes but for their edits, and finish makes these.
func (m *message) begin(changes []change) {
	for _, one := range changes {
		one(m)
	}
}

func (m *message) finish() {
	for _, one := range m.edits {
		one(m)
	}
}

// set sets the value at an RFC 6901 pointer into the claims of the request. A pointer that ends in an
// index beyond the array appends.
func set(pointer string, value any) change {
	return edit(func(m *message) { m.claims = setAt(m.claims, pointer, value) })
}

// remove takes the value at a pointer away from the claims of the request.
func remove(pointer string) change {
	return edit(func(m *message) { m.claims = removeAt(m.claims, pointer) })
}

// header sets a member of the JWS header of the request; nil removes it.
func header(name string, value any) change {
	return edit(func(m *message) {
		if value == nil {
			delete(m.header, name)
			return
		}
		m.header[name] = value
	})
}

// claim sets a claim of the software statement, which the directory then mints anew; nil
// removes it. A case that uses it has NeedMint.
func claim(name string, value any) change {
	return func(m *message) {
		if m.ssaChanges == nil {
			m.ssaChanges = map[string]any{}
		}
		m.ssaChanges[name] = value
	}
}

// statement puts another statement into the request.
func statement(token string) change {
	return func(m *message) { m.statement = &token }
}

// signedBy signs the request with another key.
func signedBy(key crypto.Signer) change {
	return func(m *message) { m.signer = key }
}

// unsigned leaves the signature empty.
func unsigned() change {
	return func(m *message) { m.unsigned = true }
}

// body changes the compact JWS as it is sent.
func body(f func(jws string) string) change {
	return func(m *message) { m.raw = f }
}

// contentType sends another Content-Type; "" sends none.
func contentType(t string) change {
	return func(m *message) { m.contentType = t }
}

// onHTTP changes the HTTP request before it is sent.
func onHTTP(f func(*http.Request)) change {
	return func(m *message) { m.http = append(m.http, f) }
}

// certificate shows another client certificate.
func certificate(c tls.Certificate) change {
	return func(m *message) { m.certificate = &c }
}

// withoutCertificate shows no client certificate.
func withoutCertificate() change { return certificate(tls.Certificate{}) }

// as sends in the name of another software: its certificate, keys and statement.
func as(s *Registrant) change {
	return func(m *message) { m.as = s }
}

// bearer sends another access token; "" sends none.
func bearer(token string) change {
	return func(m *message) { m.token = token }
}
