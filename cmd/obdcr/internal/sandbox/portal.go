package sandbox

import (
	"crypto/rand"
	"crypto/x509"
	"net/http"
	"strings"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/metrics"
	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/dcr/roles"
	"github.com/obdcr/obdcr/dcr/tpp/lintpage"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// bankClient is what the directory calls the bank where people sign in.
const bankClient = "sandbox-bank"

// apis are those of the bank, with the roles that open them.
func apis() roles.Table {
	return roles.Table{Roles: map[string][]claims.Role{"accounts": {claims.AISP}, "payments": {claims.PISP}, "funds-confirmations": {claims.CBPII}},
		Open: []string{"atm-locations"}}
}

// newPortal makes the bank's portal, and has the directory know it.
func newPortal(p parts, b *bank, d *directory) (*portal.Portal, error) {
	c, address := p.config, p.ready.Portal
	secret := claims.NewSecret(rand.Text()) // directory and bank are one process
	config := portal.Config{
		Address: address, Registrar: b.Registrar(), Store: b.store, Issuers: []string{Issuer}, APIs: apis(), Limiter: c.Limiter,
		Discovery: p.ready.Discovery,
		Directory: &signin.Config{Issuer: p.ready.Directory, ClientID: bankClient, ClientSecret: secret, ACR: []string{ssatest.ACRTwoFactors},
			Transport: p.toDirectory()},
		Operators: portal.Operators{Claim: operatorClaim, Values: []string{operatorValue}},
		LintPage:  lintPath,
		Look:      portal.Look{Bank: "Sandbox bank"}, Clock: c.Clock, Logger: c.Logger,
	}
	made, err := portal.New(config)
	if err != nil {
		return nil, failure("%w", err)
	}
	err = d.signIn.AddClient(ssatest.ProviderClient{ID: bankClient, Secret: secret,
		RedirectURIs: []string{address + "/sign-in/answer"}, AfterSignOut: []string{address + "/signed-out"}})
	if err != nil {
		return nil, failure("%w", err)
	}
	return made, nil
}

// lintPath is the path of the page to lint in, at the portal's address.
const lintPath = "/lint"

// newLintPage makes the page to lint in. It judges as the bank does, with the keys that the
// directory publishes.
func newLintPage(p parts, b *bank) (*lintpage.Page, error) {
	authorities, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: {p.ca}}, p.config.Clock())
	if err != nil {
		return nil, failure("%w", err)
	}
	anchor := p.anchor()
	anchor.Keys = b.keys
	page, err := lintpage.New(lintpage.Config{Base: lintPath, Hosts: p.config.names.all(), Clock: p.config.Clock, Presets: []lintpage.Preset{{
		Name: "sandbox", Title: "The bank of this sandbox", Profile: p.config.Profile, Policy: &p.policy, Anchor: &anchor, SoftwareKeys: b.keys,
		Authorities: authorities}}})
	if err != nil {
		return nil, failure("%w", err)
	}
	return page, nil
}

// pages serves the portal, the page to lint in, and the bank's own health beside them: who
// supervises this listener alone asks there.
func (s *Sandbox) pages(bank http.Handler, m *metrics.Metrics) http.Handler {
	portal := m.Measure("portal", s.portal.Handler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.EscapedPath(); path == healthPath || path == readyPath {
			bank.ServeHTTP(w, r)
			return
		}
		if path := r.URL.EscapedPath(); path == lintPath || strings.HasPrefix(path, lintPath+"/") {
			s.lint.ServeHTTP(w, r)
			return
		}
		portal.ServeHTTP(w, r)
	})
}
