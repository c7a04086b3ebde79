package ssa_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func TestContradictoryConfigurationsAreRefused(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	anchor := func(change func(*ssa.Anchor)) ssa.VerifierConfig {
		a := d.Anchor()
		change(&a)
		return ssa.VerifierConfig{Anchors: []ssa.Anchor{d.Anchor(), a}, Clock: clock}
	}
	for name, c := range map[string]ssa.VerifierConfig{
		"nothing":             {},
		"no anchor":           {Clock: clock},
		"negative skew":       {Anchors: []ssa.Anchor{d.Anchor()}, Clock: clock, Skew: -1},
		"skew of an hour":     {Anchors: []ssa.Anchor{d.Anchor()}, Clock: clock, Skew: time.Hour},
		"empty anchor":        anchor(func(a *ssa.Anchor) { *a = ssa.Anchor{} }),
		"no issuer":           anchor(func(a *ssa.Anchor) { a.Issuer = "" }),
		"no environment":      anchor(func(a *ssa.Anchor) { a.Environment = "" }),
		"unknown environment": anchor(func(a *ssa.Anchor) { a.Environment = "prdtst" }),
		"no keys":             anchor(func(a *ssa.Anchor) { a.Keys = nil }),
		"no algorithm":        anchor(func(a *ssa.Anchor) { a.Algorithms = nil }),
		"algorithm none":      anchor(func(a *ssa.Anchor) { a.Algorithms = []claims.Algorithm{claims.PS256, claims.AlgNone} }),
		"algorithm HS256":     anchor(func(a *ssa.Anchor) { a.Algorithms = []claims.Algorithm{"HS256"} }),
		"no greatest age":     anchor(func(a *ssa.Anchor) { a.MaxAge = 0 }),
		"negative age":        anchor(func(a *ssa.Anchor) { a.MaxAge = -time.Hour }),
		"negative with exp":   anchor(func(a *ssa.Anchor) { a.MaxAgeWithExp = -1 }),
		"host with a scheme":  anchor(func(a *ssa.Anchor) { a.JWKSHosts = []string{"https://keystore.example"} }),
		"host with a path":    anchor(func(a *ssa.Anchor) { a.JWKSHosts = []string{"keystore.example/keys"} }),
		"host with userinfo":  anchor(func(a *ssa.Anchor) { a.JWKSHosts = []string{"user@keystore.example"} }),
		"host with odd port":  anchor(func(a *ssa.Anchor) { a.JWKSHosts = []string{"keystore.example:https"} }),
		"host not of ASCII":   anchor(func(a *ssa.Anchor) { a.JWKSHosts = []string{strings.Repeat("\u00e9", 90)} }),
		"name not of ASCII":   anchor(func(a *ssa.Anchor) { a.Name, a.MaxAge = strings.Repeat("\u00e9", 90), 0 }),
		"claims not of ASCII": anchor(func(a *ssa.Anchor) { a.ClaimNames = map[string]string{"\u00e9": "iss"} }),
		"claim twice, the same": anchor(func(a *ssa.Anchor) {
			a.ClaimNames = map[string]string{"org_id": "\u00e9", "software_id": "\u00e9"}
		}),
		"empty host":           anchor(func(a *ssa.Anchor) { a.JWKSHosts = []string{""} }),
		"issuer mapped":        anchor(func(a *ssa.Anchor) { a.ClaimNames = map[string]string{"iss": "issuer"} }),
		"claim mapped to iss":  anchor(func(a *ssa.Anchor) { a.ClaimNames = map[string]string{"org_id": "iss"} }),
		"exp mapped away":      anchor(func(a *ssa.Anchor) { a.ClaimNames = map[string]string{"exp": "expires"} }),
		"claim mapped nowhere": anchor(func(a *ssa.Anchor) { a.ClaimNames = map[string]string{"org_id": ""} }),
		"two claims from one": anchor(func(a *ssa.Anchor) {
			a.ClaimNames = map[string]string{"org_id": "id", "software_id": "id"}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			v, err := ssa.NewVerifier(c)
			require.Nil(t, v)
			var refused *ssa.ConfigError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "ssa: "+refused.Detail(), err.Error())
			requireText(t, err)
		})
	}
}

func TestClocksMayDifferByFiveMinutes(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	for skew, admitted := range map[time.Duration]bool{0: true, 5 * time.Minute: true, 5*time.Minute + 1: false} {
		_, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{d.Anchor()}, Clock: clock, Skew: skew})
		require.Equal(t, admitted, err == nil, skew)
	}
}

func TestConfigurationIsCopied(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	a := d.Anchor()
	a.ClaimNames = map[string]string{"software_client_name": "client_name"}
	anchors := []ssa.Anchor{a}
	v := newVerifier(t, anchors...)
	anchors[0].Algorithms[0] = claims.ES256
	anchors[0].JWKSHosts[0] = "evil.example"
	a.ClaimNames["software_client_name"] = "org_name"
	anchors[0] = ssa.Anchor{}
	verified, err := verify(v, mint(t, s, map[string]any{"client_name": "A"}))
	require.NoError(t, err)
	require.Equal(t, "A", verified.Claims().SoftwareClientName.Or(""))
	_, err = verified.SoftwareJWKS()
	require.NoError(t, err)
}

