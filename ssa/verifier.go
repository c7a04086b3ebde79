package ssa

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/text"
)

// VerifierConfig configures a Verifier.
type VerifierConfig struct {
	Anchors []Anchor         // at least one
	Clock   func() time.Time // nil: time.Now
	Skew    time.Duration    // by which clocks may differ; 0 to 5 minutes
}

// Verifier verifies software statements against trust anchors. It is safe for
// concurrent use.
type Verifier struct {
	anchors map[string][]*Anchor // by issuer
	clock   func() time.Time
	skew    time.Duration
}

// NewVerifier checks the anchors: an empty list of anchors or algorithms, an
// anchor without issuer, environment, keys or greatest age is an error. So are two anchors
// of one issuer and environment with different ClaimNames: nothing would tell which of them
// a stored statement was read by.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	switch {
	case len(c.Anchors) == 0:
		return nil, configError("a verifier needs at least one trust anchor")
	case c.Skew < 0 || c.Skew > 5*time.Minute:
		return nil, configError("the clock skew must be within 0 and 5 minutes")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	v := &Verifier{anchors: map[string][]*Anchor{}, clock: c.Clock, skew: c.Skew}
	for i := range c.Anchors {
		a := c.Anchors[i].clone()
		if err := a.check(); err != nil {
			return nil, configError("trust anchor %d (%s): %v", i, text.Quote(a.Name), err)
		}
		for _, b := range v.anchors[a.Issuer] {
			if a.Environment == b.Environment && !maps.Equal(a.ClaimNames, b.ClaimNames) {
				return nil, configError("trust anchor %d (%s) has other ClaimNames than one before it of the same issuer and environment: "+
					"a stored statement must be read in one way, so give both the same names", i, text.Quote(a.Name))
			}
		}
		v.anchors[a.Issuer] = append(v.anchors[a.Issuer], a)
	}
	return v, nil
}

// Verify finds the anchor by the statement's iss, verifies the signature with one
// of its keys, decodes the claims from the verified bytes, and checks age,
// validity times and environment. Several anchors may share an issuer, as the OBIE
// directory's sandbox and production do. The anchor whose key made the signature then
// counts. The error is an *Error. Its kind is ErrJWKSHost where an anchor's Keys has no
// source for the anchor's own JWKSURL, which the bank alone can mend.
func (v *Verifier) Verify(ctx context.Context, s *Statement) (*Verified, error) {
	if s == nil || s.signed == nil {
		return nil, malformed("", "there is no statement")
	}
	anchors, err := v.anchorsOf(s)
	if err != nil {
		return nil, err
	}
	var refusal *Error
	for _, a := range anchors {
		err := s.signed.Verify(ctx, a.Keys, a.JWKSURL, a.Algorithms)
		if err == nil {
			return v.judge(s, a)
		}
		refusal = worse(refusal, err)
	}
	refusal.Rule = ruleOf(refusal)
	return nil, refusal
}

func (v *Verifier) anchorsOf(s *Statement) ([]*Anchor, error) {
	iss, ok := s.claims.Issuer.Get()
	if anchors := v.anchors[iss]; ok && len(anchors) > 0 {
		return anchors, nil
	}
	return nil, unknownIssuer()
}

func unknownIssuer() *Error {
	return &Error{Kind: ErrUnknownIssuer, Rule: rule.SSAIssuerTrusted, Pointer: "/iss",
		Detail: "no trust anchor has the issuer of this statement; fetch it from a directory that this bank trusts"}
}

// worse keeps the refusal that says most when several anchors share an issuer:
//
//  1. A bad signature: this anchor has a key of the kid, so the statement claims to be of it.
//  2. A host that is not configured: the key may be there, and only the bank can mend it.
//  3. A source that is down: the key may be there, and the outage passes.
//  4. A key that is unknown: the statement is of another anchor, or of none.
//
// All else comes last: another anchor may allow an algorithm that this one refuses.
func worse(old *Error, err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = sourceUnavailable(err)
	}
	if old == nil || weight(e) > weight(old) {
		return e
	}
	return old
}

