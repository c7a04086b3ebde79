package signin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/portal/signin"
)

func good() signin.Config {
	return signin.Config{Issuer: "https://directory.example", ClientID: "bank", ClientSecret: secret, RedirectURI: redirectURI,
		Algorithms: []claims.Algorithm{claims.PS256}}
}

func TestNewNamesEveryFaultOfTheConfiguration(t *testing.T) {
	_, err := signin.New(good())
	require.NoError(t, err, "what is not required may be empty")
	_, err = signin.New(signin.Config{})
	require.Error(t, err)
	for _, part := range []string{"Issuer", "ClientID", "RedirectURI", "Algorithms", "neither ClientSecret nor Key"} {
		assert.Contains(t, err.Error(), part)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	keyed := func(c *signin.Config) {
		c.ClientSecret, c.Key, c.KeyID, c.Algorithm = claims.Secret{}, key, "k", claims.ES256
	}
	for name, c := range map[string]struct {
		change func(*signin.Config)
		says   string
	}{
		"http":                   {func(c *signin.Config) { c.Issuer = "http://directory.example" }, "Issuer"},
		"a query of the issuer":  {func(c *signin.Config) { c.Issuer += "?a" }, "Issuer"},
		"a redirect by http":     {func(c *signin.Config) { c.RedirectURI = "http://bank.example" }, "RedirectURI"},
		"a redirect to an app":   {func(c *signin.Config) { c.RedirectURI = "app://bank" }, "RedirectURI"},
		"a fragment":             {func(c *signin.Config) { c.RedirectURI += "#a" }, "RedirectURI"},
		"sign-out by http":       {func(c *signin.Config) { c.AfterSignOut = "http://bank.example" }, "AfterSignOut"},
		"two scopes in one":      {func(c *signin.Config) { c.Scopes = []string{"a b"} }, "Scopes"},
		"two acr in one":         {func(c *signin.Config) { c.ACR = []string{"a b"} }, "ACR"},
		"an empty amr":           {func(c *signin.Config) { c.AMR = []string{""} }, "AMR"},
		"alg none":               {func(c *signin.Config) { c.Algorithms = []claims.Algorithm{claims.PS256, claims.AlgNone} }, `"none"`},
		"alg HS256":              {func(c *signin.Config) { c.Algorithms = []claims.Algorithm{"HS256"} }, `"HS256"`},
		"MaxAge below zero":      {func(c *signin.Config) { c.MaxAge = -time.Second }, "MaxAge"},
		"MaxAge of milliseconds": {func(c *signin.Config) { c.MaxAge = time.Millisecond }, "MaxAge"},
		"both credentials":       {func(c *signin.Config) { c.Key = key }, "both set"},
		"a kid without a key":    {func(c *signin.Config) { c.KeyID = "k" }, "without Key"},
		"a key without a kid":    {func(c *signin.Config) { keyed(c); c.KeyID = "" }, "KeyID"},
		"a key of another kind":  {func(c *signin.Config) { keyed(c); c.Algorithm = "" }, "does not fit"},
		"a nil key":              {func(c *signin.Config) { keyed(c); c.Key = (*rsa.PrivateKey)(nil) }, "nil pointer"},
		"a transport with CAs":   {func(c *signin.Config) { c.Transport, c.CAs = &http.Transport{}, x509.NewCertPool() }, "Transport"},
		"a transport that looks": {func(c *signin.Config) { c.Transport, c.NotPublic = &http.Transport{}, true }, "Transport"},
		"many emails":            {func(c *signin.Config) { c.Claims.Email = "/emails/*" }, "Claims.Email"},
		"a long claim":           {func(c *signin.Config) { c.Claims.Operator = strings.Repeat("a", 257) }, "Claims.Operator"},
	} {
		t.Run(name, func(t *testing.T) {
			config := good()
			c.change(&config)
			s, err := signin.New(config)
			require.ErrorContains(t, err, c.says)
			assert.Nil(t, s)
			assert.NotContains(t, err.Error(), secret.Reveal())
		})
	}
	config := good()
	keyed(&config)
	_, err = signin.New(config)
	require.NoError(t, err)
}

func TestASignInWithoutRandomnessDoesNotBegin(t *testing.T) {
	w := newWorld(t, func(c *signin.Config) { c.Random = iotest.ErrReader(errors.New("out")) })
	answer := httptest.NewRecorder()
	err := w.signIn.Begin(answer, httptest.NewRequest(http.MethodGet, "https://bank.example/", nil), "/")
	require.ErrorIs(t, err, signin.ErrUnavailable)
	assert.Empty(t, answer.Header())
}
