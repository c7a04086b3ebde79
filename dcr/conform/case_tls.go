package conform

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// tlsCases are connections that a bank must not take, to the registration and to the token endpoint.
func tlsCases() []Case {
	old := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA}
	good := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
	rows := []struct {
		id, title string
		version   uint16
		suites    []uint16
		taken     bool
	}{
		{"1-2", "TLS 1.2 with a suite of FAPI is taken", tls.VersionTLS12, good, true},
		{"1-1", "TLS 1.1 is refused", tls.VersionTLS11, old, false},
		{"1-0", "TLS 1.0 is refused", tls.VersionTLS10, old, false},
		{"cbc", "A suite with CBC is refused", tls.VersionTLS12,
			[]uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256}, false},
		{"no-forward-secrecy", "A suite without forward secrecy is refused", tls.VersionTLS12,
			[]uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_AES_128_CBC_SHA}, false},
		{"3des", "A suite with 3DES is refused", tls.VersionTLS12,
			[]uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA}, false},
		{"rc4", "A suite with RC4 is refused", tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA}, false},
		{"chacha", "A suite that FAPI does not name is refused under TLS 1.2", tls.VersionTLS12,
			[]uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}, false},
	}
	var all []Case
	for _, e := range []struct {
		id      string
		address func(p *play) string
	}{
		{"", func(p *play) string { return p.metadata().RegistrationEndpoint }},
		{"token-", func(p *play) string { return p.metadata().TokenEndpoint }},
	} {
		for _, r := range rows {
			title := r.title
			if e.id != "" {
				title += " at the token endpoint"
			}
			all = append(all, Case{ID: "tls." + e.id + r.id, Group: "tls", Title: title, Citation: fapi("8.5"),
				run: func(p *play) { p.shake(e.address(p), r.version, r.suites, r.taken) }})
		}
	}
	return append(all, Case{ID: "tls.plain", Group: "tls", Title: "A request without TLS is not answered as one", Citation: fapi("8.5"),
		run: plainHTTP})
}

// shake makes a handshake and looks whether the bank takes it.
func (p *play) shake(address string, version uint16, suites []uint16, taken bool) {
	host := hostOf(address)
	if host == "" {
		p.notRun("the address is not known")
	}
	config := &tls.Config{MinVersion: version, MaxVersion: version, CipherSuites: suites, ServerName: nameOf(host), RootCAs: p.run.config.Roots,
		Certificates: []tls.Certificate{p.software().Certificate}, Time: p.run.config.Clock}
	ctx, cancel := context.WithTimeout(p.ctx, p.run.config.Timeout)
	defer cancel()
	x := p.noted("handshake", "https://"+host)
	c, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", host)
	if err == nil {
		if over, is := c.(*tls.Conn); is {
			state := over.ConnectionState()
			x.Note = "the handshake succeeded with " + tls.VersionName(state.Version) + " and " + tls.CipherSuiteName(state.CipherSuite)
		}
		_ = c.Close()
	} else {
		x.Error = err.Error()
	}
	switch {
	case p.ctx.Err() != nil:
		p.broken("interrupted")
	case taken && err != nil:
		p.fail("a handshake that succeeds")
	case taken:
	case err == nil:
		p.fail("a handshake that fails")
	case !handshake(err):
		p.broken("no handshake: %s", err)
	}
}

// noted adds an exchange that is no HTTP to the case.
func (p *play) noted(verb, address string) *Exchange {
	x := &Exchange{Verb: verb, Sent: Sent{Method: strings.ToUpper(verb), URL: address}}
	p.add(x)
	return x
}

// handshake reports whether a peer has refused a connection, in or right after the handshake: by an alert, or
// by closing it. In TLS 1.3 a request may be on its way by then, and HTTP/2 reports the end of the connection in
// words of its own, which it exports no errors for.
func handshake(err error) bool {
	var alert tls.AlertError
	var operation *net.OpError
	var late net.Error
	switch {
	case errors.As(err, &late) && late.Timeout():
		return false
	case errors.As(err, &alert):
		return true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return true
	case errors.As(err, &operation):
		return operation.Op == "remote error" || operation.Op == "local error" || operation.Op == "read" || operation.Op == "write"
	}
	for ; err != nil; err = errors.Unwrap(err) { // what wraps it may say less
		if strings.Contains(err.Error(), "tls:") || strings.Contains(err.Error(), "http2:") {
			return true
		}
	}
	return false
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), "443")
	}
	return u.Host
}

func nameOf(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return host
	}
	return name
}

// plainHTTP speaks HTTP without TLS to the port of the registration endpoint.
func plainHTTP(p *play) {
	host := hostOf(p.metadata().RegistrationEndpoint)
	x := p.noted("plain", strings.Replace(p.metadata().RegistrationEndpoint, "https://", "http://", 1))
	c, err := (&net.Dialer{Timeout: p.run.config.Timeout}).DialContext(p.ctx, "tcp", host)
	if err != nil {
		p.broken("no connection: %s", err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(min(p.run.config.Timeout, 5*time.Second)))
	q, err := http.NewRequestWithContext(p.ctx, http.MethodPost, "http://"+host+pathOf(p.metadata().RegistrationEndpoint), http.NoBody)
	if err != nil {
		p.notRun("the address cannot be asked: %s", err)
	}
	if err := q.Write(c); err != nil {
		x.Error = err.Error()
		return
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), q)
	if err != nil {
		x.Error = err.Error() // it answered by something else than HTTP, or closed the connection
		return
	}
	_ = answer.Body.Close()
	x.raw = &Received{Status: answer.StatusCode, header: answer.Header}
	if answer.StatusCode != http.StatusBadRequest && answer.StatusCode != http.StatusUpgradeRequired {
		p.fail("no answer as over TLS: a closed connection, or status 400")
	}
}

func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "/"
	}
	return u.EscapedPath()
}
