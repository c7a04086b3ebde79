package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/obdcr/obdcr/validate"
)

type (
	junitSuites struct {
		XMLName  xml.Name   `xml:"testsuites"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Suite    junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		ClassName string        `xml:"classname,attr"`
		Name      string        `xml:"name,attr"`
		Failure   *junitFailure `xml:"failure,omitempty"`
		Skipped   *junitSkipped `xml:"skipped,omitempty"`
		Out       string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// writeJUnit writes the report as JUnit XML: a suite of that name with one test case for
// each rule of the report. A rule with an error fails, and a rule that does not
// apply is skipped. A case that passes has its warnings and notices in system-out.
// The error is that of w.
func writeJUnit(w io.Writer, r *validate.Report, name string) error {
	suite := junitSuite{Name: name, Cases: junitCases(r)}
	for i := range suite.Cases {
		c := &suite.Cases[i]
		if c.Failure != nil {
			suite.Failures++
		}
		if c.Skipped != nil {
			suite.Skipped++
		}
	}
	suite.Tests = len(suite.Cases)
	text, err := xml.MarshalIndent(junitSuites{Tests: suite.Tests, Failures: suite.Failures, Suite: suite}, "", "  ")
	if err != nil {
		return fmt.Errorf("report: junit: %w", err)
	}
	_, err = io.WriteString(w, xml.Header+string(text)+"\n")
	return err
}

func junitCases(r *validate.Report) []junitCase {
	class := "obdcr." + strings.ReplaceAll(string(r.Profile), ".", "_")
	var cases []junitCase
	at := map[string]int{}
	for _, row := range r.Rules() {
		c := junitCase{ClassName: class, Name: row.ID}
		if r.Outcome(row.ID) == validate.OutcomeNotApplicable {
			c.Skipped = &junitSkipped{Message: "not applicable"}
		}
		at[c.Name] = len(cases)
		cases = append(cases, c)
	}
	for i := range r.Violations {
		v := &r.Violations[i]
		k, ok := at[v.Rule]
		if !ok {
			k = len(cases)
			at[v.Rule] = k
			cases = append(cases, junitCase{ClassName: class, Name: v.Rule})
		}
		cases[k].add(v)
	}
	if r.More > 0 {
		c := junitCase{ClassName: class, Name: "report.complete"}
		if text := plural(r.More, "more violation"); r.Valid() {
			c.Out = text
		} else {
			c.Failure = &junitFailure{Message: text, Type: string(validate.SeverityError), Text: "not shown, since there are too many"}
		}
		cases = append(cases, c)
	}
	return cases
}

// add puts a violation into its case.
func (c *junitCase) add(v *validate.Violation) {
	text := string(v.Document) + " " + v.Pointer + ": " + v.Message
	if v.Want != "" {
		text += "; want " + v.Want
	}
	if s := v.Citation.String(); s != "" {
		text += "\n  " + s
	}
	if v.Fix != "" {
		text += "\n  fix: " + v.Fix
	}
	text += "\n"
	c.Skipped = nil
	switch {
	case v.Severity == validate.SeverityWarning || v.Severity == validate.SeverityNotice:
		c.Out += string(v.Severity) + ": " + text
	case c.Failure == nil:
		c.Failure = &junitFailure{Message: v.Pointer + ": " + v.Message, Type: string(v.Code), Text: text}
	default:
		c.Failure.Text += text
	}
}
