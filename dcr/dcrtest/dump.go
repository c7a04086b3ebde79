package dcrtest

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/obdcr/obdcr/dcr/tpp"
)

// hidden stands for a secret in a dump.
const hidden = "(hidden)"

// maxShown is how much of a document a dump shows, in bytes.
const maxShown = 8 << 10

// String shows what was sent and what came back: tokens decoded and without their signatures,
// secrets and access tokens hidden, and what the bank found.
func (e *Exchange) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out strings.Builder
	fmt.Fprintf(&out, "%s, with %s\n", e.verb, cmp.Or(e.mutations, "no mutation"))
	e.writeRequest(&out)
	e.writeAnswer(&out)
	e.writeFindings(&out)
	return out.String()
}

func (e *Exchange) writeRequest(out *strings.Builder) {
	if e.request == nil {
		out.WriteString("nothing was sent\n")
		return
	}
	by := "without a client certificate"
	if e.certificate != nil {
		by = "by " + e.certificate.Subject.String()
	}
	fmt.Fprintf(out, "sent: %s %s, %s\n", e.request.Method, e.request.URL, by)
	writeHeader(out, e.request.Header)
	switch form, err := url.ParseQuery(string(e.body)); {
	case len(e.body) == 0:
	case strings.HasPrefix(e.request.Header.Get("Content-Type"), "application/x-www-form-urlencoded") && err == nil:
		for _, name := range slices.Sorted(maps.Keys(form)) {
			for _, value := range form[name] {
				writeParameter(out, name, value)
			}
		}
	default:
		writeToken(out, "request", string(e.body))
	}
}

func writeParameter(out *strings.Builder, name, value string) {
	switch {
	case name == "client_assertion":
		writeToken(out, name, value)
	case strings.Contains(name, "secret") || strings.Contains(name, "token"):
		fmt.Fprintf(out, "  %s=%s\n", name, hidden)
	default:
		fmt.Fprintf(out, "  %s=%s\n", name, shortened(value))
	}
}

// writeHeader shows headers in the order of their names, without what opens anything.
func writeHeader(out *strings.Builder, h http.Header) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			switch scheme, _, _ := strings.Cut(value, " "); {
			case name == "Authorization":
				value = scheme + " " + hidden
			case strings.Contains(name, "Cookie"):
				value = hidden
			}
			fmt.Fprintf(out, "  %s: %s\n", name, shortened(value))
		}
	}
}

// writeToken shows a compact JWS, and the statement in it.
func writeToken(out *strings.Builder, name, compact string) {
	parts := strings.Split(compact, ".")
	header, claims := decoded(parts[0]), []byte(nil)
	if len(parts) > 1 {
		claims = decoded(parts[1])
	}
	if len(parts) != 3 || header == nil || claims == nil {
		lengths := make([]string, len(parts))
		for i, part := range parts {
			lengths[i] = fmt.Sprint(len(part))
		}
		fmt.Fprintf(out, "  the %s is no compact JWS: its parts have %s characters; it begins with %.40q\n", name, strings.Join(lengths, ", "), compact)
		return
	}
	fmt.Fprintf(out, "  header of the %s: %s\n", name, indented(header))
	members, _ := decode(claims)
	object, _ := members.(map[string]any)
	statement, has := object["software_statement"].(string)
	if has {
		object["software_statement"] = fmt.Sprintf("(%d characters, see below)", len(statement))
		if shown, err := encode(object); err == nil {
			claims = shown
		}
	}
	fmt.Fprintf(out, "  claims of the %s: %s\n  its signature: %d characters\n", name, indented(claims), len(parts[2]))
	if has {
		writeToken(out, "statement", statement)
	}
}

// decoded is a part of a compact JWS; nil where it cannot be decoded.
func decoded(part string) []byte {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || len(text) == 0 {
		return nil
	}
	return text
}

// indented is JSON on lines of its own, and what is no JSON as a quoted text.
func indented(text []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, text, "  ", "  ") != nil {
		return fmt.Sprintf("%q", shortened(string(text)))
	}
	return shortened(out.String())
}

func shortened(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return fmt.Sprintf("%s... (%d bytes)", text[:maxShown], len(text))
}

func (e *Exchange) writeAnswer(out *strings.Builder) {
	if e.status == 0 {
		fmt.Fprintf(out, "no answer: %v\n", e.failure)
		return
	}
	fmt.Fprintf(out, "answer: %d %s\n", e.status, http.StatusText(e.status))
	writeHeader(out, e.header)
	if len(e.answer) > 0 {
		fmt.Fprintf(out, "  %s\n", indented(withoutSecrets(e.answer)))
	}
	if e.failure != nil {
		fmt.Fprintf(out, "  and then: %v\n", e.failure)
	}
}

// withoutSecrets hides the secrets of an answer, and leaves the statement out.
func withoutSecrets(answer []byte) []byte {
	document, err := decode(answer)
	object, ok := document.(map[string]any)
	if err != nil || !ok {
		return answer
	}
	statement, found := object["software_statement"].(string)
	if found {
		object["software_statement"] = fmt.Sprintf("(%d characters)", len(statement))
	}
	for _, name := range append(tpp.SecretMembers(), "access_token", "refresh_token", "id_token") {
		if _, there := object[name]; there {
			object[name], found = hidden, true
		}
	}
	if !found {
		return answer
	}
	shown, err := encode(object)
	if err != nil {
		return nil
	}
	return shown
}

// writeFindings shows what the bank knows of its refusal.
func (e *Exchange) writeFindings(out *strings.Builder) {
	if e.refused == nil {
		return
	}
	if e.refused.Report == nil {
		fmt.Fprintf(out, "the bank refused it by: %s\n", e.refused.Description)
	} else {
		out.WriteString("the bank found:\n")
		for _, v := range e.refused.Report.Violations {
			fmt.Fprintf(out, "  %s %s, %s of the %s: %s\n", v.Severity, v.Rule, cmp.Or(v.Pointer, "the whole"), v.Document, v.Message)
		}
	}
	if e.refused.Err != nil {
		fmt.Fprintf(out, "  cause: %v\n", e.refused.Err)
	}
}

// dump logs the last exchanges of a test that failed.
func (p *TPP) dump() {
	if !p.t.Failed() {
		return
	}
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.last {
		if !e.shown.Load() {
			p.t.Logf("dcrtest: %s", e)
		}
	}
}

// maxLines is how many lines of the bank's log a dump has.
const maxLines = 20

// dump logs the end of the bank's log for a test that failed.
func (b *Bank) dump(t testing.TB) {
	if !t.Failed() {
		return
	}
	t.Helper()
	lines := strings.Split(strings.TrimSpace(b.Log()), "\n")
	t.Logf("dcrtest: the log of the bank ends:\n%s", strings.Join(lines[max(0, len(lines)-maxLines):], "\n"))
}
