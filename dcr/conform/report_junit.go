package conform

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
)

// The elements and attributes that both the schema of Ant's JUnit task and that of Jenkins know.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
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
		Error     *junitFault   `xml:"error,omitempty"`
		Failure   *junitFault   `xml:"failure,omitempty"`
	}
	junitFault struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// WriteJUnit writes the report as JUnit XML, a suite for each group. What is not offered and what was not run is
// skipped. What is allowed has passed, and is named in the suite's system-out.
func (r *Report) WriteJUnit(w io.Writer) error {
	all := junitSuites{}
	for _, group := range r.groups() {
		all.Suites = append(all.Suites, r.junitSuite(len(all.Suites), group))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (r *Report) junitSuite(id int, g group) junitSuite {
	s := junitSuite{Name: g.Name, Package: "conform", ID: id, Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"), Hostname: "localhost",
		Tests: len(g.Results), Properties: r.properties()}
	var out, lost []string
	millis := int64(0)
	for _, one := range g.Results {
		c := junitCase{ClassName: "conform." + strings.ReplaceAll(r.Profile, ".", "_") + "." + g.Name, Name: one.ID, Time: seconds(one.Millis)}
		millis += one.Millis
		switch one.Verdict {
		case Failed:
			s.Failures++
			c.Failure = &junitFault{Message: text.Visible("expected: " + one.Expected), Type: one.Clause(), Text: one.detail(junitWidth, true)}
		case Errored:
			s.Errors++
			c.Error = &junitFault{Message: text.Visible(one.Reason), Type: one.Clause(), Text: one.detail(junitWidth, true)}
		case NotOffered, NotRun:
			s.Skipped++
			c.Skipped = &junitSkipped{Message: text.Visible(one.Reason)}
		case Allowed:
			out = append(out, one.ID+": allowed: "+text.Visible(one.Reason))
		case Passed:
		}
		s.Cases = append(s.Cases, c)
	}
	if id == 0 {
		for _, left := range r.Left {
			lost = append(lost, text.Visible(left.String()))
		}
	}
	s.Time, s.Out, s.Err = seconds(millis), strings.Join(out, "\n"), strings.Join(lost, "\n")
	return s
}

// junitWidth is the width of the lines of a failure.
const junitWidth = 160

// properties tell about the run.
func (r *Report) properties() []junitProperty {
	all := []junitProperty{{"tool", r.Tool}, {"bank", r.Bank}, {"profile", r.Profile}, {"token_endpoint_auth_method", r.Method}, {"seconds", seconds(r.Millis)}}
	for _, more := range []junitProperty{{"policy", r.Policy}, {"dialect", r.Dialect}} {
		if more.Value != "" {
			all = append(all, more)
		}
	}
	return all
}

func seconds(millis int64) string { return fmt.Sprintf("%d.%03d", millis/1000, millis%1000) }
