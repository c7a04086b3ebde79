// Package shown shows people what went over the wire: signed requests decoded and without their signatures, JSON
// indented, and nothing that steers a terminal.
package shown

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// Token is a compact JWS, decoded. It has no signature, so that nobody can send it again.
type Token struct {
	Header, Claims string // "": that part cannot be decoded
	Signature      int    // characters of the signature
	Statement      *Token // the software statement of the claims; nil for none that can be decoded
}

// Decode decodes a compact JWS without verifying it; nil for a text that is none. Where a statement in the claims can be
// decoded, its length stands in its place.
func Decode(compact string) *Token {
	t := decode(compact)
	if t == nil {
		return nil
	}
	var claims struct {
		Statement string `json:"software_statement"`
	}
	if json.Unmarshal([]byte(t.Claims), &claims) == nil && claims.Statement != "" {
		if s := decode(claims.Statement); s != nil && s.Header != "" && s.Claims != "" {
			s.clean()
			t.Statement = s
			t.Claims = strings.ReplaceAll(t.Claims, claims.Statement, Instead(claims.Statement))
		}
	}
	t.clean()
	return t
}

// clean leaves out signatures within the parts.
func (t *Token) clean() {
	t.Header, t.Claims = WithoutSignatures(t.Header), WithoutSignatures(t.Claims)
}

// Instead is what stands in the place of a statement that is shown decoded.
func Instead(statement string) string {
	return fmt.Sprintf("(%d characters, shown decoded)", len(statement))
}

func decode(compact string) *Token {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return nil
	}
	t := &Token{Signature: len(parts[2])}
	for i, to := range []*string{&t.Header, &t.Claims} {
		if data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[i], "=")); err == nil {
			*to = strings.ToValidUTF8(string(data), "\uFFFD")
		}
	}
	if t.Header == "" && t.Claims == "" {
		return nil
	}
	return t
}

// signed finds a compact JWS: its header is a JSON object, so that it begins in base64 with these letters.
var signed = regexp.MustCompile(`((?:ey[A-Z]|ew[k-r0-3])[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.)[A-Za-z0-9_-]{16,}`)

// shortest is the length from which a run in base64 may be a signature, or hold one: the shortest signature of a public key
// has 86 characters.
const shortest = 80

// WithoutSignatures leaves out the signature of each compact JWS in a text, and each run in base64 or hexadecimal that is
// long enough to be a signature by itself, as in the JSON serialization, or to hold one, as the payload of a request does. It
// reads the escapes of JSON, of HTML and of addresses.
func WithoutSignatures(s string) string {
	if len(s) < shortest && !strings.ContainsAny(s, `.\&%`) {
		return s
	}
	return Replace(s, signatures)
}

// signatures finds what WithoutSignatures leaves out.
func signatures(s string) []Span {
	var all []Span
	rest := 0 // behind the last signature of a JWS
	for _, at := range signed.FindAllStringSubmatchIndex(s, -1) {
		all = append(runs(all, s, rest, at[3]), Span{at[3], at[1], "(signature left out)"})
		rest = at[1]
	}
	return runs(all, s, rest, len(s))
}

// runs finds the long runs in a part of a text.
func runs(all []Span, s string, from, to int) []Span {
	for from < to {
		left := s[from:to]
		n := max(run(left, "-_"), run(left, `+/%\`))
		if n >= shortest {
			all = append(all, Span{from, from + n, fmt.Sprintf("(%d characters left out)", n)})
		} else {
			n = min(run(left, "")+1, len(left)) // no longer run begins within these
		}
		from += n
	}
	return all
}

// run counts the letters, digits and further characters with which a text begins. A backslash is one of them only before a
// slash, as JSON may have it.
func run(s, further string) int {
	for i := range len(s) {
		if text.IsLetter(s[i]) || text.IsDigit(s[i]) {
			continue
		}
		if strings.IndexByte(further, s[i]) < 0 || s[i] == '\\' && !strings.HasPrefix(s[i:], `\/`) {
			return i
		}
	}
	return len(s)
}

// Lines are the lines of a document, JSON indented, each safe to print. Beyond most lines one says how many there are;
// 0 means all.
func Lines(document string, most int) []string {
	if document == "" {
		return nil
	}
	var all []string
	if lines := jsonscan.Indent(document); lines != nil {
		for _, l := range lines {
			all = append(all, text.Visible(l.Text))
		}
	} else {
		for _, l := range strings.Split(strings.TrimSuffix(document, "\n"), "\n") {
			all = append(all, Line(strings.TrimSuffix(l, "\r")))
		}
	}
	if most > 0 && len(all) > most {
		all = append(all[:most:most], fmt.Sprintf("... %d further lines", len(all)-most))
	}
	return all
}

// Line makes a line safe to print. A tab becomes a blank.
func Line(s string) string {
	return text.Visible(strings.NewReplacer("\t", " ", "\u00a0", " ").Replace(s))
}

// Text makes a text of several lines safe to print, line by line.
func Text(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Line(lines[i])
	}
	return strings.Join(lines, "\n")
}

// Folded is a document in one line that is safe to print and can be broken behind each value of JSON, clipped to a number
// of bytes.
func Folded(document string, limit int) string {
	return FoldedBeginning(document, limit, len(document))
}

// FoldedBeginning is Folded for the beginning of a document that has a number of bytes in all.
func FoldedBeginning(document string, limit, all int) string {
	var b strings.Builder
	if lines := jsonscan.Indent(document); lines != nil {
		for i, l := range lines {
			if i > 0 && strings.HasSuffix(lines[i-1].Text, ",") {
				b.WriteByte(' ')
			}
			b.WriteString(strings.TrimLeft(l.Text, " "))
		}
	} else {
		b.WriteString(strings.Join(strings.Fields(document), " "))
	}
	one := Line(b.String())
	if len(one) <= limit {
		return one
	}
	return fmt.Sprintf("%s (%d bytes)", text.Clip(one, limit), all)
}
