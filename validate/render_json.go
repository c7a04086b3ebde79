package validate

import (
	"cmp"
	"encoding/json"
	"io"
)

// SignatureState says what is known of a signature.
type SignatureState string

// The states.
const (
	SignatureValid      SignatureState = "valid"
	SignatureInvalid    SignatureState = "invalid"
	SignatureNotChecked SignatureState = "not_checked"
)

// SignatureStates are the states of both signatures; empty means not checked.
// They are shown and do not change the verdict: an invalid signature enters the
// report as a violation through [Input.Extra].
type SignatureStates struct {
	Request SignatureState `json:"request"`
	SSA     SignatureState `json:"ssa"`
}

type jsonReport struct {
	Profile       Profile         `json:"profile"`
	Valid         bool            `json:"valid"`
	Wire          *WireError      `json:"wire"`
	Violations    []jsonViolation `json:"violations"`
	More          int             `json:"more,omitempty"`
	Passed        int             `json:"passed"`
	NotApplicable int             `json:"not_applicable"`
	Signatures    SignatureStates `json:"signatures"`
}

type jsonViolation struct {
	Rule     string       `json:"rule"`
	Severity Severity     `json:"severity"`
	Pointer  string       `json:"pointer"`
	Document Document     `json:"document"`
	Message  string       `json:"message"`
	Got      string       `json:"got"`
	Want     string       `json:"want"`
	Citation jsonCitation `json:"citation"`
	Fix      string       `json:"fix"`
	Code     Code         `json:"code"`
}

type jsonCitation struct {
	Spec    string `json:"spec"`
	Section string `json:"section"`
	URL     string `json:"url"`
}

// WriteJSON renders the report as one JSON object, indented and ended by a
// newline: profile, valid, wire (null when valid), violations of every
// severity, the numbers of rules passed and not applicable, and the signatures.
// A member more counts the violations beyond the greatest number that a report
// holds. The error is that of w.
func (r *Report) WriteJSON(w io.Writer, s SignatureStates) error {
	out := jsonReport{
		Profile: r.Profile, Valid: r.Valid(), Wire: r.Wire(),
		Violations: make([]jsonViolation, 0, len(r.Violations)), More: r.More,
		Passed: r.count(outcomePassed), NotApplicable: r.count(outcomeNotApplicable),
		Signatures: SignatureStates{
			Request: cmp.Or(s.Request, SignatureNotChecked),
			SSA:     cmp.Or(s.SSA, SignatureNotChecked),
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
