package cert

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// RevocationChecker reports whether any certificate of a chain has been revoked. The
// chain begins with the client's certificate and ends with a root; the root's own
// status need not be asked for. For a revoked certificate CheckRevocation returns an
// error that wraps ErrRevoked. Any other error means that the status is unknown, and
// should wrap ErrRevocationUnknown. It must be safe for concurrent use.
type RevocationChecker interface {
	CheckRevocation(ctx context.Context, chain []*x509.Certificate, now time.Time) error
}

// CheckerConfig configures a Checker.
type CheckerConfig struct {
	Bindings []Binding // at least one; tried in this order until one holds
	// Authorities are the CAs that the bank believes. Nil leaves the chain to the TLS
	// layer, and the Acceptance says so. BySubject and Revocation need Authorities.
	Authorities *Authorities
	// Revocation judges each chain that x509 finds, until it finds one good. Nil: nobody
	// looks for revocation, and the Acceptance says so.
	Revocation RevocationChecker
	Clock      func() time.Time // nil: time.Now
	// Keys reads the key sets of a software for CheckApplication and Checker.Software. It
	// may be nil if neither is called.
	Keys ssa.SoftwareKeyResolver
	// WithoutRevokedKeysUnsafe makes CheckApplication and Checker.Software accept an
	// application for which nothing tells where its withdrawn keys are. A key that the
	// directory has withdrawn then opens the door as long as it stands in the set.
	WithoutRevokedKeysUnsafe bool
}

// Checker judges certificates. It remembers the chains of up to 512 good certificates for
// as long as all their CAs are valid. It judges the certificate's own validity and asks
// for revocation each time. It is safe for concurrent use.
type Checker struct {
	config     CheckerConfig
	identities *memory[[sha256.Size]byte, Identity] // by thumbprint
	believed   atomic.Pointer[believed]             // in the place of Authorities and Revocation of config
}

// believed is what a checker believes of chains. It does not change: Renew puts another one
// in its place, with nothing remembered of the last.
type believed struct {
	authorities *Authorities
	revocation  RevocationChecker
	found       *memory[judged, foundChains]
}

