package conform

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/secret"
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

// shown are the exchanges of a case as a report has them. Secrets are taken out later, when all of the
// run are known.
func (p *play) shown() []Exchange {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	shown := make([]Exchange, 0, min(len(p.exchanges), mostExchanges))
	for _, x := range p.exchanges[:min(len(p.exchanges), mostExchanges)] {
		one := *x
		one.Sent.Headers = slices.Clone(x.Sent.Headers)
		one.Sent.JWS, one.Sent.Body = shownBody(x.Sent.Body)
		if x.raw != nil {
			received := *x.raw
			received.Headers, received.Body = headers(x.raw.header), shownText(x.raw.Body)
			if received.Cut == "" && len(x.raw.Body) > maxShown {
				received.Cut = fmt.Sprintf("the report has %d of its %d bytes", maxShown, len(x.raw.Body))
			}
			one.Received = &received
		}
		shown = append(shown, one)
	}
	return shown
}

// shownText bounds a text, and makes it one of UTF-8.
func shownText(body string) string {
	if len(body) > maxShown {
		body = body[:maxShown]
		for len(body) > 0 && !utf8.RuneStart(body[len(body)-1]) {
			body = body[:len(body)-1]
		}
	}
	return strings.ToValidUTF8(body, "\uFFFD")
}

// shownBody decodes the body of a request: a JWS into its parts, a form without its secrets. The signature of a
// request is left out, so that nobody can send it again.
func shownBody(body string) (*JWS, string) {
	head, payload := decoded(body)
	if head != "" || payload != "" {
		j := &JWS{Header: shownText(head), Claims: shownText(payload)}
		if all, err := objectOf([]byte(payload)); err == nil {
			if token, is := all["software_statement"].(string); is {
				j.SSAHeader, j.SSA = decoded(token)
			}
		}
		return j, ""
	}
	if form, err := url.ParseQuery(body); err == nil && form.Has("grant_type") {
		j := (*JWS)(nil)
		for _, name := range secretNames() {
			if name == "client_assertion" && form.Has(name) {
				j = &JWS{}
				j.Header, j.Claims = decoded(form.Get(name))
			}
			if form.Has(name) {
				form.Set(name, secret.Hidden)
			}
		}
		return j, form.Encode()
	}
	return nil, shownText(body)
}

// shorten leaves the software statement out of the claims and of the answer, where it stands decoded beside them.
func (x *Exchange) shorten() {
	if x.Sent.JWS == nil || x.Sent.JWS.SSA == "" {
		return
	}
	all, err := objectOf([]byte(x.Sent.JWS.Claims))
	if err != nil {
		return
	}
	token, is := all["software_statement"].(string)
	if !is || token == "" {
		return
	}
	const below = "[decoded below]"
	x.Sent.JWS.Claims = strings.ReplaceAll(x.Sent.JWS.Claims, token, below)
	if x.Received != nil {
		x.Received.Body = strings.ReplaceAll(x.Received.Body, token, below)
	}
}
