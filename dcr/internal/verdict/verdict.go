// Package verdict turns an error of package ssa into the violation of a rule. The bank
// (dcr) and the TPP (dcr/tpp) use it both, so that they report the same.
package verdict

import (
	"errors"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// MaxRequest is the greatest length of a request, in bytes. A bank answers a longer one
// with StatusTooLarge and TooLarge.
const (
	MaxRequest     = 64 << 10
	StatusTooLarge = 413
	TooLarge       = "a request has at most 65536 bytes"
)

// Payload returns the violation for a payload of a request that cannot be decoded.
func Payload(payload string, err error) validate.Violation {
	v := validate.Violation{Rule: validate.RuleRequestJWS, Document: validate.DocRequest, Step: validate.StepParseClaims,
		Message: "the payload of the request is no strict JSON object: " + jsonscan.ReasonIn(payload, err),
		Fix:     "write the payload as one JSON object, each member once, and sign it again"}
	if payload == "" {
		v.Message = "the payload of the request is empty; one that is sent apart (RFC 7515 appendix F) is not taken"
	}
	return v
}

// HeaderFix says what to do about a token whose header is no strict JSON; "" for a token that
// is refused for another reason, for which the rule says it.
func HeaderFix(err error) string {
	if syntax := (*jsonscan.SyntaxError)(nil); !errors.As(err, &syntax) {
		return ""
	}
	return "write the header as one JSON object, each member once, and sign it again"
}

// Certificate returns what a bank says of a client certificate that it refuses.
func Certificate(e *cert.Error) string {
	return "the client certificate is refused: " + e.Kind.Error() + ": " + e.Detail
}

// CertificateRule returns the rule for a refusal of a client certificate.
func CertificateRule(e *cert.Error) string {
	//nolint:errorlint // sentinels as they are
	switch e.Kind {
	case cert.ErrExpired:
		return validate.RuleCertificateValidity
	case cert.ErrUsage:
		return validate.RuleCertificatePurpose
	case cert.ErrUntrusted:
		return validate.RuleCertificateChain
	case cert.ErrRevoked:
		return validate.RuleCertificateKeyRevoked
	}
	return validate.RuleCertificateBinding
}

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

// Request returns the violation for an error about the request's own signature, or about the
// software's keys.
func Request(err error) validate.Violation {
	if errors.Is(err, ssa.ErrNoKeyPublished) {
		return noKeyPublished(err)
	}
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

// noKeyPublished returns the violation for a software that publishes no key, with the times
// where the key set was read at an address.
func noKeyPublished(err error) validate.Violation {
	read, from := "", ""
	if unknown := (*ssa.UnknownKeyError)(nil); errors.As(err, &unknown) {
		read = ", as read at " + unknown.ReadAt.UTC().Format(time.RFC3339)
		from = " from " + unknown.RetryAt.UTC().Format(time.RFC3339) + " on"
	}
	return validate.Violation{Rule: validate.RuleRequestKeyFound, Document: validate.DocHeader, Pointer: "/kid",
		Message: "no key is published at the address of the key set in the software statement" + read +
			"; only the TPP can mend it: publish the signing key, then send again" + from,
		Fix: "publish the signing key of the software in its directory"}
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
