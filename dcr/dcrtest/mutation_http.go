package dcrtest

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/obdcr/obdcr/ssa/ssatest"
)

// named gives a mutation another name.
func (m Mutation) named(name string) Mutation { return Mutation{name, m.apply} }

// HTTP changes the HTTP request before it is sent: its method, path, headers or body.
func HTTP(change func(*http.Request)) Mutation {
	return Mutation{"HTTP", func(d *draft) { d.http = append(d.http, change) }}.needs(change != nil)
}

// Method is another method.
func Method(name string) Mutation {
	return HTTP(func(r *http.Request) { r.Method = name }).named("Method(" + name + ")")
}

// Path is another path.
func Path(path string) Mutation {
	return HTTP(func(r *http.Request) { r.URL.Path, r.URL.RawPath = path, "" }).named(fmt.Sprintf("Path(%q)", path))
}

// HTTPHeader sets a header, or removes it where the value is empty.
func HTTPHeader(name, value string) Mutation {
	return HTTP(func(r *http.Request) {
		if r.Header.Del(name); value != "" {
			r.Header.Set(name, value)
		}
	}).named("HTTPHeader(" + name + ")")
}

// ContentType is another Content-Type; "" sends none.
func ContentType(mediaType string) Mutation { return HTTPHeader("Content-Type", mediaType) }

// Body is another body.
func Body(text string) Mutation {
	return HTTP(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(text)) }).named("Body")
}

// AccessToken is another access token, with Get, Update and Delete; "" sends none.
func AccessToken(value string) Mutation {
	if value != "" {
		value = "Bearer " + value
	}
	return HTTPHeader("Authorization", value)
}

// Form changes the parameters of a token request.
func Form(change func(url.Values)) Mutation {
	return Mutation{"Form", func(d *draft) { d.form = append(d.form, change) }}.needs(change != nil)
}

// Certificate is another client certificate.
func Certificate(c tls.Certificate) Mutation {
	return certificate("Certificate", func(*TPP) (tls.Certificate, error) { return c, nil })
}

// CertificateOf is the client certificate of another software.
func CertificateOf(other *TPP) Mutation {
	return certificate("CertificateOf", func(*TPP) (tls.Certificate, error) { return other.software.TransportCertificate, nil }).needs(other != nil)
}

// NoCertificate sends no client certificate.
func NoCertificate() Mutation { return Certificate(tls.Certificate{}).named("NoCertificate") }

// ExpiredCertificate is a certificate of the software that has expired an hour ago, by the clock
// of the bank.
func ExpiredCertificate() Mutation {
	return certificate("ExpiredCertificate", func(p *TPP) (tls.Certificate, error) {
		return p.software.CertificateWith(ssatest.CertificateForgery{NotAfter: p.bank.Now().Add(-time.Hour)})
	})
}

// ForeignCertificate is like the software's own, of a CA with the right name and another key.
func ForeignCertificate() Mutation {
	return certificate("ForeignCertificate", func(p *TPP) (tls.Certificate, error) {
		return p.software.CertificateWith(ssatest.CertificateForgery{ForeignCA: true})
	})
}

func certificate(name string, c func(*TPP) (tls.Certificate, error)) Mutation {
	return Mutation{name, func(d *draft) { d.certificate = c }}
}
