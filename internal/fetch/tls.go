package fetch

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/netip"
	"time"
)

// CipherSuites returns the suites of TLS 1.2 that a bank takes part in: those that FAPI 1.0
// Part 2 section 8.5 admits and Go has, and the same two for peers with an ECDSA key. TLS 1.3
// has suites of its own, and no other ones.
func CipherSuites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	}
}

// ClientTLS returns the settings of a client that trusts servers which chain to roots (nil:
// the system's): TLS 1.2 or later, with CipherSuites alone.
func ClientTLS(roots *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, CipherSuites: CipherSuites()}
}

// Transport returns a transport to servers that the bank's or the TPP's own configuration
// names, in the place of http.DefaultTransport. It uses ClientTLS and the proxies of the
// environment variables. A Client for addresses of strangers has a guarded one instead.
func Transport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        ClientTLS(roots),
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           100,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// Guarded returns the transport of a Client whose sources list no host: to servers whose
// addresses a server of the bank's configuration gave away, and with methods other than GET. It
// connects to addresses that are not public only within networks, and to an IP address that
// stands in a URL itself. It sends to any host, and heeds no proxy.
func Guarded(roots *x509.CertPool, networks []netip.Prefix) *http.Transport {
	s := &source{networks: networks}
	return s.guarded(&Config{}, roots)
}
