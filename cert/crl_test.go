package cert_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"sync"
	"testing"
	"testing/fstest"
	"time"

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

// endless makes a list without nextUpdate, which crypto/x509 does not.
func endless(t *testing.T, by *ca) []byte {
	t.Helper()
	var list struct {
		Content struct {
			Version    int
			Algorithm  pkix.AlgorithmIdentifier
			Issuer     asn1.RawValue
			ThisUpdate time.Time
			NextUpdate time.Time        `asn1:"optional"`
			Extensions []pkix.Extension `asn1:"optional,explicit,tag:0"`
		}
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	_, err := asn1.Unmarshal(by.list(t, nil), &list)
	require.NoError(t, err)
	list.Content.NextUpdate = time.Time{}
	content, err := asn1.Marshal(list.Content)
	require.NoError(t, err)
	hash := sha256.Sum256(content)
	signature, err := ecdsa.SignASN1(rand.Reader, by.key, hash[:])
	require.NoError(t, err)
	list.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	der, err := asn1.Marshal(list)
	require.NoError(t, err)
	return der
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
	require.ErrorContains(t, lists.Reload(), "all.pem")
	require.Error(t, p.lists(t).Reload(), "lists that are from no files")
	_, err = cert.LoadCRLFiles(files, p.authorities.Certificates())
	require.Error(t, err)
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
