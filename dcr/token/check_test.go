package token_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
)

// checked is an authorization server with metadata.
type checked struct {
	*introspectionServer
	metadata map[string]any
	raw      *string // in place of the metadata
	media    string
	status   map[string]int    // of an answer, by its path
	says     string            // of the sample
	unissued string            // of every other token
	asked    map[string]string // the token that came last, by the path
}

func newChecked(t *testing.T) *checked {
	t.Helper()
	a := &checked{introspectionServer: newIntrospectionServer(t), media: "application/json", status: map[string]int{},
		says: active(nil), unissued: `{"active":false}`, asked: map[string]string{}}
	a.metadata = map[string]any{
		"issuer": a.URL, "tls_client_certificate_bound_access_tokens": true,
		"introspection_endpoint": a.URL + "/introspect", "revocation_endpoint": a.URL + "/revoke",
		"introspection_endpoint_auth_methods_supported": []string{"client_secret_basic"},
		"revocation_endpoint_auth_methods_supported":    []string{"client_secret_basic"},
	}
	a.answer = func(w http.ResponseWriter, r *http.Request) {
		body := ""
		a.asked[r.URL.Path] = a.form.Get("token")
		switch r.URL.Path {
		case "/metadata":
			document, err := json.Marshal(a.metadata)
			if body = string(document); err != nil || a.raw != nil {
				body = *a.raw
			}
		case "/introspect":
			if body = a.unissued; a.form.Get("token") == "sample" {
				body = a.says
			}
		}
		w.Header().Set("Content-Type", a.media)
		w.Header().Set("Location", "/elsewhere")
		if status := a.status[r.URL.Path]; status != 0 {
			w.WriteHeader(status)
		}
		_, _ = io.WriteString(w, body)
	}
	return a
}

// config is one that fits the server.
func (a *checked) config(c *token.IntrospectionConfig) {
	asBank(c)
	c.MetadataURL = a.URL + "/metadata"
	c.SampleToken = func(context.Context) (claims.Secret, error) { return claims.NewSecret("sample"), nil }
}

// subjects returns the subjects of all faults in an error of Check.
func subjects(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok)
	var found []string
	for _, one := range joined.Unwrap() {
		var fault *token.SetupFault
		require.ErrorAs(t, one, &fault)
		require.NotEmpty(t, fault.Detail)
		require.NotEmpty(t, fault.Fix)
		require.NotContains(t, fault.Error(), "\n")
		require.NotContains(t, fault.Error(), "sample\"")
		found = append(found, fault.Subject)
	}
	return found
}

func TestCheckFindsNothingAtAServerThatFits(t *testing.T) {
	a := newChecked(t)
	require.NoError(t, a.tokens(t, a.config).Check(context.Background()))
	require.Equal(t, "sample", a.asked["/introspect"])
	require.NotEmpty(t, a.asked["/revoke"])
	require.NotEqual(t, "sample", a.asked["/revoke"], "the sample stays good")
	for name, change := range map[string]func(*token.IntrospectionConfig){
		"without metadata":   func(c *token.IntrospectionConfig) { c.MetadataURL = "" },
		"without a sample":   func(c *token.IntrospectionConfig) { c.SampleToken = nil },
		"without revocation": func(c *token.IntrospectionConfig) { c.RevocationURL, c.Revocation = "", token.NoRevocation() },
	} {
		require.NoError(t, a.tokens(t, func(c *token.IntrospectionConfig) { a.config(c); change(c) }).Check(context.Background()), name)
	}
	maps.DeleteFunc(a.metadata, func(name string, _ any) bool { return name != "tls_client_certificate_bound_access_tokens" })
	require.NoError(t, a.tokens(t, a.config).Check(context.Background()), "what is not announced contradicts nothing")
}

