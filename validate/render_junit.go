package validate

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
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

// WriteJUnit renders the report as JUnit XML: a suite of the given name with one
// test case for each rule that was judged by. An error is a failure, a rule that
// does not apply is skipped, warnings and notices stand in system-out of a case
// that passes. The error is that of w.
func (r *Report) WriteJUnit(w io.Writer, name string) error {
	suite := junitSuite{Name: name, Cases: r.junitCases()}
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
		return fmt.Errorf("validate: junit: %w", err)
	}
	_, err = io.WriteString(w, xml.Header+string(text)+"\n")
	return err
}

func (r *Report) junitCases() []junitCase {
	class := "obdcr." + strings.ReplaceAll(string(r.Profile), ".", "_")
	var cases []junitCase
	at := map[string]int{}
	if r.validator != nil {
		for i := range r.validator.rules {
			c := junitCase{ClassName: class, Name: r.validator.rules[i].ID}
			if r.outcomes[i] == outcomeNotApplicable {
				c.Skipped = &junitSkipped{Message: "not applicable"}
			}
			at[c.Name] = len(cases)
			cases = append(cases, c)
		}
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
			c.Failure = &junitFailure{Message: text, Type: string(SeverityError), Text: "not shown, since there are too many"}
		}
		cases = append(cases, c)
	}
	return cases
}

// add puts a violation into its case.
func (c *junitCase) add(v *Violation) {
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
	case v.Severity == SeverityWarning || v.Severity == SeverityNotice:
		c.Out += string(v.Severity) + ": " + text
	case c.Failure == nil:
		c.Failure = &junitFailure{Message: v.Pointer + ": " + v.Message, Type: string(v.Code), Text: text}
	default:
		c.Failure.Text += text
	}
}
