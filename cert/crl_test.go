package cert_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io/fs"
	"math/big"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
)

func criticalExtension(id asn1.ObjectIdentifier) pkix.Extension {
	return pkix.Extension{Id: id, Critical: true, Value: []byte{0x30, 0}}
}

func chainOf(t *testing.T, p *pki, leaf *x509.Certificate) []*x509.Certificate {
	t.Helper()
	chain, err := p.authorities.Chain(claims.Sandbox, leaf, noon)
	require.NoError(t, err)
	return chain
}

func TestRevokedCertificatesAreRefused(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	bad, good := p.issuing.transport(t), p.issuing.transport(t)
	lists := p.lists(t, bad)
	require.NoError(t, lists.CheckRevocation(ctx, chainOf(t, p, good), noon))
	require.Contains(t, refused(t, lists.CheckRevocation(ctx, chainOf(t, p, bad), noon), cert.ErrRevoked).Detail, "revoked on 2026-11-21T10:00:00Z")
	refused(t, lists.CheckRevocation(ctx, chainOf(t, p, bad), noon.Add(48*time.Hour)), cert.ErrRevoked)
}

func TestARevokedIssuingCARevokesWhatItIssued(t *testing.T) {
	p := newPKI(t)
	lists, err := cert.NewCRLs(p.authorities.Certificates(), p.root.list(t, nil, p.issuing.cert), p.issuing.list(t, nil))
	require.NoError(t, err)
	refused(t, lists.CheckRevocation(context.Background(), chainOf(t, p, p.issuing.transport(t)), noon), cert.ErrRevoked)

	// Also where the list of the issuing CA itself is missing.
	lists, err = cert.NewCRLs(p.authorities.Certificates(), p.root.list(t, nil, p.issuing.cert))
	require.NoError(t, err)
	refused(t, lists.CheckRevocation(context.Background(), chainOf(t, p, p.issuing.transport(t)), noon), cert.ErrRevoked)
}

func TestAStatusThatNoListTellsIsUnknown(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	chain := chainOf(t, p, p.issuing.transport(t))
	cas := p.authorities.Certificates()
	for _, c := range []struct {
		name  string
		lists [][]byte
		now   time.Time
		says  string
	}{
		{"out of date", [][]byte{p.root.list(t, nil), p.issuing.list(t, nil)}, noon.Add(time.Hour + time.Second), "out of date"},
		{"of the future", [][]byte{p.root.list(t, nil), p.issuing.list(t, nil)}, noon.Add(-2 * time.Hour), "out of date"},
		{"by the root alone", [][]byte{p.root.list(t, nil)}, noon, `no revocation list of the CA "CN=Sandbox Issuing`},
		{"by the issuing CA alone", [][]byte{p.issuing.list(t, nil)}, noon, `no revocation list of the CA "CN=Sandbox Root`},
		{"by the other environment's CAs", [][]byte{p.otherRoot.list(t, nil), p.otherIssuing.list(t, nil)}, noon, "no revocation list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lists, err := cert.NewCRLs(cas, c.lists...)
			require.NoError(t, err)
			e := refused(t, lists.CheckRevocation(ctx, chain, c.now), cert.ErrRevocationUnknown)
			require.Contains(t, e.Detail, c.says)
			require.Positive(t, e.RetryAfter)
		})
	}
	lists := p.lists(t)
	require.NoError(t, lists.CheckRevocation(ctx, chain, noon.Add(-time.Hour-30*time.Second)), "a CA's clock may be a little ahead")
	refused(t, lists.CheckRevocation(ctx, chain[:1], noon), cert.ErrRevocationUnknown)
	refused(t, lists.CheckRevocation(ctx, nil, noon), cert.ErrRevocationUnknown)
	refused(t, lists.CheckRevocation(ctx, []*x509.Certificate{chain[0], chain[2]}, noon), cert.ErrRevocationUnknown)
	refused(t, new(cert.CRLs).CheckRevocation(ctx, chain, noon), cert.ErrRevocationUnknown)
}

