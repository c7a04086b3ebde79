package cert

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/obdcr/obdcr/internal/text"
)

const (
	// maxCRL bounds a file of revocation lists, in bytes.
	maxCRL = 32 << 20
	// crlSkew is how far the clock of a CA may be ahead.
	crlSkew = time.Minute
	// crlRetry is how long a client waits where no list tells the status.
	crlRetry = time.Minute
)

// CRLs is a RevocationChecker that reads certificate revocation lists (RFC 5280 section
// 5), which the bank supplies. Each certificate of a chain but the root needs a list of
// its issuer that is in date. Without one the status is unknown, and the certificate is
// refused. CRLs is safe for concurrent use.
type CRLs struct {
	issuers []*x509.Certificate
	fsys    fs.FS
	names   []string

	mu     sync.RWMutex
	lists  map[issuer]*revocationList // in use
	newest map[issuer]edition         // that was ever in use, also where its list is gone
}

// issuer is a CA by name and key, because two CAs may have one name.
type issuer struct{ name, key string }

func issuerOf(ca *x509.Certificate) issuer {
	return issuer{string(ca.RawSubject), string(ca.RawSubjectPublicKeyInfo)}
}

type revocationList struct {
	edition
	nextUpdate time.Time
	revoked    map[string]time.Time // when, by serial number
}

// edition tells the lists of one issuer apart.
type edition struct {
	thisUpdate time.Time
	number     *big.Int // CRLNumber; nil where the list has none
	content    [sha256.Size]byte
}

// replaces reports whether a list may follow an older one of its issuer. The list's time
// may not go back. Its number may not either, where both lists have one (RFC 5280
// section 5.2.3). Two lists of the same time and number must have the same content.
func (e *edition) replaces(old *edition) bool {
	numbers := 0
	if e.number != nil && old.number != nil {
		numbers = e.number.Cmp(old.number)
	}
	switch times := e.thisUpdate.Compare(old.thisUpdate); {
	case times < 0 || numbers < 0:
		return false
	case times == 0 && numbers == 0:
		return e.content == old.content
	}
	return true
}

func (e *edition) String() string {
	if e.number == nil {
		return "the one of " + date(e.thisUpdate)
	}
	return fmt.Sprintf("number %.64s of %s", e.number.String(), date(e.thisUpdate))
}

// NewCRLs makes a RevocationChecker of lists that are in memory, each DER or PEM. One of
// the issuers must have signed each list; as a rule they are Authorities.Certificates.
//
// A list is an error (*ConfigError) where it is broken, where no issuer has signed it,
// where its validity has no end, and where it covers only a part: delta lists, indirect
// lists, and lists with an issuing distribution point. A list that is out of date is no
// error: the status of a certificate that it does not list is then unknown.
func NewCRLs(issuers []*x509.Certificate, lists ...[]byte) (*CRLs, error) {
	c := &CRLs{issuers: slices.Clone(issuers)}
	if err := c.Replace(lists...); err != nil {
		return nil, err
	}
	return c, nil
}

// LoadCRLFiles is NewCRLs with lists from files of at most 32 MiB. Reload reads the
// files again.
func LoadCRLFiles(fsys fs.FS, issuers []*x509.Certificate, names ...string) (*CRLs, error) {
	if fsys == nil || len(names) == 0 {
		return nil, configError("no file of revocation lists is named")
	}
	c := &CRLs{issuers: slices.Clone(issuers), fsys: fsys, names: slices.Clone(names)}
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files again. On an error it keeps all lists that are in use, until
// they are out of date. Call it as often as the CAs publish.
func (c *CRLs) Reload() error {
	if len(c.names) == 0 {
		return configError("the revocation lists are not from files; use Replace")
	}
	lists := make([][]byte, 0, len(c.names))
	for _, name := range c.names {
		data, err := readFile(c.fsys, name, maxCRL)
		if err != nil {
			return err
		}
		lists = append(lists, data)
	}
	return c.Replace(lists...)
}

func readFile(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fileError(name, err)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fileError(name, err)
	}
	if int64(len(data)) > limit {
		return nil, configError("file %s is longer than %d bytes", text.Quote(name), limit)
	}
	return data, nil
}

