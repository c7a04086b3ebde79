// Package verdict turns an error of package ssa into the violation of a rule. The bank
// (dcr) and the TPP (dcr/tpp) use it both, so that they report the same.
package verdict

import (
	"errors"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// Statement returns the violation for an error about a software statement.
func Statement(err error) validate.Violation {
	var e *ssa.Error
	if !errors.As(err, &e) {
		return validate.Violation{Rule: validate.RuleSSAJWS, Document: validate.DocSSA, Message: Plain(err)}
	}
	v := validate.Violation{Rule: e.Rule, Pointer: e.Pointer, Document: validate.DocSSA, Message: e.Kind.Error() + ": " + e.Detail}
	if e.Header {
		v.Document = validate.DocSSAHeader
	}
	return v
}

// Request returns the violation for an error about the request's own signature.
func Request(err error) validate.Violation {
	v := validate.Violation{Rule: validate.RuleRequestSignature, Document: validate.DocHeader, Message: Plain(err)}
	var e *ssa.Error
	if errors.As(err, &e) {
		v.Pointer, v.Message = e.Pointer, e.Kind.Error()+": "+e.Detail
		//nolint:errorlint // a sentinel as it is
		switch e.Kind {
		case ssa.ErrKeyNotFound, ssa.ErrKeySourceUnavailable:
			v.Rule = validate.RuleRequestKeyFound
		case ssa.ErrKeyRevoked:
			v.Rule = validate.RuleRequestKeyRevoked
		case ssa.ErrAlgorithm:
			v.Rule = validate.RuleHeaderAlg
		case ssa.ErrMalformed:
			v.Rule = validate.RuleRequestJWS
		}
	}
	return v
}

// Plain returns the text of an error without the name of its package: a report names the
// rule instead.
func Plain(err error) string {
	var e *ssa.Error
	if errors.As(err, &e) {
		return e.Detail
	}
	return text.Detail(err)
}
