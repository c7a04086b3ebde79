package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

func TestAContradictionIsNamed(t *testing.T) {
	for named, spoil := range map[string]func(*server.Config){
		"Anchors[0] is of the environment": func(c *server.Config) { c.Anchors[0].Environment = claims.Production },
		"of the environment \"production\", which has no directory": func(c *server.Config) {
			c.Clients.Trust.Authorities[claims.Production] = c.Clients.Trust.Authorities[claims.Sandbox]
		},
		"Directories[0] is of the environment": func(c *server.Config) { c.Directories = ssa.KnownDirectories(claims.Production) },
		"Directories[1] is of no environment": func(c *server.Config) {
			c.Directories = append(ssa.KnownDirectories(claims.Sandbox), ssa.KnownDirectory{JWKSURL: "https://keys.example"})
		},
		"Directories[1] is the same directory as Directories[0]": func(c *server.Config) {
			c.Directories = append(ssa.KnownDirectories(claims.Sandbox), ssa.KnownDirectories(claims.Sandbox)...)
		},
		"Anchors[1] is the same directory as Directories[0]": func(c *server.Config) {
			c.Directories = ssa.KnownDirectories(claims.Sandbox)
			a := c.Directories[0].Anchor(nil)
			a.Algorithms, a.MaxAge = nil, 0
			c.Anchors = append(c.Anchors, a)
		},
		"Audiences and Policy.Audiences": func(c *server.Config) {
			p := validate.DefaultPolicy(validate.OBIE33)
			p.Audiences = []string{"0015800001041RHAAY"}
			c.Policy = &p
		},
		"server: Audiences: ": func(c *server.Config) { c.Audiences = []string{"no id"} },
		"grant_types": func(c *server.Config) {
			p := validate.DefaultPolicy(validate.OBIE33)
			p.GrantTypes = slices.DeleteFunc(p.GrantTypes, func(g claims.GrantType) bool { return g == claims.ClientCredentials })
			c.Policy = &p
		},
		"ClientToken":       func(c *server.Config) { c.ClientToken = func(token.AccessToken) bool { return true } },
		"Clients.Server[0]": func(c *server.Config) { c.Clients.Server = []tls.Certificate{{}} },
		"Clients.Server[1]": func(c *server.Config) {
			c.Clients.Server = append(c.Clients.Server, tls.Certificate{Certificate: c.Clients.Server[0].Certificate})
		},
		"Logger":              func(c *server.Config) { c.Logger = &slog.Logger{} },
		"Observer.Instrument": func(c *server.Config) { c.Observer.Instrument = func(string, http.Handler) http.Handler { return nil } },
		"for /token": func(c *server.Config) {
			c.Observer.Instrument = func(string, http.Handler) http.Handler { return http.HandlerFunc(nil) }
		},
		"Clients.Proxy": func(c *server.Config) { c.Clients.Trust.Authorities = nil },
		"ProxyAuthorities are for a proxy": func(c *server.Config) {
			c.Clients.ProxyAuthorities = c.Clients.Trust.Authorities[claims.Sandbox]
		},
		"ProxyAuthorities are for a proxy that speaks TLS": func(c *server.Config) {
			c.Clients.ProxyAuthorities, c.Clients.Server = c.Clients.Trust.Authorities[claims.Sandbox], nil
			c.Clients.Proxy = cert.FromTLS
		},
		"ProxyAuthorities holds a nil": func(c *server.Config) {
			c.Clients.ProxyAuthorities, c.Clients.Proxy = []*x509.Certificate{nil}, cert.FromTLS
		},
	} {
		w := newWorld(t)
		spoil(&w.config)
		_, err := server.New(w.config)
		require.ErrorContains(t, err, named)
	}
	w := newWorld(t)
	w.config.Audiences = []string{"no id"}
	_, err := server.New(w.config)
	require.NotContains(t, err.Error(), "policy")
}

func TestTheSameAudiencesTwiceAreNoContradiction(t *testing.T) {
	w := newWorld(t)
	w.policy(func(p *validate.Policy) { p.Audiences = w.config.Audiences })
	require.Equal(t, w.config.Audiences, w.bank(t).Policy().Audiences)
}

func TestANilOfATypeIsRefusedByName(t *testing.T) {
	for field, spoil := range map[string]func(*server.Config){
		"Store":           func(c *server.Config) { c.Store = (*store.Memory)(nil) },
		"Replay":          func(c *server.Config) { c.Replay = (*store.MemoryReplay)(nil) },
		"Tokens":          func(c *server.Config) { c.Tokens = (*token.Memory)(nil) },
		"Provisioner":     func(c *server.Config) { c.Provisioner = (*provisioner)(nil) },
		"Limiter":         func(c *server.Config) { c.Limiter = (*limit)(nil) },
		"Rest":            func(c *server.Config) { c.Rest = http.HandlerFunc(nil) },
		"Random":          func(c *server.Config) { c.Random = (*tls.Conn)(nil) },
		"Keys.Resolver":   func(c *server.Config) { c.Keys.Resolver = (*ssa.RemoteKeys)(nil) },
		"Anchors[0].Keys": func(c *server.Config) { c.Anchors[0].Keys = (*ssa.RemoteKeys)(nil) },
	} {
		w := newWorld(t)
		spoil(&w.config)
		_, err := server.New(w.config)
		require.ErrorContains(t, err, "server: "+field+" holds a nil")
	}
}

type (
	provisioner struct{ dcr.Provisioner }
	limit       struct{ dcr.Limiter }
)

func TestAPathThatNoRequestHasIsRefused(t *testing.T) {
	t.Parallel()
	fields := map[string]func(*server.Paths) *string{
		"Registration": func(p *server.Paths) *string { return &p.Registration }, "Token": func(p *server.Paths) *string { return &p.Token },
		"Discovery": func(p *server.Paths) *string { return &p.Discovery }, "OpenAPI": func(p *server.Paths) *string { return &p.OpenAPI },
		"Health": func(p *server.Paths) *string { return &p.Health }, "Ready": func(p *server.Paths) *string { return &p.Ready },
	}
	for name, field := range fields {
		for _, path := range []string{"a", "//", "//a", "/a//b", "/a/", "/./a", "/a/..", "/a?b", "/a#b", "/a b", "/a\tb", "/a\x00", "/\u00e4", "/a%20b", "/{id}", "/a\\b", `/"a"`} {
			w := newWorld(t)
			*field(&w.config.Paths) = path
			_, err := server.New(w.config)
			require.ErrorContains(t, err, "Paths."+name+" is ", path)
		}
	}
	for below, paths := range map[string]server.Paths{
		"Token":     {Registration: "/a", Token: "/a/token"},
		"Discovery": {Discovery: "/register/a/b"},
		"OpenAPI":   {Registration: "/openapi.yaml/register"},
	} {
		w := newWorld(t)
		w.config.Paths = paths
		_, err := server.New(w.config)
		require.ErrorContains(t, err, "Paths."+below+" is ")
	}
	w := newWorld(t)
	w.config.Paths = server.Paths{Registration: "/registered/a", Token: "/register-token", Health: "/registered-health", Ready: "/a!$&'()*+,;=:@-._~b"}
	b := w.bank(t)
	require.Equal(t, http.StatusOK, get(b, http.MethodGet, w.config.Paths.Ready).Code)
}

func TestAnEmptyListOfCAsIsNone(t *testing.T) {
	w := newWorld(t)
	w.config.Clients.Trust.Authorities = map[claims.Environment][]*x509.Certificate{claims.Sandbox: nil}
	_, err := server.New(w.config)
	require.ErrorContains(t, err, "which has no CA")
}
