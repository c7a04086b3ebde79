package validate

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// maxPointerName is the greatest length of a sender's own member name in a
// pointer.
const maxPointerName = 128

// requireMember reports a member that was not sent.
func requireMember(c *Case, present bool, pointer string) {
	if !present {
		c.reportMissing(pointer, "is missing")
	}
}

// requires reports a member that was not sent.
func requires(c *Case, m claims.MemberValue) {
	if !m.Present() {
		c.reportMissing(m.Pointer(), "is missing")
	}
}

// reportFaults reports members of document d that are of the wrong type: those whose
// pointer passes mine.
func reportFaults(c *Case, d Document, mine func(pointer string) bool) {
	for _, f := range c.Faults(d) {
		if mine(f.Pointer) {
			c.foundAt(f.Pointer, f.Got, Violation{Want: f.Want, Message: wrongType(f.Got, f.Want)})
		}
	}
}

// everyMember picks every pointer.
func everyMember(string) bool { return true }

// within reports whether pointer points at member or at something inside it.
func within(pointer, member string) bool {
	rest, ok := strings.CutPrefix(pointer, member)
	return ok && (rest == "" || rest[0] == '/')
}

// pointerTo returns the RFC 6901 pointer to a member, shortened where a sender
// chose a very long name.
func pointerTo(name string) string {
	return jsonscan.AppendPointer("", text.Clip(name, maxPointerName))
}

// entry returns the pointer to an entry of an array.
func entry(pointer string, i int) string { return pointer + "/" + strconv.Itoa(i) }

// checkLength reports text that is empty or longer than most characters.
func checkLength(c *Case, member claims.Optional[string], pointer string, most int) {
	s, ok := member.Get()
	if ok && (s == "" || len(s) > most && utf8.RuneCountInString(s) > most) {
		c.ReportValue(pointer, s, "1 to "+strconv.Itoa(most)+" characters", lengthMessage(s, most))
	}
}

// lengthMessage writes the length of s, which has too many characters or none.
func lengthMessage(s string, most int) string {
	if s == "" {
		return "is empty"
	}
	return tooMany(utf8.RuneCountInString(s), "characters", most)
}

// listReport reports entries of one array. A report has room for MaxViolations; the
// entries after those get the array's own pointer, so that a huge list stays cheap.
type listReport struct {
	c    *Case
	base string
	n    int
}

func (l *listReport) add(i int, got, want, message string) {
	l.c.ReportValue(l.at(i), got, want, message)
}

// at returns the pointer to report an entry at.
func (l *listReport) at(i int) string {
	if l.n++; l.n > MaxViolations {
		return l.base
	}
	return entry(l.base, i)
}
