package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/jsonscan"
)

func TestTheCallsAuthenticate(t *testing.T) {
	a := newIntrospectionServer(t)
	a.body = active(nil)
	secret := a.tokens(t, func(c *token.IntrospectionConfig) { c.ClientID, c.ClientSecret = "bank id", claims.NewSecret("a:b%") })
	_, err := secret.Introspect(context.Background(), claims.NewSecret("x"))
	require.NoError(t, err)
	require.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("bank+id:a%3Ab%25")), a.basic)
	require.NotContains(t, a.form, "client_id")
	require.NotContains(t, a.form, "client_assertion")
	certificate := a.tokens(t, func(c *token.IntrospectionConfig) { c.ClientID = "bank" })
	_, err = certificate.Introspect(context.Background(), claims.NewSecret("x"))
	require.NoError(t, err)
	require.Empty(t, a.basic)
	require.Equal(t, "bank", a.form.Get("client_id"))
	require.NotContains(t, a.form, "client_assertion")
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

func TestTheBankSignsAnAssertionOfItsOwnForEachCall(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	a := newIntrospectionServer(t)
	a.body = active(nil)
	now := time.Unix(1_790_000_000, 999)
	for name, c := range map[string]struct {
		key       crypto.Signer
		algorithm claims.Algorithm
		signed    string
	}{
		"an RSA key":             {rsaKey(t), "", jose.PS256},
		"an RSA key with PS256":  {rsaKey(t), claims.PS256, jose.PS256},
		"an elliptic key":        {curve, "", jose.ES256},
		"an elliptic with ES256": {curve, claims.ES256, jose.ES256},
	} {
		key := &token.AssertionKey{Signer: c.key, KeyID: "k1", Algorithm: c.algorithm, Audience: "https://as.example"}
		tokens := a.tokens(t, func(c *token.IntrospectionConfig) {
			c.ClientID, c.ClientKey, c.Clock = "bank", key, func() time.Time { return now }
		})
		seen := map[string]bool{}
		for range 2 {
			_, err := tokens.Introspect(context.Background(), claims.NewSecret("x"))
			require.NoError(t, err, name)
			require.Empty(t, a.basic, name)
			require.Equal(t, "bank", a.form.Get("client_id"), name)
			require.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", a.form.Get("client_assertion_type"), name)
			jws, err := jose.Parse(a.form.Get("client_assertion"))
			require.NoError(t, err, name)
			require.NoError(t, jws.Verify(jose.Key{ID: "k1", Public: c.key.Public()}, []string{c.signed}), name)
			payload, err := jsonscan.Parse(jws.Payload())
			require.NoError(t, err, name)
			jti, _ := payload.MemberText("jti")
			require.NotEmpty(t, jti, name)
			require.False(t, seen[jti], "%s: a jti is used once", name)
			seen[jti] = true
			require.JSONEq(t, `{"iss":"bank","sub":"bank","aud":"https://as.example","iat":1790000000,"exp":1790000060,"jti":"`+jti+`"}`, jws.Payload(), name)
		}
		require.Equal(t, c.algorithm, key.Algorithm, "the caller's own stays as it is")
	}
}

// brokenSigner signs as long as it is let.
type brokenSigner struct {
	*rsa.PrivateKey
	broken bool
}

var errDevice = errors.New("the device is gone")

func (b *brokenSigner) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if b.broken {
		return nil, errDevice
	}
	return b.PrivateKey.Sign(random, digest, opts)
}

func TestAKeyThatFailsIsAnOutage(t *testing.T) {
	a := newIntrospectionServer(t)
	a.body = active(nil)
	signer := &brokenSigner{PrivateKey: rsaKey(t)}
	tokens := a.tokens(t, func(c *token.IntrospectionConfig) {
		c.ClientID, c.ClientKey = "bank", &token.AssertionKey{Signer: signer, KeyID: "k1", Audience: "https://as.example"}
	})
	signer.broken = true
	_, err := tokens.Introspect(context.Background(), claims.NewSecret("x"))
	require.ErrorIs(t, err, errDevice)
	require.NotErrorIs(t, err, token.ErrInvalid)
	require.Zero(t, a.visited)
}

