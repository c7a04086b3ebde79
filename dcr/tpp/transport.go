package tpp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/fetch"
)

const (
	// clientTimeout bounds an exchange with a bank, from DNS to the last byte, if the HTTP
	// client has no Timeout of its own.
	clientTimeout = 30 * time.Second
	// maxAnswer is the greatest length of an answer that a Client reads, in bytes.
	maxAnswer = 512 << 10
)

// MutualTLS makes the HTTP client of a TPP. It uses TLS 1.2 or later, of 1.2 the suites of
// FAPI 1.0 Part 2 section 8.5 alone, and trusts servers that chain to roots (nil: the
// system's). It shows the certificate to every server that
// asks for one, whatever CAs the server names. It uses the proxies of the environment
// variables (HTTPS_PROXY, NO_PROXY); TLS goes through them. Set Timeout for another limit
// of an exchange than 30 seconds.
func MutualTLS(certificate tls.Certificate, roots *x509.CertPool) *http.Client {
	config := fetch.ClientTLS(roots)
	// Some banks name only root CAs, and the certificate is from an intermediate one. With
	// the field Certificates, crypto/tls would send none then.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil }
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  proxyOf,
			OnProxyConnectResponse: proxyAnswer,
			TLSClientConfig:        config,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    10 * time.Second,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// answer is an answer of at most maxAnswer bytes.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	cut     bool        // the body is longer than maxAnswer, or broke off; not of a success
	sentAs  ContentType // of the request
	secrets []string    // of the request, which the answer may repeat
}

// plainClient returns a copy that follows no redirect and keeps no cookie. A redirect
// would repeat a request, with its token, at another address.
func plainClient(c *http.Client) *http.Client {
	plain := *c
	plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	plain.Jar = nil
	return &plain
}

// received is the body of a success for a NoAnswerError. A token endpoint's is not kept,
// because a new token can be asked for.
func received(verb string, body []byte) claims.Secret {
	if verb == verbToken || verb == verbDirectoryToken {
		return claims.Secret{}
	}
	return claims.NewSecret(string(body))
}

// exchange sends a request once and reads the answer. secrets are those of the request.
// Every error is a *NoAnswerError.
func exchange(c *http.Client, verb string, r *http.Request, secrets ...string) (*answer, error) {
	var sent atomic.Bool
	limit := clientTimeout
	if c.Timeout > 0 {
		limit = c.Timeout
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { sent.Store(true) },
	}))
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "application/json")
	}
	response, err := c.Do(r)
	if err != nil {
		return nil, &NoAnswerError{Verb: verb, Sent: sent.Load() && !notProcessed(err), Reason: networkDetail(peerOf(verb), err), Err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	long := len(body) > maxAnswer
	body = body[:min(len(body), maxAnswer)]
	if success := response.StatusCode < http.StatusMultipleChoices; success && (err != nil || long) { // the status of a refusal tells enough
		lost := &NoAnswerError{Verb: verb, Sent: true, Status: response.StatusCode, Reason: "it is longer than 524288 bytes", Document: received(verb, body)}
		if err != nil {
			lost.Reason, lost.Err = networkDetail(peerOf(verb), err), err
		}
		return nil, lost
	}
	_, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return &answer{status: response.StatusCode, header: response.Header, body: body, cut: err != nil || long,
		secrets: append(secrets, credentials)}, nil
}
