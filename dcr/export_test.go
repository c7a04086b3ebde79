package dcr

// The sentinels behind errors that the bank's operators read.
var (
	ErrPanic        = errPanic
	ErrSealed       = errSealed
	ErrNoUnfinished = errNoUnfinished
	ErrNoPending    = errNoPending
)

// StopAt makes a registrar call a function at each point of a change.
func StopAt(r *Registrar, reached func(point string)) { r.reached = reached }

// AnswerOf returns the body of the answer to a registration, with its secrets.
func AnswerOf(r *Registration) string { return r.response.Reveal() }

// AuditedMembers are the registered members that the audit trail has.
var AuditedMembers = auditedMembers

// AuditValue returns a value as the audit trail has it.
func AuditValue(name, value string) []byte { return new(valueBuffer).add(member{name, value}) }
