package dcrtest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/secret"
	"github.com/obdcr/obdcr/internal/shown"
)

// maxShown is how much of a document a dump shows, in bytes.
const maxShown = 8 << 10

// String shows what was sent and what came back: tokens decoded and without their signatures,
// secrets and access tokens secret.Hidden, and what the bank found.
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
		fmt.Fprintf(out, "  %s=%s\n", name, secret.Hidden)
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
				value = scheme + " " + secret.Hidden
			case strings.Contains(name, "Cookie"):
				value = secret.Hidden
			}
			fmt.Fprintf(out, "  %s: %s\n", name, shortened(value))
		}
	}
}

// writeToken shows a compact JWS, and the statement in it.
func writeToken(out *strings.Builder, name, compact string) {
	token := shown.Decode(compact)
	if token == nil || token.Header == "" || token.Claims == "" {
		parts := strings.Split(compact, ".")
		lengths := make([]string, len(parts))
		for i, part := range parts {
			lengths[i] = fmt.Sprint(len(part))
		}
		fmt.Fprintf(out, "  the %s is no compact JWS: its parts have %s characters; it begins with %.40q\n", name, strings.Join(lengths, ", "), compact)
		return
	}
	writeDecoded(out, name, token)
}

func writeDecoded(out *strings.Builder, name string, token *shown.Token) {
	fmt.Fprintf(out, "  header of the %s: %s\n  claims of the %s: %s\n  its signature: %d characters\n", name, indented(token.Header), name,
		indented(token.Claims), token.Signature)
	if token.Statement != nil {
		writeDecoded(out, "statement", token.Statement)
	}
}

// indented is a document on lines of its own.
func indented(document string) string {
	return shortened(strings.Join(shown.Lines(document, 0), "\n  "))
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
		fmt.Fprintf(out, "  %s\n", indented(string(withoutSecrets(e.answer))))
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
		object["software_statement"] = shown.Instead(statement)
	}
	for _, name := range append(tpp.SecretMembers(), "access_token", "refresh_token", "id_token") {
		if _, there := object[name]; there {
			object[name], found = secret.Hidden, true
		}
	}
	if !found {
		return answer
	}
	clean, err := encode(object)
	if err != nil {
		return nil
	}
	return clean
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
