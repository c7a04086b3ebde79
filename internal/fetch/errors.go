package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
)

// The kinds of an Error.
var (
	// ErrAddress: the address was refused before anything was sent.
	ErrAddress = errors.New("fetch: address refused")
	// ErrNetwork: no whole answer came: DNS, connection, TLS, broken HTTP, time.
	ErrNetwork = errors.New("fetch: no answer")
	// ErrForbiddenNetwork: the name leads to an address that is not public and that
	// the source does not permit. Nothing was sent there.
	ErrForbiddenNetwork = errors.New("fetch: address in a network that is not permitted")
	// ErrAnswer: an answer came and is not one to use: its status (redirects are not
	// followed), media type, content coding or size.
	ErrAnswer = errors.New("fetch: answer refused")
	// ErrConfig: New refused the configuration.
	ErrConfig = errors.New("fetch: configuration refused")
)

// Error is the reason why there is no response.
type Error struct {
	Kind   error // ErrAddress, ErrNetwork, ErrForbiddenNetwork, ErrAnswer or ErrConfig
	detail string
	// Cause is the error beneath, if there is one. Its text may quote the peer at length,
	// so Error leaves it out.
	Cause error
}

// Error is the kind and the detail.
func (e *Error) Error() string { return e.Kind.Error() + ": " + e.detail }

// Detail names the fault in ASCII. It quotes neither the address nor the peer.
func (e *Error) Detail() string { return e.detail }

// Unwrap gives the kind and, where there is one, the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// refuse makes an error without a cause.
func refuse(kind error, detail string) *Error { return &Error{Kind: kind, detail: detail} }

// failure sorts an error of the transport.
func failure(err error) *Error {
	var forbidden *forbiddenError
	if errors.As(err, &forbidden) {
		return &Error{Kind: ErrForbiddenNetwork, detail: forbidden.Error(), Cause: err}
	}
	return &Error{Kind: ErrNetwork, detail: Reason(err), Cause: err}
}

// Reason puts an error of the network into words of our own, in ASCII. It quotes neither the
// address nor the peer.
func Reason(err error) string {
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		op        *net.OpError
		timeout   net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "the caller gave up"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the name of the host does not exist"
	case errors.As(err, &dns):
		return "the name of the host could not be resolved"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it took too long"
	case errors.As(err, &authority):
		return "the certificate of the host is of an unknown authority"
	case errors.As(err, &name):
		return "the certificate of the host is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate of the host has expired or is not yet valid"
	case errors.As(err, &invalid), errors.As(err, &verify):
		return "the certificate of the host is not valid"
	case errors.As(err, &record), errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"):
		return "the TLS handshake with the host failed" // crypto/tls names its alerts so
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the host could not be connected to: connection refused"
	case errors.As(err, &op) && op.Op == "dial":
		return "the host could not be connected to"
	}
	return "the connection failed"
}
