package report

import (
	"cmp"
	"encoding/json"
	"io"

	"github.com/obdcr/obdcr/validate"
)

// Signatures has the states of both signatures. An empty state is shown as
// not checked. The states are shown and do not change the verdict: a bad signature
// enters the report as a violation, through [validate.Input.Extra].
type Signatures struct {
	Request validate.SignatureState `json:"request"`
	SSA     validate.SignatureState `json:"ssa"`
}

type jsonReport struct {
	Profile       validate.Profile    `json:"profile"`
	Valid         bool                `json:"valid"`
	Wire          *validate.WireError `json:"wire"`
	Violations    []jsonViolation     `json:"violations"`
	More          int                 `json:"more,omitempty"`
	Passed        int                 `json:"passed"`
	NotApplicable int                 `json:"not_applicable"`
	Signatures    Signatures          `json:"signatures"`
}

type jsonViolation struct {
	Rule     string            `json:"rule"`
	Severity validate.Severity `json:"severity"`
	Pointer  string            `json:"pointer"`
	Document validate.Document `json:"document"`
	Message  string            `json:"message"`
	Got      string            `json:"got"`
	Want     string            `json:"want"`
	Citation jsonCitation      `json:"citation"`
	Fix      string            `json:"fix"`
	Code     validate.Code     `json:"code"`
}

type jsonCitation struct {
	Spec    string `json:"spec"`
	Section string `json:"section"`
	URL     string `json:"url"`
}

// JSON writes the report as one JSON object, indented and with a newline at its
// end: profile, valid, wire (null where the report is valid), the violations of
// every severity, the numbers of rules passed and not applicable, and the
// signatures. The member more counts the violations that the report has no room
// for. The error is that of w.
func JSON(w io.Writer, r *validate.Report, s Signatures) error {
	out := jsonReport{
		Profile: r.Profile, Valid: r.Valid(), Wire: r.Wire(),
		Violations: make([]jsonViolation, 0, len(r.Violations)), More: r.More,
		Passed: len(r.Passed()), NotApplicable: len(r.NotApplicable()),
		Signatures: Signatures{
			Request: cmp.Or(s.Request, validate.SignatureNotChecked),
			SSA:     cmp.Or(s.SSA, validate.SignatureNotChecked),
		},
	}
	for i := range r.Violations {
		v := &r.Violations[i]
		out.Violations = append(out.Violations, jsonViolation{
			Rule: v.Rule, Severity: v.Severity, Pointer: v.Pointer, Document: v.Document, Message: v.Message,
			Got: v.Got, Want: v.Want, Citation: jsonCitation(v.Citation), Fix: v.Fix, Code: v.Code,
		})
	}
	return writeIndented(w, out)
}

func writeIndented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
