package main

import (
	"fmt"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// unjudged makes the result for a file that is not decoded.
func unjudged(in *tpp.LintInput, wanted input.Kind, v validate.Violation) *tpp.LintResult {
	none := validate.Check{State: validate.CheckNotChecked, Note: "there is nothing to check"}
	checks := validate.Checks{StatementSignature: none}
	if wanted == input.Request {
		checks = validate.Checks{RequestSignature: none, StatementSignature: none, Audience: none, Certificate: none}
	}
	// Its size was judged, at least.
	judged := &validate.Input{Now: in.Now, Extra: []validate.Violation{v}, Judged: []string{validate.RuleRequestSize}}
	return &tpp.LintResult{Report: in.Validator.Judge(judged), Checks: checks}
}

// wrongFile makes the violation for a file of a wrong kind, by the rule that a bank would
// name for it. A bank looks at the size first. It reads a token without a statement inside
// as a request that lacks one.
func wrongFile(f *input.File, e *input.Error, wanted input.Kind) validate.Violation {
	v := validate.Violation{Message: e.Found + ", not " + wanted.String(), Fix: e.Fix, Command: e.Command.String()}
	switch {
	case e.Reason != "":
		v.Message = e.Found + ": " + e.Reason
	case f.Kind == wanted: // quoted
		v.Message = e.Found
	}
	for _, note := range e.Notes {
		v.Fix += "; " + note
	}
	if len(f.Raw) > dcr.MaxRequestBody {
		return tooLong(fmt.Sprintf("%d bytes", len(f.Raw)), wanted, v)
	}
	_, err := ssa.ParseSigned(f.Raw)
	switch {
	case err != nil && wanted == input.Request:
		v.Rule, v.Document = validate.RuleRequestJWS, validate.DocRequest
		v.Refused = &validate.Violation{Rule: v.Rule, Document: v.Document, Message: "the request is no compact JWS: " + detail(err)}
	case err != nil:
		v.Rule, v.Document = validate.RuleSSAJWS, validate.DocSSA
		v.Refused = &validate.Violation{Rule: v.Rule, Document: v.Document, Message: "the software statement is no compact JWS: " + detail(err)}
	case wanted == input.Request:
		v.Rule, v.Document, v.Pointer = validate.RuleSoftwareStatementRequired, validate.DocRequest, "/software_statement"
		v.Refused = &validate.Violation{Rule: v.Rule, Document: v.Document, Pointer: v.Pointer, Message: "is missing"}
	default:
		v.Rule, v.Document = validate.RuleSSAJWS, validate.DocSSA
	}
	return v
}

// endlessFile makes the violation for a file that is so long that it is not read.
func endlessFile(wanted input.Kind) validate.Violation {
	return tooLong("more than 1 MiB", wanted, validate.Violation{Fix: "send a smaller file: a token has a few KiB"})
}

// tooLong makes the violation for a file of more bytes than a bank reads, of those of its
// kind. The bank looks at nothing else.
func tooLong(size string, wanted input.Kind, kind validate.Violation) validate.Violation {
	most := fmt.Sprintf("at most %d bytes", dcr.MaxRequestBody)
	v := validate.Violation{Rule: validate.RuleRequestSize, Document: validate.DocRequest, Got: size, Want: most, Fix: kind.Fix, Command: kind.Command,
		Message: "has " + size + "; a bank reads " + most,
		Refused: &validate.Violation{Rule: validate.RuleRequestSize, Message: "a request has " + most}}
	if wanted == input.Statement {
		v.Document = validate.DocSSA
	}
	if kind.Message != "" {
		v.Message += "; " + kind.Message
	}
	return v
}
