package cert

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// Examine judges a certificate as Check does, but goes on after a fault. It returns all
// faults, in the order in which Check looks for them, and whether the certificate is known
// to belong to the software. It is for a TPP that wants to know what a bank will say; a
// bank calls Check.
//
// Examine needs less than Check. Without an Environment the CAs of any environment will
// do. Without a Source of the Keys it does not judge whose the certificate is, unless
// BySubject is the only binding. It does not judge the chain of a certificate that is
// expired or for another purpose.
func (c *Checker) Examine(ctx context.Context, leaf *x509.Certificate, s Software) (faults []*Error, bound bool) {
	add := func(err error) {
		var e *Error
		if errors.As(err, &e) {
			faults = append(faults, e)
		}
	}
	if leaf == nil || len(leaf.Raw) == 0 {
		add(checkValidity(leaf, time.Time{}))
		return faults, false
	}
	now := c.config.Clock()
	add(checkValidity(leaf, now))
	add(checkUsage(leaf))
	if authorities := c.believed.Load().authorities; len(faults) == 0 && authorities != nil {
		add(authorities.anyChain(s.Environment, leaf, now))
	}
	if s.Keys.Source == nil && slices.ContainsFunc(c.config.Bindings, func(b Binding) bool { return b != BySubject }) {
		return faults, false
	}
	good := &Acceptance{thumbprint: sha256.Sum256(leaf.Raw)}
	good.Identity = c.identity(leaf, good.thumbprint)
	_, err := c.owned(ctx, good, leaf, s)
	add(err)
	return faults, err == nil
}

// anyChain returns nil if a certificate leads to a root of the environment, or of any
// environment if env is empty.
func (a *Authorities) anyChain(env claims.Environment, leaf *x509.Certificate, now time.Time) error {
	if env != "" {
		_, err := a.chains(env, leaf, now)
		return err
	}
	var refusal error
	for _, env := range slices.Sorted(maps.Keys(a.stores)) {
		_, err := a.chains(env, leaf, now)
		if err == nil {
			return nil
		}
		refusal = err
	}
	return refusal
}

// SubjectContradicts returns why the subject of a certificate is that of another software
// or organisation, as BySubject compares them; "" if it is not, or if that cannot be told.
// It believes the certificate.
func SubjectContradicts(leaf *x509.Certificate, s Software) string {
	id, err := Identify(leaf)
	if err != nil || !id.Profile.Transport() || s.SoftwareID == "" || s.OrgID == "" {
		return ""
	}
	if id.Profile == ProfileQWAC && len(s.Authority.Claims) == 0 {
		return ""
	}
	_, why := boundBySubject(id, &s)
	return why
}
