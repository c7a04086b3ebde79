package tpp

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// LintInput is a request with what the TPP knows about it before it sends it.
type LintInput struct {
	// Request is a compact JWS, or the claims alone as a JSON object. If it is empty,
	// Lint judges Statement alone.
	Request string
	// Statement is the software statement if the request does not hold it: a compact
	// JWS, or its claims as a JSON object.
	Statement    string
	Validator    *validate.Validator   // required
	Now          time.Time             // when the request would arrive; the present if zero
	Certificate  *validate.Certificate // transport certificate; nil judges no subject
	Update       bool                  // the request would change a registered client (PUT)
	Environment  claims.Environment    // of the directory that issued the statement; "" if unknown
	StatementKey ssa.KeyResolver       // the directory's keys; nil checks no signature
	SoftwareKey  ssa.KeyResolver       // the keys of the software that are not withdrawn; nil checks no signature
}

// LintResult is what Lint found.
type LintResult struct {
	Report    *validate.Report
	Documents map[validate.Document][]byte // the JSON documents that could be decoded, UNVERIFIED
	Checks    validate.Checks
	// Unavailable is the error if a key set could not be read, else nil.
	Unavailable error
}

// Lint judges a request as a bank's server would. It goes on after a step that fails,
// where a server would stop, so that it reports every violation at once. Use it to write
// better requests, never to accept one: what it reads is unverified unless both signatures
// are valid. It returns an error only if there is no validator, or nothing to judge.
func Lint(ctx context.Context, in LintInput) (*LintResult, error) {
	switch {
	case in.Validator == nil:
		return nil, failure("lint needs a validator")
	case in.Request == "" && in.Statement == "":
		return nil, failure("there is nothing to lint")
	}
	if in.Now.IsZero() {
		in.Now = time.Now()
	}
	l := &linter{in: in, input: validate.Input{Now: in.Now, Certificate: in.Certificate, Environment: in.Environment}, result: LintResult{
		Documents: map[validate.Document][]byte{}, Checks: notChecked(in.Request == "")}}
	if in.Update {
		l.input.Update = &validate.Update{}
	}
	signed := l.readStatements(l.readRequest())
	l.checkSignatures(ctx, signed)
	l.result.Report = in.Validator.Judge(&l.input)
	return &l.result, nil
}

// notChecked returns the checks that apply to a request, or to a statement alone.
func notChecked(alone bool) validate.Checks {
	none := validate.Check{State: validate.CheckNotChecked}
	if alone {
		return validate.Checks{StatementSignature: none}
	}
	return validate.Checks{RequestSignature: none, StatementSignature: none, Audience: none, Certificate: none}
}

type linter struct {
	in     LintInput
	input  validate.Input
	result LintResult
	signed *ssa.Signed // the request
}

func (l *linter) add(v validate.Violation) { l.input.Extra = append(l.input.Extra, v) }

// readRequest decodes the request and returns the statement inside it.
func (l *linter) readRequest() string {
	text := fileText(l.in.Request)
	if text == "" {
		return ""
	}
	payload := text
	if !isObject(text) {
		signed, err := ssa.ParseSigned(text)
		if err != nil {
			l.add(validate.Violation{Rule: validate.RuleRequestJWS, Document: validate.DocHeader,
				Message: "the request is no compact JWS: " + verdict.Plain(err)})
			if payload = salvage(text); payload == "" {
				return ""
			}
		} else {
			l.signed = signed
			l.input.Header, l.input.HeaderFaults = l.header(signed, validate.DocHeader)
			payload = signed.UnverifiedPayload()
		}
	}
	c, faults, err := claims.DecodeRequest(payload)
	if err != nil {
		l.add(validate.Violation{Rule: validate.RuleRequestJWS, Document: validate.DocRequest,
			Message: "the payload of the request is no strict JSON object: " + verdict.Plain(err)})
		return ""
	}
	l.input.Request, l.input.RequestFaults = c, faults
	l.result.Documents[validate.DocRequest] = []byte(payload)
	return c.SoftwareStatement.Or("")
}

func (l *linter) header(signed *ssa.Signed, document validate.Document) (*claims.Header, []claims.Fault) {
	l.result.Documents[document] = []byte(signed.UnverifiedHeaderJSON())
	header, faults, err := claims.DecodeHeader(signed.UnverifiedHeaderJSON())
	if err != nil {
		return nil, nil // cannot happen: ParseSigned has decoded the same bytes
	}
	return header, faults
}

