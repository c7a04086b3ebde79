package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
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
	return namedKeys{keys, nil, flag, address}, nil
}

// namedKeys are key sets at addresses whose errors name the flag and the address.
type namedKeys struct {
	keys          ssa.KeyResolver
	revoked       ssa.RevokedKeyResolver
	flag, address string
}

// ResolveKeys asks the keys.
func (n namedKeys) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	keys, err := n.keys.ResolveKeys(ctx, ref)
	return keys, n.named(n.address, err)
}

// ResolveRevokedKeys asks for the withdrawn keys.
func (n namedKeys) ResolveRevokedKeys(ctx context.Context, url string) (ssa.KeySet, error) {
	set, err := n.revoked.ResolveRevokedKeys(ctx, url)
	if n.keys == nil { // which reads its own address
		url = n.address
	}
	return set, n.named(url, err)
}

func (n namedKeys) named(address string, err error) error {
	if err == nil {
		return nil
	}
	return &addressError{"--" + n.flag + " " + cut(address), err}
}

// addressError is an error about what is at an address.
type addressError struct {
	name string // flag and address
	err  error
}

// Error names the flag and the address.
func (e *addressError) Error() string { return e.name + ": " + detail(e.err) }

func (e *addressError) Unwrap() error { return e.err }

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
	return &http.Client{Transport: noPages{tpp.MutualTLS(tls.Certificate{}, roots).Transport}}, nil
}

// noPages refuses an answer that is a page, or another file that is no key set, with an error
// that says so.
type noPages struct{ next http.RoundTripper }

// pageError says what came in the place of a key set.
type pageError struct{ what string }

// Error returns the sentence.
func (e *pageError) Error() string { return "this is " + e.what + ", and no key set" }

// peeked is how much of an answer is looked at to tell what it is, in bytes.
const peeked = 4 << 10

// RoundTrip implements http.RoundTripper.
func (n noPages) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := n.next.RoundTrip(r)
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err
	}
	head := make([]byte, peeked)
	size, err := io.ReadFull(response.Body, head)
	switch f := input.Recognise(string(head[:size])); f.Kind {
	case input.HTML, input.XML, input.Request, input.Statement, input.Certificate, input.Certificates, input.PublicKey, input.Discovery:
		return nil, errors.Join(&pageError{f.What()}, response.Body.Close())
	}
	rest := io.Reader(response.Body)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		rest = failing{err}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head[:size]), rest), response.Body}
	return response, nil
}

// unreadableKeys makes the error for a key set that could not be read; nil for nil.
func (a *app) unreadableKeys(err error) error {
	var source *ssa.KeySourceError
	if err == nil || !errors.As(err, &source) {
		return err
	}
	name := "the key set at " + source.Host
	if at, ok := errors.AsType[*addressError](err); ok {
		name = at.name
	}
	name += ": the key set"
	if page, ok := errors.AsType[*pageError](err); ok {
		return fmt.Errorf("%s cannot be read: %w", name, page)
	}
	if proxy, ok := errors.AsType[*tpp.ProxyError](err); ok {
		return fmt.Errorf("%s cannot be read: %w", name, plainly(proxy))
	}
	hint := ""
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		hint = "; " + a.hintCA()
	}
	if other := (x509.HostnameError{}); errors.As(err, &other) && other.Certificate != nil {
		hint = fmt.Sprintf(": it is for %s, not for %s", cut(strings.Join(other.Certificate.DNSNames, ", ")), cut(other.Host))
	}
	return fmt.Errorf("%s cannot be read: %w%s", name, plainly(source.Cause), hint)
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
	a.cas = "--ca " + shownName(name)
	roots := x509.NewCertPool()
	for _, c := range certs {
		roots.AddCert(c)
	}
	return roots, nil
}
