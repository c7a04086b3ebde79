package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
)

// isURL reports whether a name is an address, and not the name of a file.
func isURL(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://")
}

// remoteKeys makes a resolver that reads the key set at an address.
func (a *app) remoteKeys(flag, address, ca string) (ssa.KeyResolver, error) {
	client, err := a.keyClient(flag, address, ca)
	if err != nil {
		return nil, err
	}
	keys, err := tpp.KeySet(address, client)
	if err != nil {
		return nil, usageError("--%s: %w", flag, plainly(err))
	}
	return keys, nil
}

// keyClient makes the client for the key set at an address, which it checks. It uses the
// proxies of the environment. The address may be on any network, also a private one, because
// the user typed it.
func (a *app) keyClient(flag, address, ca string) (*http.Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Contains(address, "#") {
		return nil, usageError("--%s: the address of a key set is an https URL, without userinfo and fragment", flag)
	}
	roots, err := a.loadRoots(ca)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, ForceAttemptHTTP2: true}}, nil
}

// unreadableKeys makes the error for a key set that could not be read; nil for nil.
func unreadableKeys(err error) error {
	var source *ssa.KeySourceError
	if err == nil || !errors.As(err, &source) {
		return err
	}
	hint := ""
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		hint = "; " + hintCA
	}
	return fmt.Errorf("the key set at %s cannot be read: %w%s", source.Host, plainly(source.Cause), hint)
}

// loadRoots reads the CA certificates of --ca; nil, which means the system's, if name is "".
func (a *app) loadRoots(name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil
	}
	f, err := a.open("--ca", name)
	if err != nil {
		return nil, err
	}
	certs, err := f.Authorities(a.opens)
	if err != nil {
		return nil, usageError("%w", err)
	}
	roots := x509.NewCertPool()
	for _, c := range certs {
		roots.AddCert(c)
	}
	return roots, nil
}
