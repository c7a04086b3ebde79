package validate

import (
	"cmp"
	"slices"

	"github.com/obdcr/obdcr/internal/rule"
)

// Violation is one fault of a request.
type Violation struct {
	Rule     string   // ID of the rule
	Severity Severity // errors alone make a request invalid
	Basis    Basis    // why a bank holds the rule
	Pointer  string   // RFC 6901 pointer into Document; empty means the whole of it
	Document Document // document at fault
	Message  string   // what is wrong
	Got      string   // what was found, shortened by Echo; may be empty
	Want     string   // what would be right; may be empty
	Citation Citation // where the requirement is written
	Fix      string   // what the sender does about it
	Command  string   // a command line that does so, for a shell; may be empty
	Code     Code     // code of RFC 7591 that a bank answers; empty if there is a Status
	Status   int      // HTTP status of an answer that has no code; 0 means 400
	Step     Step     // step of the walk that notices it
	// Refused is what a server finds instead, such as bytes around the request that a lint
	// reads over. It counts for [Report.Wire] alone, in place of the violation. No rule sets
	// it; a caller of Judge may, in [Input.Extra].
	Refused *Violation
}

// Report is what Judge found. [Validator.Judge] makes one and does not change it
// afterwards. The zero value is not valid.
type Report struct {
	// Profile is the profile of the Validator.
	Profile Profile
	// Violations are the faults found, at most MaxViolations. Those of earlier steps
	// come first, and those of one step are in the order of the rules.
	Violations []Violation
	// More is the number of violations beyond those.
	More int

	validator *Validator
	outcomes  []Outcome
	errors    int // violations by severity, those counted in More too
	warnings  int
	notices   int
	refusals  int       // what a server refuses: the errors, and each Refused
	best      Violation // the one of these that decides the answer
}

// Valid reports whether no error was found. Warnings and notices do not count.
func (r *Report) Valid() bool { return r != nil && r.validator != nil && r.errors == 0 }

// Count returns how many violations of severity s were found. It includes those that
// are counted in More.
func (r *Report) Count(s Severity) int {
	switch s {
	case SeverityError:
		return r.errors
	case SeverityWarning:
		return r.warnings
	case SeverityNotice:
		return r.notices
	}
	return 0
}

// Passed lists the IDs of the rules that applied and found no violation.
func (r *Report) Passed() []string { return r.ids(OutcomePassed) }

// NotApplicable lists the IDs of the rules that did not apply. They include External
// rules that no caller judged.
func (r *Report) NotApplicable() []string { return r.ids(OutcomeNotApplicable) }

// Rules returns the rules of the Validator in their order, in a fresh slice. It
// returns none where nothing was judged.
func (r *Report) Rules() []Rule {
	if r.validator == nil {
		return nil
	}
	return r.validator.Rules()
}

// Outcome returns the result of the rule with that ID.
func (r *Report) Outcome(id string) Outcome {
	if r.validator == nil {
		return OutcomeNone
	}
	at, known := r.validator.byID[id]
	if !known {
		return OutcomeNone
	}
	return r.outcomes[at]
}

func (r *Report) ids(want Outcome) []string {
	ids := make([]string, 0, r.count(want))
	for i, o := range r.outcomes {
		if o == want {
			ids = append(ids, r.validator.rules[i].ID)
		}
	}
	return ids
}

func (r *Report) count(want Outcome) (n int) {
	for _, o := range r.outcomes {
		if o == want {
			n++
		}
	}
	return n
}

// weight orders severities. An unknown severity has 0.
func (s Severity) weight() int {
	switch s {
	case SeverityError:
		return 3
	case SeverityWarning:
		return 2
	case SeverityNotice:
		return 1
	}
	return 0
}

// addFromRule adds a violation of a rule. Its empty fields are those of the rule.
func (r *Report) addFromRule(rule int, v Violation) {
	row := &r.validator.rules[rule]
	v.Rule = row.ID
	v.fill(row)
	r.add(v)
}

// addExtra adds violations that were found outside of the table. It drops one whose
// rule reported the fault itself.
func (r *Report) addExtra(in *Input) {
	extra, names := in.Extra, claimNames(in, &r.validator.policy)
	for i := range extra {
		v := extra[i]
		if at, known := r.validator.byID[v.Rule]; known && r.outcomes[at] == OutcomeFailed && !r.validator.rules[at].External {
			continue
		}
		r.complete(&v, names)
		r.add(v)
		if v.Refused != nil {
			instead := *v.Refused
			r.complete(&instead, names)
			r.refuse(&instead)
		}
	}
	for _, id := range in.Judged {
		if at, known := r.validator.byID[id]; known && r.validator.rules[at].External {
			r.outcomes[at] = OutcomePassed
		}
	}
	for i := range extra {
		if at, known := r.validator.byID[extra[i].Rule]; known {
			r.outcomes[at] = OutcomeFailed
		}
	}
}

// complete fills in the empty fields of a violation that was found outside of the table. Its
// pointer gets the names that the statement's directory gives to claims.
func (r *Report) complete(v *Violation, names map[string]string) {
	if at, known := r.validator.byID[v.Rule]; known {
		v.fill(&r.validator.rules[at])
	}
	v.fill(&Rule{Severity: SeverityError, Basis: BasisPolicy, Document: DocRequest, Step: StepValidate})
	if v.Status == 0 {
		v.Code = cmp.Or(v.Code, InvalidClientMetadata)
	}
	v.Got = Echo(v.Got)
	if v.Document == DocSSA && v.Rule != rule.SSAMemberType { // whose pointer has them
		v.Pointer = asSent(v.Pointer, names)
	}
}

// fill takes the empty fields of v from its rule.
func (v *Violation) fill(row *Rule) {
	v.Severity = cmp.Or(v.Severity, row.Severity)
	v.Basis = cmp.Or(v.Basis, row.Basis)
	v.Document = cmp.Or(v.Document, row.Document)
	v.Message = cmp.Or(v.Message, row.Summary)
	v.Citation = cmp.Or(v.Citation, row.Citation)
	v.Fix = cmp.Or(v.Fix, row.Fix)
	v.Code = cmp.Or(v.Code, row.Code)
	v.Status = cmp.Or(v.Status, row.Status)
	v.Step = cmp.Or(v.Step, row.Step)
}

// add counts v and keeps it where there is room. A violation of an unknown severity
// counts as an error.
func (r *Report) add(v Violation) {
	switch v.Severity {
	case SeverityWarning:
		r.warnings++
	case SeverityNotice:
		r.notices++
	default:
		r.errors++
		if v.Refused == nil {
			r.refuse(&v)
		}
	}
	if len(r.Violations) >= MaxViolations {
		r.More++
		return
	}
	r.Violations = append(r.Violations, v)
}

// refuse counts what a server refuses, and keeps what decides its answer.
func (r *Report) refuse(v *Violation) {
	if r.refusals++; r.refusals == 1 || before(v, &r.best) < 0 {
		r.best = *v
	}
}

// sort puts violations into the order of the walk.
func (r *Report) sort() {
	if len(r.Violations) > 1 {
		slices.SortStableFunc(r.Violations, func(a, b Violation) int { return cmp.Compare(a.Step, b.Step) })
	}
}

// before orders violations as the wire tells them: by step, and within one step by
// the precedence of their codes.
func before(a, b *Violation) int {
	if c := cmp.Compare(a.Step, b.Step); c != 0 {
		return c
	}
	return cmp.Compare(a.Code.precedence(), b.Code.precedence())
}