func weight(e *Error) int {
	//nolint:errorlint // a sentinel as it is
	switch e.Kind {
	case ErrBadSignature:
		return 4
	case ErrJWKSHost:
		return 3
	case ErrKeySourceUnavailable:
		return 2
	case ErrKeyNotFound, ErrNoKeyPublished:
		return 1
	}
	return 0
}

func ruleOf(e *Error) string {
	//nolint:errorlint // a sentinel as it is
	switch e.Kind {
	case ErrAlgorithm:
		return rule.SSAHeaderAlg
	case ErrKeyNotFound, ErrNoKeyPublished, ErrKeySourceUnavailable, ErrJWKSHost:
		return rule.SSAKeyFound
	case ErrBadSignature:
		return rule.SSASignature
	}
	return rule.SSAJWS
}

// judge reads the claims in the anchor's own names, and checks them against the anchor
// and the clock.
func (v *Verifier) judge(s *Statement, a *Anchor) (*Verified, error) {
	c, faults := s.named(a.ClaimNames)
	if c.Issuer.Or("") != a.Issuer {
		// A second line of defence, which no statement reaches today: an earlier reading of
		// the same bytes led to this anchor. The claims of this reading are those that the
		// bank will believe, so it is their issuer that must be the anchor's.
		return nil, unknownIssuer()
	}
	refusal := v.checkTimes(c, a)
	if env, ok := c.SoftwareEnvironment.Get(); ok && refusal == nil && contradicts(env, a.Environment) {
		refusal = &Error{Kind: ErrNotApproved, Rule: rule.SSAEnvironment, Pointer: "/software_environment",
			Detail: "the statement is of another environment than its trust anchor, " + string(a.Environment)}
	}
	if len(faults) > 0 {
		refusal = &Error{Kind: ErrMalformed, Rule: rule.SSAMemberType, Pointer: faults[0].Pointer,
			Detail: (&claims.FaultError{Faults: faults}).Detail()}
	}
	if refusal != nil {
		told := *c
		refusal.Claims, refusal.Faults, refusal.Environment, refusal.ClaimNames = &told, slices.Clone(faults), a.Environment, a.ClaimNames
		return nil, refusal
	}
	return &Verified{statement: *s, claims: c, anchor: *a}, nil
}

// contradicts reports whether a software_environment names the other environment.
// Names that are neither, such as those of a directory's test stages, do not.
func contradicts(claimed string, env claims.Environment) bool {
	for _, e := range []claims.Environment{claims.Sandbox, claims.Production} {
		if strings.EqualFold(claimed, string(e)) {
			return e != env
		}
	}
	return false
}

func (v *Verifier) checkTimes(c *claims.SSA, a *Anchor) *Error {
	now, skew := v.clock().Unix(), int64(v.skew/time.Second)
	fail := func(kind error, id, pointer, text string) *Error {
		return &Error{Kind: kind, Rule: id, Pointer: pointer, Detail: text}
	}
	iat, hasIAT := c.IssuedAt.Get()
	exp, hasEXP := c.Expiry.Get()
	if nbf, ok := c.NotBefore.Get(); ok && nbf > now+skew {
		return fail(ErrNotYetValid, rule.SSANbf, "/nbf", "the statement is not valid yet")
	}
	if hasIAT && iat > now+skew {
		return fail(ErrNotYetValid, rule.SSAIatFuture, "/iat", "the statement was issued in the future; iat counts seconds")
	}
	if hasEXP && exp <= now-skew {
		return fail(ErrTooOld, rule.SSAExpPast, "/exp", "the statement has expired; fetch a new one")
	}
	most := int64(a.MaxAge / time.Second)
	if hasEXP {
		most = int64(a.MaxAgeWithExp / time.Second)
	}
	switch {
	case !hasIAT:
		return fail(ErrMalformed, rule.SSAIatRequired, "/iat", "the statement has no iat, so its age is unknown")
	case iat < math.MinInt32 || now-iat > most+skew:
		return fail(ErrTooOld, rule.SSAAge, "/iat", "the statement is older than "+strconv.FormatInt(most, 10)+" s; fetch a new one")
	}
	return nil
}