// The OBIE directory's sandbox and production say the same iss. What tells them
// apart is whose key signed, not what the statement says.
func TestAnchorsThatShareAnIssuer(t *testing.T) {
	sandbox := newDirectory(t, ssatest.Options{})
	production := newDirectory(t, ssatest.Options{Environment: claims.Production})
	both := []ssa.Anchor{sandbox.Anchor(), production.Anchor()}
	for _, anchors := range [][]ssa.Anchor{{both[0], both[1]}, {both[1], both[0]}} {
		v := newVerifier(t, anchors...)
		for want, d := range map[claims.Environment]*ssatest.Directory{claims.Sandbox: sandbox, claims.Production: production} {
			s := newSoftware(t, d)
			verified, err := verify(v, mint(t, s, nil))
			require.NoError(t, err)
			require.Equal(t, want, verified.Environment())
			address, err := verified.SoftwareJWKS()
			require.NoError(t, err)
			require.Equal(t, s.JWKSURL(), address)
		}
		s := newSoftware(t, sandbox)
		// The sandbox's key does not make a production statement.
		refused, err := verify(v, mint(t, s, map[string]any{"software_environment": "production"}))
		requireRefused(t, refused, err, ssa.ErrNotApproved, "ssa.environment")
		// Nor does it open production's hosts.
		verified, err := verify(v, mint(t, s, map[string]any{"software_jwks_endpoint": newSoftware(t, production).JWKSURL()}))
		require.NoError(t, err)
		_, err = verified.SoftwareJWKS()
		requireRefused(t, nil, err, ssa.ErrJWKSHost, "ssa.jwks_endpoint.host")

		refused, err = verify(v, forge(t, s, ssatest.Forgery{Key: sandbox.ForgedKey()}))
		requireRefused(t, refused, err, ssa.ErrBadSignature, "ssa.signature")
		refused, err = verify(v, forge(t, s, ssatest.Forgery{Key: sandbox.ForgedKey(), KeyID: production.KeyID()}))
		requireRefused(t, refused, err, ssa.ErrBadSignature, "ssa.signature")
		refused, err = verify(v, forge(t, s, ssatest.Forgery{KeyID: "unknown"}))
		requireRefused(t, refused, err, ssa.ErrKeyNotFound, "ssa.key.found")
	}
}

func TestTheRefusalThatSaysMoreWins(t *testing.T) {
	ps := newDirectory(t, ssatest.Options{})
	es := newDirectory(t, ssatest.Options{Environment: claims.Production, Algorithm: claims.ES256})
	s := newSoftware(t, es)
	down := es.Anchor()
	down.Keys = resolverFunc(func(ssa.KeyRef) ([]ssa.Key, error) { return nil, errors.New("down") })
	for name, c := range map[string]struct {
		anchors [2]ssa.Anchor
		forgery ssatest.Forgery
		kind    error
		rule    string
	}{
		"one anchor allows the algorithm, and has no such key": {
			[2]ssa.Anchor{ps.Anchor(), es.Anchor()}, ssatest.Forgery{KeyID: "x"}, ssa.ErrKeyNotFound, "ssa.key.found"},
		"one anchor allows the algorithm, and is down": {
			[2]ssa.Anchor{ps.Anchor(), down}, ssatest.Forgery{}, ssa.ErrKeySourceUnavailable, "ssa.key.found"},
		"one anchor has no such key, one is down": {
			[2]ssa.Anchor{es.Anchor(), down}, ssatest.Forgery{KeyID: "x"}, ssa.ErrKeySourceUnavailable, "ssa.key.found"},
		"one anchor has the key, one is down": {
			[2]ssa.Anchor{es.Anchor(), down}, ssatest.Forgery{Key: es.ForgedKey()}, ssa.ErrBadSignature, "ssa.signature"},
		"no anchor allows the algorithm": {
			[2]ssa.Anchor{ps.Anchor(), es.Anchor()}, ssatest.Forgery{Algorithm: "none", Unsigned: true}, ssa.ErrAlgorithm, "ssa.header.alg"},
	} {
		t.Run(name, func(t *testing.T) {
			token := forge(t, s, c.forgery)
			for _, anchors := range [][]ssa.Anchor{{c.anchors[0], c.anchors[1]}, {c.anchors[1], c.anchors[0]}} {
				verified, err := verify(newVerifier(t, anchors...), token)
				requireRefused(t, verified, err, c.kind, c.rule)
			}
		})
	}
	// And a good statement passes though the other anchor cannot be asked.
	_, err := verify(newVerifier(t, down, es.Anchor()), mint(t, s, nil))
	require.NoError(t, err)
}