// listContent is what an issuer signs of a list.
type listContent struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	Issuer     asn1.RawValue
	ThisUpdate time.Time
	NextUpdate time.Time        `asn1:"optional"`
	Extensions []pkix.Extension `asn1:"optional,explicit,tag:0"`
}

// remade signs a changed list as crypto/x509 makes none.
func remade(t *testing.T, by *ca, der []byte, change func(*listContent)) []byte {
	t.Helper()
	var list struct {
		Content   listContent
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	_, err := asn1.Unmarshal(der, &list)
	require.NoError(t, err)
	change(&list.Content)
	content, err := asn1.Marshal(list.Content)
	require.NoError(t, err)
	hash := sha256.Sum256(content)
	signature, err := ecdsa.SignASN1(rand.Reader, by.key, hash[:])
	require.NoError(t, err)
	list.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	made, err := asn1.Marshal(list)
	require.NoError(t, err)
	return made
}

func endless(t *testing.T, by *ca) []byte {
	t.Helper()
	return remade(t, by, by.list(t, nil), func(content *listContent) { content.NextUpdate = time.Time{} })
}

func TestListsThatCannotBeBelievedAreNotLoaded(t *testing.T) {
	p := newPKI(t)
	cas := p.authorities.Certificates()
	forged := p.issuing.list(t, nil)
	forged[len(forged)-1] ^= 1
	imposter := newRoot(t, "Sandbox Issuing")
	extended := func(id asn1.ObjectIdentifier) []byte {
		return p.issuing.list(t, func(l *x509.RevocationList) { l.ExtraExtensions = append(l.ExtraExtensions, criticalExtension(id)) })
	}
	for _, c := range []struct {
		name, says string
		list       []byte
	}{
		{"a broken signature", "is not signed by", forged},
		{"a CA of the same name", "is not signed by", imposter.list(t, nil)},
		{"a CA that nobody lists", "none of the CAs", newRoot(t, "Stranger").list(t, nil)},
		{"a delta list", "delta list", extended(asn1.ObjectIdentifier{2, 5, 29, 27})},
		{"an indirect or partial list", "issuing distribution point", extended(asn1.ObjectIdentifier{2, 5, 29, 28})},
		{"an unknown critical extension", "unknown critical extension 1.3.6.1.4.1.99999.2", extended(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 2})},
		{"an entry of another issuer", "an entry with the critical extension 2.5.29.29", p.issuing.list(t, func(l *x509.RevocationList) {
			l.RevokedCertificateEntries[0].ExtraExtensions = []pkix.Extension{criticalExtension(asn1.ObjectIdentifier{2, 5, 29, 29})}
		}, p.root.cert)},
		{"SHA-1", "which is broken", p.issuing.list(t, func(l *x509.RevocationList) { l.SignatureAlgorithm = x509.ECDSAWithSHA1 })},
		{"no end", "until when it holds", endless(t, p.issuing)},
		{"garbage", "cannot be read", []byte("<html>")},
		{"a certificate", "is of type \"CERTIFICATE\"", certPEM(p.root.cert)},
	} {
		t.Run(c.name, func(t *testing.T) {
			lists, err := cert.NewCRLs(cas, p.root.list(t, nil), c.list)
			require.ErrorContains(t, err, c.says)
			require.Nil(t, lists)
		})
	}
	_, err := cert.NewCRLs(cas)
	require.Error(t, err)
}