// NewChecker checks the configuration. It needs at least one binding, knows each
// binding, and takes none twice. A part that needs another part that is nil is an error.
// All errors are a *ConfigError.
func NewChecker(c CheckerConfig) (*Checker, error) {
	if len(c.Bindings) == 0 {
		return nil, configError("a checker needs a binding: public_key, thumbprint or subject")
	}
	if err := c.checkBelieved(); err != nil {
		return nil, err
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
	checker := &Checker{config: c, identities: newMemory[[sha256.Size]byte, Identity]()}
	checker.believed.Store(&believed{c.Authorities, c.Revocation, newMemory[judged, foundChains]()})
	return checker, nil
}

// checkBelieved refuses Authorities and Revocation that do not fit together, or the Bindings.
func (c *CheckerConfig) checkBelieved() error {
	switch {
	case c.Authorities == nil && slices.Contains(c.Bindings, BySubject):
		return configError("the binding subject needs Authorities: a subject is as good as the CA that wrote it")
	case c.Authorities == nil && c.Revocation != nil:
		return configError("Revocation needs Authorities, which find the chain")
	}
	return nil
}

// Renew puts others in the place of Authorities and Revocation of the CheckerConfig, such as
// those of files that were renewed. Each judgement goes by the ones or by the others: one that
// is under way ends by those that it began with. A checker that had Authorities keeps some,
// and one that had Revocation too: an error (*ConfigError) changes nothing.
func (c *Checker) Renew(a *Authorities, r RevocationChecker) error {
	last := c.believed.Load()
	config := CheckerConfig{Bindings: c.config.Bindings, Authorities: a, Revocation: r}
	switch err := config.checkBelieved(); {
	case err != nil:
		return err
	case a == nil && last.authorities != nil:
		return configError("the checker had Authorities: without them it would believe any chain")
	case r == nil && last.revocation != nil:
		return configError("the checker had Revocation: without it certificates that were revoked would be good again")
	}
	c.believed.Store(&believed{a, r, newMemory[judged, foundChains]()})
	return nil
}

// Software is what a certificate may belong to. SoftwareOf makes one from a verified
// statement, Checker.Software from a registered application.
type Software struct {
	Environment claims.Environment // of the trust anchor
	SoftwareID  string             // for BySubject
	OrgID       string             // for BySubject
	Authority   claims.Authority   // organisation_competent_authority_claims, for BySubject
	Keys        ssa.SoftwareKeys   // its keys, and which are withdrawn; no Source is needed for BySubject alone
}

// SoftwareOf returns the software of a verified statement. Get the keys from the
// statement's own method SoftwareKeys.
func SoftwareOf(statement *ssa.Verified, keys ssa.SoftwareKeys) Software {
	c := statement.Claims()
	return Software{
		Environment: statement.Environment(), SoftwareID: c.SoftwareID.Or(""), OrgID: c.OrgID.Or(""),
		Authority: c.CompetentAuthority.Or(claims.Authority{}), Keys: keys,
	}
}

// HasAuthorities reports whether the checker knows CAs. Without them who issued a certificate is
// left to the TLS layer, and of one that comes without a connection nobody can tell.
func (c *Checker) HasAuthorities() bool { return c.believed.Load().authorities != nil }

// Check judges whether a client certificate is good and belongs to a software. The
// Acceptance says why it does. The error is an *Error. Its kind is
// ssa.ErrKeySourceUnavailable where the key source cannot be read, with the time to
// wait, and ssa.ErrNoKeyPublished where the software publishes no key. Where all its keys
// are withdrawn, it is ErrRevoked, and the error wraps ssa.ErrKeyRevoked. An environment
// that is neither sandbox nor production is a *ConfigError.
//
// The TPP may have published its new key a moment ago. So where no key of the set
// matches, or all are withdrawn, Check asks the source once more, for a kid that the source cannot know: the
// certificate's thumbprint. A source that caches then reads the set again if it may.
//
// Keys that have no Asker get one, of the software and the certificate: what a stranger's
// certificate makes the source read does not count against the software. The Software of
// the Acceptance has it too, for the look-ups that follow.
func (c *Checker) Check(ctx context.Context, leaf *x509.Certificate, s Software) (*Acceptance, error) {
	good, err := c.certificate(ctx, leaf, s.Environment)
	if err != nil {
		return nil, err
	}
	return c.owned(ctx, good, leaf, s)
}

// owned judges whether a good certificate belongs to a software.
func (c *Checker) owned(ctx context.Context, good *Acceptance, leaf *x509.Certificate, s Software) (*Acceptance, error) {
	if s.Keys.Source == nil {
		if slices.ContainsFunc(c.config.Bindings, func(b Binding) bool { return b != BySubject }) {
			return nil, configError("the software's Keys have no Source")
		}
		return c.belongs(good, leaf, &s, &softwareKeys{})
	}
	if s.Keys.Asker == "" {
		s.Keys.Asker = s.SoftwareID + " " + string(good.thumbprint[:])
	}
	known, err := readKeys(ctx, s.Keys)
	if err != nil {
		return nil, err
	}
	accepted, err := c.belongs(good, leaf, &s, known)
	if !errors.Is(err, ErrNotOwned) && !errors.Is(err, ssa.ErrKeyRevoked) {
		return accepted, err
	}
	barred, failure := known.readAgain(ctx, base64.RawURLEncoding.EncodeToString(good.thumbprint[:]), s.Keys)
	if failure != nil {
		return nil, failure
	}
	accepted, err = c.belongs(good, leaf, &s, known)
	var refusal *Error
	if barred != nil && errors.As(err, &refusal) && refusal.Kind == ErrNotOwned {
		refusal.Cause = barred
		refusal.Detail += rereads(barred)
	}
	return accepted, err
}

func checkEnvironment(env claims.Environment) error {
	if env != claims.Sandbox && env != claims.Production {
		return configError("environment %s of the software is neither sandbox nor production", text.Quote(string(env)))
	}
	return nil
}

// certificate judges a certificate by itself, whoever it belongs to.
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
	accepted := &Acceptance{thumbprint: sha256.Sum256(leaf.Raw), Checks: make([]CheckResult, 0, numberOfChecks)}
	accepted.Identity = c.identity(leaf, accepted.thumbprint)
	accepted.add(CheckValidity, Passed, "")
	accepted.add(CheckUsage, Passed, "")
	believed := c.believed.Load()
	if believed.authorities == nil {
		accepted.add(CheckChain, NotConsulted, "left to the TLS layer: no Authorities are configured")
		accepted.add(CheckRevocation, NotConsulted, "no RevocationChecker is configured")
		return accepted, nil
	}
	chains, err := believed.chains(env, leaf, accepted.thumbprint, now)
	if err != nil {
		return nil, err
	}
	chain, outcome, note := chains[0], NotConsulted, "no RevocationChecker is configured"
	if believed.revocation != nil {
		if chain, err = believed.unrevoked(ctx, chains, now); err != nil {
			return nil, err
		}
		outcome, note = Passed, ""
	}
	accepted.add(CheckChain, Passed, "to the "+string(env)+" root "+nameOf(chain[len(chain)-1]))
	accepted.add(CheckRevocation, outcome, note)
	return accepted, nil
}

// unrevoked finds a chain without a revoked certificate. Several CAs may have signed
// one CA, and one of the several may be revoked. Where no chain is good, the status is
// unknown if that of any chain is unknown.
func (b *believed) unrevoked(ctx context.Context, chains [][]*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	var refusal *Error
	for _, chain := range chains {
		err := b.revocation.CheckRevocation(ctx, chain, now)
		if err == nil {
			return chain, nil
		}
		if refusal == nil || refusal.Kind == ErrRevoked {
			refusal = revocationError(err)
		}
	}
	return nil, refusal
}

// revocationError gives an error of a RevocationChecker its kind. An error that does
// not wrap ErrRevoked leaves the status unknown.
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
