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
		proxy     *proxyError
		op        *net.OpError
	)
	if errors.As(err, &proxy) {
		return proxy.Error()
	}
	if errors.As(err, &op) && op.Op == "proxyconnect" && op.Err != nil {
		return "the proxy: " + networkDetail("the proxy", op.Err)
	}
	if alert, ok := alertOf(err); ok {
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

// proxyError means that a proxy opens no way to the peer.
type proxyError struct{ status int }

// Error names the status.
func (e *proxyError) Error() string {
	if e.status == http.StatusProxyAuthRequired {
		return "the proxy wants a user and password (status 407): set the proxy's variable to http://USER:PASSWORD@HOST"
	}
	return fmt.Sprintf("the proxy refused the connection: status %d", e.status)
}

// proxyAnswer is for http.Transport.OnProxyConnectResponse. Without it the error would be
// the text of the status, and not say whose it is.
func proxyAnswer(_ context.Context, _ *url.URL, _ *http.Request, r *http.Response) error {
	if r.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{status: r.StatusCode}
}