func TestRevocationListsAreReadAgainFromFiles(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	leaf := p.issuing.transport(t)
	chain := chainOf(t, p, leaf)
	bundle := func(lists ...[]byte) *fstest.MapFile {
		var all []byte
		for _, der := range lists {
			all = append(all, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})...)
		}
		return &fstest.MapFile{Data: all}
	}
	files := fstest.MapFS{"all.pem": bundle(p.root.list(t, nil), p.issuing.list(t, nil))}
	lists, err := cert.LoadCRLFiles(files, p.authorities.Certificates(), "all.pem")
	require.NoError(t, err)
	require.NoError(t, lists.CheckRevocation(ctx, chain, noon))

	later := p.issuing.list(t, func(l *x509.RevocationList) { l.ThisUpdate = noon }, leaf)
	files["all.pem"] = bundle(p.root.list(t, nil), later, p.issuing.list(t, nil)) // the newest counts
	require.NoError(t, lists.Reload())
	refused(t, lists.CheckRevocation(ctx, chain, noon), cert.ErrRevoked)

	// What cannot be used leaves the lists that are in use.
	for _, bad := range []*fstest.MapFile{{Data: []byte("x")}, bundle(p.issuing.list(t, nil)), {}} {
		files["all.pem"] = bad
		require.Error(t, lists.Reload())
		refused(t, lists.CheckRevocation(ctx, chain, noon), cert.ErrRevoked)
	}
	delete(files, "all.pem")
	require.ErrorIs(t, lists.Reload(), fs.ErrNotExist)
	err = p.lists(t).Reload()
	misconfigured(t, err, "lists that are from no files")
	_, err = cert.LoadCRLFiles(files, p.authorities.Certificates())
	misconfigured(t, err, "no file is named")
	_, err = cert.LoadCRLFiles(nil, p.authorities.Certificates(), "all.pem")
	misconfigured(t, err, "no file system")
}

func TestTheFirstListToEndTellsWhenTheListsEnd(t *testing.T) {
	p := newPKI(t)
	until := func(hours time.Duration) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) { l.NextUpdate = noon.Add(hours * time.Hour) }
	}
	lists, err := cert.NewCRLs(p.authorities.Certificates(), p.root.list(t, until(5)), p.issuing.list(t, until(3)))
	require.NoError(t, err)
	assert.True(t, noon.Add(3*time.Hour).Equal(lists.NextUpdate()))
	require.NoError(t, lists.Replace(p.root.list(t, until(5)), p.issuing.list(t, func(l *x509.RevocationList) {
		l.ThisUpdate, l.NextUpdate = noon, noon.Add(9*time.Hour)
	})))
	assert.True(t, noon.Add(5*time.Hour).Equal(lists.NextUpdate()))
	assert.Zero(t, new(cert.CRLs).NextUpdate())
}

func TestAFileOfRevocationListsHasALimit(t *testing.T) {
	const limit = 32 << 20
	p := newPKI(t)
	list := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: p.issuing.list(t, nil)})
	load := func(size int) error {
		data := append(bytes.Clone(list), bytes.Repeat([]byte("\n"), size-len(list))...)
		_, err := cert.LoadCRLFiles(fstest.MapFS{"all.pem": {Data: data}}, p.authorities.Certificates(), "all.pem")
		return err
	}
	require.NoError(t, load(limit))
	misconfigured(t, load(limit+1), "one byte too many")
}

// numbered makes a list of a CRLNumber and a time, in minutes after eleven.
func numbered(t *testing.T, by *ca, number, minutes int64, revoked ...*x509.Certificate) []byte {
	t.Helper()
	return by.list(t, func(l *x509.RevocationList) {
		l.Number, l.ThisUpdate = big.NewInt(number), noon.Add(time.Duration(minutes-60)*time.Minute)
	}, revoked...)
}

