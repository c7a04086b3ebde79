package dcr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// Admission says whether a registered client would be admitted if it registered today.
type Admission string

// The admissions. CannotTell means that something could not be had that decides: an outage is
// never NotAdmitted. A client that breaks a rule all the same is NotAdmitted, whatever else
// could not be had.
const (
	Admitted    Admission = "admitted"
	NotAdmitted Admission = "not_admitted"
	CannotTell  Admission = "cannot_tell"
)

// Rechecked is what a Rechecker says of one client.
type Rechecked struct {
	Client    store.Client // a copy of the version in force that was judged
	Admission Admission
	Report    *validate.Report // what the client breaks, with warnings and notices
	Unknown   []string         // what could not be had, a line each; nil unless something could not
	NotJudged []string         // IDs of the rules that this client could not be judged by, beside Rechecker.NotJudged; sorted
	Differs   []string         // registered members that an adjustable policy would register otherwise; nil for none
	// CertificateEnds is the end of the published certificate that lasts longest of those that
	// the client may connect with; zero where none is known.
	CertificateEnds time.Time
}

// The defaults and bounds of a RecheckConfig.
const (
	recheckRate     = 5
	recheckParallel = 8
	maxParallel     = 256
	recheckTimeout  = 30 * time.Second
	recheckExpiry   = 30 * day
)

// RecheckConfig says how a Rechecker goes about its work. The zero value has the defaults.
type RecheckConfig struct {
	// Rate is how many key sets are asked for each second, at most; 5 if it is 0. It may be a
	// fraction. All clients together count.
	Rate float64
	// Parallel is how many clients are judged at a time, 1 to 256; 8 if it is 0.
	Parallel int
	// Timeout bounds what one client waits for: for each key set, and for what the
	// RevocationChecker says of its certificates; 30 s if it is 0. Waiting for Rate does not count.
	Timeout time.Duration
	// ExpiresWithin is how long before its end a certificate is a warning; 30 days if it is 0.
	ExpiresWithin time.Duration
}

func (c RecheckConfig) withDefaults() (RecheckConfig, error) {
	if c.Rate == 0 {
		c.Rate = recheckRate
	}
	if c.Parallel == 0 {
		c.Parallel = recheckParallel
	}
	if c.Timeout == 0 {
		c.Timeout = recheckTimeout
	}
	if c.ExpiresWithin == 0 {
		c.ExpiresWithin = recheckExpiry
	}
	switch {
	case !(c.Rate > 0) || c.Rate > 1e6:
		return c, fmt.Errorf("dcr: the Rate of a recheck is %v, and has to be above 0 and at most 1000000 key sets a second", c.Rate)
	case c.Parallel < 1 || c.Parallel > maxParallel:
		return c, fmt.Errorf("dcr: Parallel of a recheck is %d, and has to be 1 to %d", c.Parallel, maxParallel)
	case c.Timeout < 0 || c.ExpiresWithin < 0:
		return c, errors.New("dcr: Timeout and ExpiresWithin of a recheck must not be negative")
	}
	return c, nil
}

// Rechecker asks of registered clients whether they would be admitted today: by the keys and
// certificates that are published now, and by the bank's rules and policy of today. It changes
// nothing: no record, no jti, no audit entry. One Rechecker is one run: it asks for the key
// set at an address once, so make another one for the next night. It is safe for concurrent
// use.
type Rechecker struct {
	r         *Registrar
	config    RecheckConfig
	validator *validate.Validator
	keys      *recheckKeys
	left      []string // IDs of the rules that no client is judged by, sorted
	external  []string // IDs of the other rules that the table cannot judge
}

// judgedHere are the rules that a Rechecker judges outside of the table.
var judgedHere = []string{
	validate.RuleSSAJWS, validate.RuleSSAIssuerTrusted, validate.RuleSSAJWKSEndpointHost, validate.RuleSSAKeyFound, validate.RuleSSASignature,
	validate.RuleSSARecheckAge, validate.RuleRequestKeyFound, validate.RuleRequestKeyRevoked,
	validate.RuleCertificateValidity, validate.RuleCertificatePurpose, validate.RuleCertificateChain, validate.RuleCertificateKeyRevoked,
	validate.RuleCertificateBinding,
}

// requestAlone are the rules about what no record keeps of a request, and about the age of a
// statement at registration.
var requestAlone = []string{
	validate.RuleIssRequired, validate.RuleIssFormat, validate.RuleIssLength, validate.RuleIssIsSoftwareID,
	validate.RuleIatRequired, validate.RuleIatRange, validate.RuleIatFuture,
	validate.RuleExpRequired, validate.RuleExpRange, validate.RuleExpPast, validate.RuleExpAfterIat, validate.RuleExpLifetime,
	validate.RuleNbfRange, validate.RuleNbfFuture,
	validate.RuleJTIRequired, validate.RuleJTIUUIDv4, validate.RuleJTIUUID,
	validate.RuleAudRequired, validate.RuleAudSingle, validate.RuleAudFormat, validate.RuleAudIsBank,
	validate.RuleSSAAge, validate.RuleSSAExpPast,
}

// notKept are the members of a request that no record keeps.
var notKept = []string{"iss", "iat", "exp", "nbf", "aud", "jti", "client_id"}

