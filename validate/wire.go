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

// WireError is the error object of a registration endpoint, RFC 7591 section 3.2.2.
type WireError struct {
	Error       Code   `json:"error"`
	Description string `json:"error_description"`
}

// Wire returns the answer of a server, nil for a valid report. The code is that of the
// earliest step that failed, and within one step the one of the lowest precedence. The
// description has 1 to 500 characters of printable ASCII, without quotation mark and
// backslash.
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

// describe writes as many violations as fit into a description. total is the number of
// errors. If it writes several and leaves some out, it adds their number.
func describe(told []Violation, total int) string {
	const reserve = len("; and 100000000 more")
	var b strings.Builder
	for i := range told {
		one := sentence(&told[i])
		if i == 0 {
			b.WriteString(text.ASCII(one, MaxDescription-reserve))
			continue
		}
		if b.Len()+len("; ")+len(one) > MaxDescription-reserve {
			b.WriteString("; and " + strconv.Itoa(total-i) + " more")
			break
		}
		b.WriteString("; " + one)
	}
	return b.String()
}

// sentence writes one violation: place, message, rule.
func sentence(v *Violation) string {
	place := text.ASCII(text.Description(v.Pointer), MaxEcho)
	if v.Document == DocSSA || v.Document == DocSSAHeader {
		place = strings.TrimSpace("software_statement " + place)
	}
	told := text.Description(v.Message)
	if place != "" {
		told = place + ": " + told
	}
	if v.Rule == "" {
		return told
	}
	const room = MaxDescription - 100
	return text.ASCII(told, room) + " (" + text.ASCII(text.Description(v.Rule), MaxEcho) + ")"
}

// Echo makes a piece of input fit for a message. It keeps at most [MaxEcho] characters,
// shows the rest as "...", and replaces what is not printable. A rule passes all input
// that it repeats through Echo.
func Echo(s string) string { return text.Echo(s) }
