// Command behindproxy registers a client at a bank whose TLS ends at a proxy. The
// proxy verifies the client certificate and passes it on in the header Client-Cert
// (RFC 9440); the bank reads that header from this proxy alone. Then an attacker without
// a certificate sends the header itself, and is refused.
//
// The proxy here is a few lines of Go. The files nginx.conf, haproxy.cfg and httpd.conf beside
// it are for real ones; docs/operations.md compares them.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// header is the header in which the proxy passes the certificate on.
const header = "Client-Cert"

func main() {
	if _, err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "behindproxy:", err)
		os.Exit(1)
	}
}

// outcome has the results of both attempts, for the test.
type outcome struct {
	clientID string // of the TPP that has its certificate
	forged   error  // of the attacker that has none
}

func run(ctx context.Context, out io.Writer) (*outcome, error) {
	directory, err := ssatest.New(ssatest.Options{})
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	if err != nil {
		return nil, err
	}

	b, err := bank(directory)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	inside := httptest.NewUnstartedServer(nil) // plain HTTP, in the bank's own network
	inside.Config = b.HTTPServer()
	inside.Start()
	defer inside.Close()
	fmt.Fprintln(out, "1. bank   listens at", inside.URL, "and reads", header, "from its proxy alone")

	outside, err := proxy(directory, inside.URL)
	if err != nil {
		return nil, err
	}
	defer outside.Close()
	fmt.Fprintln(out, "2. proxy  ends TLS at", outside.URL)

	o := &outcome{}
	party, request, err := client(software, tpp.MutualTLS(software.TransportCertificate, roots(directory)), outside.URL)
	if err != nil {
		return nil, err
	}
	registered, err := party.Register(ctx, request)
	if err != nil {
		return nil, err
	}
	o.clientID = registered.ClientID
	fmt.Fprintln(out, "3. TPP    registers with its certificate, and is client", o.clientID)

	// The attacker has a stolen request and the victim's certificate, but not its key: the
	// certificate is in the header and not in the TLS connection.
	bare := tpp.MutualTLS(tls.Certificate{}, roots(directory))
	bare.Transport = forging{bare.Transport, software.TransportCertificate.Certificate[0]}
	thief, request, err := client(software, bare, outside.URL)
	if err != nil {
		return nil, err
	}
	_, o.forged = thief.Register(ctx, request)
	fmt.Fprintln(out, "4. thief  has no certificate and writes", header, "himself:", o.forged)
	return o, nil
}

// bank makes a bank that takes client certificates from the proxy's header.
func bank(directory *ssatest.Directory) (*server.Bank, error) {
	// The bank believes the header from this network alone. A sender that reaches the bank
	// directly has no certificate, whatever header it sends.
	source, err := cert.FromHeader(cert.HeaderConfig{
		Header: header, Form: cert.FormRFC9440, Peers: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	})
	if err != nil {
		return nil, err
	}
	return server.New(server.Config{
		Issuer:        "https://bank.example", // the proxy, as TPPs know it
		Audiences:     []string{ssatest.DefaultAudience},
		Directories:   []ssa.KnownDirectory{directory.Known()},
		Keys:          server.KeyConfig{Resolver: directory.Resolver()},
		Store:         store.NewMemory(nil),
		TokenEndpoint: true,
		Clients: server.CertificateConfig{
			Proxy: source,
			// The bank verifies the chain again, so that a wrong setting of the proxy does no
			// harm.
			Trust: cert.TrustPolicy{Authorities: map[claims.Environment][]*x509.Certificate{claims.Sandbox: {directory.CA}}},
		},
	})
}

// proxy ends TLS. It removes the header from each incoming request, and sets it only if
// the TLS connection has a verified certificate.
func proxy(directory *ssatest.Directory, bank string) (*httptest.Server, error) {
	target, err := url.Parse(bank)
	if err != nil {
		return nil, err
	}
	certificate, err := directory.ServerCertificate("127.0.0.1")
	if err != nil {
		return nil, err
	}
	server := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Del(header)
		if chains := r.In.TLS.VerifiedChains; len(chains) > 0 {
			r.Out.Header.Set(header, headerOf(chains[0][0].Raw))
		}
	}})
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: roots(directory), MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
	}
	server.StartTLS()
	return server, nil
}

func roots(directory *ssatest.Directory) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(directory.CA)
	return pool
}

// client makes a TPP's client and a request that is ready to send.
func client(s *ssatest.EnrolledSoftware, http *http.Client, bank string) (*tpp.Client, string, error) {
	statement, err := s.SSA(nil)
	if err != nil {
		return nil, "", err
	}
	c, err := tpp.NewClient(tpp.Config{
		HTTP:     http,
		Metadata: &tpp.Metadata{Issuer: bank, RegistrationEndpoint: bank + "/register", TokenEndpoint: bank + "/token"},
		Signer:   s.SigningKey, KeyID: s.SigningKeyID,
	})
	if err != nil {
		return nil, "", err
	}
	request, err := c.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience})
	return c, request, err
}

// headerOf encodes a certificate as RFC 9440 section 2.2 demands.
func headerOf(der []byte) string { return ":" + base64.StdEncoding.EncodeToString(der) + ":" }

// forging adds the header to each request, which only the proxy may do.
type forging struct {
	next http.RoundTripper
	der  []byte
}

func (f forging) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(header, headerOf(f.der))
	return f.next.RoundTrip(r)
}
