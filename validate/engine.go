package validate

import (
	"errors"
	"fmt"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
)

// MaxViolations is the greatest number of violations that a Report holds; it
// counts the rest in More.
const MaxViolations = 200

// Config configures a Validator.
type Config struct {
	Profile Profile // one of Profiles
	Policy  Policy  // checked by New; start from DefaultPolicy
	Rules   []Rule  // nil means Rules(); those of other profiles are left out
}

// Validator judges requests by the rules of one profile and one policy. It is
// immutable and may be used by several goroutines at once. [New] makes one; the
// zero value judges everything invalid.
type Validator struct {
	profile Profile
	policy  Policy
	rules   []Rule
	runs    []run // for each rule
	byID    map[string]int
}

// run is the part of a rule that Judge reads for each request. A slice of these takes
// fewer cache lines than a slice of whole rules.
type run struct {
	document documents // the document that must be there
	when     func(*Case) bool
	check    func(*Case) // nil for an External rule
}

// New makes a Validator. It copies policy and rules. Where a rule cites the data
// dictionary of version 3.3, the copy cites that of the profile's own version.
//
// New refuses an unknown profile and a rule table that is empty or broken (ErrRules).
// It refuses a policy that is empty or contradictory, or that is wider than the
// profile's FAPI rules without naming the widening (PolicyErrors).
func New(cfg Config) (*Validator, error) {
	if !cfg.Profile.Valid() {
		return nil, unknownProfile(cfg.Profile)
	}
	if err := cfg.Policy.check(cfg.Profile); err != nil {
		return nil, err
	}
	table := cfg.Rules
	if table == nil {
		table = Rules()
	}
	v := &Validator{profile: cfg.Profile, policy: cfg.Policy.clone(), byID: make(map[string]int, len(table))}
	for i := range table {
		r := table[i]
		if err := normalise(&r); err != nil {
			return nil, err
		}
		if !r.in(cfg.Profile) {
			continue
		}
		if _, twice := v.byID[r.ID]; twice {
			return nil, fmt.Errorf("%w: %s stands twice in profile %s", ErrRules, r.ID, cfg.Profile)
		}
		r.Profiles = slices.Clone(r.Profiles)
		r.Citation = r.Citation.citedIn(cfg.Profile)
		v.byID[r.ID] = len(v.rules)
		v.rules = append(v.rules, r)
		v.runs = append(v.runs, run{document: documentBit(r.Document), when: r.When, check: r.Check})
	}
	if len(v.rules) == 0 {
		return nil, fmt.Errorf("%w: no rule for profile %s", ErrRules, cfg.Profile)
	}
	return v, nil
}

func unknownProfile(p Profile) error {
	return fmt.Errorf("validate: unknown profile %q: use one of %v", Echo(string(p)), Profiles())
}

// ErrRules means that a rule table cannot be used.
var ErrRules = errors.New("validate: unusable rule table")

// normalise fills in a rule's defaults. It refuses a rule that could not judge or that
// a report could not show.
func normalise(r *Rule) error {
	if r.ID == "" {
		return fmt.Errorf("%w: a rule without ID", ErrRules)
	}
	if r.Basis == "" {
		r.Basis = BasisPolicy
	}
	if r.Severity == "" {
		r.Severity = r.Basis.severity()
	}
	if r.Code == "" && r.Status == 0 {
		r.Code = InvalidClientMetadata
	}
	if r.Step == 0 {
		r.Step = StepValidate
	}
	switch {
	case r.External == (r.Check != nil):
		return fmt.Errorf("%w: %s: give a Check, or mark the rule External", ErrRules, r.ID)
	case r.External && r.When != nil:
		return fmt.Errorf("%w: %s: an External rule has no When", ErrRules, r.ID)
	case !slices.Contains(Documents(), r.Document):
		return fmt.Errorf("%w: %s: Document is not one of %v", ErrRules, r.ID, Documents())
	case !r.Basis.known():
		return fmt.Errorf("%w: %s: Basis is not one of %v", ErrRules, r.ID, Bases())
	case r.Severity.weight() == 0:
		return fmt.Errorf("%w: %s: Severity is none of error, warning and notice", ErrRules, r.ID)
	case r.Status != 0 && (r.Code != "" || r.Status < 400 || r.Status > 599 || r.Status == statusBadRequest):
		return fmt.Errorf("%w: %s: Status is that of a refusal without a Code, other than 400", ErrRules, r.ID)
	case r.Status == 0 && r.Code.precedence() > 3:
		return fmt.Errorf("%w: %s: Code is not one of RFC 7591", ErrRules, r.ID)
	case r.Step > StepReplay:
		return fmt.Errorf("%w: %s: unknown Step", ErrRules, r.ID)
	}
	return nil
}

