package dcr

import (
	"context"
	"errors"
	"time"

	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// VerifyConfig has the collaborators that verify a request. All fields are required.
type VerifyConfig struct {
	Statements   *ssa.Verifier           // verifies statements by the trust anchors
	SoftwareKeys ssa.SoftwareKeyResolver // reads the keys at the addresses in a verified statement
	Validator    *validate.Validator     // its policy names the algorithms
}

// VerifiedRequest is a request whose signature is good, and whose statement's signature
// is good. The rules have not judged it yet. Only Verify makes one.
type VerifiedRequest struct {
	request   *UnverifiedRequest
	statement *ssa.Verified
	keys      ssa.SoftwareKeys // of the software
	input     *validate.Input

	manual *Manual              // what a person asked for; nil for the request of a TPP
	extra  []validate.Violation // of the Manual beside those of the rules
}

// Input returns what the rules judge. The caller must not change it.
func (v *VerifiedRequest) Input() *validate.Input { return v.input }

// Statement returns the verified software statement.
func (v *VerifiedRequest) Statement() *ssa.Verified { return v.statement }

// Verify reads a request and checks its signatures: first the shape of both tokens, then
// the statement by a trust anchor, then the request by a key of the software. The
// verified statement has the address of those keys. The error is an *Error: status 400,
// 503 if a key set cannot be read, or 500 if the bank's resolver has no source for it.
func (c VerifyConfig) Verify(ctx context.Context, token string, now time.Time) (*VerifiedRequest, error) {
	return c.verify(ctx, token, now, func(*VerifiedRequest) error { return nil })
}

// verify is Verify with a step in between, that of the client's certificate. It calls owner
// once the statement is verified, with a request whose signature is not checked yet. owner
// may replace the keys of the request by the same ones with an Asker.
func (c VerifyConfig) verify(ctx context.Context, token string, now time.Time, owner func(*VerifiedRequest) error) (*VerifiedRequest, error) {
	signed, violation := parseToken(token)
	if violation != nil {
		return nil, c.refuse(&validate.Input{Now: now}, *violation, nil)
	}
	input := &validate.Input{Header: signed.UnverifiedHeader(), HeaderFaults: signed.UnverifiedHeaderFaults(), Now: now}
	allowed := c.Validator.SigningAlgorithms()
	// The header is checked first, because a request that it rules out then costs neither
	// a hash nor the decoding of the claims.
	if err := signed.CheckHeader(allowed); err != nil {
		return nil, c.refuseHeader(input, err)
	}
	request, violation := parseClaims(signed)
	if violation != nil {
		return nil, c.refuse(&validate.Input{Now: now}, *violation, nil)
	}
	if request.statement, violation = parseStatement(request); violation != nil {
		return nil, c.refuse(input, *violation, nil)
	}
	statement, keys, err := c.vouch(ctx, request.statement, input)
	if err != nil {
		return nil, err
	}
	v := &VerifiedRequest{request: request, statement: statement, keys: keys, input: input}
	if err := owner(v); err != nil {
		return nil, c.refuseOwner(input, err)
	}
	if err := request.signed.Verify(ctx, v.keys, v.keys.Address, allowed); err != nil {
		return nil, c.refuseRequest(input, err)
	}
	input.Request, input.RequestFaults = request.claims, request.faults
	return v, nil
}

// vouch verifies a statement, and writes what the rules may know of it into the input. The
// error is an *Error.
func (c VerifyConfig) vouch(ctx context.Context, parsed *ssa.Statement, input *validate.Input) (*ssa.Verified, ssa.SoftwareKeys, error) {
	input.SSAHeader, input.SSAHeaderFaults = parsed.UnverifiedHeader(), parsed.Signed().UnverifiedHeaderFaults()
	statement, err := c.Statements.Verify(ctx, parsed)
	switch {
	case errors.Is(err, ssa.ErrJWKSHost):
		return nil, ssa.SoftwareKeys{}, internalError(err)
	case err != nil:
		return nil, ssa.SoftwareKeys{}, c.refuseStatement(input, err)
	}
	input.SSA, input.Environment, input.ClaimNames = statement.Claims(), statement.Environment(), statement.ClaimNames()
	keys, err := statement.SoftwareKeys(c.SoftwareKeys)
	if err != nil {
		return nil, ssa.SoftwareKeys{}, c.refuseStatement(input, err)
	}
	return statement, keys, nil
}

// refuse makes the refusal of a violation that was found outside the rule table. The
// report has the violations of the rules too.
func (c VerifyConfig) refuse(input *validate.Input, v validate.Violation, err error) *Error {
	input.Extra = append(input.Extra, v)
	return refused(c.Validator.Judge(input), err)
}

func (c VerifyConfig) refuseStatement(input *validate.Input, err error) *Error {
	if errors.Is(err, ssa.ErrKeySourceUnavailable) {
		return Unavailable(err, "the directory's keys cannot be read at the moment")
	}
	var e *ssa.Error
	if errors.As(err, &e) && e.Claims != nil {
		// The signature is good, so the claims are the directory's: the report lists every
		// rule that they break, and not the first fault alone.
		input.SSA, input.SSAFaults, input.Environment, input.ClaimNames = e.Claims, e.Faults, e.Environment, e.ClaimNames
		if report := c.Validator.Judge(input); !report.Valid() {
			return refused(report, err)
		}
	}
	if e != nil && e.Header && (e.Kind == ssa.ErrMalformed || e.Kind == ssa.ErrAlgorithm) {
		// The rules name each fault of the header; err is the one that the verifier met.
		if report := c.Validator.JudgeHeaders(input); !report.Valid() {
			return refused(report, err)
		}
	}
	return c.refuse(input, verdict.Statement(err), err)
}

// refuseHeader makes the refusal of a header. The rules name each fault; err is the one
// fault that the verifier met, and is reported only if no rule is broken.
func (c VerifyConfig) refuseHeader(input *validate.Input, err error) *Error {
	if report := c.Validator.JudgeHeaders(input); !report.Valid() {
		return refused(report, err)
	}
	return c.refuse(input, verdict.Request(err), err)
}

// refuseOwner makes the refusal of the step in between. That a software publishes no key, or
// that all its keys are withdrawn, is no matter of the certificate. An outage, and a host that
// the bank's resolver does not know, give way to what the rules find in the statement, as
// they do in refuseRequest.
func (c VerifyConfig) refuseOwner(input *validate.Input, err error) error {
	switch {
	case errors.Is(err, ssa.ErrNoKeyPublished) || errors.Is(err, ssa.ErrKeyRevoked):
		return c.refuse(input, verdict.Request(err), err)
	case errors.Is(err, ssa.ErrKeySourceUnavailable) || errors.Is(err, ssa.ErrJWKSHost):
		if report := c.Validator.Judge(input); !report.Valid() {
			return refused(report, err)
		}
	}
	return err
}

// refuseRequest makes the refusal of a request's signature. The rules judge the statement
// too, and its faults take precedence, because its step comes first. They also take
// precedence over an outage of the key source, and over a bank whose key resolver does
// not know a host that its anchor admits.
func (c VerifyConfig) refuseRequest(input *validate.Input, err error) *Error {
	misconfigured := errors.Is(err, ssa.ErrJWKSHost)
	if !misconfigured && !errors.Is(err, ssa.ErrKeySourceUnavailable) {
		return c.refuse(input, verdict.Request(err), err)
	}
	if report := c.Validator.Judge(input); !report.Valid() {
		return refused(report, err)
	}
	if misconfigured {
		return internalError(err)
	}
	return Unavailable(err, keysUnreadable)
}
