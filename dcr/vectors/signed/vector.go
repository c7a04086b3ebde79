package signed

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// Kind is what a vector has to be judged as.
type Kind string

// The kinds.
const (
	Request   Kind = "request"   // a registration request, with its software statement
	Statement Kind = "statement" // a software statement alone
)

// Vector is one signed request or statement, all that a bank knows when it arrives, and what
// the bank must find. [Load] makes them; a Vector shares nothing with others.
type Vector struct {
	File    string `json:"-"` // name in the file system that it was read from: vectors/ABOUT/NAME.json
	Name    string // stable and unique: redirect_uris.https/plain-http
	Comment string // what it shows, one sentence
	Kind    Kind

	Profile  validate.Profile
	Policy   json.RawMessage // as validate.ParsePolicy reads it; nil means the profile's default
	Audience string          // the bank's identifier or issuer, beside those of Policy; may be empty
	Now      time.Time       // when the request arrives
	// Directory is what the bank trusts of the directory.
	Directory TrustedDirectory
	Keys      Keys
	Update    bool // the request would change a registered client (PUT)

	JWS       []byte // the bytes as they are sent
	Documents Documents
	// Live is whether the vector may be played against another bank of this profile and
	// policy: its Documents, signed afresh with that bank's own TPP, give what Expect has.
	Live bool
	// NotOverHTTP says why a bank that is reached over HTTP does not answer as Expect says.
	// It is empty for nearly all vectors.
	NotOverHTTP string
	Expect      Expect
}

// TrustedDirectory is what a bank trusts of the directory.
type TrustedDirectory struct {
	Issuer      string             `json:"issuer"`      // iss of its statements
	Environment claims.Environment `json:"environment"` // of all that it vouches for
	JWKSHosts   []string           `json:"jwks_hosts"`  // hosts of the key sets of software
}

// Keys are names of files, in the file system that the vector was read from. Those that are
// empty are not known to the bank.
type Keys struct {
	Directory   string `json:"directory"`             // key set of the directory
	Software    string `json:"software,omitempty"`    // key set of the software
	Revoked     string `json:"revoked,omitempty"`     // withdrawn keys of the software
	Certificate string `json:"certificate,omitempty"` // PEM: the client certificate of the connection
	Authorities string `json:"authorities,omitempty"` // PEM: the CAs of client certificates
}

// Documents are the decoded parts of JWS, each one JSON object as it stands there; nil for a
// part that is not there or cannot be decoded.
type Documents struct {
	Header    json.RawMessage `json:"header,omitempty"`
	Request   json.RawMessage `json:"request,omitempty"`
	SSAHeader json.RawMessage `json:"ssa_header,omitempty"`
	SSA       json.RawMessage `json:"ssa,omitempty"`
}

// Expect is what a bank must find.
type Expect struct {
	// Valid is whether no rule is broken as an error. A bank accepts exactly those requests, but
	// for bytes around a token, for which validate has the warning input.encoding.
	Valid     bool
	Rules     []string            // IDs of the rules that are broken as errors, sorted
	Warnings  []string            // IDs of the rules that are broken as warnings, sorted
	Wire      validate.Code       // code of the answer; empty for a valid request, and where Status is not 400
	Status    int                 // HTTP status of the answer; 0 for a statement alone that is valid
	Citations []validate.Citation // of the rule that decides the answer; none for a valid request
}

// BankPolicy returns the policy of the bank: Policy, or the default of the profile, with
// Audience among its audiences. The error is that of [validate.ParsePolicy].
func (v *Vector) BankPolicy() (validate.Policy, error) {
	policy := validate.DefaultPolicy(v.Profile)
	if v.Policy != nil {
		var err error
		if policy, err = validate.ParsePolicy(v.Policy, v.Profile); err != nil {
			return validate.Policy{}, err
		}
	}
	if v.Audience == "" {
		return policy, nil
	}
	policy.Audiences = append(policy.Audiences, v.Audience)
	if strings.Contains(v.Audience, "://") && !slices.Contains(policy.AudienceKinds, validate.AudienceURL) {
		policy.AudienceKinds = append(policy.AudienceKinds, validate.AudienceURL)
	}
	return policy, nil
}
