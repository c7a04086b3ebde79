package recheck

import (
	"bufio"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
)

// The formats of a report.
const (
	FormatText = "text"
	FormatJSON = "json"
	FormatCSV  = "csv"
	FormatHTML = "html"
)

// Formats are the formats of a report.
func Formats() []string { return []string{FormatText, FormatJSON, FormatCSV, FormatHTML} }

// Options say how a report is written.
type Options struct {
	Format   string
	Findings bool // leave out the clients of which there is nothing to say but that they are admitted
	Ended    time.Time
	// Cell makes a cell of CSV harmless for spreadsheets.
	Cell func(string) string
}

// Write writes the report of a journal. The names in it are those that directories and TPPs
// chose: text has no control characters of theirs, HTML no markup.
func (j *Journal) Write(out io.Writer, o Options) error {
	w := bufio.NewWriterSize(out, 64<<10)
	summary := j.Summary(o.Ended)
	each := func(do func(*Client) error) error {
		return j.Each(func(c *Client) error {
			if o.Findings && c.Quiet() {
				return nil
			}
			return do(c)
		})
	}
	var err error
	switch o.Format {
	case FormatJSON:
		err = writeJSON(w, each, &summary)
	case FormatCSV:
		err = writeCSV(w, each, o.Cell)
	case FormatHTML:
		err = writeHTML(w, each, &summary)
	default:
		err = writeText(w, each, &summary)
	}
	if err != nil {
		return err
	}
	return w.Flush()
}

// entries calls a function for each client of a report.
type entries func(func(*Client) error) error

// writeJSON writes one object a line: each client, and the summary at the end.
func writeJSON(w io.Writer, each entries, s *Summary) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if err := each(func(c *Client) error { return encoder.Encode(c) }); err != nil {
		return err
	}
	return encoder.Encode(map[string]*Summary{"summary": s})
}

// columns are those of CSV.
var columns = []string{"id", "client_id", "software_id", "software_name", "org_id", "environment", "registered", "admission", "rules", "unknown",
	"warnings", "differs", "certificate_ends"}

// writeCSV writes a row for each client, as RFC 4180 has them. Lists have a blank or a
// semicolon between their entries.
func writeCSV(w io.Writer, each entries, cell func(string) string) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(columns); err != nil {
		return err
	}
	err := each(func(c *Client) error {
		var warnings []string
		for _, v := range c.Violations {
			if v.Severity != "error" {
				warnings = append(warnings, v.Rule)
			}
		}
		row := []string{c.ID, c.ClientID, c.SoftwareID, c.SoftwareName, c.OrgID, c.Environment, c.Registered.UTC().Format(time.RFC3339), string(c.Admission),
			strings.Join(c.Rules(), " "), strings.Join(c.Unknown, "; "), strings.Join(warnings, " "), strings.Join(c.Differs, " "), c.Until()}
		for i := range row {
			row[i] = cell(text.Visible(row[i]))
		}
		return out.Write(row)
	})
	out.Flush()
	if err != nil {
		return err
	}
	return out.Error()
}

// words are an admission for people.
var words = map[dcr.Admission]string{dcr.Admitted: "admitted", dcr.NotAdmitted: "not admitted", dcr.CannotTell: "cannot tell"}

// Words returns the admission for people.
func (c *Client) Words() string { return words[c.Admission] }

// Until is the end of the client's certificate, "" where it is not known.
func (c *Client) Until() string {
	if c.Ends == nil {
		return ""
	}
	return c.Ends.Format(time.RFC3339)
}

// writeText writes a line for each client, what is wrong with it below, and the summary.
func writeText(w io.Writer, each entries, s *Summary) error {
	err := each(func(c *Client) error {
		hang(w, 14, fmt.Sprintf("%-12s  %s  %s", c.Words(), c.ClientID, c.SoftwareName))
		hang(w, 4, fmt.Sprintf("  software %s, organisation %s, %s", c.SoftwareID, c.OrgID, c.Environment))
		for _, v := range c.Violations {
			hang(w, 4, fmt.Sprintf("  %-8s %s %s: %s", v.Severity, v.Rule, v.Pointer, v.Message))
			hang(w, 4, fmt.Sprintf("    %s: fix: %s", v.Citation.Words(), v.Fix))
		}
		for _, why := range c.Unknown {
			hang(w, 4, "  unknown  "+why)
		}
		if len(c.Differs) > 0 {
			hang(w, 4, "  differs  would be registered otherwise today: "+strings.Join(c.Differs, ", "))
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w, s.Line())
	for _, c := range s.ByRule {
		fmt.Fprintf(w, "%7d  %s\n", c.Clients, c.Rule)
	}
	hang(w, 4, "not judged of any client: "+strings.Join(s.NotJudged, ", "))
	return nil
}

// hang writes a line for a terminal, and goes on below it, further in, where it is too long.
func hang(w io.Writer, in int, line string) {
	for _, part := range text.Hang(text.Visible(line), textColumns, in) {
		fmt.Fprintln(w, part)
	}
}

// textColumns is the width of a report in text.
const textColumns = 80

// Words are the citation in one line.
func (c Citation) Words() string {
	if c.Section == "" {
		return c.Spec
	}
	return c.Spec + ", " + c.Section
}

// Line is the summary in one line.
func (s *Summary) Line() string {
	return strconv.Itoa(s.Clients) + " rechecked: " + strconv.Itoa(s.Admitted) + " admitted, " + strconv.Itoa(s.NotAdmitted) + " not admitted, " +
		strconv.Itoa(s.CannotTell) + " cannot tell; " + strconv.Itoa(s.Warned) + " with warnings"
}

//go:embed report.html.tmpl
var page string

// writeHTML writes the page in three parts, so that a long report needs no memory.
func writeHTML(w io.Writer, each entries, s *Summary) error {
	pages, err := template.New("page").Funcs(template.FuncMap{"time": func(t time.Time) string {
		return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
	}}).Parse(page)
	if err != nil {
		return err
	}
	if err := pages.ExecuteTemplate(w, "head", s); err != nil {
		return err
	}
	if err := each(func(c *Client) error { return pages.ExecuteTemplate(w, "client", c) }); err != nil {
		return err
	}
	return pages.ExecuteTemplate(w, "foot", s)
}