// fileError names the file once, shortened.
func fileError(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return configError("file %s cannot be read: %w", text.Quote(name), text.Bounded{Err: err})
}

// Next makes a RevocationChecker of other lists that the issuers have signed, as NewCRLs does,
// and remembers which lists c ever used: none may be older than those, nor contradict them. It
// leaves c as it is. It is for a bank whose CAs change with their lists: for Checker.Renew.
func (c *CRLs) Next(issuers []*x509.Certificate, lists ...[]byte) (*CRLs, error) {
	c.mu.RLock()
	next := &CRLs{issuers: slices.Clone(issuers), newest: maps.Clone(c.newest)}
	c.mu.RUnlock()
	if err := next.Replace(lists...); err != nil {
		return nil, err
	}
	return next, nil
}

// Replace puts new lists in the place of those in use. On an error it keeps all that are
// in use. Of several lists by one issuer it takes the newest.
//
// A list must not be older than any list of its issuer that c ever used, nor have a
// lower CRLNumber: it could give back a certificate that has been revoked since. A list
// of the same time and number must have the same content. Otherwise Replace returns an
// error.
func (c *CRLs) Replace(lists ...[]byte) error {
	if len(lists) == 0 {
		return configError("there is no revocation list; leave the checker's Revocation nil to consult none")
	}
	fresh := map[issuer]*revocationList{}
	for i, data := range lists {
		ders := [][]byte{data}
		if bytes.Contains(data, []byte("-----BEGIN ")) {
			var err error
			if ders, err = pemBlocks(data, "X509 CRL"); err != nil {
				return configError("revocation list %d: %w", i+1, err)
			}
		}
		for _, der := range ders {
			by, list, err := c.parse(der)
			if err != nil {
				return configError("revocation list %d %w", i+1, err)
			}
			if held := fresh[by]; held != nil && !list.replaces(&held.edition) {
				if !held.replaces(&list.edition) {
					return configError("revocation list %d contradicts another by its CA: %s and %s", i+1, &list.edition, &held.edition)
				}
				continue
			}
			fresh[by] = list
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for by, list := range fresh {
		if held, ok := c.newest[by]; ok && !list.replaces(&held) {
			return configError("a revocation list is older than one that was in use, or contradicts it: %s and %s", &list.edition, &held)
		}
	}
	if c.newest == nil {
		c.newest = map[issuer]edition{}
	}
	for by, list := range fresh {
		next := list.edition
		if next.number == nil { // keep the last known number, so that a later list cannot go back behind it
			next.number = c.newest[by].number
		}
		c.newest[by] = next
	}
	c.lists = fresh
	return nil
}

// parse reads a list and finds the CA that signed it. Its errors go on behind the words
// "revocation list 1".
func (c *CRLs) parse(der []byte) (issuer, *revocationList, error) {
	parsed, err := x509.ParseRevocationList(der)
	if err != nil {
		return issuer{}, nil, fmt.Errorf("cannot be read: %w", text.Bounded{Err: err})
	}
	if why := unusable(parsed); why != "" {
		return issuer{}, nil, errors.New(why)
	}
	by, err := c.signer(parsed)
	if err != nil {
		return issuer{}, nil, err
	}
	list := &revocationList{nextUpdate: parsed.NextUpdate,
		edition: edition{thisUpdate: parsed.ThisUpdate, number: parsed.Number, content: sha256.Sum256(parsed.RawTBSRevocationList)},
		revoked: make(map[string]time.Time, len(parsed.RevokedCertificateEntries))}
	for _, entry := range parsed.RevokedCertificateEntries {
		for _, extension := range entry.Extensions {
			// With certificateIssuer, say, the entry is about another CA's certificate.
			if extension.Critical {
				return issuer{}, nil, fmt.Errorf("has an entry with the critical extension %.64s", extension.Id.String())
			}
		}
		list.revoked[serial(entry.SerialNumber)] = entry.RevocationTime
	}
	return issuerOf(by), list, nil
}

func serial(n *big.Int) string { return string(n.Bytes()) }

var (
	oidDelta             = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidDistributionPoint = asn1.ObjectIdentifier{2, 5, 29, 28}
)

// unusable returns the reason why a list cannot speak for all certificates of its issuer,
// "" if it can.
func unusable(l *x509.RevocationList) string {
	for _, extension := range l.Extensions {
		switch {
		case extension.Id.Equal(oidDelta):
			return "is a delta list: supply the complete one"
		case extension.Id.Equal(oidDistributionPoint):
			return "is an indirect or partial list (issuing distribution point): supply the issuer's complete one"
		case extension.Critical:
			return fmt.Sprintf("has the unknown critical extension %.64s", extension.Id.String())
		}
	}
	switch l.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return "is signed with " + l.SignatureAlgorithm.String() + ", which is broken"
	}
	if l.NextUpdate.IsZero() {
		return "does not say until when it holds (nextUpdate)"
	}
	return ""
}

// signer finds the CA that signed a list, by name and signature.
func (c *CRLs) signer(l *x509.RevocationList) (*x509.Certificate, error) {
	err := fmt.Errorf("is by %s, which is none of the CAs", text.Quote(l.Issuer.String()))
	for _, ca := range c.issuers {
		if !bytes.Equal(ca.RawSubject, l.RawIssuer) {
			continue
		}
		bad := l.CheckSignatureFrom(ca)
		if bad == nil {
			return ca, nil
		}
		err = fmt.Errorf("is not signed by %s, whose name it bears: %w", nameOf(ca), text.Bounded{Err: bad})
	}
	return nil, err
}

// NextUpdate returns from when on a list is out of date, of those in use the first; zero if
// there is no list. What is not in that list has an unknown status then, and is refused.
func (c *CRLs) NextUpdate() time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var first time.Time
	for _, list := range c.lists {
		if first.IsZero() || list.nextUpdate.Before(first) {
			first = list.nextUpdate
		}
	}
	return first
}

