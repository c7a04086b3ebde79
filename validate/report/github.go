package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

var (
	// escapeData and escapeProperty are how GitHub's runner reads workflow commands.
	escapeData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	escapeProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// gitHubForm writes workflow commands: one a finding, and for an invalid file a notice with
// its verdict and each check. One notice tells of all valid files together, since GitHub
// shows ten of a step.
type gitHubForm struct {
	w     io.Writer
	many  bool
	total summary
	valid []string // what is said of the first valid files
}

// maxValid is how many valid files the last notice names.
const maxValid = 20

func (f *gitHubForm) add(of *Result) error {
	f.total.add(of)
	var b bytes.Buffer
	file := ""
	if of.Name != "" {
		file = "file=" + escapeProperty.Replace(text.Show(shownName(of.Name))) + ","
	}
	gitHubFindings(&b, file, of)
	switch {
	case !f.many || !of.Report.Valid():
		b.WriteString(notice(file, text.Show(conclusion(of))))
	case len(f.valid) < maxValid:
		f.valid = append(f.valid, text.Show(shownName(of.Name)+": "+brief(of)))
	}
	_, err := f.w.Write(b.Bytes())
	return err
}

func (f *gitHubForm) unjudged(name, why string) error {
	f.total.unjudged++
	_, err := fmt.Fprintf(f.w, "::error file=%s,title=obdcr lint::%s\n", escapeProperty.Replace(text.Show(shownName(name))),
		escapeData.Replace(showLines("not judged: "+why)))
	return err
}

func (f *gitHubForm) end() error {
	if !f.many {
		return nil
	}
	lines := append(f.total.lines(), f.valid...)
	if more := f.total.valid + f.total.complete - len(f.valid); more > 0 {
		lines = append(lines, "and "+plural(more, "more valid file"))
	}
	_, err := io.WriteString(f.w, notice("", showLines(strings.Join(lines, "\n"))))
	return err
}

// notice is a command that shows a text at a file, or at the whole run if file is "".
func notice(file, said string) string {
	return "::notice " + file + "title=obdcr lint::" + escapeData.Replace(said) + "\n"
}

// gitHubFindings writes a command for each finding.
func gitHubFindings(b *bytes.Buffer, file string, of *Result) {
	s := newSpots(of)
	for i := range of.Report.Violations {
		v := &of.Report.Violations[i]
		at, message, ok := s.inTheFile(v)
		message = address(v) + ": " + message
		if v.Want != "" && !strings.Contains(message, v.Want) {
			message += "\nwant: " + v.Want
		}
		if v.Fix != "" {
			message += "\nfix: " + v.Fix
		}
		if v.Command != "" {
			message += "\n" + v.Command
		}
		place := "line=1,"
		if ok {
			place = fmt.Sprintf("line=%d,endLine=%d,", at.line, at.endLine)
		}
		if ok && at.endLine == at.line { // GitHub takes columns of one line alone
			place += fmt.Sprintf("col=%d,endColumn=%d,", at.column, at.endColumn)
		}
		fmt.Fprintf(b, "::%s %s%stitle=%s::%s\n", command(v.Severity), file, place,
			escapeProperty.Replace(text.Show(v.Rule)), escapeData.Replace(showLines(message)))
	}
}

// showLines is text.Show for a text of several lines.
func showLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = text.Show(lines[i])
	}
	return strings.Join(lines, "\n")
}

func command(s validate.Severity) string {
	switch s {
	case validate.SeverityWarning:
		return "warning"
	case validate.SeverityNotice:
		return "notice"
	}
	return "error"
}
