package validate

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// MaxEcho is the greatest number of characters of input that a text repeats.
	MaxEcho = 64
	// MaxDescription is the greatest length of an error_description.
	MaxDescription = 500
)

// WireError is what a registration endpoint answers, RFC 7591 section 3.2.2.
type WireError struct {
	Error       Code   `json:"error"`
	Description string `json:"error_description"`
}

// Wire returns the answer of a server: the code of the earliest step that
// failed, within it by precedence. The description is 1..500 printable ASCII
// characters without quotation mark and backslash. It returns nil for a valid
// report.
func (r *Report) Wire() *WireError {
	if r.Valid() {
		return nil
	}
	if r == nil || r.errors == 0 {
		return &WireError{Error: InvalidClientMetadata, Description: "the request was not judged"}
	}
	told := []Violation{r.best}
	if r.validator != nil && r.validator.policy.ErrorDetail == DetailAll {
		if all := r.ordered(); len(all) > 0 {
			told = all
		}
	}
	return &WireError{Error: r.best.Code, Description: describe(told, r.errors)}
}

// ordered returns the errors as the wire tells them.
func (r *Report) ordered() []Violation {
	var all []Violation
	for i := range r.Violations {
		if s := r.Violations[i].Severity; s != SeverityWarning && s != SeverityNotice {
			all = append(all, r.Violations[i])
		}
	}
	slices.SortStableFunc(all, func(a, b Violation) int { return before(&a, &b) })
	if len(all) == 0 || before(&r.best, &all[0]) < 0 {
		all = append([]Violation{r.best}, all...)
	}
	return all
}

// describe tells violations, as many as fit, of total errors. With several it
// says how many it does not tell.
func describe(told []Violation, total int) string {
	const reserve = len("; and 100000000 more")
	var b strings.Builder
	for i := range told {
		text := sentence(&told[i])
		if i == 0 {
			b.WriteString(clip(text, MaxDescription-reserve))
			continue
		}
		if b.Len()+len("; ")+len(text) > MaxDescription-reserve {
			b.WriteString("; and " + strconv.Itoa(total-i) + " more")
			break
		}
		b.WriteString("; " + text)
	}
	return b.String()
}

// sentence tells one violation: place, message, rule.
func sentence(v *Violation) string {
	place := clip(ascii(v.Pointer), MaxEcho)
	if v.Document == DocSSA || v.Document == DocSSAHeader {
		place = strings.TrimSpace("software_statement " + place)
	}
	text := ascii(v.Message)
	if place != "" {
		text = place + ": " + text
	}
	if v.Rule == "" {
		return text
	}
	const room = MaxDescription - 100
	return clip(text, room) + " (" + clip(ascii(v.Rule), MaxEcho) + ")"
}

// ascii replaces whatever error_description may not hold: quotation marks by
// apostrophes, backslashes by slashes, all but printable ASCII by question marks.
func ascii(s string) string {
	clean := true
	for i := 0; i < len(s) && clean; i++ {
		clean = s[i] >= ' ' && s[i] <= '~' && s[i] != '"' && s[i] != '\\'
	}
	if clean {
		return s
	}
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"':
			return '\''
		case c == '\\':
			return '/'
		case c < ' ' || c > '~':
			return '?'
		}
		return c
	}, s)
}

// clip shortens ASCII text to at most n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n-3] + "..."
}

// Echo makes a piece of input fit for a message: at most 64 characters, the rest
// shown as "...", and nothing that is not printable. Rules pass through it
// whatever they repeat of a request.
func Echo(s string) string {
	if len(s) <= MaxEcho && printableASCII(s) {
		return s
	}
	var b strings.Builder
	n := 0
	for i, c := range s {
		if n == MaxEcho-3 && utf8.RuneCountInString(s[i:min(len(s), i+16)]) > 3 {
			b.WriteString("...")
			break
		}
		b.WriteRune(printable(c))
		n++
	}
	return b.String()
}

func printableASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// printable replaces what could steer a terminal or disguise a text.
func printable(c rune) rune {
	if strconv.IsPrint(c) && c != utf8.RuneError {
		return c
	}
	return '?'
}
