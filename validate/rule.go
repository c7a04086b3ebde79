package validate

import (
	"github.com/obdcr/obdcr/internal/uri"
)

// Profile names a version of the OBIE Dynamic Client Registration
// specification, or a dialect of it, whose rules a request is judged by.
type Profile string

// The profiles. WSO2 has the members of version 3.2 as its vendor documents them:
// redirect_uris is required, scope is optional and then gets defaults, application_type can
// only be web, token_endpoint_auth_signing_alg may be left out, jti is any UUID, and a scope
// without openid is a warning. By default aud may be a URL. The document is WSO2 Open
// Banking, Dynamic Client Registration v3.2
// (https://wso2docs.atlassian.net/wiki/spaces/OB140/pages/29395093).
const (
	OBIE32 Profile = "obie-3.2"
	OBIE33 Profile = "obie-3.3"
	OBIE34 Profile = "obie-3.4"
	WSO2   Profile = "wso2"
)

// Profiles returns every profile, oldest first, in a fresh slice.
func Profiles() []Profile { return []Profile{OBIE32, OBIE33, OBIE34, WSO2} }

// Valid reports whether p is one of [Profiles].
func (p Profile) Valid() bool {
	switch p {
	case OBIE32, OBIE33, OBIE34, WSO2:
		return true
	}
	return false
}

// Document names the part of a registration request that a violation is in.
type Document string

// The four documents: header and payload of the request JWT, and header and
// payload of the software statement inside it.
const (
	DocHeader    Document = "header"
	DocRequest   Document = "request"
	DocSSAHeader Document = "ssa_header"
	DocSSA       Document = "ssa"
)

// Documents returns the four documents in the order of the walk through a
// request, in a fresh slice.
func Documents() []Document { return []Document{DocHeader, DocRequest, DocSSAHeader, DocSSA} }

// Code is an error code of RFC 7591 section 3.2.2. A registration endpoint answers with
// no other.
type Code string

// The four codes.
const (
	InvalidRedirectURI          Code = "invalid_redirect_uri"
	InvalidClientMetadata       Code = "invalid_client_metadata"
	InvalidSoftwareStatement    Code = "invalid_software_statement"
	UnapprovedSoftwareStatement Code = "unapproved_software_statement"
)

// precedence orders the codes within one step. The wire has the code of the lowest
// precedence; an unknown code comes last.
func (c Code) precedence() int {
	switch c {
	case UnapprovedSoftwareStatement:
		return 0
	case InvalidSoftwareStatement:
		return 1
	case InvalidRedirectURI:
		return 2
	case InvalidClientMetadata:
		return 3
	}
	return 4
}

// Severity is how serious a violation is.
type Severity string

// The severities. Only an error makes a request invalid. [Basis] says which severity a
// rule has.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityNotice  Severity = "notice"
)

// Step is the step at which a server notices a violation. The wire has the code of the
// earliest step that failed.
type Step uint8

// The steps, in their order. The zero value is no step: a Rule with it belongs to
// StepValidate.
const (
	StepReadRequest   Step = iota + 1 // the bytes of the request: size and form
	StepParseRequest                  // its header
	StepParseClaims                   // its payload
	StepParseSSA                      // the member software_statement
	StepTrustSSA                      // header, issuer and signature of the statement: only then are its claims looked at
	StepVerifySSA                     // the claims of the statement
	StepCertificate                   // the client certificate
	StepVerifyRequest                 // the signature of the request
	StepValidate                      // the claims of the request
	StepReplay
)

// Citation names the text that has a requirement.
type Citation struct {
	Spec    string // short name with version, such as "OBIE DCR 3.3"
	Section string // section or table row, such as "data dictionary, redirect_uris"
	URL     string // https address of the text
}

// String gives spec and section in one line.
func (c Citation) String() string {
	if c.Section == "" {
		return c.Spec
	}
	return c.Spec + ", " + c.Section
}

// Rule states one fact about a request. It is a row of the table that [Rules] returns.
// A bank can append rows of its own.
type Rule struct {
	ID       string    // stable, dotted, lower case: redirect_uris.subset_of_ssa
	Summary  string    // what must hold, one sentence
	Reason   string    // why it must
	Bad      Example   // breaks the rule
	Good     Example   // keeps it
	Given    Given     // what both need besides
	Citation Citation  // where it is written
	Basis    Basis     // why a bank holds it; empty means BasisPolicy
	Stricter string    // what the cited text says instead; set exactly where Basis is BasisStricter
	Profiles []Profile // profiles that have the rule; nil means all of them
	Document Document  // the document its pointers point into
	Severity Severity  // empty means that of Basis
	Code     Code      // RFC 7591 code; empty means InvalidClientMetadata, or none if there is a Status
	Status   int       // HTTP status of an answer that has no code, such as 401; 0 means 400
	Step     Step      // step that notices it; 0 means StepValidate
	Fix      string    // one line: what the sender does about it

	// External marks a rule that the caller judges, a signature check for example, and
	// reports through [Input.Extra] and [Input.Judged]. It has neither Check nor When. All other rules
	// have a Check.
	External bool
	// When reports whether the rule applies; nil means always. Judge calls neither When
	// nor Check where the Input lacks the rule's Document. The other documents may be
	// nil. A rule that does not apply is listed in [Report.NotApplicable].
	When func(*Case) bool
	// Check reports each violation through [Case.Report] or
	// [Case.ReportValue]. It keeps neither the Case nor what it points to,
	// changes nothing, and may run on several goroutines at once.
	Check func(*Case)
}

// in reports whether the rule is one of profile p's.
func (r *Rule) in(p Profile) bool {
	if r.Profiles == nil {
		return true
	}
	for _, q := range r.Profiles {
		if q == p {
			return true
		}
	}
	return false
}

// Case is one request that is being judged. A Rule's functions read from it and report
// to it. It must not be used after [Validator.Judge] has returned.
type Case struct {
	in      *Input
	policy  *Policy
	profile Profile
	now     int64
	report  *Report
	rule    int
	outcome Outcome
	faults  uri.Fault // of the requested redirect URIs, where scanned is set
	scanned bool
	hints   int // comparisons of the rule hinting with what was meant
	hinting int // a rule
}
