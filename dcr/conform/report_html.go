package conform

import (
	_ "embed" // the template
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/obdcr/obdcr/internal/text"
)

//go:embed report.html.tmpl
var htmlTemplate string

// htmlPage is the template of a report.
var htmlPage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("report").Funcs(template.FuncMap{
		"seconds": seconds, "pretty": pretty, "words": Verdict.words, "join": strings.Join, "slug": slug,
		"bad":     Verdict.bad,
		"verdict": func(i int) Verdict { return Verdicts()[i] },
	}).Parse(htmlTemplate))
})

// htmlReport is what the template shows.
type htmlReport struct {
	*Report
	Groups   []group
	Matrix   []row
	Verdicts []Verdict
	Failures []CaseResult
	Tally    string
	// Unfinished is why not all cases were played; "" if they were.
	Unfinished string
}

// WriteHTML writes the report as one page that needs nothing else: no script, no network. It can be printed, and
// keeps to the colours that the reader's system has.
func (r *Report) WriteHTML(w io.Writer) error {
	failures := slices.DeleteFunc(slices.Clone(r.Results), func(c CaseResult) bool { return !c.Verdict.bad() })
	return htmlPage().Execute(w, htmlReport{Report: r, Groups: r.groups(), Matrix: r.matrix(), Verdicts: Verdicts(), Failures: failures, Tally: r.tally(),
		Unfinished: r.unfinished()})
}

// slug makes the ID of a case one of an element, another one for each.
func slug(id string) string {
	var b strings.Builder
	b.WriteString("case-")
	for i := range len(id) {
		if c := id[i]; text.IsLetter(c) || text.IsDigit(c) || strings.IndexByte("._-", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "~%02x", c)
		}
	}
	return b.String()
}
