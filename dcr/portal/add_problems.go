package portal

import (
	"fmt"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// problems are the violations of a report, by their severity and then by their rule: a
// statement may break one rule a hundred times.
type problems struct {
	Groups []severityGroup
	More   int // violations beyond those of the report
}

// severityGroup are the violations of one severity.
type severityGroup struct {
	Class string // of the style: error, warning or notice
	Title string
	Count int
	Rules []brokenRule // at most fewRules; the others are in Rest
	Rest  []brokenRule
}

// brokenRule are the violations of one rule.
type brokenRule struct {
	Rule     string
	Citation validate.Citation
	Fix      string
	First    found
	Others   []found
}

// found is one violation: where, and what is wrong.
type found struct {
	Pointer, Message, Got, Want string
}

// fewRules is how many rules of a severity a page shows before the others are to be opened.
const fewRules = 10

// severities are the groups in their order.
var severities = []struct {
	severity   validate.Severity
	one, other string
}{
	{validate.SeverityError, "1 error", "%d errors"},
	{validate.SeverityWarning, "1 warning", "%d warnings"},
	{validate.SeverityNotice, "1 notice", "%d notices"},
}

// problemsOf groups the violations of a report, which may be nil.
func problemsOf(report *validate.Report) problems {
	if report == nil {
		return problems{}
	}
	p := problems{More: report.More}
	for _, s := range severities {
		g := severityGroup{Class: string(s.severity)}
		at := map[string]int{}
		for _, violation := range report.Violations {
			if violation.Severity != s.severity || aboutDefaults(violation) {
				continue
			}
			g.Count++
			one := foundIn(violation)
			if i, known := at[violation.Rule]; known {
				g.Rules[i].Others = append(g.Rules[i].Others, one)
				continue
			}
			at[violation.Rule] = len(g.Rules)
			g.Rules = append(g.Rules, brokenRule{Rule: violation.Rule, Citation: violation.Citation, Fix: violation.Fix, First: one})
		}
		if g.Count == 0 {
			continue
		}
		if g.Title = s.one; g.Count > 1 {
			g.Title = fmt.Sprintf(s.other, g.Count)
		}
		if len(g.Rules) > fewRules {
			g.Rules, g.Rest = g.Rules[:fewRules], g.Rules[fewRules:]
		}
		p.Groups = append(p.Groups, g)
	}
	return p
}

// aboutDefaults reports whether a violation only tells of a value that the bank chose in the
// request that it made up: the person has written no request.
func aboutDefaults(v validate.Violation) bool {
	return v.Severity == validate.SeverityNotice && v.Document != validate.DocSSA && v.Document != validate.DocSSAHeader
}

// foundIn is what a page shows of one violation.
func foundIn(violation validate.Violation) found {
	f := found{Pointer: violation.Pointer, Message: violation.Message, Got: text.Clip(violation.Got, maxShown), Want: violation.Want}
	if f.Pointer == "" {
		f.Message = sentence(f.Message)
	}
	return f
}
