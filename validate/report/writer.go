package report

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// Format is a form of a report.
type Format string

// The formats.
const (
	FormatText  Format = "text"  // for people
	FormatJSON  Format = "json"  // every fact, one object for a file
	FormatSARIF Format = "sarif" // SARIF 2.1.0, for code scanning
	FormatJUnit Format = "junit" // JUnit XML, for test reports
)

// Formats returns every format, in a fresh slice.
func Formats() []Format { return []Format{FormatText, FormatJSON, FormatSARIF, FormatJUnit} }

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
	// Algorithm and KeyID are the alg and kid of the token; Issuer is the iss of the
	// software statement.
	Algorithm, KeyID, Issuer string
}

// WriterOptions say how a Writer writes.
type WriterOptions struct {
	Format  Format    // required
	Color   bool      // ANSI colours in text
	Width   int       // columns of text; 0: 80
	Many    bool      // there may be several files: JSON is an array, and text ends with a summary
	Version string    // of the program, for SARIF; may be empty
	Base    string    // the directory that the URIs of SARIF begin at; "" is the working directory
	Now     time.Time // the time in JUnit; required there
}

// Writer writes the report of one file or of many, file by file. It is not safe for
// concurrent use.
type Writer struct {
	w io.Writer
	o WriterOptions
}

// NewWriter makes a Writer. The error is that of an unknown format.
func NewWriter(w io.Writer, o WriterOptions) (*Writer, error) {
	if !slices.Contains(Formats(), o.Format) {
		return nil, fmt.Errorf("report: format %s is none of %s", text.Quote(string(o.Format)), text.List(Formats()))
	}
	return &Writer{w: w, o: o}, nil
}

// Add writes the result of one file, or keeps it for Close where the format needs all of
// them first. The error is that of the underlying io.Writer.
func (w *Writer) Add(r *Result) error {
	switch w.o.Format {
	case FormatJSON:
		return writeJSON(w.w, r)
	case FormatSARIF:
		return writeSARIF(w.w, r.Report, r.Name)
	case FormatJUnit:
		return writeJUnit(w.w, r.Report, shownName(r.Name))
	}
	return writeText(w.w, r, w.o.Color)
}

// Close writes what follows the last file. It does not close the underlying io.Writer.
func (w *Writer) Close() error { return nil }

// shownName returns the name of a file for people.
func shownName(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}
