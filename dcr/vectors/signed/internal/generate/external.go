package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// external are the drafts of rules that keys, certificates and sizes show, which decoded
// vectors cannot.
func external(b *base) []draft {
	return append(append(trusted(b), certificates(b)...), append(withdrawn(b), sizes(b)...)...)
}

// trusted are about whom a bank trusts.
func trusted(b *base) []draft {
	var all []draft
	of := func(name, comment, claim, value string, rules ...string) {
		d := b.draft(name, comment)
		d.ssa[claim] = json.RawMessage(quote(value))
		d.expects(rules, nil)
		all = append(all, d)
	}
	const endpoint, path = "software_jwks_endpoint", "/0015800001041RHAAY/9b5usDpbNtmxDcTzs7GzKp.jwks"
	of("ssa.issuer.trusted/another-directory",
		"A directory that the bank does not know has issued the statement.", "iss", "Another Ltd", validate.RuleSSAIssuerTrusted)
	of("ssa.issuer.trusted/in-another-case", "The issuer is compared byte by byte.", "iss", "OPENBANKING LTD", validate.RuleSSAIssuerTrusted)
	of("ssa.issuer.trusted/with-a-blank", "The issuer is not trimmed.", "iss", "OpenBanking Ltd ", validate.RuleSSAIssuerTrusted)
	of("ssa.issuer.trusted/the-directory", "The directory that the bank trusts has issued the statement.", "iss", issuer)
	of("ssa.jwks_endpoint.host/another-host",
		"The keys of the software lie where the bank reads none.", endpoint, "https://evil.example"+path, validate.RuleSSAJWKSEndpointHost)
	of("ssa.jwks_endpoint.host/a-longer-name",
		"The host begins as a trusted one does.", endpoint, "https://"+keyHost+".evil.example"+path, validate.RuleSSAJWKSEndpointHost)
	of("ssa.jwks_endpoint.host/below-a-trusted-host",
		"A host below a trusted one is another.", endpoint, "https://x."+keyHost+path, validate.RuleSSAJWKSEndpointHost)
	of("ssa.jwks_endpoint.host/another-port", "Another port is another host.", endpoint, "https://"+keyHost+":8443"+path, validate.RuleSSAJWKSEndpointHost)
	of("ssa.jwks_endpoint.host/the-port-of-https", "The port of https may be named.", endpoint, "https://"+keyHost+":443"+path)
	of("ssa.jwks_endpoint.host/in-upper-case", "A host has no case.", endpoint, "https://"+strings.ToUpper(keyHost)+path)
	of("ssa.jwks_endpoint.host/of-withdrawn-keys",
		"The withdrawn keys of the software lie where the bank reads none.", "software_jwks_revoked_endpoint", "https://evil.example"+path,
		validate.RuleSSAJWKSEndpointHost)
	return all
}

// sending gives a draft another client certificate.
func (d *draft) sending(make func(*world) (tls.Certificate, error)) {
	d.keys = func(w *world, k *signed.Keys) error {
		c, err := make(w)
		if err != nil {
			return err
		}
		k.Certificate, err = w.file("transport-"+short(d.vector.Name)+".pem", certificate(c.Leaf))
		return err
	}
}

// serverAuth is the usage of servers.
var serverAuth = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}

// forged is a certificate that differs from the software's own.
func forged(f ssatest.CertificateForgery) func(*world) (tls.Certificate, error) {
	return func(w *world) (tls.Certificate, error) { return w.software.CertificateWith(f) }
}