// CheckRevocation implements RevocationChecker. The error is an *Error of kind
// ErrRevoked or ErrRevocationUnknown. A list that is out of date still proves ErrRevoked
// for the certificates that it lists.
func (c *CRLs) CheckRevocation(_ context.Context, chain []*x509.Certificate, now time.Time) error {
	c.mu.RLock()
	lists := c.lists
	c.mu.RUnlock()
	if len(chain) < 2 {
		return unknownStatus("the chain names no issuer of the certificate")
	}
	var unknown error
	for i, subject := range chain[:len(chain)-1] {
		by := chain[i+1]
		list := lists[issuerOf(by)]
		switch {
		case !bytes.Equal(subject.RawIssuer, by.RawSubject):
			return unknownStatus("the chain is in disorder")
		case list == nil:
			unknown = firstOf(unknown, unknownStatus(fmt.Sprintf("there is no revocation list of the CA %s", nameOf(by))))
			continue
		}
		if when, revoked := list.revoked[serial(subject.SerialNumber)]; revoked {
			return &Error{Kind: ErrRevoked, Detail: fmt.Sprintf("%s was revoked on %s", nameOf(subject), date(when))}
		}
		if now.After(list.nextUpdate) || now.Before(list.thisUpdate.Add(-crlSkew)) {
			unknown = firstOf(unknown, unknownStatus(fmt.Sprintf("the revocation list of the CA %s is out of date: it holds from %s to %s",
				nameOf(by), date(list.thisUpdate), date(list.nextUpdate))))
		}
	}
	return unknown
}

func firstOf(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

func unknownStatus(detail string) error {
	return &Error{Kind: ErrRevocationUnknown, Detail: detail, RetryAfter: crlRetry}
}
