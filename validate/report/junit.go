package report

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/obdcr/obdcr/internal/junit"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// noTime is the time that a case took, in seconds. Nobody measures it.
const noTime = "0"

// junitForm writes a suite for each file, with one test case for each check and each rule of
// the report. A rule with an error fails. A rule that does not apply is skipped, and so is
// what was not checked. A file that could not be judged has an error. Warnings and notices are in the suite's system-out.
type junitForm struct {
	w   *junit.Writer
	now time.Time
}

func (f *junitForm) add(of *Result) error {
	if err := f.w.Add(&f.suite(of).Suite); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func (f *junitForm) unjudged(name, why string) error {
	s := junit.NewSuite(suiteName(name), "obdcr", f.now)
	first, _, _ := strings.Cut(why, "\n")
	s.Time = noTime
	fault := &junit.Fault{Message: text.Show(first), Type: "unjudged", Text: showLines(why)}
	s.Cases = []junit.Case{{ClassName: "obdcr", Name: "judged", Time: noTime, Error: fault}}
	if err := f.w.Add(s); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func (f *junitForm) end() error { return f.w.End() }

// junitSuite is the suite of a file in the making.
type junitSuite struct{ junit.Suite }

func (f *junitForm) suite(of *Result) *junitSuite {
	s := &junitSuite{*junit.NewSuite(suiteName(of.Name), "obdcr", f.now)}
	s.Time, s.Properties = noTime, properties(of)
	class := "obdcr"
	if p := of.Report.Profile; p != "" {
		class += "." + strings.ReplaceAll(string(p), ".", "_")
	}
	s.addChecks(of, class)
	s.addRules(of, class)
	for i := range s.Cases {
		if s.Cases[i].Failure != nil {
			s.Cases[i].Skipped = nil
		}
	}
	return s
}

// suiteName is the name of the suite of a file.
func suiteName(file string) string {
	return cmp.Or(strings.Join(strings.Fields(shownName(file)), " "), "request")
}

func properties(of *Result) []junit.Property {
	wire := ""
	if w := of.Report.Wire(); w != nil {
		wire = cmp.Or(string(w.Error), strconv.Itoa(w.Status))
	}
	return junit.Properties("profile", string(of.Report.Profile), "verdict", verdict(of), "wire", wire, "alg", of.Algorithm, "kid", of.KeyID,
		"ssa_iss", of.Issuer, "bank", of.Bank)
}

// addChecks adds a case for each check that applies.
func (s *junitSuite) addChecks(of *Result, class string) {
	for _, named := range of.Checks.Named() {
		c := junit.Case{ClassName: class + ".checks", Name: named.Name, Time: noTime}
		switch named.State {
		case validate.CheckGood:
			if named.Note != "" {
				s.Out += named.Name + " " + stateOf(named.Check) + "\n"
			}
		case validate.CheckNotChecked:
			c.Skipped = &junit.Skipped{Message: stateOf(named.Check)}
		default:
			c.Failure = &junit.Fault{Message: named.Name + " " + stateOf(named.Check), Type: string(named.State)}
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
		c := junit.Case{ClassName: class, Name: row.ID, Time: noTime}
		if r.Outcome(row.ID) == validate.OutcomeNotApplicable {
			c.Skipped = &junit.Skipped{Message: "not applicable"}
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
			s.Cases = append(s.Cases, junit.Case{ClassName: class, Name: v.Rule, Time: noTime})
		}
		s.addViolation(v, &s.Cases[k], where)
	}
	if r.More > 0 {
		c := junit.Case{ClassName: class, Name: "report.complete", Time: noTime}
		if text := plural(r.More, "more violation") + " not shown"; r.Valid() {
			s.Out += text + "\n"
		} else {
			c.Failure = &junit.Fault{Message: text, Type: string(validate.SeverityError)}
		}
		s.Cases = append(s.Cases, c)
	}
}

// addViolation puts a violation into its case, or into the output of the suite if it is no
// error.
func (s *junitSuite) addViolation(v *validate.Violation, c *junit.Case, where *spots) {
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
		c.Failure = &junit.Fault{Message: message, Type: string(v.Code), Text: text}
	default:
		c.Failure.Text += text
	}
}
