package validate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
)

const (
	// MaxEcho is the greatest number of characters of the input that a message repeats.
	MaxEcho = text.MaxEcho
	// MaxDescription is the greatest number of characters of an error_description.
	MaxDescription = text.MaxDescription
)

// WireError is the answer of a registration endpoint to a request that it refuses. As
// JSON it is the error object of RFC 7591 section 3.2.2.
type WireError struct {
	Status      int    `json:"-"`     // HTTP status, such as 400
	Error       Code   `json:"error"` // empty unless Status is 400: the answer is then a line of text
	Description string `json:"error_description"`
}

// Wire returns the answer of a server, nil if it accepts the request. It refuses each
// request whose report is not valid, and a valid one that has a Refused.
// The answer is that of the earliest step that failed, and within one step that of the
// code with the lowest precedence. The description has 1 to 500 characters of printable
// ASCII, without quotation mark and backslash.
func (r *Report) Wire() *WireError {
	if r == nil || r.refusals == 0 {
		if r.Valid() {
			return nil
		}
		return &WireError{Status: statusBadRequest, Error: InvalidClientMetadata, Description: "the request was not judged"}
	}
	if r.best.Status != 0 {
		return &WireError{Status: r.best.Status, Description: text.ASCII(text.Description(r.best.Message), MaxDescription)}
	}
	if r.validator == nil || r.validator.policy.ErrorDetail != DetailAll {
		return &WireError{Status: statusBadRequest, Error: r.best.Code, Description: sentence(&r.best, false)}
	}
	return &WireError{Status: statusBadRequest, Error: r.best.Code, Description: describe(r.ordered(), r.refusals)}
}

// statusBadRequest is http.StatusBadRequest: the package does not import net/http.
const statusBadRequest = 400

// ordered returns the errors as the wire tells them.
func (r *Report) ordered() []Violation {
	var all []Violation
	for i := range r.Violations {
		v := &r.Violations[i]
		if v.Severity != SeverityWarning && v.Severity != SeverityNotice && v.Status == 0 {
			all = append(all, r.Violations[i])
		}
	}
	slices.SortStableFunc(all, func(a, b Violation) int { return before(&a, &b) })
	if len(all) == 0 || before(&r.best, &all[0]) < 0 {
		all = append([]Violation{r.best}, all...)
	}
	return all
}

// describe writes as many violations as fit into a description, and then as much as fits
// of what they got and want, so that a detail of one leaves no other out. total is the
// number of errors; describe adds the number of those that it leaves out.
func describe(told []Violation, total int) string {
	const separator, reserve = "; ", len("; and 100000000 more")
	room := MaxDescription - reserve + len(separator) // the first has none before it
	var sentences []string
	for i := range told {
		one := sentence(&told[i], false)
		if len(separator)+len(one) > room {
			break
		}
		room -= len(separator) + len(one)
		sentences = append(sentences, one)
	}
	for i, brief := range sentences {
		whole := sentence(&told[i], true)
		if more := len(whole) - len(brief); more <= room {
			sentences[i], room = whole, room-more
		}
	}
	description := strings.Join(sentences, separator)
	if left := total - len(sentences); left > 0 {
		description += separator + "and " + strconv.Itoa(left) + " more"
	}
	return description
}

// sentence writes one violation: place, message, rule, and with details what was found
// and what would be right, unless the message says it.
func sentence(v *Violation, details bool) string {
	place := text.ASCII(text.Description(v.Pointer), MaxEcho)
	if v.Document == DocSSA || v.Document == DocSSAHeader {
		place = strings.TrimSpace("software_statement " + place)
	}
	told := text.Description(v.Message)
	if place != "" {
		told = place + ": " + told
	}
	const room = MaxDescription - 100
	told = text.ASCII(told, room)
	for _, detail := range [...]struct{ name, value string }{{"got", v.Got}, {"want", v.Want}} {
		if details && !says(v.Message, detail.value) {
			told += "; " + detail.name + " " + text.ASCII(text.Description(detail.value), MaxEcho)
		}
	}
	if v.Rule == "" {
		return told
	}
	return told + " (" + text.ASCII(text.Description(v.Rule), MaxEcho) + ")"
}

// says reports whether a message has each word of a detail: "at most 22 characters" is said
// by "has 23 characters; at most 22", and "5" is not said by "15".
func says(message, detail string) bool {
	between := func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '(' || r == ')' }
	words := strings.FieldsFunc(message, between)
	for _, word := range strings.FieldsFunc(detail, between) {
		if !slices.Contains(words, word) {
			return false
		}
	}
	return true
}

// Echo makes a piece of input fit for a message. It keeps at most [MaxEcho] characters,
// shows the rest as "...", and replaces what is not printable. A rule passes all input
// that it repeats through Echo.
func Echo(s string) string { return text.Echo(s) }
