package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/dcr/roles"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/jsonform"
	"github.com/obdcr/obdcr/internal/text"
)

// Portal is the portal beside the bank's API (package dcr/portal).
type Portal struct {
	Address, Listen       string
	TLS                   *Pair
	PlainHTTP             bool
	Issuers               []string
	DirectorySignIn       bool
	SignIn                SignIn
	Operators             portal.Operators
	APIsFile              string
	APIs                  string // JSON; "" where the file has none
	IdleTimeout, Lifetime time.Duration
	Rate                  *Rate
	Look                  Look
}

// SignIn is the OpenID provider where people sign in.
type SignIn struct {
	Issuer, ClientID string
	ClientSecret     SecretRef
	Key              *SignInKey
	Scopes           []string
	Claims           ClaimNames
	ACR, AMR         []string
	MaxAge           time.Duration
	CAFiles          []string
}

// SignInKey is the key of private_key_jwt at the provider.
type SignInKey struct {
	KeyFile, KeyID string
	Algorithm      claims.Algorithm
}

// ClaimNames are those of signin.ClaimNames but that of operators, which Operators has.
type ClaimNames struct{ Email, Name, Associated, Organisations string }

// Look is portal.Look with a file for the logo.
type Look struct {
	Bank, LogoFile     string
	Accent, AccentDark string
	Texts              map[string]string
}

// The defaults of the portal.
const portalListen = ":8444"

func defaultPortal() Portal {
	return Portal{
		Listen: portalListen, Issuers: []string{}, DirectorySignIn: true, IdleTimeout: 15 * time.Minute, Lifetime: 8 * time.Hour,
		SignIn: SignIn{Scopes: []string{}, ACR: []string{}, AMR: []string{}, CAFiles: []string{},
			Claims: ClaimNames{Email: "email", Name: "name", Associated: "tpp_associated", Organisations: "org_id"}},
		Operators: portal.Operators{Emails: []string{}, Values: []string{}}, Look: Look{Texts: map[string]string{}},
	}
}

// defaultForms is how many forms a person may send where the configuration does not say. Each
// that the bank refuses is an entry of the audit trail.
func defaultForms() Rate { return Rate{PerSecond: 1, Burst: 20} }

func defaultSignInKey() SignInKey { return SignInKey{Algorithm: claims.PS256} }

// checkPortal finds what is missing in the portal's section, and what contradicts another
// member. What package dcr/portal finds too is left to it.
func (c *Config) checkPortal(f *jsonform.Faults) {
	p := c.Portal
	if p == nil {
		return
	}
	need := func(at, value, reason string) {
		if value == "" {
			f.Add("portal/"+at, "is missing: %s", reason)
		}
	}
	need("address", p.Address, "write the address at which browsers reach it, such as https://portal.bank.example")
	checkListen(f, "portal/listen", p.Listen, true)
	for _, other := range []struct{ member, address string }{{"listen", c.Listen}, {"admin.listen", c.Admin.Listen}} {
		if sameAddress(p.Listen, other.address) {
			f.Add("portal/listen", "is the address of %s too: choose another port, such as %q", other.member, portalListen)
		}
	}
	switch {
	case p.TLS == nil && !p.PlainHTTP:
		f.Add("portal/tls", "is missing: give certificate_file and key_file, or plain_http: true where a proxy ends TLS in front of the portal")
	case p.TLS != nil && p.PlainHTTP:
		f.Add("portal/plain_http", "and tls exclude each other: leave one of them out")
	case p.TLS != nil:
		need("tls/certificate_file", p.TLS.CertificateFile, "name the PEM file with the portal's certificate")
		need("tls/key_file", p.TLS.KeyFile, "name the PEM file with its key")
	}
	if p.APIsFile != "" && p.APIs != "" {
		f.Add("portal/apis", "and apis_file exclude each other: leave one of them out")
	}
	if len(p.Issuers) == 0 && len(c.issuers()) > 1 {
		f.Add("portal/issuers", "is missing: the bank believes several directories, and the sign-in tells the organisations of some; name these of %s",
			text.List(c.issuers()))
	}
	if !p.DirectorySignIn {
		f.Add("portal/directory_sign_in", "is false, and a file cannot hold the bank's own sign-in: write a program that sets portal.Config.SignIn "+
			"(docs/portal.md), or name an OpenID provider of the bank in sign_in, which tells the same claims")
		return
	}
	s := &p.SignIn
	checkURL(f, "portal/sign_in/issuer", s.Issuer)
	need("sign_in/client_id", s.ClientID, "write what the directory calls the bank")
	checkSecret(f, "portal/sign_in/client_secret", s.ClientSecret)
	if (s.ClientSecret == SecretRef{}) == (s.Key == nil) {
		f.Add("portal/sign_in", "needs one of client_secret_file, client_secret_env and client_key, which is registered at the directory")
	}
	if k := s.Key; k != nil && (k.KeyFile == "" || k.KeyID == "") {
		f.Add("portal/sign_in/client_key", "needs key_file and key_id")
	}
	if s.MaxAge%time.Second != 0 {
		f.Add("portal/sign_in/max_age", "is no whole number of seconds")
	}
}

