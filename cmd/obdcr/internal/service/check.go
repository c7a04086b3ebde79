package service

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/internal/jsonform"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
)

// The servers whose mapping of names upstream.server chooses.
const (
	plainServer        = "plain"
	keycloakServer     = "keycloak"
	oidcProviderServer = "oidc_provider"
)

// check finds what is missing and what contradicts another member. What package dcr/server
// finds too is left to it (Config.translate).
func (c *Config) check(f *jsonform.Faults) {
	need := func(at, value, reason string) {
		if value == "" {
			f.Add(at, "is missing: %s", reason)
		}
	}
	need("issuer", c.Issuer, "write the bank's own address, such as https://bank.example")
	if c.PolicyFile != "" && c.Policy != "" {
		f.Add("policy", "and policy_file exclude each other: leave one of them out")
	}
	checkListen(f, "listen", c.Listen, true)
	checkListen(f, "admin/listen", c.Admin.Listen, false)
	if sameAddress(c.Listen, c.Admin.Listen) {
		f.Add("admin/listen", "is the address of listen too: choose another port, such as \"127.0.0.1:9090\"")
	}
	if c.TLS != nil {
		need("tls/certificate_file", c.TLS.CertificateFile, "name the PEM file with the bank's certificate")
		need("tls/key_file", c.TLS.KeyFile, "name the PEM file with its key")
	} else if c.Proxy == nil {
		f.Add("tls", "is missing: give certificate_file and key_file, or proxy where one ends TLS in front of the bank")
	}
	for i := range c.Anchors {
		a := &c.Anchors[i]
		at := place("anchors", i)
		need(at+"/issuer", a.Issuer, "it is the iss of the directory's statements")
		if (a.JWKSURL == "") == (a.JWKSFile == "") {
			f.Add(at, "needs either jwks_url or jwks_file, where the directory's own keys are")
		}
	}
	if p := c.Proxy; p != nil {
		need("proxy/header", p.Header, "name the header in which the proxy passes the certificate on")
		checkNetworks(f, "proxy/peers", p.Peers)
	}
	checkNetworks(f, "keys/networks", c.Keys.Networks)
	checkNetworks(f, "keys/not_public", c.Keys.NotPublic)
	c.checkStore(f)
	c.checkServers(f)
	c.checkPortal(f)
	checkSecret(f, "sealing_key", c.SealingKey)
}

func checkListen(f *jsonform.Faults, place, address string, required bool) {
	if address == "" && !required {
		return
	}
	_, port, err := net.SplitHostPort(address)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || strconv.FormatUint(n, 10) != port {
		f.Add(place, "%s is no HOST:PORT, such as \":8443\" or \"127.0.0.1:8443\", with a port of 0..65535", text.Quote(address))
	}
}

// sameAddress reports whether two listeners cannot both be there: their port is one, and so is
// their host, or one of them takes all.
func sameAddress(one, other string) bool {
	a, port, err := net.SplitHostPort(one)
	b, second, bad := net.SplitHostPort(other)
	return err == nil && bad == nil && port == second && port != "0" && (a == b || allHosts(a) || allHosts(b))
}

