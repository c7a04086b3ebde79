package cert

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
)

// maxAuthorities bounds a PEM file of CAs, in bytes.
const maxAuthorities = 1 << 20

// Authorities are the CAs that a bank believes, by environment. They do not change; a
// bank that renews its files makes new Authorities.
type Authorities struct {
	stores map[claims.Environment]*trustStore
}

type trustStore struct {
	roots, issuing *x509.CertPool
	certificates   []*x509.Certificate
}

// ParseAuthorities reads the certificates of a PEM file of at most 1 MiB. It ignores
// text between them. A file without a certificate, a block that is broken or of
// another type, and a certificate that cannot be parsed are errors (*ConfigError).
func ParseAuthorities(data []byte) ([]*x509.Certificate, error) {
	if len(data) > maxAuthorities {
		return nil, configError("the file of CAs is longer than %d bytes", maxAuthorities)
	}
	blocks, err := pemBlocks(data, "CERTIFICATE")
	if err != nil {
		return nil, configError("%w", err)
	}
	if len(blocks) == 0 {
		return nil, configError("the file of CAs holds no PEM block of type CERTIFICATE; convert DER to PEM")
	}
	all := make([]*x509.Certificate, 0, len(blocks))
	for i, der := range blocks {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, configError("block %d of the PEM file is no certificate: %w", i+1, text.Bounded{Err: err})
		}
		all = append(all, c)
	}
	return all, nil
}

// pemBlocks returns the content of each PEM block. It counts the blocks, because
// pem.Decode skips a broken one without an error, and a CA or a list would be lost.
func pemBlocks(data []byte, kind string) ([][]byte, error) {
	begun := bytes.Count(data, []byte("-----BEGIN "))
	var all [][]byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != kind {
			return nil, fmt.Errorf("block %d of the PEM file is of type %s, not %s", len(all)+1, text.Quote(block.Type), kind)
		}
		all = append(all, block.Bytes)
	}
	if len(all) != begun {
		return nil, fmt.Errorf("the PEM file begins %d blocks, of which %d can be read", begun, len(all))
	}
	return all, nil
}

// NewAuthorities makes a trust store of the root and issuing CAs of each environment.
// List both: a client may leave its issuing CA out, and a proxy seldom passes it on. A
// self-signed certificate is a root.
//
// A certificate that is expired or not yet valid at now, is no CA, may not sign
// certificates, or does not lead to a listed root is an error. The *ConfigError tells
// all of them at once.
func NewAuthorities(list map[claims.Environment][]*x509.Certificate, now time.Time) (*Authorities, error) {
	if len(list) == 0 {
		return nil, configError("no CA is listed for any environment")
	}
	a := &Authorities{stores: map[claims.Environment]*trustStore{}}
	var errs []error
	for _, env := range slices.Sorted(maps.Keys(list)) {
		if env != claims.Sandbox && env != claims.Production {
			errs = append(errs, fmt.Errorf("environment %s of the CAs is neither sandbox nor production", text.Quote(string(env))))
			continue
		}
		store, err := newTrustStore(list[env], now)
		if err != nil {
			errs = append(errs, fmt.Errorf("CAs of %s: %w", env, err))
		}
		a.stores[env] = store
	}
	if err := errors.Join(errs...); err != nil {
		return nil, configError("%w", err)
	}
	return a, nil
}

