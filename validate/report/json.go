package report

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"

	"github.com/obdcr/obdcr/validate"
)

// jsonUnjudged is what there is of a file that could not be judged.
type jsonUnjudged struct {
	File       string          `json:"file"`
	Error      string          `json:"error"`
	Valid      bool            `json:"valid"`
	Wire       *jsonWire       `json:"wire"`
	Violations []jsonViolation `json:"violations"`
}

// jsonChecks has the state of each check that applies.
type jsonChecks struct {
	RequestSignature   validate.CheckState `json:"request_signature,omitempty"`
	StatementSignature validate.CheckState `json:"statement_signature,omitempty"`
	Audience           validate.CheckState `json:"audience,omitempty"`
	Certificate        validate.CheckState `json:"certificate,omitempty"`
}

// jsonNotes has what is to be said of each check: why it was not made, or what of it was not.
type jsonNotes struct {
	RequestSignature   string `json:"request_signature,omitempty"`
	StatementSignature string `json:"statement_signature,omitempty"`
	Audience           string `json:"audience,omitempty"`
	Certificate        string `json:"certificate,omitempty"`
}

// jsonSignatures is the older form of the states of both signatures.
type jsonSignatures struct {
	Request string `json:"request"`
	SSA     string `json:"ssa"`
}

type jsonReport struct {
	File          string           `json:"file,omitempty"`
	Vector        string           `json:"vector,omitempty"`
	Found         *jsonFound       `json:"found,omitempty"`
	Profile       validate.Profile `json:"profile"`
	Bank          string           `json:"bank,omitempty"`
	Valid         bool             `json:"valid"`
	Wire          *jsonWire        `json:"wire"`
	Violations    []jsonViolation  `json:"violations"`
	More          int              `json:"more,omitempty"`
	Passed        int              `json:"passed"`
	NotApplicable int              `json:"not_applicable"`
	Signatures    jsonSignatures   `json:"signatures"`
	Checks        jsonChecks       `json:"checks"`
	CheckNotes    *jsonNotes       `json:"check_notes,omitempty"`
}

// jsonFound is what was found of a test vector, in the form of its expect.
type jsonFound struct {
	Valid    bool           `json:"valid"`
	Rules    []string       `json:"rules"`    // broken as errors, sorted, each once
	Warnings []string       `json:"warnings"` // the same of warnings
	Wire     *validate.Code `json:"wire"`     // null where the answer has no code
}

// foundOf returns what was found of a test vector; nil for any other file.
func foundOf(of *Result, wire *jsonWire) *jsonFound {
	if of.Vector == "" {
		return nil
	}
	found := &jsonFound{Valid: of.Report.Valid(), Rules: broken(of.Report, validate.SeverityError), Warnings: broken(of.Report, validate.SeverityWarning)}
	if wire != nil {
		found.Wire = wire.Error
	}
	return found
}

