package ssa

import (
	"github.com/obdcr/obdcr/claims"
)

// RereadUnsafe reads a statement that Verify has accepted before and that the bank
// has kept since, with the environment that Verify gave. It checks no signature and
// no age, since both were good once and statements live for hours while clients live
// for years: never give it a statement that somebody sent.
//
// The claims are read in the names of the environment's trust anchor, which must
// still be there and must still admit the addresses of the software's keys. The
// error is an *Error.
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
		c, _, err := claims.DecodeSSA(s.signed.UnverifiedPayload(), a.ClaimNames)
		if err != nil {
			return nil, malformed("", err.Error())
		}
		found := &Verified{statement: *s, claims: c, anchor: *a}
		if _, refusal = found.SoftwareKeys(nil); refusal == nil {
			return found, nil
		}
	}
	return nil, refusal
}
