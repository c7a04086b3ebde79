package cert

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// RevocationChecker says whether any certificate of a chain has been revoked. The
// chain begins with the client's certificate and ends with a root, whose word about
// itself means nothing. A revoked certificate is an error that wraps ErrRevoked;
// every other error is taken to mean that the status cannot be told, and should wrap
// ErrRevocationUnknown. It must be safe for concurrent use.
type RevocationChecker interface {
	CheckRevocation(ctx context.Context, chain []*x509.Certificate, now time.Time) error
}

// CheckerConfig configures a Checker.
type CheckerConfig struct {
	Bindings []Binding // tried in this order, one suffices; at least one
	// Authorities are the CAs that are believed. Nil leaves the chain to the TLS
	// layer, and the report says so; BySubject and Revocation are then errors.
	Authorities *Authorities
	// Revocation is asked about each chain that x509 finds, until one of them is good.
	// Nil: not consulted, and the report says so.
	Revocation RevocationChecker
	Clock      func() time.Time        // nil: time.Now
	Keys       ssa.SoftwareKeyResolver // for CheckApplication and Middleware; nil where only Check is called
	// WithoutRevokedKeysUnsafe lets CheckApplication and Middleware pass an
	// application of which nothing says where its withdrawn keys are: a key that the
	// directory has withdrawn opens the door as long as it stands in the set.
	WithoutRevokedKeysUnsafe bool
}

// Checker judges certificates. It is safe for concurrent use.
type Checker struct {
	config CheckerConfig
}

// NewChecker checks the configuration: one binding or more, each known and named once,
// and nothing that needs a part that is nil.
func NewChecker(c CheckerConfig) (*Checker, error) {
	switch {
	case len(c.Bindings) == 0:
		return nil, configError("a checker needs a binding: public_key, thumbprint or subject")
	case c.Authorities == nil && slices.Contains(c.Bindings, BySubject):
		return nil, configError("the binding subject needs Authorities: a subject is as good as the CA that wrote it")
	case c.Authorities == nil && c.Revocation != nil:
		return nil, configError("Revocation needs Authorities, which find the chain")
	}
	for i, b := range c.Bindings {
		if why := b.unfit(c.Bindings[:i]); why != "" {
			return nil, configError("binding %d %s", i, why)
		}
	}
	c.Bindings = slices.Clone(c.Bindings)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &Checker{config: c}, nil
}

// Software is what a certificate may belong to. SoftwareOf makes it from a verified
// statement, Checker.Software from an application as it was registered.
type Software struct {
	Environment claims.Environment // of the trust anchor
	SoftwareID  string             // for BySubject
	OrgID       string             // for BySubject
	Authority   claims.Authority   // organisation_competent_authority_claims, for BySubject
	Keys        ssa.SoftwareKeys   // where its keys are, and the withdrawn ones; without a Source for BySubject alone
}

// SoftwareOf is the software of a verified statement, with the keys that
// ssa.Verified.SoftwareKeys gives for it.
func SoftwareOf(statement *ssa.Verified, keys ssa.SoftwareKeys) Software {
	c := statement.Claims()
	return Software{
		Environment: statement.Environment(), SoftwareID: c.SoftwareID.Or(""), OrgID: c.OrgID.Or(""),
		Authority: c.CompetentAuthority.Or(claims.Authority{}), Keys: keys,
	}
}

// Check judges whether a client certificate is good and belongs to a software. A
// nil error means that it does, and the report says on what grounds. The error is an
// *Error otherwise, or a *ConfigError where the software's environment is none. A key
// source that cannot be asked is of kind ssa.ErrKeySourceUnavailable, with the time
// to wait.
//
// Where no key of the set matches, the source is asked once more for a kid that it
// cannot know, the certificate's thumbprint, so that one that caches reads the set
// again if it may: the TPP may have published its new key a moment ago.
func (c *Checker) Check(ctx context.Context, leaf *x509.Certificate, s Software) (*Acceptance, error) {
	good, err := c.certificate(ctx, leaf, s.Environment)
	if err != nil {
		return nil, err
	}
	return c.owned(ctx, good, leaf, &s)
}