// allHosts reports whether a host of a listener stands for each address of the machine.
func allHosts(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

func checkNetworks(f *jsonform.Faults, of string, list []string) {
	for i, s := range list {
		if _, err := network(s); err != nil {
			f.Add(place(of, i), "%s is no network, such as 10.0.0.0/8, and no IP address", text.Quote(s))
		}
	}
}

// network reads a network, or an address as the network of it alone.
func network(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

// variable is the name of a variable of the environment, as shells take it.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checkSecret never shows what stands in _env: it may be the secret, written where its
// variable belongs.
func checkSecret(f *jsonform.Faults, place string, s SecretRef) {
	if s.Env != "" && !variable.MatchString(s.Env) {
		f.Add(place+"_env", "is no name of a variable of the environment, such as OBDCR_SECRET; the secret itself belongs into the variable")
	}
	if s.File != "" && s.Env != "" {
		f.Add(place+"_env", "and %s_file exclude each other: leave one of them out", place[strings.LastIndexByte(place, '/')+1:])
	}
}

func (c *Config) checkStore(f *jsonform.Faults) {
	s, given := &c.Store, 0
	for _, v := range []string{s.Path, s.DSN, s.Ref.File, s.Ref.Env} {
		if v != "" {
			given++
		}
	}
	if given != 1 {
		f.Add("store", "needs exactly one of path, dsn, dsn_file and dsn_env: a file of SQLite, or the DSN of PostgreSQL or where it is")
	}
	checkSecret(f, "store/dsn", s.Ref)
	if stores.IsPostgres(s.Path) {
		f.Add("store/path", "is an address of PostgreSQL, not a file of SQLite: move it into a file that dsn_file names, or to dsn where it has no password")
	}
	if s.Path != "" && s.MadeByHand {
		f.Add("store/made_by_hand", "is for PostgreSQL: a file of SQLite is made by the server")
	}
	if s.DSN == "" {
		return
	}
	if !stores.IsPostgres(s.DSN) {
		f.Add("store/dsn", "is no address of PostgreSQL: write postgres://USER@HOST/DATABASE; a file of SQLite is store.path")
	} else if hasPassword(s.DSN) {
		f.Add("store/dsn", "has a password: take it out, or move the whole DSN into a file or a variable that dsn_file or dsn_env names")
	}
}

// hasPassword reports whether a DSN has a password, or cannot be read.
func hasPassword(dsn string) bool {
	u, err := url.Parse(dsn)
	if err != nil {
		at := strings.LastIndexByte(dsn, '@') // an address with several hosts and ports is none of net/url
		return at >= 0 && strings.Contains(dsn[strings.Index(dsn, "//")+2:at], ":") || strings.Contains(dsn, "password=")
	}
	_, secret := u.User.Password()
	return secret || u.Query().Has("password") || u.Query().Has("sslpassword")
}

// checkServers checks what the bank needs to know of other servers.
func (c *Config) checkServers(f *jsonform.Faults) {
	if i := c.Tokens.Introspection; i != nil {
		const place = "tokens/introspection"
		checkURL(f, place+"/url", i.URL)
		checkReach(f, place, i.Reach)
		checkSecret(f, place+"/client_secret", i.ClientSecret)
		if k := i.Key; k != nil && (k.KeyFile == "" || k.KeyID == "" || k.Audience == "") {
			f.Add(place+"/client_key", "needs key_file, key_id and audience")
		}
		if i.Reach.CertificateFile == "" && (i.ClientID == "" || i.ClientSecret == (SecretRef{}) && i.Key == nil) {
			f.Add(place, "has nothing that authenticates the bank: give client_id with client_secret_file, client_secret_env or client_key, "+
				"or a certificate_file with its key_file")
		}
		if c.Tokens.Own {
			f.Add("tokens/own_endpoint", "and introspection exclude each other: choose whether the bank issues tokens itself "+
				"or asks its authorization server")
		}
	}
	if u := c.Upstream; u != nil {
		checkURL(f, "upstream/registration_endpoint", u.RegistrationEndpoint)
		checkReach(f, "upstream", u.Reach)
		checkSecret(f, "upstream/initial_access_token", u.InitialAccessToken)
	}
	if h := c.Hooks; h != nil {
		checkURL(f, "hooks/url", h.URL)
		checkReach(f, "hooks", h.Reach)
		if h.Reach.CertificateFile == "" && h.Reach.KeyFile == "" {
			f.Add("hooks", "needs certificate_file and key_file, by which the bank proves who it is")
		}
		if !h.Approve && !h.Provision {
			f.Add("hooks", "has neither approve nor provision: set one of them to true, or leave hooks out")
		}
		if h.Provision && c.Upstream != nil {
			f.Add("hooks/provision", "and upstream exclude each other: clients are made in one authorization server")
		}
	}
	if (c.Upstream != nil || c.Hooks != nil && c.Hooks.Provision) && c.SealingKey == (SecretRef{}) {
		f.Add("sealing_key_file", "is missing: what the authorization server gives to manage a client by is sealed; name a file with 32 random bytes, "+
			"which openssl rand -hex 32 makes")
	}
}

func checkURL(f *jsonform.Faults, place, address string) {
	if _, err := uri.Endpoint(address); err != nil {
		f.Add(place, "%s", err.Error())
	}
}

func checkReach(f *jsonform.Faults, place string, r Reach) {
	if (r.CertificateFile == "") != (r.KeyFile == "") {
		f.Add(place, "has one of certificate_file and key_file: give both, or leave both out")
	}
}
