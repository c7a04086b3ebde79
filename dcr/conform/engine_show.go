package conform

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/secret"
	"github.com/obdcr/obdcr/internal/shown"
)

// headers lists header fields by name.
func headers(h http.Header) []HeaderField {
	all := []HeaderField{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			all = append(all, HeaderField{Name: name, Value: strings.ToValidUTF8(value, "\uFFFD")})
		}
	}
	return all
}

// hideSigned leaves out what is signed.
func hideSigned(all []HeaderField) {
	for i := range all {
		all[i].Value = shown.WithoutSignatures(all[i].Value)
	}
}

// shown are the exchanges of a case as a report has them. Secrets are taken out later, when all of the
// run are known.
func (p *play) shown() []Exchange {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	all := make([]Exchange, 0, min(len(p.exchanges), mostExchanges))
	for _, x := range p.exchanges[:min(len(p.exchanges), mostExchanges)] {
		one := *x
		one.raw, one.client, one.lost = nil, nil, nil // for the case alone, and large
		one.Sent.Headers, one.Differs = slices.Clone(x.Sent.Headers), slices.Clone(x.Differs)
		hideSigned(one.Sent.Headers)
		one.Sent.JWS, one.Sent.Body = shownBody(x.Sent.Body)
		if x.raw != nil {
			received := *x.raw
			received.header, received.Headers, received.Body = nil, headers(x.raw.header), shownAnswer(x.raw.Body, x.Sent.Body)
			hideSigned(received.Headers)
			if received.Cut == "" && len(x.raw.Body) > maxShown {
				received.Cut = fmt.Sprintf("the report has %d of its %d bytes", maxShown, len(x.raw.Body))
			}
			one.Received = &received
		}
		all = append(all, one)
	}
	return all
}

// shownText bounds a text, and makes it one of UTF-8. It holds no memory of what it leaves out.
func shownText(body string) string {
	if len(body) > maxShown {
		body = body[:maxShown]
		for len(body) > 0 && !utf8.RuneStart(body[len(body)-1]) {
			body = body[:len(body)-1]
		}
		body = strings.Clone(body)
	}
	return strings.ToValidUTF8(body, "\uFFFD")
}

// shownBody decodes the body of a request: a JWS into its parts, a form without its secrets. The signatures of a
// request and of its statement are left out, so that nobody can send them again.
func shownBody(body string) (*JWS, string) {
	if token := shown.Decode(body); token != nil {
		return jwsOf(token), ""
	}
	if form, err := url.ParseQuery(body); err == nil && form.Has("grant_type") {
		j := (*JWS)(nil)
		for _, name := range secretNames() {
			if name == "client_assertion" && form.Has(name) {
				j = jwsOf(shown.Decode(form.Get(name)))
			}
			if form.Has(name) {
				form.Set(name, secret.Hidden)
			}
		}
		return j, form.Encode()
	}
	return nil, shownText(shown.WithoutSignatures(body))
}

// jwsOf are the parts of a token as a report has them.
func jwsOf(token *shown.Token) *JWS {
	if token == nil {
		return &JWS{}
	}
	j := &JWS{Header: shownText(token.Header), Claims: shownText(token.Claims)}
	if token.Statement != nil {
		j.SSAHeader, j.SSA = token.Statement.Header, token.Statement.Claims
	}
	return j
}

// shownAnswer is the body of an answer; the statement that was sent is in the report already.
func shownAnswer(body, sent string) string {
	_, payload := decoded(sent)
	var claims struct {
		Statement string `json:"software_statement"`
	}
	if json.Unmarshal([]byte(payload), &claims) == nil && strings.Count(claims.Statement, ".") == 2 {
		body = strings.ReplaceAll(body, claims.Statement, shown.Instead(claims.Statement))
	}
	return shownText(shown.WithoutSignatures(body[:min(len(body), mostRead)]))
}

// mostRead is how much of an answer is searched for what is signed, which is shown by its length alone.
const mostRead = 16 * maxShown