func TestCheckComparesTheMetadataWithTheConfiguration(t *testing.T) {
	certificate := func(c *token.IntrospectionConfig) { c.ClientID, c.ClientSecret = "bank", claims.Secret{} }
	key := func(c *token.IntrospectionConfig) {
		certificate(c)
		c.ClientKey = &token.AssertionKey{Signer: rsaKey(t), KeyID: "k", Audience: "https://as.example"}
	}
	const introspection, revocation = "introspection_endpoint", "revocation_endpoint"
	bothMethods := []string{introspection + "_auth_methods_supported", revocation + "_auth_methods_supported"}
	methods := func(names ...string) map[string]any {
		return map[string]any{bothMethods[0]: names, bothMethods[1]: names}
	}
	for name, c := range map[string]struct {
		metadata map[string]any
		change   func(*token.IntrospectionConfig)
		want     []string
	}{
		"tokens are not bound":            {map[string]any{"tls_client_certificate_bound_access_tokens": false}, nil, []string{"tls_client_certificate_bound_access_tokens"}},
		"a text that says bound":          {map[string]any{"tls_client_certificate_bound_access_tokens": "true"}, nil, []string{"tls_client_certificate_bound_access_tokens"}},
		"nothing says bound":              {map[string]any{"tls_client_certificate_bound_access_tokens": nil}, nil, []string{"tls_client_certificate_bound_access_tokens"}},
		"introspection elsewhere":         {map[string]any{introspection: "https://other.example/i"}, nil, []string{introspection}},
		"revocation elsewhere":            {map[string]any{revocation: "https://other.example/r"}, nil, []string{revocation}},
		"both elsewhere, and not bound":   {map[string]any{introspection: "x", revocation: "y", "tls_client_certificate_bound_access_tokens": nil}, nil, []string{"tls_client_certificate_bound_access_tokens", introspection, revocation}},
		"the method is not announced":     {methods("private_key_jwt"), nil, bothMethods},
		"the methods are no list":         {map[string]any{bothMethods[0]: "client_secret_basic"}, nil, bothMethods[:1]},
		"a key, announced":                {methods("private_key_jwt"), key, nil},
		"a key, not announced":            {nil, key, bothMethods},
		"a key of another algorithm":      {map[string]any{bothMethods[0]: []string{"private_key_jwt"}, bothMethods[1]: []string{"private_key_jwt"}, introspection + "_auth_signing_alg_values_supported": []string{"ES256"}}, key, []string{introspection + "_auth_signing_alg_values_supported"}},
		"a certificate, announced":        {methods("tls_client_auth"), certificate, nil},
		"a self-signed one, announced":    {methods("self_signed_tls_client_auth"), certificate, nil},
		"a certificate, not announced":    {nil, certificate, bothMethods},
		"an unknown way to authenticate":  {nil, func(c *token.IntrospectionConfig) { c.ClientID, c.ClientSecret = "", claims.Secret{} }, nil},
		"as the client, by other methods": {map[string]any{bothMethods[1]: []string{"private_key_jwt"}}, func(c *token.IntrospectionConfig) { c.Revocation = token.RevokeAsClient(noCredentials) }, nil},
		"as the client, elsewhere":        {map[string]any{revocation: "x"}, func(c *token.IntrospectionConfig) { c.Revocation = token.RevokeAsClient(noCredentials) }, []string{revocation}},
	} {
		a := newChecked(t)
		maps.Copy(a.metadata, c.metadata)
		tokens := a.tokens(t, func(config *token.IntrospectionConfig) {
			a.config(config)
			if c.change != nil {
				c.change(config)
			}
		})
		err := tokens.Check(context.Background())
		require.Equal(t, c.want, subjects(t, err), name)
		require.Equal(t, strings.Contains(name, "bound"), errors.Is(err, token.ErrUnbound), name)
	}
}

func noCredentials(context.Context, token.AccessToken) (token.Authentication, error) {
	return token.Authentication{}, errors.New("none")
}

func TestCheckKnowsTheEndpointsForCertificates(t *testing.T) {
	for name, c := range map[string]struct {
		aliases map[string]any
		secret  bool
		want    []string
	}{
		"the alias is configured":                    {map[string]any{"introspection_endpoint": "/introspect"}, false, nil},
		"another alias, by a certificate":            {map[string]any{"introspection_endpoint": "/mtls"}, false, []string{"introspection_endpoint"}},
		"another alias, by a secret":                 {map[string]any{"introspection_endpoint": "/mtls"}, true, nil},
		"aliases of other endpoints, by certificate": {map[string]any{"token_endpoint": "/mtls"}, false, nil},
	} {
		a := newChecked(t)
		delete(a.metadata, "introspection_endpoint_auth_methods_supported")
		delete(a.metadata, "revocation_endpoint_auth_methods_supported")
		for member, path := range c.aliases {
			c.aliases[member] = a.URL + path.(string)
		}
		a.metadata["mtls_endpoint_aliases"] = c.aliases
		tokens := a.tokens(t, func(config *token.IntrospectionConfig) {
			a.config(config)
			if !c.secret {
				config.ClientSecret = claims.Secret{}
			}
		})
		require.Equal(t, c.want, subjects(t, tokens.Check(context.Background())), name)
	}
}