// certificates are about the client certificate of the connection.
func certificates(b *base) []draft {
	var all []draft
	of := func(name, comment string, make func(*world) (tls.Certificate, error), rules ...string) {
		d := b.draft(name, comment)
		d.sending(make)
		d.expects(rules, nil)
		all = append(all, d)
	}
	handshake := func() { all[len(all)-1].vector.NotOverHTTP = "the handshake of TLS fails, and there is no answer" }
	now := b.draft("", "").vector.Now
	dates := func(from, to time.Duration) func(*world) (tls.Certificate, error) {
		return forged(ssatest.CertificateForgery{NotBefore: now.Add(from), NotAfter: now.Add(to)})
	}
	own := func(w *world) (tls.Certificate, error) { return w.software.TransportCertificate, nil }
	const year = 365 * 24 * time.Hour
	of("certificate.validity/expired", "The certificate has expired an hour ago.", dates(-year, -time.Hour), validate.RuleCertificateValidity)
	handshake()
	of("certificate.validity/expired-a-second-ago",
		"The certificate has expired a second ago: nothing is forgiven.", dates(-year, -time.Second), validate.RuleCertificateValidity)
	handshake()
	of("certificate.validity/in-its-last-second", "The last second of a certificate belongs to it (RFC 5280 section 4.1.2.5).", dates(-year, 0))
	of("certificate.validity/in-its-first-second", "The first second of a certificate belongs to it.", dates(0, year))
	of("certificate.validity/a-second-too-early", "The certificate is valid in a second.", dates(time.Second, year), validate.RuleCertificateValidity)
	handshake()
	of("certificate.purpose/of-signing",
		"The signing certificate of the software ends no TLS.", func(w *world) (tls.Certificate, error) { return w.software.SigningCertificate, nil },
		validate.RuleCertificatePurpose)
	handshake()
	of("certificate.purpose/of-a-server",
		"A certificate for servers alone.", forged(ssatest.CertificateForgery{Usage: serverAuth}), validate.RuleCertificatePurpose)
	handshake()
	of("certificate.purpose/of-transport", "The transport certificate of the software.", own)
	of("certificate.chain/another-ca",
		"A CA with the right name and another key has issued the certificate.", forged(ssatest.CertificateForgery{ForeignCA: true}), validate.RuleCertificateChain)
	handshake()
	of("certificate.chain/the-ca-of-the-directory", "The CA of the directory has issued the certificate.", own)
	of("certificate.binding/another-software",
		"Another software's certificate, of the same CA.", func(w *world) (tls.Certificate, error) { return w.other.TransportCertificate, nil },
		validate.RuleCertificateBinding)
	of("certificate.binding/another-key", "The software's name, over a key that its key set does not have.", func(w *world) (tls.Certificate, error) {
		return w.software.CertificateWith(ssatest.CertificateForgery{Key: w.other.SigningKey})
	}, validate.RuleCertificateBinding)
	of("certificate.binding/renewed", "Another certificate over a key that is published.", forged(ssatest.CertificateForgery{NotAfter: now.Add(year)}))
	return all
}

// withdrawn are about key sets that have changed.
func withdrawn(b *base) []draft {
	var all []draft
	of := func(name, comment string, change func(*world, *signed.Keys) error, rules ...string) {
		d := b.draft(name, comment)
		d.keys = change
		d.expects(rules, nil)
		all = append(all, d)
	}
	revoked := func(places ...int) func(*world, *signed.Keys) error {
		return func(w *world, k *signed.Keys) (err error) {
			k.Revoked, err = w.keysAt("revoked-"+strings.Trim(strings.ReplaceAll(fmt.Sprint(places), " ", "-"), "[]"), places...)
			return err
		}
	}
	published := func(name string, places ...int) func(*world, *signed.Keys) error {
		return func(w *world, k *signed.Keys) (err error) {
			k.Software, err = w.keysAt(name, places...)
			return err
		}
	}
	of("request.key.revoked/withdrawn",
		"The directory has withdrawn the key of the request, which is still in the key set.", revoked(0), validate.RuleRequestKeyRevoked)
	of("certificate.key.revoked/withdrawn",
		"The directory has withdrawn the key of the certificate, which is still in the key set.", revoked(1), validate.RuleCertificateKeyRevoked)
	of("request.key.revoked/published", "No key of the software is withdrawn.", revoked())
	of("request.key.found/transport-key-alone",
		"The key set has the transport key alone.", published("software-transport-alone", 1), validate.RuleRequestKeyFound)
	of("certificate.binding/signing-key-alone",
		"The key set has the signing key alone.", published("software-signing-alone", 0), validate.RuleCertificateBinding)
	of("request.key.found/empty-set", "The software publishes no key.", published("software-none"), validate.RuleRequestKeyFound)
	of("ssa.key.found/empty-set", "The directory publishes no key.", func(w *world, k *signed.Keys) (err error) {
		k.Directory, err = w.keysAt("directory-none")
		return err
	}, validate.RuleSSAKeyFound)
	of("request.key.found/in-the-set", "The key set has the key of the request.", published("software-both", 0, 1))
	return all
}

// sizes are about how long a request is.
func sizes(b *base) []draft {
	const most = 64 << 10
	d := b.draft("request.size/as-long-as-can-be", "A request of 64 KiB, or one byte less.")
	over := b.draft("request.size/too-long", "A request of more than 64 KiB, by a byte or two.")
	d.forge, over.forge = &forgery{payload: paddedTo(most, -1)}, &forgery{payload: paddedTo(most+1, 1)}
	d.expects(nil, nil)
	over.expects([]string{validate.RuleRequestSize}, nil)
	return []draft{d, over}
}

// paddedTo returns a change that makes a payload so long that the token has a number of bytes,
// or, where base64url has no such length, the next in a direction.
func paddedTo(size, direction int) func(string) string {
	const aroundPayload = 84 + 2 + 342 // header, dots and signature
	return func(text string) string {
		for encoded := size - aroundPayload; ; encoded += direction {
			if encoded%4 != 1 {
				return strings.TrimSuffix(text, "}") + strings.Repeat(" ", encoded*3/4-len(text)) + "}"
			}
		}
	}
}