// issuers are the directories that the bank believes, by the iss of their statements.
func (c *Config) issuers() []string {
	var s server.Config
	var all []string
	c.fillKnown(&s)
	for i := range s.Directories {
		all = append(all, s.Directories[i].Issuer)
	}
	for i := range c.Anchors {
		all = append(all, c.Anchors[i].Issuer)
	}
	return once(all)
}

// apis reads the table of roles that open APIs; nil without one.
func (c *Config) apis() (*roles.Table, error) {
	if c.Portal == nil {
		return nil, nil
	}
	doc, place := []byte(c.Portal.APIs), "portal/apis"
	if c.Portal.APIsFile != "" {
		var err error
		place = "portal/apis_file"
		if doc, err = c.read(place, c.Portal.APIsFile, maxPolicy); err != nil {
			return nil, err
		}
	}
	if len(doc) == 0 {
		return nil, nil
	}
	table, err := roles.ParseTable(doc)
	if err != nil {
		return nil, c.faultAt(place, "%s", text.Detail(err))
	}
	return &table, nil
}

// fillAPIs has the bank decide on subscriptions by the table of the portal.
func (c *Config) fillAPIs(s *server.Config, _ *slog.Logger) error {
	table, err := c.apis()
	if err == nil && table != nil {
		s.MaySubscribe = table.Decide
	}
	return err
}

// portal makes the portal of the configuration; nil where it has none. It opens no connection.
func (c *Config) portal(p parts, registrar *dcr.Registrar) (*portal.Portal, error) {
	if c.Portal == nil {
		return nil, nil
	}
	own := c.Portal
	config := portal.Config{Address: own.Address, Registrar: registrar, Store: p.store, Issuers: own.Issuers, Operators: own.Operators,
		IdleTimeout: own.IdleTimeout, Lifetime: own.Lifetime, Logger: p.log, Discovery: c.Issuer + c.Paths.Discovery,
		Look: portal.Look{Bank: own.Look.Bank, Accent: own.Look.Accent, AccentDark: own.Look.AccentDark, Texts: own.Look.Texts}}
	if len(config.Issuers) == 0 {
		config.Issuers = c.issuers()
	}
	apis, err := c.apis()
	if err != nil {
		return nil, err
	}
	if apis != nil {
		config.APIs = *apis
	}
	if own.Look.LogoFile != "" {
		if config.Look.Logo, err = c.read("portal/look/logo_file", own.Look.LogoFile, maxPEM); err != nil {
			return nil, err
		}
	}
	rate := defaultForms()
	if own.Rate != nil {
		rate = *own.Rate
	}
	if config.Limiter, err = server.NewLimiter(server.Rate{PerSecond: float64(rate.PerSecond), Burst: float64(rate.Burst)}, nil); err != nil {
		return nil, err
	}
	if config.Directory, err = c.directorySignIn(p.log); err != nil {
		return nil, err
	}
	made, err := portal.New(config)
	if err != nil {
		return nil, c.translate(err, spelledPortal)
	}
	return made, nil
}