func TestCheckSaysWhyThereIsNoMetadata(t *testing.T) {
	for name, change := range map[string]func(*checked){
		"404":        func(a *checked) { a.status["/metadata"] = 404 },
		"500":        func(a *checked) { a.status["/metadata"] = 500 },
		"a redirect": func(a *checked) { a.status["/metadata"] = 302 },
		"no JSON":    func(a *checked) { a.raw = new("<html>") },
		"an array":   func(a *checked) { a.raw = new("[]") },
		"a member twice": func(a *checked) {
			a.raw = new(`{"tls_client_certificate_bound_access_tokens":false,"tls_client_certificate_bound_access_tokens":true}`)
		},
		"ten megabytes": func(a *checked) { a.raw = new(strings.Repeat(" ", 10<<20) + "{}") },
	} {
		a := newChecked(t)
		change(a)
		require.Equal(t, []string{"metadata"}, subjects(t, a.tokens(t, a.config).Check(context.Background())), name)
		require.NotContains(t, a.asked, "/elsewhere", name)
	}
	a := newChecked(t)
	tokens := a.tokens(t, a.config)
	a.Close()
	require.Equal(t, []string{"metadata", "introspection", "revocation"}, subjects(t, tokens.Check(context.Background())), "all at once")
}

func TestCheckLooksAtAToken(t *testing.T) {
	errVault := errors.New("the vault is shut")
	for name, c := range map[string]struct {
		change func(*checked, *token.IntrospectionConfig)
		want   []string
		is     error
	}{
		"unbound":              {func(a *checked, _ *token.IntrospectionConfig) { a.says = active(map[string]string{"cnf": ""}) }, []string{"cnf"}, token.ErrUnbound},
		"without client_id":    {func(a *checked, _ *token.IntrospectionConfig) { a.says = active(map[string]string{"client_id": ""}) }, []string{"client_id"}, token.ErrInvalid},
		"without all it needs": {func(a *checked, _ *token.IntrospectionConfig) { a.says = `{"active":true}` }, []string{"client_id", "cnf", "iat"}, token.ErrUnbound},
		"with a number as sub": {func(a *checked, _ *token.IntrospectionConfig) { a.says = active(map[string]string{"sub": "7"}) }, []string{"sub"}, token.ErrInvalid},
		"of another type": {func(a *checked, _ *token.IntrospectionConfig) {
			a.says = active(map[string]string{"token_type": `"DPoP"`})
		}, []string{"token_type"}, token.ErrInvalid},
		"not active":              {func(a *checked, _ *token.IntrospectionConfig) { a.says = a.unissued }, []string{"token"}, token.ErrInvalid},
		"an answer that is none":  {func(a *checked, _ *token.IntrospectionConfig) { a.says = "{}" }, []string{"introspection"}, nil},
		"the bank's secret wrong": {func(a *checked, _ *token.IntrospectionConfig) { a.status["/introspect"] = 401 }, []string{"introspection"}, token.ErrUnauthenticated},
		"no sample":               {func(_ *checked, c *token.IntrospectionConfig) { c.SampleToken = failingSample(errVault) }, []string{"token"}, errVault},
		"an empty sample":         {func(_ *checked, c *token.IntrospectionConfig) { c.SampleToken = failingSample(nil) }, []string{"token"}, nil},
		"all tokens are active": {func(a *checked, c *token.IntrospectionConfig) { a.unissued, c.SampleToken = active(nil), nil },
			[]string{"introspection"}, nil},
		"the secret wrong, no sample": {func(a *checked, c *token.IntrospectionConfig) { a.status["/introspect"], c.SampleToken = 401, nil },
			[]string{"introspection"}, token.ErrUnauthenticated},
		"no revocation for the bank": {func(a *checked, _ *token.IntrospectionConfig) { a.status["/revoke"] = 401 }, []string{"revocation"}, token.ErrUnauthenticated},
		"no revocation there":        {func(a *checked, _ *token.IntrospectionConfig) { a.status["/revoke"] = 404 }, []string{"revocation"}, nil},
		"nothing works": {func(a *checked, _ *token.IntrospectionConfig) {
			a.status["/revoke"], a.status["/introspect"], a.status["/metadata"] = 503, 503, 503
		}, []string{"metadata", "introspection", "revocation"}, nil},
	} {
		a := newChecked(t)
		tokens := a.tokens(t, func(config *token.IntrospectionConfig) { a.config(config); c.change(a, config) })
		err := tokens.Check(context.Background())
		require.Equal(t, c.want, subjects(t, err), name)
		if c.is != nil {
			require.ErrorIs(t, err, c.is, name)
		}
	}
}

func failingSample(err error) func(context.Context) (claims.Secret, error) {
	return func(context.Context) (claims.Secret, error) { return claims.Secret{}, err }
}
