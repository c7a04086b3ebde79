package report

import (
	"fmt"
	"strings"

	"github.com/obdcr/obdcr/validate"
)

// summary counts the files of a Writer.
type summary struct {
	files, complete, valid, invalid int
	unjudged                        int // files that could not be judged: none of files
	bytes                           int // valid, but for the bytes around the token
	errors, warnings, notices       int
	unmade                          []unmade // the checks that were not good, or not in all, in the order of their first file
}

// unmade is a check that was not good in some files, or of which a part was not made, for one
// reason.
type unmade struct {
	name  string
	check validate.Check
	files int
}

func (u *unmade) String() string { return u.name + " " + stateOf(u.check) }

func (s *summary) add(of *Result) {
	s.files++
	s.errors += of.Report.Count(validate.SeverityError)
	s.warnings += of.Report.Count(validate.SeverityWarning)
	s.notices += of.Report.Count(validate.SeverityNotice)
	switch {
	case !of.Report.Valid():
		s.invalid++
	case of.Report.Wire() != nil:
		s.bytes++
	case of.Checks.Complete():
		s.complete++
	default:
		s.valid++
	}
	for _, c := range of.Checks.Named() {
		if c.State != validate.CheckGood || c.Note != "" {
			s.note(c)
		}
	}
}

func (s *summary) note(c validate.NamedCheck) {
	for i := range s.unmade {
		if u := &s.unmade[i]; u.name == c.Name && u.check == c.Check {
			u.files++
			return
		}
	}
	s.unmade = append(s.unmade, unmade{c.Name, c.Check, 1})
}

// lines writes how many files are valid, which checks were not good, and how many
// violations there are.
func (s *summary) lines() []string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{s.complete, "valid"}, {s.valid, validAsFarAsChecked}, {s.bytes, "valid but for their bytes"}, {s.invalid, "invalid"}, {s.unjudged, "could not be judged"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	lines := []string{strings.TrimSuffix(plural(s.files+s.unjudged, "file")+": "+strings.Join(parts, ", "), ": ")}
	for i := range s.unmade {
		line := s.unmade[i].String()
		if s.unmade[i].files < s.files {
			line += fmt.Sprintf(" (%s)", plural(s.unmade[i].files, "file"))
		}
		lines = append(lines, line)
	}
	if found := counted(s.errors, s.warnings, s.notices); found != "" {
		lines = append(lines, found)
	}
	return lines
}
