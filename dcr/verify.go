package dcr

import (
	"context"
	"errors"
	"time"

	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// VerifyConfig is what verifying a request needs. All fields are required.
type VerifyConfig struct {
	Statements   *ssa.Verifier           // which statements are believed
	SoftwareKeys ssa.SoftwareKeyResolver // keys at the addresses in a verified statement
	Validator    *validate.Validator     // its policy names the algorithms
}

// VerifiedRequest is a request whose own signature and whose statement's are good. It is
// not judged yet. Only Verify makes one.
type VerifiedRequest struct {
	request   *UnverifiedRequest
	statement *ssa.Verified
	keys      ssa.SoftwareKeys // of the software
	input     *validate.Input
}

// Input is what the rules are to judge. It must not be changed.
func (v *VerifiedRequest) Input() *validate.Input { return v.input }

// Statement is the verified software statement.
func (v *VerifiedRequest) Statement() *ssa.Verified { return v.statement }

// Verify takes a request from bytes to one whose signatures are good: the shape of
// both tokens, the statement by a trust anchor, the request by a key of the
// software, whose address comes from the verified statement. The error is an
// *Error: status 400, 503 where a key set cannot be read, or 500 where the bank's own
// resolver has no source for it.
func (c VerifyConfig) Verify(ctx context.Context, token string, now time.Time) (*VerifiedRequest, error) {
	signed, violation := parseToken(token)
	if violation != nil {
		return nil, c.refuse(&validate.Input{Now: now}, *violation, nil)
	}
	input := &validate.Input{Header: signed.UnverifiedHeader(), Now: now}
	allowed := c.Validator.SigningAlgorithms()
	// The header comes first: what it rules out costs neither a hash nor a look at the claims.
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
	input.SSAHeader = request.statement.UnverifiedHeader()
	statement, err := c.Statements.Verify(ctx, request.statement)
	if errors.Is(err, ssa.ErrJWKSHost) {
		return nil, internalError(err)
	}
	if err != nil {
		return nil, c.refuseStatement(input, err)
	}
	input.SSA, input.Environment = statement.Claims(), statement.Environment()
	keys, err := statement.SoftwareKeys(c.SoftwareKeys)
	if err != nil {
		return nil, c.refuseStatement(input, err)
	}
	if err := request.signed.Verify(ctx, keys, keys.Address, allowed); err != nil {
		return nil, c.refuseRequest(input, err)
	}
	input.Request, input.RequestFaults = request.claims, request.faults
	return &VerifiedRequest{request: request, statement: statement, keys: keys, input: input}, nil
}

// refuse reports a violation that was found outside the rule table.
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
		// The signature is good: let the rules say all that is wrong.
		input.SSA, input.SSAFaults, input.Environment = e.Claims, e.Faults, e.Environment
		if report := c.Validator.Judge(input); !report.Valid() {
			return refused(report, err)
		}
	}
	return c.refuse(input, verdict.Statement(err), err)
}

// refuseHeader lets the rules say what is wrong with the request's header.
func (c VerifyConfig) refuseHeader(input *validate.Input, err error) *Error {
	if report := c.Validator.JudgeHeaders(input); !report.Valid() {
		return refused(report, err)
	}
	return c.refuse(input, verdict.Request(err), err)
}

// refuseRequest reports what is wrong with the request's signature, and with the
// statement if something is: that step comes first, also before an outage, and before
// an address that the anchor admits and the key resolver does not.
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
