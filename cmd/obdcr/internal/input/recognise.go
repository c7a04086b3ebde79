package input

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// magics are the first bytes of files that are no text.
var magics = []struct {
	bytes string
	kind  Kind
}{
	{"\xFE\xED\xFE\xED", JKS}, {"\xCE\xCE\xCE\xCE", JCEKS}, {"\x1F\x8B", Gzip}, {"PK\x03\x04", Zip}, {"PK\x05\x06", Zip},
}

// Recognise says what the bytes of a file are. It never fails: what it does not know is
// Unknown or Binary. The same bytes always give the same kind. The File has no name and no
// flag.
func Recognise(data string) *File {
	f := &File{Raw: data, encoding: text.UTF8}
	for _, m := range magics {
		if strings.HasPrefix(data, m.bytes) {
			f.Kind = m.kind
			return f
		}
	}
	if readDER(f, data) {
		return f
	}
	if strings.HasPrefix(data, "\xFF\xFE\x00\x00") || strings.HasPrefix(data, "\x00\x00\xFE\xFF") {
		f.Kind, f.detail = OtherEncoding, "text in UTF-32"
		return f
	}
	var decoded string
	decoded, f.encoding = text.Decode(data)
	f.text = strings.TrimSpace(decoded)
	switch {
	case data == "":
		f.Kind = Empty
	case f.text == "":
		f.Kind, f.detail = Empty, "a file of blanks alone"
	case strings.IndexByte(f.text, 0) >= 0 || !utf8.ValidString(f.text) && controls(f.text):
		f.Kind, f.encoding = Binary, text.UTF8
	case (f.encoding == text.UTF16LE || f.encoding == text.UTF16BE) && !written(data, f.text):
		f.Kind, f.text, f.encoding = Binary, "", text.UTF8
	default:
		f.recogniseText()
	}
	return f
}

// controls reports whether a text has control characters that no text has.
func controls(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' })
}

// written reports whether a text that was decoded from UTF-16 was written by someone: it has
// no control characters and nothing that is no character. Without a byte order mark, half
// of it is ASCII, as of each token, key and JSON text.
func written(data, s string) bool {
	if controls(s) || strings.ContainsFunc(s, func(c rune) bool { return c == utf8.RuneError || unicode.In(c, unicode.Co, unicode.Cs) }) {
		return false
	}
	ascii := strings.Map(func(c rune) rune {
		if c < utf8.RuneSelf {
			return c
		}
		return -1
	}, s)
	return strings.HasPrefix(data, "\xFF\xFE") || strings.HasPrefix(data, "\xFE\xFF") || 2*len(ascii) >= utf8.RuneCountInString(s)
}

// armour begins a block of PEM. Tools write notes before it.
const armour = "-----BEGIN "

// recogniseText tells kinds of text apart.
func (f *File) recogniseText() {
	if inner, ok := quotedText(f.text); ok {
		f.wrapped, f.text = true, inner
	}
	switch {
	case f.text[0] == '{', f.text[0] == '[', f.text[0] == '"', opensBehindComments(f.text):
		f.recogniseJSON()
	case strings.Contains(f.text, armour):
		readPEM(f)
	case f.text[0] == '<':
		f.Kind = markup(f.text)
	case !utf8.ValidString(f.text):
		f.Kind = OtherEncoding
	case looksSigned(f.text):
		f.recogniseToken()
	case readBase64(f):
	default:
		if v, err := jsonscan.Parse(f.text); err == nil {
			f.Kind, f.detail = OtherJSON, "a JSON "+v.Kind().String()
		}
	}
}

// opensBehindComments reports whether a text is a JSON object behind comments, which JSON
// has not.
func opensBehindComments(doc string) bool {
	rest := doc
	for {
		end := "\n"
		switch {
		case strings.HasPrefix(rest, "/*"):
			end = "*/"
		case !strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "#"):
			return len(rest) < len(doc) && strings.HasPrefix(rest, "{")
		}
		_, rest, _ = strings.Cut(rest, end)
		rest = strings.TrimSpace(rest)
	}
}

// quotedText returns the text of a JSON string that is a token or PEM, and not empty. jq
// writes such a one unless it is told otherwise.
func quotedText(doc string) (string, bool) {
	if doc[0] != '"' {
		return "", false
	}
	v, err := jsonscan.Parse(doc)
	if err != nil {
		return "", false
	}
	inner, clean := v.Text()
	inner = strings.TrimSpace(inner)
	return inner, clean && inner != "" && (strings.Contains(inner, armour) || looksSigned(inner))
}

// markup tells HTML from XML.
func markup(doc string) Kind {
	head := strings.ToLower(doc[:min(len(doc), 1024)])
	for _, mark := range []string{"<!doctype html", "<html", "<head", "<body", "<title"} {
		if strings.Contains(head, mark) {
			return HTML
		}
	}
	if strings.HasPrefix(head, "<?xml") || len(head) > 1 && unicode.IsLetter(rune(head[1])) {
		return XML
	}
	return Unknown
}

// recogniseJSON reads a document that begins as JSON does.
func (f *File) recogniseJSON() {
	v, err := jsonscan.Parse(f.text)
	if fault, ok := errors.AsType[*jsonscan.SyntaxError](err); ok {
		// The place is that in the file, with the blanks in front.
		doc, _ := text.Decode(f.Raw)
		at := *fault
		at.Offset += strings.Index(doc, f.text)
		f.Kind, f.syntax = BrokenJSON, &syntax{fault: &at, doc: doc}
		if fault.Limit() {
			f.detail = "JSON with more than is read here"
		}
		return
	}
	if f.object = v; v.Kind() != jsonscan.Object {
		f.Kind, f.detail = OtherJSON, "a JSON "+v.Kind().String()
		return
	}
	f.Kind = objectKind(v)
	if f.Kind == PrivateJWK || f.Kind == PublicJWK {
		f.detail = jwkName(v, f.Kind)
	}
}
