package cert

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"slices"

	"github.com/obdcr/obdcr/ssa"
)

// maxPublished is the greatest number of certificates that Published judges in one reading
// of a key set. Each may cost a signature and a question to the RevocationChecker.
const maxPublished = 10

// Published returns why a certificate of the software's key set is good: the newest one
// that wanted accepts and that Check would accept if a client presented it. It is for a
// client that is about to change its certificate. Published judges the first certificate of
// each key's x5c, of keys for TLS (use tls, or none), and at most ten that wanted accepts. One
// whose subject names another software or organisation is none of this software's, whatever
// the bindings: nobody has shown that he has its key.
// wanted is asked before anything is believed of a certificate.
//
// The error is an *Error. Its kind is ErrNotOwned where there is no such certificate; a
// checker without Authorities finds none, since nothing shows who issued it. The kind is
// ssa.ErrKeySourceUnavailable where a key set cannot be read, ssa.ErrNoKeyPublished where it
// is empty, and ErrRevocationUnknown where
// no certificate is good and the status of one is unknown: an outage is never a consent. As
// in Check, a set without such a certificate is read once more if it may be.
func (c *Checker) Published(ctx context.Context, s Software, wanted func(*x509.Certificate) bool) (*Acceptance, error) {
	switch {
	case c.believed.Load().authorities == nil:
		return nil, &Error{Kind: ErrNotOwned, Detail: "no CAs are configured that could show who issued a published certificate"}
	case s.Keys.Source == nil:
		return nil, &Error{Kind: ErrNotOwned, Detail: "no key set is known that could publish a certificate"}
	}
	if s.Keys.Asker == "" {
		s.Keys.Asker = s.SoftwareID + " another certificate"
	}
	known, err := readKeys(ctx, s.Keys)
	if err != nil {
		return nil, err
	}
	accepted, err := c.firstPublished(ctx, &s, known, wanted)
	if !errors.Is(err, ErrNotOwned) {
		return accepted, err
	}
	// No set has this kid, so a source that caches reads the set again if it may.
	unknown := sha256.Sum256([]byte("a certificate with another subject"))
	if _, failure := known.readAgain(ctx, base64.RawURLEncoding.EncodeToString(unknown[:]), s.Keys); failure != nil {
		return nil, failure
	}
	return c.firstPublished(ctx, &s, known, wanted)
}

func (c *Checker) firstPublished(ctx context.Context, s *Software, known *softwareKeys, wanted func(*x509.Certificate) bool) (*Acceptance, error) {
	refusal := &Error{Kind: ErrNotOwned, Detail: "no certificate of the software's key set is the one that is wanted, and good"}
	for _, leaf := range transportCertificates(known.published, wanted) {
		good, e, err := c.judgePublished(ctx, leaf, s, known)
		switch {
		case err != nil:
			return nil, err
		case e == nil:
			return good, nil
		case e.Kind == ErrRevocationUnknown: //nolint:errorlint // a sentinel as it is
			refusal = e
		}
	}
	return nil, refusal
}

// judgePublished judges a published certificate as Check would if a client presented it. err
// is a fault of the bank's configuration.
func (c *Checker) judgePublished(ctx context.Context, leaf *x509.Certificate, s *Software, known *softwareKeys) (good *Acceptance, refusal *Error, err error) {
	if why := SubjectContradicts(leaf, *s); why != "" {
		// Key and certificate of somebody else are no secret: anybody can publish them.
		return nil, &Error{Kind: ErrNotOwned, Detail: why}, nil
	}
	good, err = c.certificate(ctx, leaf, s.Environment)
	if err == nil {
		good, err = c.belongs(good, leaf, s, known)
	}
	if err != nil && !errors.As(err, &refusal) {
		return nil, nil, err
	}
	return good, refusal, nil
}

// PublishedCertificate is a certificate of a software's key set, and what Check would say of
// it: either why it is good, or why it is not.
type PublishedCertificate struct {
	Certificate *x509.Certificate
	Acceptance  *Acceptance // nil where it is refused
	Refusal     *Error      // nil where it is accepted
}

// EachPublished judges the certificates of the software's key set that wanted accepts, the
// newest first: those that Published would judge, as Check would if a client presented
// them. It is for a bank that looks after its registered clients. Without Authorities the
// chain is left to the TLS layer, as in Check. It does not read a set again. The error is
// that of Published where no key set can be had.
func (c *Checker) EachPublished(ctx context.Context, s Software, wanted func(*x509.Certificate) bool) ([]PublishedCertificate, error) {
	if s.Keys.Source == nil {
		return nil, &Error{Kind: ErrNotOwned, Detail: "no key set is known that could publish a certificate"}
	}
	known, err := readKeys(ctx, s.Keys)
	if err != nil {
		return nil, err
	}
	var all []PublishedCertificate
	for _, leaf := range transportCertificates(known.published, wanted) {
		good, refusal, err := c.judgePublished(ctx, leaf, &s, known)
		if err != nil {
			return nil, err
		}
		if refusal != nil {
			good = nil
		}
		all = append(all, PublishedCertificate{Certificate: leaf, Acceptance: good, Refusal: refusal})
	}
	return all, nil
}

// TransportCertificate returns the certificate that a published key has in x5c, if the key
// is for TLS (use tls, or none). It is nil for any other key, for one without a certificate,
// and where the certificate cannot be read or is over another key. Nobody has judged it.
func TransportCertificate(k *ssa.Key) *x509.Certificate {
	if k.Certificate == nil || k.Use != "" && k.Use != "tls" {
		return nil
	}
	leaf, err := x509.ParseCertificate(k.Certificate)
	if err != nil || !k.Is(leaf.PublicKey) {
		return nil
	}
	return leaf
}

// transportCertificates returns the certificates of keys for TLS that wanted accepts, the
// newest first.
func transportCertificates(keys []ssa.Key, wanted func(*x509.Certificate) bool) []*x509.Certificate {
	var all []*x509.Certificate
	for i := range keys {
		if leaf := TransportCertificate(&keys[i]); leaf != nil && wanted(leaf) {
			all = append(all, leaf)
		}
	}
	slices.SortStableFunc(all, func(a, b *x509.Certificate) int { return cmp.Compare(b.NotBefore.Unix(), a.NotBefore.Unix()) })
	return all[:min(len(all), maxPublished)]
}