// Profile returns the profile of the Validator.
func (v *Validator) Profile() Profile { return v.profile }

// Policy returns a copy of the policy of the Validator.
func (v *Validator) Policy() Policy { return v.policy.clone() }

// SigningAlgorithms returns the algorithms of the policy that may sign requests
// and statements, in a fresh slice.
func (v *Validator) SigningAlgorithms() []claims.Algorithm {
	return slices.Clone(v.policy.SigningAlgorithms)
}

// Rules returns the rules of the Validator, which are those of its profile, in a fresh
// slice.
func (v *Validator) Rules() []Rule { return slices.Clone(v.rules) }

// Outcome is the result of one rule.
type Outcome uint8

// The outcomes. OutcomeNone is that of a rule that the Validator does not have.
// OutcomeFailed is that of a rule with a violation of any severity, so also with a
// warning or a notice.
const (
	OutcomeNone Outcome = iota
	OutcomePassed
	OutcomeNotApplicable
	OutcomeFailed
)

// judgement holds all that one call of Judge needs, in one allocation.
type judgement struct {
	report Report
	kase   Case
	room   [256]Outcome
}

// Judge runs every rule over in and reports all violations at once. It neither
// keeps nor changes in. The report is not valid where there is nothing to judge: with
// a nil or zero Validator, with a nil Input, and with an Input that has neither claims
// nor Extra.
func (v *Validator) Judge(in *Input) *Report {
	if v == nil || len(v.rules) == 0 || in.empty() {
		r := &Report{}
		r.add(Violation{
			Rule: rule.ValidateInput, Severity: SeverityError, Basis: BasisMust, Document: DocRequest, Code: InvalidClientMetadata,
			Step: StepValidate, Message: "nothing to judge: the validator or its input is empty",
			Fix: inputFix,
		})
		return r
	}
	return v.judge(in)
}

// JudgeHeaders runs the rules about the headers of in, and no others. A server calls
// it before it looks for a key. A valid report says nothing about the claims. The
// report of a nil Input, or of an Input without headers, is not valid.
func (v *Validator) JudgeHeaders(in *Input) *Report {
	if in == nil {
		return v.Judge(nil)
	}
	headers := &Input{Header: in.Header, HeaderFaults: in.HeaderFaults,
		SSAHeader: in.SSAHeader, SSAHeaderFaults: in.SSAHeaderFaults, Now: in.Now}
	if v == nil || len(v.rules) == 0 || headers.Header == nil && headers.SSAHeader == nil {
		return v.Judge(headers)
	}
	return v.judge(headers)
}

func (v *Validator) judge(in *Input) *Report {
	j := &judgement{}
	r := &j.report
	r.validator, r.Profile = v, v.profile
	r.outcomes = j.room[:0]
	if len(v.rules) > len(j.room) {
		r.outcomes = make([]Outcome, 0, len(v.rules))
	}
	r.outcomes = r.outcomes[:len(v.rules)]
	c := &j.kase
	*c = Case{in: in, policy: &v.policy, profile: v.profile, now: in.Now.Unix(), report: r}
	there := presence(in)
	for i := range v.runs {
		row := &v.runs[i]
		if row.check == nil || there&row.document == 0 || row.when != nil && !row.when(c) {
			r.outcomes[i] = OutcomeNotApplicable
			continue
		}
		c.rule, c.outcome = i, OutcomePassed
		row.check(c)
		r.outcomes[i] = c.outcome
	}
	*c = Case{} // the report must not keep the input alive
	r.addExtra(in)
	r.sort()
	return r
}

// empty reports whether there is nothing to judge. Such an Input must not pass for valid.
func (in *Input) empty() bool {
	return in == nil || in.Request == nil && in.SSA == nil && len(in.Extra) == 0
}

// documents is a set of documents, with one bit for each.
type documents uint8

const (
	bitHeader documents = 1 << iota
	bitRequest
	bitSSAHeader
	bitSSA
)

func documentBit(d Document) documents {
	switch d {
	case DocHeader:
		return bitHeader
	case DocRequest:
		return bitRequest
	case DocSSAHeader:
		return bitSSAHeader
	case DocSSA:
		return bitSSA
	}
	return 0
}

// presence returns the documents that an input has.
func presence(in *Input) (there documents) {
	if in.Header != nil {
		there |= bitHeader
	}
	if in.Request != nil {
		there |= bitRequest
	}
	if in.SSAHeader != nil {
		there |= bitSSAHeader
	}
	if in.SSA != nil {
		there |= bitSSA
	}
	return there
}
