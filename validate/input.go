package validate

import (
	"time"

	"github.com/obdcr/obdcr/claims"
)

// Input is what Judge judges: decoded headers and claims, as plain values. There is
// no token, no key and no clock in it. The rules about a document do not apply where
// that document is nil.
type Input struct {
	Header       *claims.Header // header of the request JWT; nil for bare claims
	HeaderFaults []claims.Fault // its members of the wrong type

	Request       *claims.Request // claims of the request; nil when a statement is judged alone
	RequestFaults []claims.Fault  // its members of the wrong type

	SSAHeader       *claims.Header // header of the software statement
	SSAHeaderFaults []claims.Fault
	SSA             *claims.SSA // claims of the software statement
	SSAFaults       []claims.Fault
	// ClaimNames are the names by which SSA was read, as claims.DecodeSSA takes them. Nil
	// means those of the policy. Pointers into the statement have these names.
	ClaimNames map[string]string

	// Environment is that of the trust anchor that verified the statement. It is
	// empty for a statement that is not verified.
	Environment claims.Environment
	// Certificate is the client certificate of the mutual TLS connection. It is nil
	// where there is none to compare with.
	Certificate *Certificate
	// Update is set for a request that would change a registered client (RFC 7592 section
	// 2.2). It is nil for one that would register a client.
	Update *Update
	// Now is the time of judgement. It is required: at the zero time, the year 1,
	// every request is from the future.
	Now time.Time

	// Extra are violations that the caller found, by a signature check for example.
	// They count like all others. Judge fills in the empty fields of each from the
	// rule of the same ID. It drops a violation whose rule has a Check and reports the
	// fault itself.
	Extra []Violation
	// Judged are the IDs of the External rules that the caller has judged. Those of which
	// Extra has no violation have passed. Other IDs count for nothing.
	Judged []string
}

// Certificate is what rules may know of a client certificate.
type Certificate struct {
	RawSubject []byte // DER of the subject, as in x509.Certificate.RawSubject
}

// Update is what rules may know of the client that a request would change.
type Update struct {
	// SecretDiffers: the request has a client_secret, and it is not the client's. Who does
	// not know the client's secret leaves it false.
	SecretDiffers bool
	// TransportSubjects are the subjects of transport certificates that the software has
	// published beside the one of the connection, and that the caller has found good: DER, as
	// in x509.Certificate.RawSubject. A rule looks at them where the policy has
	// SubjectDNFromKeySet, and only if the name is not that of the connection's certificate.
	TransportSubjects [][]byte
	// TransportSubjectsUnread: the caller has no key set to look for such certificates in. A
	// name that may be one of theirs is then a warning.
	TransportSubjectsUnread bool
}

// Req returns the claims of the request, nil if there are none.
func (c *Case) Req() *claims.Request { return c.in.Request }

// SSA returns the claims of the software statement, nil if there are none.
func (c *Case) SSA() *claims.SSA { return c.in.SSA }

// Header returns the header of the request JWT, nil if there is none.
func (c *Case) Header() *claims.Header { return c.in.Header }

// SSAHeader returns the header of the software statement, nil if there is none.
func (c *Case) SSAHeader() *claims.Header { return c.in.SSAHeader }

// Faults returns the members of document d that are of the wrong type.
func (c *Case) Faults(d Document) []claims.Fault {
	switch d {
	case DocHeader:
		return c.in.HeaderFaults
	case DocRequest:
		return c.in.RequestFaults
	case DocSSAHeader:
		return c.in.SSAHeaderFaults
	case DocSSA:
		return c.in.SSAFaults
	}
	return nil
}

// Now returns the time of judgement in seconds since 1970.
func (c *Case) Now() int64 { return c.now }

// Policy returns the bank's policy. It must not be changed.
func (c *Case) Policy() *Policy { return c.policy }

// Cert returns the client certificate, nil if there is none.
func (c *Case) Cert() *Certificate { return c.in.Certificate }

// Update returns what is known of the client that the request would change, nil for a
// request that would register one.
func (c *Case) Update() *Update { return c.in.Update }

// Environment returns the environment of the statement's trust anchor, empty
// when the statement was not verified.
func (c *Case) Environment() claims.Environment { return c.in.Environment }

// Profile returns the profile of the Validator.
func (c *Case) Profile() Profile { return c.profile }

// Report reports a violation at the RFC 6901 pointer into the rule's document. The
// pointer to an absent member is the path that it would have. Of a claim of the statement
// it has the name in package claims, whatever the directory calls it. The message says in
// lower case what is wrong. Pass input through [Echo] before it becomes part of a
// message.
func (c *Case) Report(pointer, message string) { c.ReportValue(pointer, "", "", message) }

// ReportValue is Report with two more texts: got says what was found, want says what
// would be right. ReportValue passes got through [Echo]. Pass want through it where
// want repeats input.
func (c *Case) ReportValue(pointer, got, want, message string) {
	c.found(pointer, got, Violation{Want: want, Message: message})
}

// Warn is ReportValue for a fault that is no more than a warning, whatever the severity of
// the rule.
func (c *Case) Warn(pointer, got, want, message string) {
	c.found(pointer, got, Violation{Want: want, Message: message, Severity: SeverityWarning})
}

// reportFix is ReportValue with a fix for this one violation. If it is "", the rule's own
// fix holds.
func (c *Case) reportFix(pointer, got, want, message, fix string) {
	c.found(pointer, got, Violation{Want: want, Message: message, Fix: fix})
}

// found reports a violation, whose empty fields are those of the rule. The pointer into a
// statement has the names of package claims.
func (c *Case) found(pointer, got string, v Violation) {
	if c.document() == DocSSA {
		pointer = asSent(pointer, claimNames(c.in, c.policy))
	}
	c.foundAt(pointer, got, v)
}

// foundAt is found for a pointer that has the directory's own names.
func (c *Case) foundAt(pointer, got string, v Violation) {
	c.outcome = OutcomeFailed
	v.Pointer, v.Got = pointer, Echo(got)
	c.report.addFromRule(c.rule, v)
}
