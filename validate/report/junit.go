package report

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/obdcr/obdcr/validate"
)

// The elements and attributes that both the schema of Ant's JUnit task and that of Jenkins
// know.
type (
	junitSuite struct {
		XMLName    xml.Name        `xml:"testsuite"`
		Name       string          `xml:"name,attr"`
		Package    string          `xml:"package,attr"`
		ID         int             `xml:"id,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Hostname   string          `xml:"hostname,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Out        string          `xml:"system-out"`
		Err        string          `xml:"system-err"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		ClassName string        `xml:"classname,attr"`
		Name      string        `xml:"name,attr"`
		Time      string        `xml:"time,attr"`
		Skipped   *junitSkipped `xml:"skipped,omitempty"`
		Failure   *junitFailure `xml:"failure,omitempty"`
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

// noTime is the time that a case took, in seconds. Nobody measures it.
const noTime = "0"

// junitForm writes a suite for each file, with one test case for each check and each rule of
// the report. A rule with an error fails. A rule that does not apply is skipped, and so is
// what was not checked. Warnings and notices are in the suite's system-out.
type junitForm struct {
	w      io.Writer
	now    time.Time
	suites int
}

func (f *junitForm) add(of *Result) error {
	suite := f.suite(of)
	var b bytes.Buffer
	if f.suites == 0 {
		b.WriteString(xml.Header + "<testsuites>\n")
	}
	f.suites++
	e := xml.NewEncoder(&b)
	e.Indent("  ", "  ")
	if err := e.Encode(suite); err != nil {
		return fmt.Errorf("report: junit: %w", err)
	}
	b.WriteByte('\n')
	_, err := f.w.Write(b.Bytes())
	return err
}

func (f *junitForm) end() error {
	last := "</testsuites>\n"
	if f.suites == 0 {
		last = xml.Header + "<testsuites></testsuites>\n"
	}
	_, err := io.WriteString(f.w, last)
	return err
}

func (f *junitForm) suite(of *Result) *junitSuite {
	name := strings.Join(strings.Fields(shownName(of.Name)), " ")
	if name == "" {
		name = "request"
	}
	s := &junitSuite{
		Name: name, Package: "obdcr", ID: f.suites, Timestamp: f.now.UTC().Format("2006-01-02T15:04:05"),
		Hostname: "localhost", Time: noTime, Properties: properties(of),
	}
	class := "obdcr"
	if p := of.Report.Profile; p != "" {
		class += "." + strings.ReplaceAll(string(p), ".", "_")
	}
	s.addChecks(of, class)
	s.addRules(of, class)
	s.Tests = len(s.Cases)
	for i := range s.Cases {
		c := &s.Cases[i]
		if c.Failure != nil {
			c.Skipped = nil
			s.Failures++
		}
		if c.Skipped != nil {
			s.Skipped++
		}
	}
	return s
}

func properties(of *Result) []junitProperty {
	all := []junitProperty{{"profile", string(of.Report.Profile)}, {"verdict", verdict(of)}}
	if wire := of.Report.Wire(); wire != nil {
		all = append(all, junitProperty{"wire", cmp.Or(string(wire.Error), strconv.Itoa(wire.Status))})
	}
	for _, p := range []junitProperty{{"alg", of.Algorithm}, {"kid", of.KeyID}, {"ssa_iss", of.Issuer}, {"bank", of.Bank}} {
		if p.Value != "" {
			all = append(all, p)
		}
	}
	return all
}

// addChecks adds a case for each check that applies.
func (s *junitSuite) addChecks(of *Result, class string) {
	for _, named := range of.Checks.Named() {
		c := junitCase{ClassName: class + ".checks", Name: named.Name, Time: noTime}
		switch named.State {
		case validate.CheckGood:
			if named.Note != "" {
				s.Out += named.Name + " " + stateOf(named.Check) + "\n"
			}
		case validate.CheckNotChecked:
			c.Skipped = &junitSkipped{Message: stateOf(named.Check)}
		default:
			c.Failure = &junitFailure{Message: named.Name + " " + stateOf(named.Check), Type: string(named.State)}
		}
		s.Cases = append(s.Cases, c)
	}
}

// checkOf returns the check that a rule is about, if it is about one.
func checkOf(c *validate.Checks, rule string) validate.Check {
	switch rule {
	case validate.RuleRequestSignature, validate.RuleRequestKeyFound, validate.RuleRequestKeyRevoked:
		return c.RequestSignature
	case validate.RuleSSASignature, validate.RuleSSAKeyFound:
		return c.StatementSignature
	case validate.RuleAudIsBank:
		return c.Audience
	}
	if rule == validate.RuleTLSClientAuthSubjectDNMatchesCertificate || strings.HasPrefix(rule, "certificate.") {
		return c.Certificate
	}
	return validate.Check{}
}

// isPart reports whether a check can be good though this rule was not judged. The note of
// the check says so then.
func isPart(rule string) bool {
	return rule == validate.RuleRequestKeyRevoked || rule == validate.RuleCertificateChain || rule == validate.RuleCertificateKeyRevoked
}

// addRules adds a case for each rule.
func (s *junitSuite) addRules(of *Result, class string) {
	r, at := of.Report, map[string]int{}
	for _, row := range r.Rules() {
		c := junitCase{ClassName: class, Name: row.ID, Time: noTime}
		if r.Outcome(row.ID) == validate.OutcomeNotApplicable {
			c.Skipped = &junitSkipped{Message: "not applicable"}
			switch check := checkOf(&of.Checks, row.ID); {
			case check.State == validate.CheckNotChecked:
				c.Skipped.Message = stateOf(check)
			case check.State == validate.CheckGood && check.Note != "" && isPart(row.ID):
				c.Skipped.Message = check.Note
			}
		}
		at[c.Name] = len(s.Cases)
		s.Cases = append(s.Cases, c)
	}
	where := newSpots(of)
	for i := range r.Violations {
		v := &r.Violations[i]
		k, ok := at[v.Rule]
		if !ok {
			k = len(s.Cases)
			at[v.Rule] = k
			s.Cases = append(s.Cases, junitCase{ClassName: class, Name: v.Rule, Time: noTime})
		}
		s.addViolation(v, &s.Cases[k], where)
	}
	if r.More > 0 {
		c := junitCase{ClassName: class, Name: "report.complete", Time: noTime}
		if text := plural(r.More, "more violation") + " not shown"; r.Valid() {
			s.Out += text + "\n"
		} else {
			c.Failure = &junitFailure{Message: text, Type: string(validate.SeverityError)}
		}
		s.Cases = append(s.Cases, c)
	}
}

// addViolation puts a violation into its case, or into the output of the suite if it is no
// error.
func (s *junitSuite) addViolation(v *validate.Violation, c *junitCase, where *spots) {
	message := placeOf(v) + ": " + v.Message
	text := message
	if at, exact, _ := where.near(v); exact && v.Pointer != "" {
		text += " (" + where.named(v.Document, at) + ")"
	}
	if v.Want != "" && !strings.Contains(text, v.Want) {
		text += "\n  want: " + v.Want
	}
	if v.Fix != "" {
		text += "\n  fix: " + v.Fix
	}
	if v.Command != "" {
		text += "\n    " + v.Command
	}
	if s := v.Citation.String(); s != "" {
		text += "\n  " + s
	}
	text += "\n"
	c.Skipped = nil
	switch {
	case v.Severity == validate.SeverityWarning || v.Severity == validate.SeverityNotice:
		s.Out += string(v.Severity) + ": " + v.Rule + ": " + text
	case c.Failure == nil:
		c.Failure = &junitFailure{Message: message, Type: string(v.Code), Text: text}
	default:
		c.Failure.Text += text
	}
}
