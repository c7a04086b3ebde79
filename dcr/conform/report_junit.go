package conform

import (
	"fmt"
	"io"
	"strings"

	"github.com/obdcr/obdcr/internal/junit"
	"github.com/obdcr/obdcr/internal/shown"
	"github.com/obdcr/obdcr/internal/text"
)

// WriteJUnit writes the report as JUnit XML, a suite for each group. What is not offered and what was not run is
// skipped. What is allowed has passed, and is named in the suite's system-out. Where the bank does not take the plain valid
// request, a suite before all others fails by that. A suite before the groups has an error where not all cases were played.
func (r *Report) WriteJUnit(w io.Writer) error {
	out := junit.NewWriter(w)
	var suites []*junit.Suite
	if r.FirstCause != nil {
		suites = append(suites, r.firstSuite())
	}
	if r.unfinished() != "" {
		suites = append(suites, r.unfinishedSuite())
	}
	for _, group := range r.groups() {
		suites = append(suites, r.junitSuite(group))
	}
	for i, s := range suites {
		if i == 0 {
			s.Err = r.lost()
		}
		if err := out.Add(s); err != nil {
			return err
		}
	}
	return out.End()
}

// class is the class of the test cases of a group.
func (r *Report) class(group string) string {
	return "conform." + strings.ReplaceAll(r.Profile, ".", "_") + "." + group
}

// firstSuite is the suite of a bank that does not take the plain valid request.
func (r *Report) firstSuite() *junit.Suite {
	s := junit.NewSuite("first cause", "conform", r.Started)
	s.Time, s.Properties = seconds(0), r.properties()
	s.Out = shown.Text(strings.Join(r.causeLines(), "\n"))
	s.Cases = []junit.Case{{ClassName: r.class("first"), Name: "the plain valid request", Time: seconds(0),
		Failure: &junit.Fault{Message: text.Visible(r.FirstCause.String()), Type: plainCase, Text: s.Out}}}
	return s
}

// unfinishedSuite is the suite of a run that has not played all cases: those that are left are skipped, which alone would be green.
func (r *Report) unfinishedSuite() *junit.Suite {
	s := junit.NewSuite("unfinished", "conform", r.Started)
	s.Time, s.Properties = seconds(0), r.properties()
	s.Cases = []junit.Case{{ClassName: r.class("unfinished"), Name: "all cases are played", Time: seconds(0),
		Error: &junit.Fault{Message: r.unfinished(), Type: "unfinished", Text: r.unfinished() + "\n" + r.tally()}}}
	return s
}

// lost tells which clients may be left.
func (r *Report) lost() string {
	lines := make([]string, len(r.Left))
	for i, left := range r.Left {
		lines[i] = text.Visible(left.String())
	}
	return strings.Join(lines, "\n")
}

func (r *Report) junitSuite(g group) *junit.Suite {
	s := junit.NewSuite(g.Name, "conform", r.Started)
	s.Properties = r.properties()
	var out []string
	millis := int64(0)
	for _, one := range g.Results {
		c := junit.Case{ClassName: r.class(g.Name), Name: one.ID, Time: seconds(one.Millis)}
		millis += one.Millis
		switch one.Verdict {
		case Failed:
			c.Failure = &junit.Fault{Message: text.Visible("expected: " + one.Expected), Type: one.Clause(), Text: one.detail(junitWidth, true)}
		case Errored:
			c.Error = &junit.Fault{Message: text.Visible(one.Reason), Type: one.Clause(), Text: one.detail(junitWidth, true)}
		case NotOffered, NotRun:
			c.Skipped = &junit.Skipped{Message: text.Visible(one.Reason)}
		case Allowed:
			out = append(out, one.ID+": allowed: "+text.Visible(one.Reason))
		case Passed:
		}
		s.Cases = append(s.Cases, c)
	}
	s.Time, s.Out = seconds(millis), strings.Join(out, "\n")
	return s
}

// junitWidth is the width of the lines of a failure.
const junitWidth = 160

// properties tell about the run.
func (r *Report) properties() []junit.Property {
	first := ""
	if r.FirstCause != nil {
		first = text.Visible(r.FirstCause.String())
	}
	return junit.Properties("tool", r.Tool, "bank", r.Bank, "profile", r.Profile, "token_endpoint_auth_method", r.Method, "seconds", seconds(r.Millis),
		"policy", r.Policy, "dialect", r.Dialect, "first_cause", first, "unfinished", r.unfinished())
}

func seconds(millis int64) string { return fmt.Sprintf("%d.%03d", millis/1000, millis%1000) }