// broken returns the rules that are broken with a severity, sorted, each once.
func broken(r *validate.Report, severity validate.Severity) []string {
	rules := []string{}
	for i := range r.Violations {
		if v := &r.Violations[i]; v.Severity == severity {
			rules = append(rules, v.Rule)
		}
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

// jsonWire is the answer of a bank. Its error is null where the answer has no code.
type jsonWire struct {
	Status      int            `json:"status"`
	Error       *validate.Code `json:"error"`
	Description string         `json:"error_description"`
}

func wireOf(r *validate.Report) *jsonWire {
	w := r.Wire()
	if w == nil {
		return nil
	}
	wire := &jsonWire{Status: w.Status, Description: w.Description}
	if w.Error != "" {
		wire.Error = &w.Error
	}
	return wire
}

type jsonViolation struct {
	Rule     string            `json:"rule"`
	Severity validate.Severity `json:"severity"`
	Basis    validate.Basis    `json:"basis"`
	Pointer  string            `json:"pointer"`
	Document validate.Document `json:"document"`
	Line     int               `json:"line,omitempty"`
	Column   int               `json:"column,omitempty"`
	LineOf   string            `json:"line_of,omitempty"`
	Message  string            `json:"message"`
	Got      string            `json:"got"`
	Want     string            `json:"want"`
	Citation jsonCitation      `json:"citation"`
	Fix      string            `json:"fix"`
	Command  string            `json:"command,omitempty"`
	Code     validate.Code     `json:"code"`
}

type jsonCitation struct {
	Spec    string `json:"spec"`
	Section string `json:"section"`
	URL     string `json:"url"`
}

// jsonForm writes an object for each file, indented and with a newline at its end; for many
// files an array of them. An object has profile, valid, wire (null where the report is
// valid), the violations of every severity, the numbers of rules passed and not applicable,
// and the checks. The member more counts the violations that the report has no room for.
// The member line_of names the text that line and column are counted in: the file, or a
// part of a token, pretty-printed. The member bank names the dialect that was judged by. The
// member check_notes says why a check was not made, or
// what of a good one was not. A file that could not be judged has the member error, is not
// valid and has no violations.
type jsonForm struct {
	w       io.Writer
	many    bool
	started bool
}

func (f *jsonForm) add(of *Result) error { return f.write(jsonOf(of)) }

func (f *jsonForm) unjudged(name, why string) error {
	return f.write(jsonUnjudged{File: name, Error: why, Violations: []jsonViolation{}})
}

func (f *jsonForm) write(one any) error {
	var b bytes.Buffer
	switch {
	case f.many && f.started:
		b.WriteString(",\n")
	case f.many:
		b.WriteString("[\n")
	}
	f.started = true
	if err := writeIndented(&b, one, ""); err != nil {
		return err
	}
	if f.many {
		b.Truncate(b.Len() - 1)
	}
	_, err := f.w.Write(b.Bytes())
	return err
}

func (f *jsonForm) end() error {
	var last string
	switch {
	case f.many && f.started:
		last = "\n]\n"
	case f.many:
		last = "[]\n"
	}
	_, err := io.WriteString(f.w, last)
	return err
}

func jsonOf(of *Result) jsonReport {
	r, c, s := of.Report, &of.Checks, newSpots(of)
	wire := wireOf(r)
	out := jsonReport{
		File: of.Name, Vector: of.Vector, Found: foundOf(of, wire), Profile: r.Profile, Bank: of.Bank, Valid: r.Valid(), Wire: wire,
		Violations: make([]jsonViolation, 0, len(r.Violations)), More: r.More,
		Passed: len(r.Passed()), NotApplicable: len(r.NotApplicable()),
		Signatures: jsonSignatures{Request: signature(c.RequestSignature), SSA: signature(c.StatementSignature)},
		Checks:     checksOf(c), CheckNotes: notesOf(c),
	}
	for i := range r.Violations {
		v := &r.Violations[i]
		one := jsonViolation{
			Rule: v.Rule, Severity: v.Severity, Basis: v.Basis, Pointer: v.Pointer, Document: v.Document, Message: v.Message,
			Got: v.Got, Want: v.Want, Citation: jsonCitation(v.Citation), Fix: v.Fix, Command: v.Command, Code: v.Code,
		}
		if at, _, ok := s.near(v); ok {
			one.Line, one.Column, one.LineOf = at.line, at.column, s.kindOf(v.Document)
		}
		out.Violations = append(out.Violations, one)
	}
	return out
}

func checksOf(c *validate.Checks) jsonChecks {
	return jsonChecks{RequestSignature: c.RequestSignature.State, StatementSignature: c.StatementSignature.State,
		Audience: c.Audience.State, Certificate: c.Certificate.State}
}

// notesOf returns the notes of the checks; nil if there are none.
func notesOf(c *validate.Checks) *jsonNotes {
	n := jsonNotes{c.RequestSignature.Note, c.StatementSignature.Note, c.Audience.Note, c.Certificate.Note}
	if n == (jsonNotes{}) {
		return nil
	}
	return &n
}

// signature returns the older name of a state, which knows no key that was not found.
func signature(c validate.Check) string {
	switch c.State {
	case validate.CheckGood:
		return "valid"
	case validate.CheckBad, validate.CheckKeyNotFound:
		return "invalid"
	}
	return "not_checked"
}

// writeIndented writes a value as indented JSON with a newline at its end. The prefix begins
// each line but the first.
func writeIndented(w io.Writer, v any, prefix string) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent(prefix, "  ")
	return e.Encode(v)
}