func TestRevocationListsNeverGoBack(t *testing.T) {
	p := newPKI(t)
	leaf, other := p.issuing.transport(t), p.issuing.transport(t)
	root := p.root.list(t, nil)
	for _, c := range []struct {
		name   string
		next   []byte
		refuse bool
	}{
		{"the same again", numbered(t, p.issuing, 5, 10, leaf), false},
		{"newer and higher", numbered(t, p.issuing, 6, 20), false},
		{"newer of the same number", numbered(t, p.issuing, 5, 20), false},
		{"higher of the same time", numbered(t, p.issuing, 6, 10), false},
		{"older and lower", numbered(t, p.issuing, 4, 5), true},
		{"older of the same number", numbered(t, p.issuing, 5, 5), true},
		{"lower of the same time", numbered(t, p.issuing, 4, 10), true},
		{"newer, but lower", numbered(t, p.issuing, 4, 20), true},
		{"higher, but older", numbered(t, p.issuing, 6, 5), true},
		{"another of the same time and number", numbered(t, p.issuing, 5, 10, other), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			lists, err := cert.NewCRLs(p.authorities.Certificates(), root, numbered(t, p.issuing, 5, 10, leaf))
			require.NoError(t, err)
			check := func() error { return lists.CheckRevocation(context.Background(), chainOf(t, p, leaf), noon) }
			if c.refuse {
				misconfigured(t, lists.Replace(root, c.next), c.name)
				refused(t, check(), cert.ErrRevoked)
			}
			// Nor by way of a time without any list of the issuer.
			require.NoError(t, lists.Replace(root))
			refused(t, check(), cert.ErrRevocationUnknown)
			err = lists.Replace(root, c.next)
			require.Equal(t, c.refuse, err != nil)
			if c.refuse {
				refused(t, check(), cert.ErrRevocationUnknown)
			}
			// What is refused leaves no trace.
			require.NoError(t, lists.Replace(root, numbered(t, p.issuing, 7, 30)))
			require.NoError(t, check())
		})
	}
}

func TestOfSeveralListsByOneCATheNewestCounts(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	leaf, other := p.issuing.transport(t), p.issuing.transport(t)
	root := p.root.list(t, nil)
	for _, c := range []struct {
		name       string
		one, two   []byte
		contradict bool
	}{
		{"by time", numbered(t, p.issuing, 1, 10), numbered(t, p.issuing, 2, 20, leaf), false},
		{"by number", numbered(t, p.issuing, 1, 10), numbered(t, p.issuing, 2, 10, leaf), false},
		{"one twice", numbered(t, p.issuing, 1, 10, leaf), numbered(t, p.issuing, 1, 10, leaf), false},
		{"time against number", numbered(t, p.issuing, 2, 10), numbered(t, p.issuing, 1, 20, leaf), true},
		{"of one time and number", numbered(t, p.issuing, 1, 10, other), numbered(t, p.issuing, 1, 10, leaf), true},
	} {
		for _, order := range [][][]byte{{root, c.one, c.two}, {root, c.two, c.one}} {
			lists, err := cert.NewCRLs(p.authorities.Certificates(), order...)
			if c.contradict {
				misconfigured(t, err, c.name)
				continue
			}
			require.NoError(t, err, c.name)
			refused(t, lists.CheckRevocation(ctx, chainOf(t, p, leaf), noon), cert.ErrRevoked)
		}
	}
}

// unnumbered takes the extensions from a list, the number among them.
func unnumbered(t *testing.T, by *ca, der []byte) []byte {
	t.Helper()
	return remade(t, by, der, func(content *listContent) { content.Extensions = nil })
}

func TestAListWithoutANumberDoesNotHideTheWayBack(t *testing.T) {
	p := newPKI(t)
	lists, err := cert.NewCRLs(p.authorities.Certificates(), numbered(t, p.issuing, 5, 10))
	require.NoError(t, err)
	require.Error(t, lists.Replace(unnumbered(t, p.issuing, numbered(t, p.issuing, 1, 5))))
	require.NoError(t, lists.Replace(unnumbered(t, p.issuing, numbered(t, p.issuing, 1, 20))))
	require.Error(t, lists.Replace(numbered(t, p.issuing, 4, 30)))
	require.NoError(t, lists.Replace(numbered(t, p.issuing, 6, 30)))
}

func TestRevocationListsMayBeReplacedInUse(t *testing.T) {
	p := newPKI(t)
	leaf := p.issuing.transport(t)
	chain, lists := chainOf(t, p, leaf), p.lists(t, leaf)
	root, issuing := p.root.list(t, nil), p.issuing.list(t, nil, leaf)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 50 {
				if err := lists.Replace(root, issuing); err != nil {
					t.Error(err)
				}
			}
		})
		wait.Go(func() {
			for range 50 {
				if lists.CheckRevocation(context.Background(), chain, noon) == nil {
					t.Error("the certificate is revoked at any time")
				}
			}
		})
	}
	wait.Wait()
}
