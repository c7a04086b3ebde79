package vectors

import (
	"fmt"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// Vector is one request with its software statement, the circumstances in which it
// is judged, and what must be found. [Load] makes them; a Vector shares nothing
// with others.
type Vector struct {
	Name    string // stable and unique: redirect_uris.https/plain-http
	Comment string // what it shows, one sentence
	Rule    string // ID of the rule that it is about; empty for a topic

	// The documents, each one JSON object; nil where there is none.
	Header    []byte // header of the request JWT
	Request   []byte // claims of the request; its software_statement is a placeholder
	SSAHeader []byte // header of the software statement
	SSA       []byte // claims of the software statement

	Clock       time.Time           // time of judgement
	Environment claims.Environment  // of the statement's trust anchor; empty where it was not verified
	Certificate *CertificateSubject // client certificate; nil where there is none
	Update      *validate.Update    // set for a request that would change a client; nil for one that would register one
	Policy      []byte              // as validate.ParsePolicy reads it; nil means the profile's default
	Extra       []string            // IDs of rules that are reported by a step outside of the table

	Expect []Expectation // which name each profile at most once
}

// CertificateSubject is what a vector knows of the client certificate.
type CertificateSubject struct {
	Subject string // RFC 4514, for people; empty where the DER is no name
	DER     []byte // subject, as in x509.Certificate.RawSubject
}

// Expectation is what must be found in some of the profiles.
type Expectation struct {
	Profiles   []validate.Profile // that it holds for
	Outcome    validate.Outcome   // of the vector's rule; OutcomeNone for a topic too
	Valid      bool               // whether the request is accepted
	Wire       validate.Code      // code that a bank answers; empty for a valid request, and with a Status
	Status     int                // HTTP status of an answer without a code, such as 401; 0 means 400, or none for a valid request
	Violations []Finding          // every violation, in no particular order
}

// Finding is one violation that must be reported.
type Finding struct {
	Rule     string            `json:"rule"`
	Severity validate.Severity `json:"severity"`
	Code     validate.Code     `json:"code"`
	Document validate.Document `json:"document"`
	Pointer  string            `json:"pointer"` // RFC 6901, into Document
}

// ExpectedIn returns what must be found in profile p. It returns false for a
// profile that the vector is not for, as its policy cannot be had there.
func (v *Vector) ExpectedIn(p validate.Profile) (Expectation, bool) {
	for _, e := range v.Expect {
		for _, q := range e.Profiles {
			if p == q {
				return e, true
			}
		}
	}
	return Expectation{}, false
}

// Input decodes the documents for [validate.Validator.Judge]. Each call returns
// fresh values.
func (v *Vector) Input() (*validate.Input, error) {
	in := &validate.Input{Environment: v.Environment, Now: v.Clock}
	if v.Update != nil {
		update := *v.Update
		update.TransportSubjects = slices.Clone(update.TransportSubjects)
		in.Update = &update
	}
	var errs [4]error
	if v.Header != nil {
		in.Header, in.HeaderFaults, errs[0] = claims.DecodeHeader(v.Header)
	}
	if v.Request != nil {
		in.Request, in.RequestFaults, errs[1] = claims.DecodeRequest(v.Request)
	}
	if v.SSAHeader != nil {
		in.SSAHeader, in.SSAHeaderFaults, errs[2] = claims.DecodeHeader(v.SSAHeader)
	}
	if v.SSA != nil {
		names, err := v.claimNames()
		if err != nil {
			return nil, err
		}
		in.SSA, in.SSAFaults, errs[3] = claims.DecodeSSA(v.SSA, names)
	}
	for i, document := range validate.Documents() {
		if errs[i] != nil {
			return nil, fmt.Errorf("vectors: %s: %s: %w", v.Name, document, errs[i])
		}
	}
	if v.Certificate != nil {
		in.Certificate = &validate.Certificate{RawSubject: v.Certificate.DER}
	}
	for _, id := range v.Extra {
		in.Extra = append(in.Extra, validate.Violation{Rule: id})
	}
	return in, nil
}

// claimNames returns the claim_names of the vector's policy, which do not depend on the
// profile.
func (v *Vector) claimNames() (map[string]string, error) {
	if len(v.Expect) == 0 {
		return nil, nil
	}
	policy, err := v.PolicyFor(v.Expect[0].Profiles[0])
	return policy.ClaimNames, err
}

// PolicyFor returns the bank's policy in profile p. The error is that of
// [validate.ParsePolicy].
func (v *Vector) PolicyFor(p validate.Profile) (validate.Policy, error) {
	if v.Policy == nil {
		return validate.DefaultPolicy(p), nil
	}
	policy, err := validate.ParsePolicy(v.Policy, p)
	if err != nil {
		return validate.Policy{}, fmt.Errorf("vectors: %s: %w", v.Name, err)
	}
	return policy, nil
}