// readStatements decodes the statement of LintInput, which may be a file's text, or else
// the one inside the request, byte for byte as it is there. It returns the statement if it
// is a JWS.
func (l *linter) readStatements(embedded string) *ssa.Signed {
	text := fileText(l.in.Statement)
	switch {
	case isObject(text):
		return l.readClaims(text, nil)
	case text == "":
		text = embedded
	}
	if text == "" {
		return nil
	}
	signed, err := ssa.ParseSigned(text)
	if err != nil {
		l.addStatement("the software statement is no compact JWS: " + verdict.Plain(err))
		if payload := salvage(text); payload != "" {
			return l.readClaims(payload, nil)
		}
		return nil
	}
	l.input.SSAHeader, l.input.SSAHeaderFaults = l.header(signed, validate.DocSSAHeader)
	return l.readClaims(signed.UnverifiedPayload(), signed)
}

func (l *linter) readClaims(payload string, signed *ssa.Signed) *ssa.Signed {
	c, faults, err := claims.DecodeSSA(payload, nil)
	if err != nil {
		l.addStatement("the payload of the software statement is no strict JSON object: " + verdict.Plain(err))
		return signed
	}
	l.input.SSA, l.input.SSAFaults = c, faults
	l.result.Documents[validate.DocSSA] = []byte(payload)
	return signed
}

func (l *linter) addStatement(message string) {
	v := validate.Violation{Rule: validate.RuleSSAJWS, Document: validate.DocSSA, Message: message}
	if l.input.Request != nil && l.in.Statement == "" {
		v.Document, v.Pointer = validate.DocRequest, "/software_statement"
	}
	l.add(v)
}

// checkSignatures verifies the signatures that it has keys for. It does not report a fault
// of a header: the rules report it in more detail.
func (l *linter) checkSignatures(ctx context.Context, statement *ssa.Signed) {
	policy := l.in.Validator.Policy()
	if l.in.StatementKey != nil && statement != nil {
		err := statement.Verify(ctx, l.in.StatementKey, "", policy.SigningAlgorithms)
		l.result.Checks.StatementSignature.State = l.state(err, func(e *ssa.Error) validate.Violation {
			e.Rule = map[error]string{ssa.ErrKeyNotFound: validate.RuleSSAKeyFound, ssa.ErrBadSignature: validate.RuleSSASignature}[e.Kind]
			return verdict.Statement(e)
		})
	}
	if l.in.SoftwareKey != nil && l.signed != nil {
		address := ""
		if l.input.SSA != nil {
			address = l.input.SSA.SoftwareJWKSEndpoint.Or("")
		}
		err := l.signed.Verify(ctx, l.in.SoftwareKey, address, policy.SigningAlgorithms)
		l.result.Checks.RequestSignature.State = l.state(err, func(e *ssa.Error) validate.Violation { return verdict.Request(e) })
	}
}

func (l *linter) state(err error, violation func(*ssa.Error) validate.Violation) validate.CheckState {
	var e *ssa.Error
	switch {
	case err == nil:
		return validate.CheckGood
	case !errors.As(err, &e) || errors.Is(err, ssa.ErrKeySourceUnavailable):
		l.result.Unavailable = err
		return validate.CheckNotChecked
	case errors.Is(err, ssa.ErrKeyNotFound):
		l.add(violation(e))
		return validate.CheckKeyNotFound
	case errors.Is(err, ssa.ErrBadSignature):
		l.add(violation(e))
	}
	return validate.CheckBad
}

func isObject(text string) bool { return strings.HasPrefix(text, "{") }

// fileText removes the line break that editors put at the end of a file. Around a JSON
// object it removes all white space.
func fileText(text string) string {
	if trimmed := strings.TrimSpace(text); isObject(trimmed) {
		return trimmed
	}
	return strings.TrimRight(text, "\r\n")
}

// salvage decodes the payload of a token that is no compact JWS, so that Lint can judge
// its claims all the same. It returns "" if there is no JSON object.
func salvage(text string) string {
	parts := strings.Split(text, ".")
	if len(parts) < 2 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || !isObject(string(payload)) {
		return ""
	}
	return string(payload)
}
