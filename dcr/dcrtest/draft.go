package dcrtest

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/obdcr/obdcr/ssa/ssatest"
)

// draft is what the mutations of a call say.
type draft struct {
	name               string
	request, statement tokenDraft
	at                 *tokenDraft // what the next mutation changes
	inHeader           bool        // the header of it, and not its claims

	faults      []error // of the test
	http        []func(*http.Request)
	form        []func(url.Values)
	certificate func(*TPP) (tls.Certificate, error) // nil: the software's own
	again       func(assertion []byte, d *tokenDraft) (string, error)
}

// tokenDraft is how a compact JWS differs from a good one.
type tokenDraft struct {
	claims, header documentDraft
	forgery        ssatest.Forgery
	by             func(payload any, f ssatest.Forgery) (string, error) // nil: who signs a good one
	signature      []func([]byte) []byte
	compact        []func(string) string
}

// documentDraft is how a JSON document differs from a good one.
type documentDraft struct {
	edits []func(any) (any, error)
	bytes []func([]byte) []byte
}

func newDraft(mutations []Mutation) *draft {
	d := &draft{name: inWords(mutations)}
	d.at = &d.request
	d.mutate(mutations)
	return d
}

func (d *draft) mutate(mutations []Mutation) {
	for _, m := range mutations {
		if m.apply != nil { // the zero Mutation changes nothing
			m.apply(d)
		}
	}
}

// document is the one that the next mutation changes.
func (d *draft) document() *documentDraft {
	if d.inHeader {
		return &d.at.header
	}
	return &d.at.claims
}

// written is a document as the draft has it.
func (d *documentDraft) written(good []byte) ([]byte, error) {
	if len(d.edits) > 0 {
		document, err := decode(good)
		if err != nil {
			return nil, err
		}
		for _, edit := range d.edits {
			if document, err = edit(document); err != nil {
				return nil, err
			}
		}
		if good, err = encode(document); err != nil {
			return nil, err
		}
	}
	for _, change := range d.bytes {
		good = change(good)
	}
	return good, nil
}

// sign makes the compact JWS of a good payload, with a good header of alg and kid. by signs.
func (d *tokenDraft) sign(payload []byte, alg, kid string, by func(payload any, f ssatest.Forgery) (string, error)) (string, error) {
	payload, err := d.claims.written(payload)
	if err != nil {
		return "", err
	}
	good, err := json.Marshal(map[string]any{"alg": alg, "kid": kid, "typ": "JWT"})
	if err != nil {
		return "", err
	}
	forgery := d.forgery
	if forgery.Header, err = d.header.written(good); err != nil {
		return "", err
	}
	var named struct{ Alg string }
	if json.Unmarshal(forgery.Header, &named) == nil {
		forgery.Algorithm = named.Alg
	}
	if d.by != nil {
		by = d.by
	}
	compact, err := by(payload, forgery)
	if err != nil {
		return "", err
	}
	if len(d.signature) > 0 {
		at := strings.LastIndexByte(compact, '.') + 1
		signature, err := base64.RawURLEncoding.DecodeString(compact[at:])
		if err != nil {
			return "", fmt.Errorf("the signature of a token: %w", err)
		}
		for _, change := range d.signature {
			signature = change(signature)
		}
		compact = compact[:at] + base64.RawURLEncoding.EncodeToString(signature)
	}
	for _, change := range d.compact {
		compact = change(compact)
	}
	return compact, nil
}

// touched reports whether the draft differs from a good token at all.
func (d *tokenDraft) touched() bool {
	return len(d.claims.edits)+len(d.claims.bytes)+len(d.header.edits)+len(d.header.bytes)+len(d.signature)+len(d.compact) > 0 ||
		d.by != nil || d.forgery.Key != nil || d.forgery.Secret != nil || d.forgery.Unsigned || d.forgery.SaltLength != 0
}

// authenticate changes the client assertion and the form of a token request.
func (d *draft) authenticate(q *http.Request, body []byte) ([]byte, error) {
	if d.again == nil || len(d.form) == 0 && !d.request.touched() {
		return body, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	if d.request.touched() {
		parts := strings.Split(form.Get("client_assertion"), ".")
		if len(parts) != 3 {
			return nil, fmt.Errorf("a mutation of claims, header or signature needs a client assertion, and the client authenticates without one")
		}
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			return nil, err
		}
		assertion, err := d.again(payload, &d.request)
		if err != nil {
			return nil, err
		}
		form.Set("client_assertion", assertion)
	}
	for _, change := range d.form {
		change(form)
	}
	return []byte(form.Encode()), nil
}
