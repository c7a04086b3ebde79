package dcr

import (
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// Request is a registration request whose signatures are not checked.
type Request struct {
	signed    *ssa.Signed
	claims    *claims.Request
	faults    []claims.Fault
	statement *ssa.Statement
}

// ParseRequest reads a registration request: a compact JWS over one strict JSON
// object, whose software_statement is itself one. The error is an *Error with
// status 400; it names the rule that is broken.
func ParseRequest(token string) (*Request, error) {
	signed, violation := parseToken(token)
	if violation != nil {
		return nil, refusal(*violation)
	}
	r, violation := parseClaims(signed)
	if violation == nil {
		r.statement, violation = parseStatement(r)
	}
	if violation != nil {
		return nil, refusal(*violation)
	}
	return r, nil
}

// UnverifiedClaims are the claims as anybody may have written them. Members of the
// wrong type are left invalid. They must not be changed.
func (r *Request) UnverifiedClaims() *claims.Request { return r.claims }

// UnverifiedHeader is the decoded header. It must not be changed.
func (r *Request) UnverifiedHeader() *claims.Header { return r.signed.UnverifiedHeader() }

// Statement is the software statement inside, not verified either.
func (r *Request) Statement() *ssa.Statement { return r.statement }

// parseToken reads the request as a JWS, and nothing of its payload.
func parseToken(token string) (*ssa.Signed, *validate.Violation) {
	signed, err := ssa.ParseSigned(token)
	if err != nil {
		return nil, &validate.Violation{Rule: ruleRequestJWS, Document: validate.DocHeader,
			Message: "the request is no compact JWS: " + trimPrefix(err)}
	}
	return signed, nil
}

// parseClaims reads all of the request but the statement inside.
func parseClaims(signed *ssa.Signed) (*Request, *validate.Violation) {
	c, faults, err := claims.DecodeRequest(signed.UnverifiedPayload())
	if err != nil {
		return nil, &validate.Violation{Rule: ruleRequestJWS, Document: validate.DocRequest,
			Message: "the payload of the request is no strict JSON object: " + trimPrefix(err)}
	}
	return &Request{signed: signed, claims: c, faults: faults}, nil
}

func parseStatement(r *Request) (*ssa.Statement, *validate.Violation) {
	token, ok := r.claims.SoftwareStatement.Get()
	if !ok {
		if r.claims.SoftwareStatement.Present() {
			return nil, &validate.Violation{Rule: ruleSSAJWS, Document: validate.DocRequest,
				Pointer: "/software_statement", Message: "software_statement is no string"}
		}
		return nil, &validate.Violation{Rule: ruleSSARequired, Pointer: "/software_statement",
			Message: "software_statement is missing"}
	}
	s, err := ssa.Parse(token)
	if err != nil {
		v := statementViolation(err)
		v.Document, v.Pointer = validate.DocRequest, "/software_statement"
		return nil, &v
	}
	return s, nil
}
