package ssa

import (
	"context"

	"github.com/obdcr/obdcr/claims"
)

// RereadUnsafe is for records, not for input: it skips signature and age on purpose. It
// reads a statement that Verify has accepted before and that the bank has stored since,
// with the environment that Verify gave. Statements live for hours and clients for
// years, so the age would be wrong by now. Never give it a statement from a request.
//
// RereadUnsafe reads the claims in the names of the environment's trust anchor. The
// anchor must still be there and must still admit the addresses of the software's keys.
// If the anchor's ClaimNames have changed since, the claims and addresses are others than
// those that were verified: compare SoftwareJWKS with the address that was stored with the
// statement. The error is an *Error.
func (v *Verifier) RereadUnsafe(token string, env claims.Environment) (*Verified, error) {
	s, err := Parse(token)
	if err != nil {
		return nil, err
	}
	anchors, err := v.anchorsOf(s)
	if err != nil {
		return nil, err
	}
	var refusal error = unknownIssuer() // no anchor of the environment
	for _, a := range anchors {
		if a.Environment != env {
			continue
		}
		c, _ := s.named(a.ClaimNames)
		found := &Verified{statement: *s, claims: c, anchor: *a}
		if _, refusal = found.SoftwareKeys(nil); refusal == nil {
			return found, nil
		}
	}
	return nil, refusal
}

// Reverify checks the signature of a statement that RereadUnsafe has read, by the keys that
// its directory publishes at this moment. It is for a bank that asks whether a registered
// client would be admitted today. A nil error says that a trust anchor of the statement's
// environment still vouches for it. It says nothing about the statement's age and times.
//
// from may replace the resolver of an anchor, such as by one that asks for each set once;
// nil leaves the anchors their own. The error is that of Verify.
func (v *Verifier) Reverify(ctx context.Context, stored *Verified, from func(KeyResolver) KeyResolver) error {
	anchors, err := v.anchorsOf(&stored.statement)
	if err != nil {
		return err
	}
	var refusal *Error
	for _, a := range anchors {
		if a.Environment != stored.Environment() {
			continue
		}
		keys := a.Keys
		if from != nil {
			keys = from(keys)
		}
		err := stored.statement.Signed().Verify(ctx, keys, a.JWKSURL, a.Algorithms)
		if err == nil {
			return nil
		}
		refusal = worse(refusal, err)
	}
	if refusal == nil {
		return unknownIssuer()
	}
	refusal.Rule = ruleOf(refusal)
	return refusal
}
