package conform

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/validate"
)

// certificateCases are connections by which nobody may register.
func certificateCases() []Case {
	return slices.Concat(certificates(), []Case{
		{ID: "certificate.own", Group: "certificate", Title: "The software's own certificate opens the registration endpoint",
			Citation: dcr33("endpoints"),
			run:      func(p *play) { p.expectCreated(p.register()) }},
		{ID: "certificate.discovery", Group: "certificate", Title: "The discovery document is there without a client certificate",
			Citation: discovery10("4"), OBIE: []string{"DCR-001"},
			run: func(p *play) {
				issuer := p.metadata().Issuer
				if issuer == "" {
					p.notRun("the bank's issuer is not known")
				}
				q, err := http.NewRequestWithContext(p.ctx, http.MethodGet, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration",
					http.NoBody)
				if err != nil {
					p.notRun("the issuer is no address")
				}
				x := p.send("discover", q, tls.Certificate{})
				if x.lost != nil || x.status() == http.StatusNotFound {
					p.notRun("the document is not at the well-known path of the issuer")
				}
				p.expectStatus(x, http.StatusOK)
				p.expectJSON(x)
			}},
	})
}

// certificates are those that a bank must not believe.
func certificates() []Case {
	rows := []struct {
		id, title string
		rule      string
		of        func(p *play) tls.Certificate
	}{
		{"none", "A registration without a client certificate is refused", validate.RuleCertificateBinding,
			func(*play) tls.Certificate { return tls.Certificate{} }},
		{"self-signed", "A certificate that the sender made is refused", validate.RuleCertificateChain,
			func(p *play) tls.Certificate { return p.made(func(*x509.Certificate) {}) }},
		{"self-signed-expired", "A certificate that the sender made and that has expired is refused", validate.RuleCertificateValidity,
			func(p *play) tls.Certificate {
				return p.made(func(c *x509.Certificate) { c.NotAfter = p.run.config.Clock().Add(-time.Hour) })
			}},
		{"same-key", "A certificate that the sender made of the software's own key is refused: the chain counts",
			validate.RuleCertificateChain, sameKey},
		{"same-name", "A certificate of the software's name and another issuer is refused", validate.RuleCertificateChain,
			func(p *play) tls.Certificate {
				return p.made(func(c *x509.Certificate) { c.RawSubject = p.software().Certificate.Leaf.RawSubject })
			}},
		{"second", "The certificate of another software is refused", validate.RuleCertificateBinding, func(p *play) tls.Certificate {
			return p.second().Certificate
		}},
		{"expired", "A certificate of the directory that has expired is refused", validate.RuleCertificateValidity, special(CertificateExpired)},
		{"not-yet", "A certificate of the directory that is not valid yet is refused", validate.RuleCertificateValidity, special(CertificateNotYet)},
		{"server-only", "A certificate of the directory that is for servers alone is refused",
			validate.RuleCertificatePurpose, special(CertificateServerOnly)},
		{"unpublished", "A certificate of the directory whose key the software does not publish is refused",
			validate.RuleCertificateBinding, special(CertificateUnpublished)},
	}
	var all []Case
	for _, r := range rows {
		var needs []Need
		if r.id == "second" {
			needs = []Need{NeedSecondTPP}
		}
		all = append(all, Case{ID: "certificate." + r.id, Group: "certificate", Title: r.title, Citation: citationOf(r.rule), Rules: []string{r.rule}, Needs: needs,
			run: func(p *play) {
				shown := r.of(p)
				p.expectCreated(p.register())
				p.expectOutside(p.register(certificate(shown)), r.rule)
			}})
	}
	return all
}

// expectOutside ends the case as failed unless a sender is kept out: in the handshake, or by a refusal.
func (p *play) expectOutside(x *Exchange, rule string) {
	if x.lost != nil && handshake(x.lost) {
		return
	}
	p.expectAnswer(x)
	if x.status() < 300 {
		if open := p.run.open([]string{rule}); open != "" {
			p.allowed(open, "the bank accepts what this rule refuses")
		}
		p.fail("a refusal in the handshake, or status 401")
	}
	if x.status() != http.StatusUnauthorized && !p.run.config.Stricter && x.status() < 500 {
		p.allowed("status", "the bank answers %d in the place of 401", x.status())
	}
	p.expectUnauthorised(x)
}

// The kinds of Config.Certificates.
const (
	CertificateExpired     = "expired"     // it was valid before
	CertificateNotYet      = "not-yet"     // it will be valid
	CertificateServerOnly  = "server-only" // its extended key usage is that of a server alone
	CertificateUnpublished = "unpublished" // of a key that no key set of the directory has
)

// CertificateKinds are the kinds of Config.Certificates. The case of a kind is certificate.KIND.
func CertificateKinds() []string {
	return []string{CertificateExpired, CertificateNotYet, CertificateServerOnly, CertificateUnpublished}
}

// special is a certificate that only the directory can issue.
func special(kind string) func(p *play) tls.Certificate {
	return func(p *play) tls.Certificate {
		c, has := p.run.config.Certificates[kind]
		if !has {
			p.notRun("it needs a certificate of the directory of the kind %s", kind)
		}
		return c
	}
}

// made makes a certificate of a new key, which it signs itself.
func (p *play) made(edit func(*x509.Certificate)) tls.Certificate {
	key, err := strangerEC()
	if err != nil {
		p.broken("no key can be made: %s", err)
	}
	return p.certify(key, edit)
}

// sameKey is a certificate of the software's transport key that this key signs itself.
func sameKey(p *play) tls.Certificate {
	return p.certify(p.software().Certificate.PrivateKey, func(c *x509.Certificate) { c.RawSubject = p.software().Certificate.Leaf.RawSubject })
}

// certify makes a certificate that its own key signs.
func (p *play) certify(key any, edit func(*x509.Certificate)) tls.Certificate {
	signer, is := key.(crypto.Signer)
	if !is {
		p.notRun("the key of the client certificate is not at hand")
	}
	now := p.run.config.Clock()
	template := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "obdcr conform"},
		NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(48 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	edit(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), key)
	if err != nil {
		p.notRun("no certificate can be made of the key: %s", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		p.broken("the certificate cannot be read again: %s", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
