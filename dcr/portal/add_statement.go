package portal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// The fields by which a form takes a statement.
const (
	fieldStatement     = "statement"
	fieldStatementFile = "statement-file"
)

// provided is what a person gave for a software statement.
type provided struct {
	Statement string   // tidied: a compact JWS, as far as can be told without a key
	Typed     string   // what the field is filled in with again
	Notes     []string // what was tidied
	Nothing   bool     // the form was sent empty
}

// provided reads the statement of a form, that was pasted or uploaded. The faults say what it
// is instead of a statement.
func (v *visit) provided() (provided, []fault, error) {
	pasted := v.r.PostFormValue(fieldStatement)
	uploaded, err := v.upload(fieldStatementFile)
	if err != nil {
		return provided{}, nil, err
	}
	at, given := fieldStatement, pasted
	if strings.TrimSpace(pasted) == "" {
		pasted = ""
		if uploaded != "" {
			at, given = fieldStatementFile, uploaded
		}
	}
	found := provided{Typed: legibly(pasted), Nothing: strings.TrimSpace(given) == ""}
	if pasted != "" && strings.TrimSpace(uploaded) != "" && strings.TrimSpace(pasted) != strings.TrimSpace(uploaded) {
		return found, []fault{{fieldStatement, "Provide the statement once: paste it, or choose a file. These two differ"}}, nil
	}
	clean, notes, fit := tidied(given)
	if fit != "" {
		return found, []fault{{at, fit}}, nil
	}
	if inner, whole := insideOfRequest(clean); whole {
		found.Typed = legibly(inner)
		return found, []fault{{fieldStatement, "This is a whole registration request, which is for the bank's API. " +
			"The statement inside of it is in the field now: go on with it"}}, nil
	}
	found.Statement, found.Notes = clean, notes
	return found, nil, nil
}

// legibly returns what a field is filled in with again; "" for what is too long, is no text,
// or may be a secret.
func legibly(s string) string {
	if len(s) > maxStatement || !utf8.ValidString(s) || strings.ContainsRune(s, 0) || strings.Contains(s, privateArmour) {
		return ""
	}
	return s
}

// privateArmour ends the first line of each private key in PEM.
const privateArmour = "PRIVATE KEY-----"

// tidied returns a compact JWS of what was given, and what was tidied for that. unfit says why
// it is none. Blanks within a JWS mean nothing, so it is safe to take them out: the signature is
// checked over what is left.
func tidied(given string) (clean string, notes []string, unfit string) {
	decoded, encoding := text.Decode(given)
	clean = strings.TrimSpace(decoded)
	switch {
	case clean == "":
		return "", nil, "Provide a software statement: paste it, or choose its file"
	case len(given) > maxStatement:
		return "", nil, "This is longer than 64 KiB, which no software statement is. Provide the statement alone"
	case isBinary(clean, encoding):
		return "", nil, "This is a binary file. Provide the statement as the directory gives it: a text that begins with eyJ"
	}
	if encoding != text.UTF8 {
		notes = append(notes, "The file was in "+string(encoding)+"; it was read as such.")
	}
	if n := len(clean); n > 2 && (clean[0] == '"' && clean[n-1] == '"' || clean[0] == '\'' && clean[n-1] == '\'') {
		clean = strings.TrimSpace(clean[1 : n-1])
		notes = append(notes, "The quotation marks around the statement were taken off.")
	}
	if unfit = otherKind(clean); unfit != "" {
		return "", nil, unfit
	}
	if joined := strings.Join(strings.Fields(clean), ""); joined != clean {
		clean = joined
		notes = append(notes, "Line breaks and spaces inside of the statement were taken out.")
	}
	return clean, notes, notCompact(clean)
}

// isBinary reports whether the text of a file is none: it has control characters, or bytes that
// its encoding has not. One file in 256 of bytes by chance begins as UTF-16 does.
func isBinary(decoded string, encoding text.Encoding) bool {
	switch encoding {
	case text.UTF16LE, text.UTF16BE:
		if strings.ContainsRune(decoded, utf8.RuneError) { // in the place of half a pair
			return true
		}
	}
	return !utf8.ValidString(decoded) || strings.ContainsFunc(decoded, func(c rune) bool { return c < ' ' && !unicode.IsSpace(c) })
}

// otherKind says what a text is that is no compact JWS by its beginning; "" for one that may be
// one.
func otherKind(s string) string {
	switch {
	case s == "":
		return "Provide a software statement: between the quotation marks there is nothing"
	case strings.Contains(s, privateArmour):
		return "This is a private key. Never send it to anybody: who has it can act as your software. Nothing of it was kept here"
	case strings.Contains(s, "-----BEGIN "):
		return "This is PEM, such as a certificate. Provide the software statement: a text that begins with eyJ"
	case s[0] == '<':
		return "This is a page of the web (HTML or XML), not a software statement. Copy the statement itself"
	case strings.HasPrefix(s, "https://"), strings.HasPrefix(s, "http://"):
		return "This is an address. The bank fetches nothing from there: open it, and copy the statement itself"
	case s[0] == '{', s[0] == '[':
		return "This is JSON, not a software statement. " + ofJSON(s)
	}
	return ""
}

// ofJSON says what to do with JSON in the place of a statement.
func ofJSON(s string) string {
	switch {
	case strings.Contains(s, `"ciphertext"`):
		return "It is encrypted (JWE); the statement has to be signed alone"
	case strings.Contains(s, `"signature`):
		return "It is a JWS in its JSON form. Provide the compact form: three parts with dots between them"
	case strings.Contains(s, `"software_statement"`):
		return "It is a registration request. Provide the text of its software_statement alone, which begins with eyJ"
	case strings.Contains(s, `"software_id"`):
		return "It has the claims of a statement, but not the directory's signature. Provide the statement as the directory gives it: a text that begins with eyJ"
	}
	return "Provide the statement as the directory gives it: a text that begins with eyJ"
}

// notCompact says why a text is no compact JWS; "" if it looks like one.
func notCompact(s string) string {
	parts := strings.Split(s, ".")
	switch {
	case len(parts) == 5:
		return "This is encrypted (a JWE, with five parts). Provide the statement as the directory signs it, with three parts"
	case len(parts) != 3:
		return fmt.Sprintf("This is no software statement: one has three parts with dots between them, this has %s. Copy all of it", counted(len(parts), "part"))
	case strings.ContainsFunc(s, func(c rune) bool { return c > '~' || !isBase64URL(byte(c)) && c != '.' }):
		return "This is no software statement: it has characters that no statement has (other than letters, digits, - and _)"
	case parts[2] == "":
		return "This statement has no signature: its third part is missing. Copy all of it"
	}
	return ""
}

func isBase64URL(b byte) bool { return text.IsLetter(b) || text.IsDigit(b) || b == '-' || b == '_' }

// insideOfRequest returns the statement that a whole registration request holds.
func insideOfRequest(token string) (statement string, whole bool) {
	signed, err := ssa.ParseSigned(token)
	if err != nil {
		return "", false
	}
	request, _, err := claims.DecodeRequest(signed.UnverifiedPayload())
	if err != nil {
		return "", false
	}
	return request.SoftwareStatement.Get()
}

// counted writes a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