// owned judges whether a certificate that is good belongs to a software.
func (c *Checker) owned(ctx context.Context, good *Acceptance, leaf *x509.Certificate, s *Software) (*Acceptance, error) {
	if s.Keys.Source == nil {
		if slices.ContainsFunc(c.config.Bindings, func(b Binding) bool { return b != BySubject }) {
			return nil, configError("the software's Keys have no Source")
		}
		return c.belongs(good, leaf, s, &softwareKeys{})
	}
	known, err := readKeys(ctx, s.Keys)
	if err != nil {
		return nil, err
	}
	report, err := c.belongs(good, leaf, s, known)
	if !errors.Is(err, ErrNotOwned) {
		return report, err
	}
	barred, failure := known.readAgain(ctx, leaf, s.Keys)
	if failure != nil {
		return nil, failure
	}
	report, err = c.belongs(good, leaf, s, known)
	var refusal *Error
	if barred != nil && errors.As(err, &refusal) && refusal.Kind == ErrNotOwned {
		refusal.Cause = barred
		refusal.Detail += fmt.Sprintf("; the set was read at %s, and can be read again from %s on", date(barred.ReadAt), date(barred.RetryAt))
	}
	return report, err
}

func checkEnvironment(env claims.Environment) error {
	if env != claims.Sandbox && env != claims.Production {
		return configError("environment %s of the software is neither sandbox nor production", text.Quote(string(env)))
	}
	return nil
}

// certificate judges a certificate for itself.
func (c *Checker) certificate(ctx context.Context, leaf *x509.Certificate, env claims.Environment) (*Acceptance, error) {
	if err := checkEnvironment(env); err != nil {
		return nil, err
	}
	now := c.config.Clock()
	if err := checkValidity(leaf, now); err != nil {
		return nil, err
	}
	if err := checkUsage(leaf); err != nil {
		return nil, err
	}
	report := &Acceptance{Identity: Identity{Profile: ProfileUnknown}}
	if identity, err := Identify(leaf); err == nil {
		report.Identity = identity
	}
	report.add(CheckValidity, Passed, "")
	report.add(CheckUsage, Passed, "")
	if c.config.Authorities == nil {
		report.add(CheckChain, NotConsulted, "left to the TLS layer: no Authorities are configured")
		report.add(CheckRevocation, NotConsulted, "no RevocationChecker is configured")
		return report, nil
	}
	chains, err := c.config.Authorities.chains(env, leaf, now)
	if err != nil {
		return nil, err
	}
	chain, outcome, note := chains[0], NotConsulted, "no RevocationChecker is configured"
	if c.config.Revocation != nil {
		if chain, err = c.unrevoked(ctx, chains, now); err != nil {
			return nil, err
		}
		outcome, note = Passed, ""
	}
	report.add(CheckChain, Passed, "to the "+string(env)+" root "+nameOf(chain[len(chain)-1]))
	report.add(CheckRevocation, outcome, note)
	return report, nil
}

// unrevoked finds a chain of which no certificate is revoked: one CA may have been
// signed by several, and one of those may have gone. Where it finds none, the status
// is unknown as long as that of any chain is.
func (c *Checker) unrevoked(ctx context.Context, chains [][]*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	var refusal *Error
	for _, chain := range chains {
		err := c.config.Revocation.CheckRevocation(ctx, chain, now)
		if err == nil {
			return chain, nil
		}
		if refusal == nil || refusal.Kind == ErrRevoked {
			refusal = revocationError(err)
		}
	}
	return nil, refusal
}

// revocationError gives an error of a RevocationChecker its kind. Whatever does not
// say "revoked" leaves the status unknown.
func revocationError(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e) && (e.Kind == ErrRevoked || e.Kind == ErrRevocationUnknown):
		return &Error{Kind: e.Kind, Detail: bounded(e.Detail), Cause: e.Cause, RetryAfter: e.RetryAfter}
	case errors.Is(err, ErrRevoked):
		return &Error{Kind: ErrRevoked, Detail: "the revocation checker says so", Cause: err}
	}
	return &Error{Kind: ErrRevocationUnknown, Detail: "the revocation checker could not tell", Cause: err, RetryAfter: crlRetry}
}
