package tpp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/obdcr/obdcr/internal/text"
)

// handshakeAlerts are the TLS alerts of a server that refuses the client's certificate or
// the protocol version (RFC 8446 section 6.2).
var handshakeAlerts = []tls.AlertError{40, 42, 43, 44, 45, 46, 48, 49, 70, 71, 116}

// notProcessed reports whether an error is an alert of the TLS handshake. Under TLS 1.3
// the alert may arrive after the request was sent; the bank has not read the request then.
func notProcessed(err error) bool {
	alert, ok := alertOf(err)
	return ok && slices.ContainsFunc(handshakeAlerts, func(a tls.AlertError) bool { return a.Error() == alert })
}

// alertOf returns the text of a TLS alert that the peer sent. It compares texts, because
// crypto/tls does not export the type of the alert.
func alertOf(err error) (string, bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return "", false
	}
	return op.Err.Error(), true
}

// networkDetail describes why no answer came, in words of this package: the error's own
// text may hold addresses and much more.
func networkDetail(peer string, err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		dns       *net.DNSError
		record    tls.RecordHeaderError
		timeout   net.Error
		proxy     *ProxyError
		op        *net.OpError
	)
	if errors.As(err, &proxy) {
		return proxy.Detail()
	}
	if errors.As(err, &op) && op.Op == "proxyconnect" && op.Err != nil {
		return "the proxy: " + networkDetail("the proxy", op.Err)
	}
	alert, ok := alertOf(err)
	if ok && alert == tls.AlertError(40).Error() {
		return peer + " ended TLS: it has no suite of TLS 1.2 that FAPI admits (ECDHE with AES-GCM) and no TLS 1.3, or refuses the client certificate: " + alert
	}
	if ok {
		return peer + " ended TLS, as it does when it refuses the client certificate: " + alert
	}
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timed out"
	case errors.As(err, &authority):
		return peer + "'s certificate does not chain to a trusted CA"
	case errors.As(err, &host):
		return peer + "'s certificate is for " + namesOf(host.Certificate) + ", not for " + text.Echo(host.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return peer + "'s certificate has expired or is not valid yet"
	case errors.As(err, &dns):
		return "the host name cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset"
	}
	if errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch) {
		return peer + "'s answer is no TLS: is the address one of https?"
	}
	said := err.Error()
	for _, mark := range noHTTP {
		if strings.Contains(said, mark) {
			return peer + "'s answer is no HTTP answer"
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return peer + " ended the connection before its answer was complete"
	}
	return text.Clip(text.Visible(said), text.MaxDescription)
}

// noHTTP are words of net/http about an answer that it cannot read. It exports no errors for
// them.
var noHTTP = []string{"malformed HTTP", "malformed MIME", "malformed chunked encoding", "invalid header", "bad Content-Length", "invalid Content-Length",
	"unsupported transfer encoding", "too many transfer encodings", "invalid byte in chunk length", "server response headers exceeded", "http2:"}

// mostNames is how many names of a certificate are told.
const mostNames = 4

// namesOf lists the hosts that a certificate is for.
func namesOf(c *x509.Certificate) string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no host"
	}
	more := len(names) > mostNames
	for i := range names {
		names[i] = text.Echo(names[i])
	}
	said := strings.Join(names[:min(len(names), mostNames)], ", ")
	if more {
		said += " and others"
	}
	return said
}

// ProxyError means that the proxy of the environment variables opens no way to a server, or
// that its variable cannot be used.
type ProxyError struct {
	Status   int    // of the proxy's answer; 0 if it was not asked
	Variable string // the environment variable that names the proxy; "" if it was not found
	Problem  string // what is wrong with the variable; "" if the proxy answered
}

// Error returns the detail with the name of the package in front.
func (e *ProxyError) Error() string { return "tpp: " + e.Detail() }

// Detail says what is wrong. It repeats nothing of the variable, which may hold a password.
func (e *ProxyError) Detail() string {
	switch {
	case e.Problem != "":
		return e.Variable + " " + e.Problem
	case e.Status == http.StatusProxyAuthRequired:
		return fmt.Sprintf("the proxy wants a user and password (status 407): write %s as http://USER:PASSWORD@HOST:PORT", e.Variable)
	}
	return fmt.Sprintf("the proxy refused the connection: status %d", e.Status)
}

// proxyAnswer is for http.Transport.OnProxyConnectResponse. Without it the error would be
// the text of the status, and not say whose it is.
func proxyAnswer(_ context.Context, _ *url.URL, _ *http.Request, r *http.Response) error {
	if r.StatusCode == http.StatusOK {
		return nil
	}
	return &ProxyError{Status: r.StatusCode, Variable: proxyVariable()}
}

// proxyVariable is the variable that http.ProxyFromEnvironment reads for an https address.
func proxyVariable() string {
	if os.Getenv("HTTPS_PROXY") == "" && os.Getenv("https_proxy") != "" {
		return "https_proxy"
	}
	return "HTTPS_PROXY"
}

// proxyOf is http.ProxyFromEnvironment with an error for a variable that cannot be used. The
// error names the variable, and not its value.
func proxyOf(r *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(r)
	switch {
	case err != nil || proxy == nil && !isLoopback(r.URL.Hostname()) && !readable(os.Getenv(proxyVariable())):
		return nil, &ProxyError{Variable: proxyVariable(), Problem: "is no address of a proxy: http://HOST:PORT"}
	case proxy != nil && !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, proxy.Scheme):
		return nil, &ProxyError{Variable: proxyVariable(), Problem: "names a kind of proxy that is none of http, https, socks5"}
	}
	return proxy, nil
}

// readable reports whether a variable names a proxy, or is empty. net/http ignores one that it
// cannot read, and would go past the proxy without a word.
func readable(variable string) bool {
	if variable == "" {
		return true
	}
	if u, err := url.Parse(variable); err == nil && u.Scheme != "" && u.Host != "" {
		return true
	}
	u, err := url.Parse("http://" + variable)
	return err == nil && u.Host != ""
}

// isLoopback reports whether a host is this machine, for which no proxy is used.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