// NewRechecker makes a Rechecker of the registrar's rules, policy, trust anchors, keys and
// certificates. The error says what of the configuration is out of bounds.
func (r *Registrar) NewRechecker(c RecheckConfig) (*Rechecker, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	k := &Rechecker{r: r, config: c}
	policy := r.verifier.Validator.Policy()
	policy.RequiredMembers = slices.DeleteFunc(policy.RequiredMembers, func(m string) bool { return slices.Contains(notKept, m) })
	rules := r.verifier.Validator.Rules()
	for i := range rules {
		id, external := rules[i].ID, rules[i].External
		switch {
		case slices.Contains(requestAlone, id), external && !slices.Contains(judgedHere, id), !external && rules[i].Document == validate.DocHeader,
			id == validate.RuleSSARecheckAge && policy.RecheckStatementMaxAge == 0:
			k.left = append(k.left, id)
		case external:
			k.external = append(k.external, id)
		}
	}
	slices.Sort(k.left)
	rules = slices.DeleteFunc(rules, func(row validate.Rule) bool { return slices.Contains(requestAlone, row.ID) })
	if k.validator, err = validate.New(validate.Config{Profile: r.verifier.Validator.Profile(), Policy: policy, Rules: rules}); err != nil {
		return nil, err
	}
	k.keys = newRecheckKeys(r, c)
	return k, nil
}

// NotJudged returns the IDs of the rules that no client is judged by, sorted, in a fresh slice:
// they need what no record keeps, such as the times of a request, or the policy leaves them
// out.
func (k *Rechecker) NotJudged() []string { return slices.Clone(k.left) }

// RuleSet returns what validate.Validator.RuleSet returns of the bank's rules and policy.
func (k *Rechecker) RuleSet() string { return k.r.ruleSet }

// Recheck judges one client by a Rechecker of its own, with the defaults. The record may be in
// any state; one of which nothing is in force is an error that wraps store.ErrNotFound. The
// error is that of the context if it ends, and nil whatever is found.
func (r *Registrar) Recheck(ctx context.Context, record store.Client) (Rechecked, error) {
	k, err := r.NewRechecker(RecheckConfig{})
	if err != nil {
		return Rechecked{}, err
	}
	return k.Client(ctx, record)
}

// Client judges the version of a record that is in force, as Registrar.Recheck does.
func (k *Rechecker) Client(ctx context.Context, record store.Client) (Rechecked, error) {
	inForce, visible := record.Visible()
	if !visible {
		return Rechecked{}, fmt.Errorf("dcr: client %s is %s: %w", record.ID, record.State, store.ErrNotFound)
	}
	j := &rechecking{k: k, client: inForce.Clone(), input: &validate.Input{Now: k.r.clock(), Environment: inForce.Environment}}
	if err := k.r.guarded(func() error { j.walk(ctx); return nil }); err != nil {
		j.unknown("the bank's own code failed: %v", err)
	}
	if err := ctx.Err(); err != nil {
		return Rechecked{}, err // what could not be had may be missing for that reason
	}
	return j.result(), nil
}

// rechecking is one client that is being rechecked.
type rechecking struct {
	k       *Rechecker
	client  store.Client
	input   *validate.Input
	missing []string
	differs []string
	ends    time.Time
}

func (j *rechecking) unknown(format string, args ...any) {
	j.missing = append(j.missing, fmt.Sprintf(format, args...))
}

// add reports a violation that the table cannot find.
func (j *rechecking) add(v validate.Violation) { j.input.Extra = append(j.input.Extra, v) }

func (j *rechecking) judged(ids ...string) { j.input.Judged = append(j.input.Judged, ids...) }

func (j *rechecking) result() Rechecked {
	found := Rechecked{Client: j.client, Admission: Admitted, Report: j.k.validator.Judge(j.input), Unknown: j.missing,
		Differs: j.differs, CertificateEnds: j.ends}
	for _, id := range j.k.external {
		if found.Report.Outcome(id) == validate.OutcomeNotApplicable {
			found.NotJudged = append(found.NotJudged, id)
		}
	}
	slices.Sort(found.NotJudged)
	switch {
	case !found.Report.Valid():
		found.Admission = NotAdmitted
	case len(j.missing) > 0:
		found.Admission = CannotTell
	}
	return found
}

// walk collects what the rules judge, in the order of a registration.
func (j *rechecking) walk(ctx context.Context) {
	j.readRequest()
	statement := j.readStatement()
	if statement == nil {
		return
	}
	j.verifyStatement(ctx, statement)
	j.judgeAge(statement)
	keys, known := j.readKeys(ctx, statement)
	if known {
		j.judgeCertificates(ctx, statement, keys)
	}
	j.describe(statement, keys)
}

// describe makes the record that would be registered today, for the rules that are judged
// there.
func (j *rechecking) describe(statement *ssa.Verified, keys ssa.SoftwareKeys) {
	if j.input.Request == nil {
		return
	}
	v := &VerifiedRequest{request: &UnverifiedRequest{claims: j.input.Request}, statement: statement, keys: keys, input: j.input}
	today, _, err := j.k.r.describe(v)
	var refusal *Error
	switch {
	case errors.As(err, &refusal) && refusal.Report != nil: // which is in Extra of the input, too
	case err != nil:
		j.unknown("the record cannot be made anew: %v", err)
	default:
		j.differs = Change{Before: &j.client, After: &today}.Members()
	}
}

// byName returns the registered name of the certificate of a client that authenticates by it.
func (j *rechecking) byName() (name string, ok bool) {
	if j.input.Request == nil || j.input.Request.TokenEndpointAuthMethod.Or("") != claims.TLSClientAuth {
		return "", false
	}
	return j.input.Request.TLSClientAuthSubjectDN.Get()
}
