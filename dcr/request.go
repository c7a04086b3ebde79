package dcr

import (
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// UnverifiedRequest is a registration request whose signatures are not checked.
type UnverifiedRequest struct {
	signed    *ssa.Signed
	claims    *claims.Request
	faults    []claims.Fault
	statement *ssa.Statement
}

// ParseRequest reads a registration request: a compact JWS over one strict JSON
// object, whose software_statement is itself one. The error is an *Error with
// status 400; it names the rule that is broken.
func ParseRequest(token string) (*UnverifiedRequest, error) {
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

// UnverifiedClaims returns the claims. No signature is checked: any sender may have
// written them. A member of the wrong type is present but has no value. The caller must
// not change them.
func (r *UnverifiedRequest) UnverifiedClaims() *claims.Request { return r.claims }

// UnverifiedHeader returns the decoded header. The caller must not change it.
func (r *UnverifiedRequest) UnverifiedHeader() *claims.Header { return r.signed.UnverifiedHeader() }

// Statement returns the software statement inside. It is not verified either.
func (r *UnverifiedRequest) Statement() *ssa.Statement { return r.statement }

// parseToken reads the request as a JWS. It does not read the payload.
func parseToken(token string) (*ssa.Signed, *validate.Violation) {
	signed, err := ssa.ParseSigned(token)
	if err != nil {
		return nil, &validate.Violation{Rule: validate.RuleRequestJWS, Document: validate.DocRequest,
			Message: "the request is no compact JWS: " + verdict.Plain(err)}
	}
	return signed, nil
}

// parseClaims reads the claims of the request, but not the statement inside.
func parseClaims(signed *ssa.Signed) (*UnverifiedRequest, *validate.Violation) {
	c, faults, err := claims.DecodeRequest(signed.UnverifiedPayload())
	if err != nil {
		v := verdict.Payload(signed.UnverifiedPayload(), err)
		return nil, &v
	}
	return &UnverifiedRequest{signed: signed, claims: c, faults: faults}, nil
}

func parseStatement(r *UnverifiedRequest) (*ssa.Statement, *validate.Violation) {
	token, ok := r.claims.SoftwareStatement.Get()
	if !ok {
		if r.claims.SoftwareStatement.Present() {
			v := validate.Violation{Rule: validate.RuleSoftwareStatementType, Document: validate.DocRequest, Pointer: "/software_statement"}
			for _, f := range r.faults {
				if f.Pointer == v.Pointer {
					v.Message, v.Got, v.Want = validate.WrongType(f), f.Got, f.Want
				}
			}
			return nil, &v
		}
		return nil, &validate.Violation{Rule: validate.RuleSoftwareStatementRequired, Pointer: "/software_statement",
			Message: "is missing"}
	}
	s, err := ssa.Parse(token)
	if err != nil {
		v := verdict.Statement(err)
		v.Document, v.Pointer, v.Message = validate.DocRequest, "/software_statement", verdict.Plain(err)
		return nil, &v
	}
	return s, nil
}
