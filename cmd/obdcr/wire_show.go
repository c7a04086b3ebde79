package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/shown"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// leftOut stands in the place of a secret.
const leftOut = "(left out)"

// secretHeaders are headers that hold a secret.
var secretHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"}

// secretMembers are members of JSON documents and parameters of forms that hold a secret,
// in lower case.
var secretMembers = []string{
	"access_token", "refresh_token", "id_token", "client_secret", "registration_access_token", "password", "assertion", "private_key",
}

// secretInText finds a secret in a body that is no strict JSON.
var secretInText = regexp.MustCompile(`(?i)((?:\b|_)(?:` + strings.Join(secretMembers, "|") + `)["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s&,;<>"']+)`)

// secrets are the secrets that were seen. A bank may repeat one where none is due, in an
// error for example.
type secrets struct{ seen []string }

// leastSecret is the least length of a secret that is looked for everywhere. A shorter one
// is a word like any other.
const leastSecret = 6

// add remembers a secret in the forms in which it may come back.
func (s *secrets) add(value string) {
	inJSON, _ := json.Marshal(value) // a string always encodes
	for _, form := range []string{value, url.QueryEscape(value), string(inJSON[1 : len(inJSON)-1])} {
		if len(value) >= leastSecret && !slices.Contains(s.seen, form) {
			s.seen = append(s.seen, form)
		}
	}
	slices.SortFunc(s.seen, func(a, b string) int { return len(b) - len(a) }) // a part of another comes after it
}

// out replaces all secrets in a text, however a bank's encoder has escaped them.
func (s *secrets) out(line string) string {
	return shown.Replace(line, func(said string) (found []shown.Span) {
		for _, secret := range s.seen {
			for from := 0; ; {
				at := strings.Index(said[from:], secret)
				if at < 0 {
					break
				}
				found = append(found, shown.Span{From: from + at, To: from + at + len(secret), Instead: leftOut})
				from += at + len(secret)
			}
		}
		return found
	})
}

// secrets returns the secrets of this run of the command.
func (a *app) secrets() *secrets {
	if a.known == nil {
		a.known = &secrets{}
	}
	return a.known
}

// say prints one line, with no secret and no control character in it.
func (w *wire) say(mark, line string) {
	fmt.Fprintln(w.out, strings.TrimRight(mark+" "+text.Visible(w.secrets.out(line)), " "))
}

func (w *wire) showHeaders(mark string, h http.Header) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			if slices.Contains(secretHeaders, name) {
				scheme, secret, two := strings.Cut(value, " ")
				if !two || !strings.HasSuffix(name, "Authorization") {
					scheme, secret = "", value
				}
				w.secrets.add(secret)
				value = strings.TrimSpace(scheme + " " + leftOut)
			}
			w.say(mark, name+": "+value)
		}
	}
}

// showBody shows a body by its media type.
func (w *wire) showBody(mark, contentType, body string) {
	media, _, _ := mime.ParseMediaType(contentType)
	switch {
	case media == "application/x-www-form-urlencoded":
		w.showForm(mark, body)
	case media == "application/jwt" || media == "application/jose":
		w.showJWT(mark, "", body)
	default:
		w.showDocument(mark, body)
	}
}

// showForm shows each parameter in a line of its own.
func (w *wire) showForm(mark, body string) {
	form, err := url.ParseQuery(body)
	if err != nil {
		w.showDocument(mark, body)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			switch {
			case name == "client_assertion":
				w.secrets.add(value)
				w.showJWT(mark, name+" ", value)
			case slices.Contains(secretMembers, strings.ToLower(name)):
				w.secrets.add(value)
				w.say(mark, name+"="+leftOut)
			default:
				w.say(mark, name+"="+value)
			}
		}
	}
}

// showJWT shows the header and the claims of a JWT. It leaves the signature out, without
// which nobody can use the token.
func (w *wire) showJWT(mark, before, token string) {
	signed, err := ssa.ParseSigned(strings.TrimSpace(token))
	if err != nil {
		w.showDocument(mark, token)
		return
	}
	w.secrets.add(token[strings.LastIndexByte(token, '.')+1:])
	w.say(mark, before+"JWT header")
	w.showDocument(mark, signed.UnverifiedHeaderJSON())
	w.say(mark, before+"JWT claims")
	w.showDocument(mark, signed.UnverifiedPayload())
	w.say(mark, before+"JWT signature "+leftOut)
}

// showDocument shows a JSON document, indented, or any other text as it is.
func (w *wire) showDocument(mark, doc string) {
	if v, err := jsonscan.Parse(doc); err != nil || v.Kind() != jsonscan.Object && v.Kind() != jsonscan.Array {
		for line := range strings.Lines(secretInText.ReplaceAllString(doc, "${1}"+leftOut)) {
			w.say(mark, strings.TrimRight(line, "\r\n"))
		}
		return
	}
	lines := jsonscan.Indent(doc)
	for _, line := range lines {
		if v, ok := jsonscan.Lookup(doc, line.Pointer); ok && holdsSecret(line.Pointer) {
			value, _ := v.Text()
			w.secrets.add(value)
		}
	}
	for _, line := range lines {
		said := line.Text
		switch {
		case holdsSecret(line.Pointer) && !line.Closing && line.End <= len(said):
			said = said[:line.Start] + `"` + leftOut + `"` + said[line.End:]
		case strings.HasSuffix(line.Pointer, "/software_statement") && line.End-line.Start > maxStatement:
			said = fmt.Sprintf(`%s..." (%d characters)%s`, said[:line.Start+maxStatement], line.End-line.Start-2, said[line.End:])
		}
		w.say(mark, said)
	}
}

// maxStatement is how much of a software statement is shown inside another document.
const maxStatement = 24

// holdsSecret reports whether a pointer leads to a secret, or into one.
func holdsSecret(pointer string) bool {
	for token := range strings.SplitSeq(strings.ToLower(pointer), "/") {
		if slices.Contains(secretMembers, token) {
			return true
		}
	}
	return false
}