func TestHostsOfSoftwareKeySets(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	a := d.Anchor()
	a.JWKSHosts = []string{"keystore.example", "keystore.example:8443", "[::1]:443"}
	v := newVerifier(t, a)
	for address, admitted := range map[string]bool{
		"https://keystore.example/o/s.jwks":                       true,
		"https://KEYSTORE.example/o/s.jwks":                       true,
		"https://keystore.example:8443/o/s.jwks":                  true,
		"https://keystore.example/o/s.jwks?x=1":                   true,
		"https://[::1]:443/o/s.jwks":                              true,
		"https://keystore.example:444/o/s.jwks":                   false,
		"http://keystore.example/o/s.jwks":                        false,
		"ftp://keystore.example/o/s.jwks":                         false,
		"https:keystore.example/o/s.jwks":                         false,
		"//keystore.example/o/s.jwks":                             false,
		"https:///o/s.jwks":                                       false,
		"https://keystore.example.evil.example/o/s.jwks":          false,
		"https://evil.example/keystore.example":                   false,
		"https://evil.example?keystore.example":                   false,
		"https://evil.example#keystore.example":                   false,
		"https://evil.example#@keystore.example":                  false,
		"https://keystore.example@evil.example/o/s.jwks":          false,
		"https://user@keystore.example/o/s.jwks":                  false,
		"https://user:secret@keystore.example/o/s.jwks":           false,
		"https://keystore.example/o/s.jwks#":                      false,
		"https://keystore.example./o/s.jwks":                      false,
		"https://keystore.example\\@evil.example/o/s.jwks":        false,
		"https://evil.example\\keystore.example/o/s.jwks":         false,
		" https://keystore.example/o/s.jwks":                      false,
		"https://keystore.example/o/s.jwks\n":                     false,
		"https://169.254.169.254/latest/meta-data":                false,
		"https://localhost/o/s.jwks":                              false,
		"https://127.0.0.1/o/s.jwks":                              false,
		"file:///etc/passwd":                                      false,
		"https://":                                                false,
		"":                                                        false,
		"keystore.example":                                        false,
		"https://keystore%2eexample/o/s.jwks":                     false,
		"https://\u212aeystore.example/o/s.jwks":                  false,
		"https://keystore.example:8443:8443/o/s.jwks":             false,
		"https://xn--eystore-abc.example/o/s.jwks":                false,
		"https://keystore.example%00.evil.example/o/s.jwks":       false,
		"https://keystore.example:8443@evil.example:443/o/s.jwks": false,
	} {
		t.Run(address, func(t *testing.T) {
			verified, err := verify(v, mint(t, s, map[string]any{"software_jwks_endpoint": address}))
			require.NoError(t, err)
			got, err := verified.SoftwareJWKS()
			if admitted {
				require.NoError(t, err)
				require.Equal(t, address, got)
				return
			}
			require.Empty(t, got)
			requireRefused(t, nil, err, ssa.ErrJWKSHost, "ssa.jwks_endpoint.host")
		})
	}
	t.Run("no address", func(t *testing.T) {
		verified, err := verify(v, mint(t, s, map[string]any{"software_jwks_endpoint": nil}))
		require.NoError(t, err)
		_, err = verified.SoftwareJWKS()
		requireRefused(t, nil, err, ssa.ErrJWKSHost, "ssa.jwks_endpoint.host")
	})
	t.Run("no host on the list", func(t *testing.T) {
		a := d.Anchor()
		a.JWKSHosts = nil
		verified, err := verify(newVerifier(t, a), mint(t, s, nil))
		require.NoError(t, err)
		_, err = verified.SoftwareJWKS()
		requireRefused(t, nil, err, ssa.ErrJWKSHost, "ssa.jwks_endpoint.host")
	})
}

// Another directory may call its claims otherwise; a claim under the name that was
// mapped away is then one that nobody knows.
func TestClaimNamesOfOtherDirectories(t *testing.T) {
	d := newDirectory(t, ssatest.Options{Issuer: "Open Banking Brasil prod SSA issuer"})
	s := newSoftware(t, d)
	a := d.Anchor()
	a.ClaimNames = map[string]string{"software_jwks_endpoint": "software_jwks_uri", "org_id": "organisation_id"}
	verified, err := verify(newVerifier(t, a), mint(t, s, map[string]any{
		"software_jwks_uri": s.JWKSURL(), "software_jwks_endpoint": "https://evil.example/k",
		"organisation_id": "74e929d9-33b6-4d85-8ba7-c146c867a817", "org_id": nil,
	}))
	require.NoError(t, err)
	require.Equal(t, "74e929d9-33b6-4d85-8ba7-c146c867a817", verified.Claims().OrgID.Or(""))
	address, err := verified.SoftwareJWKS()
	require.NoError(t, err)
	require.Equal(t, s.JWKSURL(), address)

	refused, err := verify(newVerifier(t, a), mint(t, s, map[string]any{"organisation_id": 7}))
	requireRefused(t, refused, err, ssa.ErrMalformed, "ssa.member.type")
	var e *ssa.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "/organisation_id", e.Pointer)
}

func TestVerifyIsSafeForConcurrentUse(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	v := newVerifier(t, d.Anchor())
	statement, err := ssa.Parse(mint(t, s, nil))
	require.NoError(t, err)
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			_, err := v.Verify(context.Background(), statement)
			errs <- err
		}()
	}
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
}