func TestIntrospectionRefusesAConfigurationThatContradictsItself(t *testing.T) {
	key := rsaKey(t)
	small, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	withKey := func(change func(*token.AssertionKey)) func(*token.IntrospectionConfig) {
		return func(c *token.IntrospectionConfig) {
			k := token.AssertionKey{Signer: key, KeyID: "k1", Audience: "https://as.example"}
			change(&k)
			c.ClientID, c.ClientKey = "bank", &k
		}
	}
	nobody := func(context.Context, token.AccessToken) (token.Authentication, error) {
		return token.Authentication{}, nil
	}
	nothing := func(context.Context, token.Revocation) (token.Revoked, error) { return token.Revoked{}, nil }
	for name, c := range map[string]struct {
		change func(*token.IntrospectionConfig)
		good   bool
	}{
		"a key":                       {withKey(func(*token.AssertionKey) {}), true},
		"revocation as the client":    {func(c *token.IntrospectionConfig) { c.Revocation = token.RevokeAsClient(nobody) }, true},
		"revocation by a function":    {func(c *token.IntrospectionConfig) { c.Revocation, c.RevocationURL = token.RevokeWith(nothing), "" }, true},
		"no revocation, by choice":    {func(c *token.IntrospectionConfig) { c.Revocation, c.RevocationURL = token.NoRevocation(), "" }, true},
		"a secret over an own client": {func(c *token.IntrospectionConfig) { c.ClientID, c.ClientSecret = "bank", claims.NewSecret("x") }, true},
		"a secret over a default": {func(c *token.IntrospectionConfig) {
			c.ClientID, c.ClientSecret, c.HTTPClient = "bank", claims.NewSecret("x"), nil
		}, true},

		"no introspection":       {func(c *token.IntrospectionConfig) { c.IntrospectionURL = "" }, false},
		"no revocation":          {func(c *token.IntrospectionConfig) { c.RevocationURL = "" }, false},
		"as the bank, nowhere":   {func(c *token.IntrospectionConfig) { c.RevocationURL, c.Revocation = "", token.RevokeAsBank() }, false},
		"as the client, nowhere": {func(c *token.IntrospectionConfig) { c.RevocationURL, c.Revocation = "", token.RevokeAsClient(nobody) }, false},
		"as nobody":              {func(c *token.IntrospectionConfig) { c.Revocation = token.RevokeAsClient(nil) }, false},
		"by no function":         {func(c *token.IntrospectionConfig) { c.RevocationURL, c.Revocation = "", token.RevokeWith(nil) }, false},
		"by two ways":            {func(c *token.IntrospectionConfig) { c.Revocation = token.RevokeWith(nothing) }, false},
		"by none, at an address": {func(c *token.IntrospectionConfig) { c.Revocation = token.NoRevocation() }, false},
		"tokens in the clear":    {func(c *token.IntrospectionConfig) { c.IntrospectionURL = "http://as.example/introspect" }, false},
		"metadata in the clear":  {func(c *token.IntrospectionConfig) { c.MetadataURL = "http://as.example/" }, false},
		"userinfo":               {func(c *token.IntrospectionConfig) { c.RevocationURL = "https://a:b@as.example/" }, false},
		"nothing authenticates":  {func(c *token.IntrospectionConfig) { c.HTTPClient = nil }, false},
		"an identifier alone":    {func(c *token.IntrospectionConfig) { c.HTTPClient, c.ClientID = nil, "bank" }, false},
		"a secret without an ID": {func(c *token.IntrospectionConfig) { c.ClientSecret = claims.NewSecret("x") }, false},
		"a key without an ID": {func(c *token.IntrospectionConfig) {
			withKey(func(*token.AssertionKey) {})(c)
			c.ClientID = ""
		}, false},
		"a secret and a key": {func(c *token.IntrospectionConfig) {
			withKey(func(*token.AssertionKey) {})(c)
			c.ClientSecret = claims.NewSecret("x")
		}, false},
		"no signer":          {withKey(func(k *token.AssertionKey) { k.Signer = nil }), false},
		"a nil signer":       {withKey(func(k *token.AssertionKey) { k.Signer = (*rsa.PrivateKey)(nil) }), false},
		"no kid":             {withKey(func(k *token.AssertionKey) { k.KeyID = "" }), false},
		"no audience":        {withKey(func(k *token.AssertionKey) { k.Audience = "" }), false},
		"RS256":              {withKey(func(k *token.AssertionKey) { k.Algorithm = claims.RS256 }), false},
		"ES256 by RSA":       {withKey(func(k *token.AssertionKey) { k.Algorithm = claims.ES256 }), false},
		"another curve":      {withKey(func(k *token.AssertionKey) { k.Signer = small }), false},
		"a negative timeout": {func(c *token.IntrospectionConfig) { c.Timeout = -1 }, false},
	} {
		config := token.IntrospectionConfig{IntrospectionURL: "https://as.example/introspect", RevocationURL: "https://as.example/revoke",
			HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}}
		_, err := token.NewIntrospection(config)
		require.NoError(t, err)
		c.change(&config)
		_, err = token.NewIntrospection(config)
		require.Equal(t, c.good, err == nil, "%s: %v", name, err)
	}
}
