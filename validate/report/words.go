package report

import (
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// shownName returns the name of a file for people.
func shownName(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// stateOf says in words what came of a check.
func stateOf(c validate.Check) string {
	switch {
	case c.State == validate.CheckKeyNotFound:
		return "key not found"
	case c.State == validate.CheckNotChecked && c.Note != "":
		return "not checked: " + c.Note
	case c.State == validate.CheckNotChecked:
		return "not checked"
	case c.State == validate.CheckGood && c.Note != "":
		return "good (" + c.Note + ")"
	}
	return string(c.State)
}

// allAlike says what came of all checks. Those of one state and reason are told together.
func allAlike(c *validate.Checks) string {
	var names, parts []string
	named := c.Named()
	for i := range named {
		names = append(names, named[i].Name)
		if i+1 == len(named) || named[i+1].Check != named[i].Check {
			parts, names = append(parts, text.And(names)+" "+stateOf(named[i].Check)), nil
		}
	}
	return strings.Join(parts, ", ")
}

// verdict says in one line whether a file is valid. "valid" stands alone only if each check
// was made and is good, and the file can be sent as it is; else the verdict names what not.
func verdict(of *Result) string {
	switch {
	case of.Report.Valid() && of.Checks.Complete():
		return validWord(of)
	case of.Report.Valid():
		return validWord(of) + ": " + incomplete(of)
	case of.Report.Count(validate.SeverityError) == 0:
		return "nothing was judged"
	}
	return "invalid"
}

const (
	validAsFarAsChecked = "valid as far as checked"
	butForItsBytes      = "but for its bytes"
)

// validWord says how far a valid file is valid. A bank refuses one with bytes around it.
func validWord(of *Result) string {
	switch complete, sendable := of.Checks.Complete(), of.Report.Wire() == nil; {
	case complete && sendable:
		return "valid"
	case complete:
		return "valid " + butForItsBytes
	case sendable:
		return validAsFarAsChecked
	}
	return validAsFarAsChecked + ", " + butForItsBytes
}

// incomplete names the checks that are not good.
func incomplete(of *Result) string {
	var unmade, parts []string
	for _, c := range of.Checks.Named() {
		switch c.State {
		case validate.CheckGood:
		case validate.CheckNotChecked:
			unmade = append(unmade, c.Name)
		default:
			parts = append(parts, c.Name+" "+stateOf(validate.Check{State: c.State}))
		}
	}
	if len(unmade) > 0 {
		parts = append(parts, text.And(unmade)+" not checked")
	}
	if len(parts) == 0 {
		return "nothing but the rules was checked"
	}
	return strings.Join(parts, ", ")
}

// counts writes how many violations there are, such as 2 errors, 1 warning. It is "" for
// none.
func counts(r *validate.Report) string {
	return counted(r.Count(validate.SeverityError), r.Count(validate.SeverityWarning), r.Count(validate.SeverityNotice))
}

func counted(errors, warnings, notices int) string {
	var parts []string
	for i, n := range []int{errors, warnings, notices} {
		if n > 0 {
			parts = append(parts, plural(n, []string{"error", "warning", "notice"}[i]))
		}
	}
	return strings.Join(parts, ", ")
}

// answer writes status and code of a bank's answer, such as 400 invalid_redirect_uri.
func answer(w *validate.WireError) string {
	return strings.TrimSpace(strconv.Itoa(w.Status) + " " + string(w.Error))
}

// placeOf returns the pointer, and the document where it is not the request.
func placeOf(v *validate.Violation) string {
	switch {
	case ofFile(v):
		return "the whole file"
	case ofCertificate(v):
		return "the transport certificate"
	}
	at := v.Pointer
	if at == "" {
		at = "the whole"
	}
	switch v.Document {
	case validate.DocHeader:
		return at + " of the header"
	case validate.DocSSA:
		return at + " of the software statement"
	case validate.DocSSAHeader:
		return at + " of the software statement's header"
	}
	if v.Pointer == "" {
		return at + " of the request"
	}
	return at
}

// ofFile reports whether a violation is about the file as it is, and ofCertificate whether it
// is about the transport certificate. Neither has a place in a document.
func ofFile(v *validate.Violation) bool {
	return v.Rule == validate.RuleInputEncoding || v.Rule == validate.RuleRequestSize
}

func ofCertificate(v *validate.Violation) bool { return strings.HasPrefix(v.Rule, "certificate.") }

// address returns document and pointer in one word. A pointer alone is one into the request.
func address(v *validate.Violation) string {
	switch {
	case ofFile(v):
		return "file"
	case ofCertificate(v):
		return "certificate"
	}
	if v.Document == validate.DocRequest && v.Pointer != "" {
		return v.Pointer
	}
	return string(v.Document) + v.Pointer
}