func newTrustStore(list []*x509.Certificate, now time.Time) (*trustStore, error) {
	s := &trustStore{roots: x509.NewCertPool(), issuing: x509.NewCertPool(), certificates: slices.Clone(list)}
	if len(list) == 0 {
		return nil, errors.New("none is listed")
	}
	var errs []error
	var below []*x509.Certificate
	for i, c := range list {
		switch why := unfit(c, now); {
		case c == nil:
			errs = append(errs, fmt.Errorf("certificate %d is nil", i))
		case why != "":
			errs = append(errs, fmt.Errorf("%s %s", nameOf(c), why))
		case selfSigned(c):
			s.roots.AddCert(c)
		default:
			s.issuing.AddCert(c)
			below = append(below, c)
		}
	}
	for _, c := range below {
		_, err := c.Verify(x509.VerifyOptions{Roots: s.roots, Intermediates: s.issuing, CurrentTime: now,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if err != nil {
			errs = append(errs, fmt.Errorf("%s does not lead to a root that is listed and valid: list its issuer %s", nameOf(c), text.Quote(c.Issuer.String())))
		}
	}
	return s, errors.Join(errs...)
}

// unfit returns the reason why a certificate may not be listed as a CA, "" if it may.
func unfit(c *x509.Certificate, now time.Time) string {
	switch {
	case c == nil:
		return ""
	case !c.BasicConstraintsValid || !c.IsCA:
		return "is no CA (basicConstraints): list the certificates of the CAs, not those they issued"
	case c.KeyUsage&x509.KeyUsageCertSign == 0:
		return "may not sign certificates (keyUsage lacks keyCertSign)"
	case now.After(c.NotAfter):
		return "expired on " + date(c.NotAfter) + ": list the one that replaces it"
	case now.Before(c.NotBefore):
		return "is not valid before " + date(c.NotBefore)
	}
	return ""
}

// selfSigned reports whether a certificate signs itself. It takes SHA-1, which old
// roots use: the bank has listed the certificate, so the signature need not prove it.
func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

func nameOf(c *x509.Certificate) string { return text.Quote(c.Subject.String()) }

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Certificates returns the CAs of all environments, roots and issuing CAs. NewCRLs
// takes them.
func (a *Authorities) Certificates() []*x509.Certificate {
	var all []*x509.Certificate
	for _, env := range slices.Sorted(maps.Keys(a.stores)) {
		all = append(all, a.stores[env].certificates...)
	}
	return all
}

// Chain judges a client certificate at a time, by these checks:
//
//   - The time is within the certificate's validity.
//   - The certificate is for TLS clients: where it states its usage, the extended key
//     usage has clientAuth and the key usage digitalSignature (RFC 5280 section 4.2.1).
//   - Its key is strong enough: RSA of 2048 bits, P-256, or Ed25519 at least.
//   - Its signatures lead to a root of the environment (RFC 5280 section 6).
//
// Chain returns a chain from the leaf to the root. CAs that have signed each other may
// give several; Chain returns the first. The error is an *Error of kind
// ErrNoCertificate, ErrExpired, ErrUsage or ErrUntrusted.
func (a *Authorities) Chain(env claims.Environment, leaf *x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	if err := checkValidity(leaf, now); err != nil {
		return nil, err
	}
	if err := checkUsage(leaf); err != nil {
		return nil, err
	}
	chains, err := a.chains(env, leaf, now)
	if err != nil {
		return nil, err
	}
	return chains[0], nil
}

// chains returns all chains of a certificate, at least one.
func (a *Authorities) chains(env claims.Environment, leaf *x509.Certificate, now time.Time) ([][]*x509.Certificate, error) {
	store, ok := a.stores[env]
	if !ok {
		return nil, &Error{Kind: ErrUntrusted, Detail: "no CA is listed for the environment " + text.Quote(string(env))}
	}
	chains, err := store.verify(leaf, now)
	if err == nil {
		return chains, nil
	}
	refusal := &Error{Kind: ErrUntrusted, Cause: err,
		Detail: fmt.Sprintf("its issuer %s leads to no root of the %s: if it should, list its issuing and root CA", text.Quote(leaf.Issuer.String()), env)}
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		refusal.Kind = ErrExpired
		refusal.Detail = fmt.Sprintf("the CA %s is out of its validity, %s to %s", nameOf(invalid.Cert), date(invalid.Cert.NotBefore), date(invalid.Cert.NotAfter))
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		refusal.Kind, refusal.Detail = ErrUsage, "a CA of its chain may not issue certificates for TLS clients"
	case errors.As(err, &unknown):
		if other := a.elsewhere(env, leaf, now); other != "" {
			refusal.Detail = fmt.Sprintf("it was issued under the CAs of %s, not of %s", other, env)
		}
	default:
		refusal.Detail = "its chain breaks a rule of RFC 5280 section 6, such as a path length, a name constraint or a critical extension"
	}
	return nil, refusal
}

func (s *trustStore) verify(leaf *x509.Certificate, now time.Time) ([][]*x509.Certificate, error) {
	return leaf.Verify(x509.VerifyOptions{Roots: s.roots, Intermediates: s.issuing, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// elsewhere returns another environment whose CAs issued a certificate, "" if none.
func (a *Authorities) elsewhere(env claims.Environment, leaf *x509.Certificate, now time.Time) claims.Environment {
	for other, store := range a.stores {
		if other == env {
			continue
		}
		if _, err := store.verify(leaf, now); err == nil {
			return other
		}
	}
	return ""
}

func checkValidity(leaf *x509.Certificate, now time.Time) error {
	switch {
	case leaf == nil || len(leaf.Raw) == 0:
		return &Error{Kind: ErrNoCertificate, Detail: "there is no parsed certificate to judge"}
	case now.After(leaf.NotAfter):
		return &Error{Kind: ErrExpired, Detail: "it expired on " + date(leaf.NotAfter)}
	case now.Before(leaf.NotBefore):
		return &Error{Kind: ErrExpired, Detail: "it is not valid before " + date(leaf.NotBefore)}
	}
	return nil
}

// checkUsage holds a certificate to the usage that it states. A certificate without
// such extensions may be used for anything (RFC 5280 sections 4.2.1.3 and 4.2.1.12).
func checkUsage(leaf *x509.Certificate) error {
	states := len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0
	client := slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny)
	switch {
	case leaf.IsCA:
		return &Error{Kind: ErrUsage, Detail: "it is the certificate of a CA, not of a client"}
	case states && !client:
		return &Error{Kind: ErrUsage, Detail: "its extended key usage lacks clientAuth: use the transport certificate, not " + purposeOf(leaf)}
	case leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return &Error{Kind: ErrUsage, Detail: "its key usage lacks digitalSignature"}
	}
	return checkStrength(leaf)
}

// purposeOf says which certificate was given in place of the transport certificate.
func purposeOf(leaf *x509.Certificate) string {
	switch {
	case slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth):
		return "that of a server"
	case slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageEmailProtection):
		return "one for e-mail"
	}
	return "the signing one"
}

// minRSA is the least length of an RSA key in bits: 112 bits of security (NIST SP
// 800-57 part 1, table 2). The curves below have at least 128 bits of security.
const minRSA = 2048

func checkStrength(leaf *x509.Certificate) error {
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSA {
			return &Error{Kind: ErrUsage, Detail: fmt.Sprintf("its RSA key has %d bits, of %d at least", bits, minRSA)}
		}
		return nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() || key.Curve == elliptic.P384() || key.Curve == elliptic.P521() {
			return nil
		}
	case ed25519.PublicKey:
		return nil
	}
	return &Error{Kind: ErrUsage, Detail: "its key is neither RSA nor on P-256, P-384, P-521 or Ed25519"}
}
