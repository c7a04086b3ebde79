package tpp

import (
	"html"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
)

// maxMarkupText is where the text of a page ends, in bytes. It is more than any error shows.
const maxMarkupText = 4 << 10

// markupText returns the title and the text of a page in HTML or XML, without its tags,
// comments, scripts and styles. The page need not be well-formed.
func markupText(page string) string {
	var title string
	var body strings.Builder
	for page != "" && body.Len() < maxMarkupText {
		plain, rest, found := strings.Cut(page, "<")
		body.WriteString(plain)
		if !found {
			break
		}
		name, after, isTag := readTag(rest)
		switch {
		case !isTag: // a plain <
			body.WriteByte('<')
			page = rest
			continue
		case name == "script" || name == "style":
			_, after = cutAtEnd(after, name)
		case name == "title" && title == "":
			title, after = cutAtEnd(after, name)
		}
		body.WriteByte(' ')
		page = after
	}
	title, said := oneLine(html.UnescapeString(title)), oneLine(html.UnescapeString(body.String()))
	if strings.HasPrefix(said, title) {
		return said
	}
	return joined([]string{title, said}, ": ")
}

// readTag reads what stands behind a <: a tag, an end tag, a comment, a declaration or an
// instruction. It returns the name of a start tag in lower case, "" for all others, and what
// follows. What does not end lasts to the end of the page.
func readTag(s string) (name, after string, isTag bool) {
	if comment, ok := strings.CutPrefix(s, "!--"); ok {
		_, after, _ = strings.Cut(comment, "-->")
		return "", after, true
	}
	if s == "" || s[0] != '/' && s[0] != '!' && s[0] != '?' && !text.IsLetter(s[0]) {
		return "", "", false
	}
	end := 0
	for end < len(s) && (text.IsLetter(s[end]) || text.IsDigit(s[end])) {
		end++
	}
	name = strings.ToLower(s[:end])
	var quote byte
	for i := end; i < len(s); i++ {
		switch b := s[i]; {
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case b == '"' || b == '\'':
			quote = b
		case b == '>':
			return name, s[i+1:], true
		}
	}
	return name, "", true
}

// cutAtEnd cuts a page at the end tag of an element, and returns what is within the element
// and what follows its name.
func cutAtEnd(page, name string) (within, after string) {
	for from := 0; ; {
		i := strings.Index(page[from:], "</")
		if i < 0 {
			return page, ""
		}
		at := from + i
		from = at + len("</")
		if rest := page[from:]; len(rest) >= len(name) && text.EqualFold(rest[:len(name)], name) {
			_, after, _ = strings.Cut(rest, ">")
			return page[:at], after
		}
	}
}
