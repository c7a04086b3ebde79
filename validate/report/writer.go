package report

import (
	"fmt"
	"io"
	"time"

	"github.com/obdcr/obdcr/internal/junit"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// Format is a form of a report.
type Format string

// The formats.
const (
	FormatText    Format = "text"    // for people
	FormatConcise Format = "concise" // one line a finding, for editors: file:line:column: ...
	FormatGitHub  Format = "github"  // workflow commands, which GitHub shows beside a change
	FormatJSON    Format = "json"    // every fact, one object for a file
	FormatSARIF   Format = "sarif"   // SARIF 2.1.0, for code scanning
	FormatJUnit   Format = "junit"   // JUnit XML, for test reports
)

// Formats returns every format, in a fresh slice.
func Formats() []Format {
	return []Format{FormatText, FormatConcise, FormatGitHub, FormatJSON, FormatSARIF, FormatJUnit}
}

// Result is one judged file.
type Result struct {
	// Name is the name of the file as the user gave it. "-" is standard input.
	Name   string
	Report *validate.Report
	Checks validate.Checks
	// Documents are the JSON texts that were judged. A violation in a document that is not
	// here is shown without its line.
	Documents map[validate.Document][]byte
	// Source is the text of the file where the file is JSON, and Judged the document that
	// it holds. Lines are then those of the file. For a token both are empty.
	Source []byte
	Judged validate.Document
	// Bank is the name of the bank whose dialect was judged by; "" for none.
	Bank string
	// Algorithm and KeyID are the alg and kid of the token; Issuer is the iss of the
	// software statement.
	Algorithm, KeyID, Issuer string
	// Vector is the name of the test vector that the file is; "" for any other file. JSON then
	// also has what was found, in the form of the vector's expect.
	Vector string
}

// WriterOptions say how a Writer writes.
type WriterOptions struct {
	Format  Format    // required
	Color   bool      // ANSI colours in text
	Width   int       // columns of text, at least 40; 0: 80
	Many    bool      // there may be several files: JSON is an array, and text ends with a summary
	Version string    // of the program, for SARIF; may be empty
	Base    string    // the directory that the URIs of SARIF begin at; "" is the working directory
	Now     time.Time // the time in JUnit; required there
}

const (
	usualWidth = 80
	leastWidth = 40
)

// Writer writes the report of one file or of many, file by file. It is not safe for
// concurrent use.
type Writer struct{ form form }

// form writes one format.
type form interface {
	// add writes one result, or keeps what end needs of it.
	add(*Result) error
	// unjudged writes a file that could not be judged, and why.
	unjudged(name, why string) error
	// end writes what follows the last result.
	end() error
}

// NewWriter makes a Writer. The error is that of an unknown format.
func NewWriter(w io.Writer, o WriterOptions) (*Writer, error) {
	if o.Width == 0 {
		o.Width = usualWidth
	}
	o.Width = max(o.Width, leastWidth)
	switch o.Format {
	case FormatText:
		return &Writer{&textForm{w: w, o: o}}, nil
	case FormatConcise:
		return &Writer{&conciseForm{w}}, nil
	case FormatGitHub:
		return &Writer{&gitHubForm{w: w, many: o.Many}}, nil
	case FormatJSON:
		return &Writer{&jsonForm{w: w, many: o.Many}}, nil
	case FormatSARIF:
		return &Writer{newSARIF(w, &o)}, nil
	case FormatJUnit:
		return &Writer{&junitForm{w: junit.NewWriter(w), now: o.Now}}, nil
	}
	return nil, fmt.Errorf("report: format %s is none of %s", text.Quote(string(o.Format)), text.List(Formats()))
}

// Add writes the result of one file. Files come in the order of the calls. The error is
// that of the underlying io.Writer.
func (w *Writer) Add(r *Result) error { return w.form.add(r) }

// AddUnjudged writes that a file could not be judged, and why: an object with error in JSON, an error in JUnit, a
// notification in SARIF and an annotation in GitHub's form; text has it in its summary. It is for a Writer of many files.
func (w *Writer) AddUnjudged(name string, why error) error { return w.form.unjudged(name, why.Error()) }

// Close writes what follows the last file. Without it the output of some formats is not
// complete. It does not close the underlying io.Writer.
func (w *Writer) Close() error { return w.form.end() }

// CloseUnfinished is Close for a run that did not come to all of its files. SARIF tells so.
func (w *Writer) CloseUnfinished() error {
	if f, ok := w.form.(*sarifForm); ok {
		f.unfinished = true
	}
	return w.form.end()
}
