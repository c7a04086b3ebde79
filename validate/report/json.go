package report

import (
	"encoding/json"
	"io"

	"github.com/obdcr/obdcr/validate"
)

// jsonChecks has the state of each check that applies.
type jsonChecks struct {
	RequestSignature   validate.CheckState `json:"request_signature,omitempty"`
	StatementSignature validate.CheckState `json:"statement_signature,omitempty"`
	Audience           validate.CheckState `json:"audience,omitempty"`
	Certificate        validate.CheckState `json:"certificate,omitempty"`
}

// jsonSignatures is the older form of the states of both signatures.
type jsonSignatures struct {
	Request string `json:"request"`
	SSA     string `json:"ssa"`
}

type jsonReport struct {
	Profile       validate.Profile    `json:"profile"`
	Valid         bool                `json:"valid"`
	Wire          *validate.WireError `json:"wire"`
	Violations    []jsonViolation     `json:"violations"`
	More          int                 `json:"more,omitempty"`
	Passed        int                 `json:"passed"`
	NotApplicable int                 `json:"not_applicable"`
	Signatures    jsonSignatures      `json:"signatures"`
	Checks        jsonChecks          `json:"checks"`
}

type jsonViolation struct {
	Rule     string            `json:"rule"`
	Severity validate.Severity `json:"severity"`
	Basis    validate.Basis    `json:"basis"`
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

// writeJSON writes the report as one JSON object, indented and with a newline at its
// end: profile, valid, wire (null where the report is valid), the violations of
// every severity, the numbers of rules passed and not applicable, and the checks. The
// member more counts the violations that the report has no room for.
func writeJSON(w io.Writer, of *Result) error {
	r, c := of.Report, &of.Checks
	out := jsonReport{
		Profile: r.Profile, Valid: r.Valid(), Wire: r.Wire(),
		Violations: make([]jsonViolation, 0, len(r.Violations)), More: r.More,
		Passed: len(r.Passed()), NotApplicable: len(r.NotApplicable()),
		Signatures: jsonSignatures{Request: signature(c.RequestSignature), SSA: signature(c.StatementSignature)},
		Checks: jsonChecks{RequestSignature: c.RequestSignature.State, StatementSignature: c.StatementSignature.State,
			Audience: c.Audience.State, Certificate: c.Certificate.State},
	}
	for i := range r.Violations {
		v := &r.Violations[i]
		out.Violations = append(out.Violations, jsonViolation{
			Rule: v.Rule, Severity: v.Severity, Basis: v.Basis, Pointer: v.Pointer, Document: v.Document, Message: v.Message,
			Got: v.Got, Want: v.Want, Citation: jsonCitation(v.Citation), Fix: v.Fix, Code: v.Code,
		})
	}
	return writeIndented(w, out)
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

func writeIndented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
