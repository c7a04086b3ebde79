package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/internal/text"
)

// refusedByDirectory is an answer of a directory for tests that says no.
type refusedByDirectory struct {
	path   string
	status int
	said   string
}

// Error tells the answer.
func (r *refusedByDirectory) Error() string {
	return fmt.Sprintf("POST %s was answered %d: %s", r.path, r.status, text.Echo(r.said))
}

// badCertificates reads the files of --bad-certificate.
func (a *app) badCertificates(given []string, own tls.Certificate, now time.Time) (map[string]tls.Certificate, error) {
	all := map[string]tls.Certificate{}
	for _, one := range given {
		kind, name, _ := strings.Cut(one, "=")
		_, twice := all[kind]
		if !slices.Contains(conform.CertificateKinds(), kind) || name == "" || twice {
			return nil, usageError("%s %s: it takes KIND=FILE, each kind once: %s", badFlag, cut(one), text.List(conform.CertificateKinds()))
		}
		bad, err := a.badCertificate(kind, name, own, now)
		if err != nil {
			return nil, err
		}
		all[kind] = bad
	}
	return all, nil
}

const badFlag = "--bad-certificate"

// badCertificate reads a file of --bad-certificate. Without a key it is of the software's own. One that is good would
// let a bank fail that is right.
func (a *app) badCertificate(kind, name string, own tls.Certificate, now time.Time) (tls.Certificate, error) {
	var none tls.Certificate
	f, err := a.open(badFlag, name)
	if err != nil {
		return none, err
	}
	chain, err := f.Certificates(a.opens, true)
	if err != nil {
		return none, usageError("%w", err)
	}
	ownKey, _ := own.PrivateKey.(crypto.Signer)
	key := ownKey
	if f.HoldsKey(a.opens) {
		if key, err = f.TransportKey(a.opens); err != nil {
			return none, usageError("%w", err)
		}
	}
	if !isOf(key, chain[0]) {
		return none, usageError("%s: its key is missing: it is not that of the software's transport certificate\n  fix: put certificate and key into one file",
			f.Where())
	}
	if !isBad(kind, chain[0], now) || kind == conform.CertificateUnpublished && isOf(ownKey, chain[0]) {
		return none, usageError("%s: this certificate is not of the kind %s: a bank that takes it would seem to fail", f.Where(), kind)
	}
	bad := tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, c := range chain {
		bad.Certificate = append(bad.Certificate, c.Raw)
	}
	return bad, nil
}

// isBad reports whether a certificate is of its kind, as far as it tells that itself.
func isBad(kind string, c *x509.Certificate, now time.Time) bool {
	switch kind {
	case conform.CertificateExpired:
		return now.After(c.NotAfter)
	case conform.CertificateNotYet:
		return now.Before(c.NotBefore)
	case conform.CertificateServerOnly:
		return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	default:
		return true
	}
}

// useCertificates has --test-directory issue the certificates that the chosen cases need and no
// flag gives. A directory that does not, or not for this software, leaves those cases out.
func (a *app) useCertificates(ctx context.Context, d *testDirectory, c *conform.Config, cases []conform.Case) error {
	var lacked []string
	var why error
	for _, kind := range conform.CertificateKinds() {
		_, given := c.Certificates[kind]
		if given || !slices.ContainsFunc(cases, func(one conform.Case) bool { return one.ID == "certificate."+kind }) {
			continue
		}
		bad, err := d.certificate(ctx, c.Software.Certificate, kind)
		var refused *refusedByDirectory
		if errors.As(err, &refused) {
			lacked, why = append(lacked, kind), err
			continue
		}
		if err != nil {
			return a.directoryError(err)
		}
		c.Certificates[kind] = bad
	}
	if why != nil {
		a.note("warning: --test-directory issues no certificate of the kind %s, which a bank must refuse, so that its case is not run:\n"+indented+"%s",
			text.List(lacked), detail(why))
	}
	return nil
}

// certificate asks for a certificate like a good one, by POST /certificates. It is of the same
// key unless the answer has another one.
func (d *testDirectory) certificate(ctx context.Context, good tls.Certificate, kind string) (tls.Certificate, error) {
	made, err := d.post(ctx, "/certificates?kind="+kind, "application/pem-certificate-chain",
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: good.Certificate[0]}))
	if err != nil {
		return tls.Certificate{}, err
	}
	var answer struct{ Certificate, Key string }
	if err := json.Unmarshal(made, &answer); err != nil {
		return tls.Certificate{}, errors.New("the answer to POST /certificates is no JSON object")
	}
	if answer.Key != "" {
		bad, err := tls.X509KeyPair([]byte(answer.Certificate), []byte(answer.Key))
		if err != nil {
			return bad, errors.New("the answer to POST /certificates is no certificate with its key in PEM")
		}
		return bad, nil
	}
	block, _ := pem.Decode([]byte(answer.Certificate))
	if block == nil {
		return tls.Certificate{}, errors.New("the answer to POST /certificates is no certificate in PEM")
	}
	return tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: good.PrivateKey}, nil
}