// directorySignIn describes the bank as a client of the provider.
func (c *Config) directorySignIn(log *slog.Logger) (*signin.Config, error) {
	s := &c.Portal.SignIn
	const place = "portal/sign_in"
	roots, err := c.roots(place+"/ca_files", s.CAFiles)
	if err != nil {
		return nil, err
	}
	config := &signin.Config{Issuer: s.Issuer, ClientID: s.ClientID, Scopes: s.Scopes, ACR: s.ACR, AMR: s.AMR, MaxAge: s.MaxAge,
		Claims: signin.ClaimNames{Email: s.Claims.Email, Name: s.Claims.Name, Associated: s.Claims.Associated, Organisations: s.Claims.Organisations},
		// Like each other server that the configuration names, it may be in the bank's own network.
		Transport: fetch.Transport(roots)}
	if config.ClientSecret, err = c.secret(log, place+"/client_secret", s.ClientSecret); err != nil || s.Key == nil {
		return config, err
	}
	config.Key, err = c.signer(log, place+"/client_key/key_file", s.Key.KeyFile)
	config.KeyID, config.Algorithm = s.Key.KeyID, s.Key.Algorithm
	return config, err
}

// spelledPortal are the names of package dcr/portal in its errors, as spelled has those of
// dcr/server.
var spelledPortal = []string{
	"Directory: signin: ", "portal.sign_in: ", "IdleTimeout", "portal.idle_timeout", "Lifetime", "portal.lifetime", "APIs", "portal.apis",
	"Look: AccentDark", "portal.look.accent_dark", "Look: Accent", "portal.look.accent", "Look: Logo", "portal.look.logo_file", "Look", "portal.look",
	"Operators: Claim and Values", "portal.operators: claim and values", "Operators", "portal.operators", "Address", "portal.address",
	"Issuers", "portal.issuers", "Issuer", "issuer", "ClientID", "client_id", "ClientSecret", "client_secret_file", "KeyID", "key_id", "Key", "client_key",
	"Scopes", "scopes", "ACR", "acr", "AMR", "amr", "MaxAge", "max_age", "Algorithm", "algorithm", "Claims.", "claims.",
}

// ownPortal reads the portal's own certificate; nil where it speaks plain HTTP.
func (c *Config) ownPortal(log *slog.Logger) (*tls.Certificate, error) {
	if c.Portal == nil || c.Portal.TLS == nil {
		return nil, nil
	}
	own, err := c.pair(log, "portal/tls", *c.Portal.TLS)
	if err != nil {
		return nil, err
	}
	return &own, nil
}

// checkPortal looks whether people can sign in, and tells the log why not. The portal serves
// meanwhile: who is signed in needs no directory, and one that was out comes back.
func (r *running) checkPortal(ctx context.Context) {
	if err := r.portal.Check(ctx); err != nil && ctx.Err() == nil {
		r.log.Error("nobody can sign in at the portal", "issuer", r.config.Portal.SignIn.Issuer, "error", text.Bounded{Err: err})
	}
}

// servePortal answers browsers until the context ends, and lets open requests finish then.
func (r *running) servePortal(ctx context.Context, l net.Listener) error {
	paths := &r.config.Paths
	pages := r.metrics.Measure("portal", r.portal.Handler())
	s := r.bank.HTTPServer() // with the limits of the bank's
	s.TLSConfig = nil
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch request.URL.EscapedPath() {
		case paths.Health, paths.Ready:
			r.bank.Handler().ServeHTTP(w, request)
		default:
			pages.ServeHTTP(w, request)
		}
	})
	r.log.Info("the portal serves", "address", l.Addr().String(), "portal", r.config.Portal.Address)
	ended := make(chan error, 1)
	go func() {
		if r.portalOwn.Load() == nil {
			ended <- s.Serve(l)
			return
		}
		s.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: fetch.CipherSuites(),
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return r.portalOwn.Load(), nil }}
		ended <- s.ServeTLS(l, "", "")
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("portal.listen: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), server.DrainTimeout)
	defer cancel()
	if err := s.Shutdown(drain); err != nil {
		return errors.Join(fmt.Errorf("portal.listen: not all that was being answered is finished: %w", err), s.Close())
	}
	return nil
}
