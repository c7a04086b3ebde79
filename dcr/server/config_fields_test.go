package server_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// at gives the effect of a path of the bank: it is served there and nowhere else.
func at(set func(*server.Paths), path, otherwise string, status int) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		set(&w.config.Paths)
		b := w.bank(t)
		require.Equal(t, status, get(b, http.MethodGet, path).Code)
		require.Equal(t, http.StatusNotFound, get(b, http.MethodGet, otherwise).Code)
	}
}

// announced gives the effect of an address in Discovery.
func announced(member string, set func(d *dcr.Discovery, address string)) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		w.config.TokenEndpoint, w.config.Tokens = false, token.NewMemory(nil, nil)
		w.config.Discovery.TokenEndpoint = "https://as.example/token"
		set(&w.config.Discovery, "https://as.example/it")
		var document map[string]any
		require.NoError(t, json.Unmarshal(get(w.bank(t), http.MethodGet, "/.well-known/openid-configuration").Body.Bytes(), &document))
		require.Equal(t, "https://as.example/it", document[member])
	}
}

// setByNew gives the effect of a field of Discovery that New sets itself.
func setByNew(set func(*dcr.Discovery)) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		set(&w.config.Discovery)
		_, err := server.New(w.config)
		require.ErrorContains(t, err, "Discovery")
	}
}

// effects show that each field of a Config reaches the part that it is for.
var effects = map[string]func(*testing.T, *world){
	"Issuer": func(t *testing.T, w *world) {
		w.config.Issuer = "https://another.example"
		metadata, err := tpp.ParseMetadata(w.bank(t).Discovery())
		require.NoError(t, err)
		require.Equal(t, "https://another.example https://another.example/register https://another.example/token",
			strings.Join([]string{metadata.Issuer, metadata.RegistrationEndpoint, metadata.TokenEndpoint}, " "))
	},
	"Profile": func(t *testing.T, w *world) {
		w.config.Profile = validate.WSO2
		statement, err := w.software.SSA(nil)
		require.NoError(t, err)
		b := w.bank(t)
		client, _, _ := w.serve(t, b)
		request, err := client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience})
		require.NoError(t, err)
		leaf, err := x509.ParseCertificate(w.software.TransportCertificate.Certificate[0])
		require.NoError(t, err)
		made, err := b.Registrar().Register(t.Context(), dcr.RegisterInput{Token: claims.NewSecret(request), Certificate: leaf})
		if err != nil {
			var e *dcr.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, validate.WSO2, e.Report.Profile)
			return
		}
		require.Equal(t, validate.WSO2, made.Report.Profile)
	},
	"Policy": func(t *testing.T, w *world) {
		w.policy(func(p *validate.Policy) { p.AuthMethods = []claims.AuthMethod{claims.TLSClientAuth} })
		_, _, err := w.try(t)
		var e *tpp.ResponseError
		require.ErrorAs(t, err, &e)
		require.Equal(t, http.StatusBadRequest, e.Status)
	},
	"Audiences": func(t *testing.T, w *world) {
		w.config.Audiences = []string{"0015800001041RHAAY"}
		w.refused(t, http.StatusBadRequest, validate.RuleAudIsBank)
	},
	"Directories": func(t *testing.T, w *world) {
		w.config.Anchors, w.config.Directories = nil, []ssa.KnownDirectory{w.directory.Known()}
		_, _, err := w.try(t)
		require.NoError(t, err)
		w.config.Directories[0].Issuer = "another directory"
		w.refused(t, http.StatusBadRequest, validate.RuleSSAIssuerTrusted)
	},
	"Anchors": func(t *testing.T, w *world) {
		_, _, err := w.try(t)
		require.NoError(t, err)
		w.config.Anchors[0].Issuer = "another directory"
		w.refused(t, http.StatusBadRequest, validate.RuleSSAIssuerTrusted)
	},
	"Keys.Sources": func(t *testing.T, w *world) {
		w.fetchKeys()
		_, _, err := w.try(t)
		require.NoError(t, err)
	},
	"Keys.Limits": func(t *testing.T, w *world) {
		w.fetchKeys()
		w.config.Keys.Limits.MaxBytes = 1
		w.refused(t, http.StatusServiceUnavailable)
	},
	"Keys.NotPublic": func(t *testing.T, w *world) {
		w.fetchKeys()
		w.config.Keys.NotPublic = []netip.Prefix{{}} // as it gets to ssa.RemoteConfig
		_, err := server.New(w.config)
		require.ErrorContains(t, err, "not public")
	},
	"Keys.Resolver": func(t *testing.T, w *world) {
		w.config.Keys.Resolver = outOfKeys{w.directory.Resolver(), time.Second, false}
		w.refused(t, http.StatusServiceUnavailable)
	},
	"Clients.Trust.Bindings": func(t *testing.T, w *world) {
		w.withdrawTransportKey(t)
		w.refused(t, http.StatusUnauthorized)
		w.config.Clients.Trust.Bindings = []cert.Binding{cert.BySubject}
		_, _, err := w.try(t)
		require.NoError(t, err)
	},
	"Clients.Trust.Authorities": func(t *testing.T, w *world) {
		w.presentsItself(t)
		_, _, err := w.try(t)
		require.NoError(t, err)
		production, err := ssatest.New(ssatest.Options{Environment: claims.Production})
		require.NoError(t, err)
		defer production.Close()
		w.config.Clients.Trust.Authorities = map[claims.Environment][]*x509.Certificate{claims.Sandbox: {production.CA}}
		w.refused(t, http.StatusUnauthorized)
	},
	"Clients.Trust.CRLs": func(t *testing.T, w *world) {
		w.config.Clients.Trust.CRLs = new(cert.CRLs) // has no list of any CA
		w.refused(t, http.StatusServiceUnavailable)
	},
	"Clients.Proxy": func(t *testing.T, w *world) {
		w.presentsItself(t)
		w.config.Clients.Trust.Authorities = nil
		b := w.bank(t)
		require.Equal(t, tls.NoClientCert, b.HTTPServer().TLSConfig.ClientAuth, "the connection is the proxy's")
		require.Equal(t, http.StatusBadRequest, w.bare(t, b), "it has a certificate, and sends nothing")
		w.config.Clients.Proxy = func(*http.Request) (*x509.Certificate, error) { return nil, nil }
		require.Equal(t, http.StatusUnauthorized, w.bare(t, w.bank(t)))
	},
	"Clients.ProxyAuthorities": func(t *testing.T, w *world) {
		w.presentsItself(t)
		w.config.Clients.ProxyAuthorities = []*x509.Certificate{w.directory.CA}
		config := w.bank(t).HTTPServer().TLSConfig
		require.Equal(t, tls.RequireAndVerifyClientCert, config.ClientAuth)
		require.True(t, config.ClientCAs.Equal(w.roots()))
	},
	"Clients.Server": func(t *testing.T, w *world) {
		shown := w.bank(t).HTTPServer().TLSConfig.Certificates // their keys sign behind a gate
		require.Len(t, shown, len(w.config.Clients.Server))
		for i, c := range w.config.Clients.Server {
			require.Equal(t, c.Certificate, shown[i].Certificate)
		}
	},
	"Store": func(t *testing.T, w *world) {
		made, _, err := w.try(t)
		require.NoError(t, err)
		_, err = w.store.Get(t.Context(), made.ClientID)
		require.NoError(t, err)
	},
	"Replay": func(t *testing.T, w *world) {
		seen := &calls{}
		w.config.Replay = countedReplay{store.NewMemoryReplay(nil), seen}
		made, client, err := w.try(t)
		require.NoError(t, err)
		_, err = client.AccessToken(t.Context(), made.Credentials())
		require.NoError(t, err)
		seen.require(t, "request", "client assertion")
	},
	"Retention.Audit":   kept(func(r *server.Retention, d time.Duration) { r.Audit = d }, store.Purged{Audit: 1}),
	"Retention.Deleted": kept(func(r *server.Retention, d time.Duration) { r.Deleted = d }, store.Purged{Deleted: 3}),
	"SealingKey": func(t *testing.T, w *world) {
		w.allowEveryMethod()
		client, _, _ := w.serve(t, w.bank(t))
		made := w.register(t, client, claims.ClientSecretJWT)
		w.config.SealingKey = claims.NewSecret(strings.Repeat("l", 32))
		_, transport, address := w.serve(t, w.bank(t))
		form, basic := tries(t, w.software, made.ClientID, made.Secret)[claims.ClientSecretJWT]()
		requireRefused(t, ask(t, transport, address, form, basic), http.StatusUnauthorized, "invalid_client")
	},
	"Tokens": func(t *testing.T, w *world) {
		seen := &calls{}
		w.config.Tokens, w.config.TokenEndpoint = countedTokens{token.NewMemory(nil, nil), seen}, false
		w.config.Discovery.TokenEndpoint = "https://as.example/token"
		made, client, err := w.try(t)
		require.NoError(t, err)
		_, err = client.Get(t.Context(), made.ClientID, tpp.BearerToken{Value: claims.NewSecret("t")})
		require.Error(t, err)
		seen.require(t, "introspect t")
	},
	"ClientToken": func(t *testing.T, w *world) {
		issued, asked := token.NewMemory(nil, nil), 0
		w.config.Tokens, w.config.TokenEndpoint = issued, false
		w.config.Discovery.TokenEndpoint = "https://as.example/token"
		w.config.ClientToken = func(token.AccessToken) bool { asked++; return false }
		made, client, err := w.try(t)
		require.NoError(t, err)
		access, err := issued.Issue(t.Context(), made.ClientID, sha256.Sum256(w.software.TransportCertificate.Certificate[0]), nil, time.Minute)
		require.NoError(t, err)
		_, err = client.Get(t.Context(), made.ClientID, tpp.BearerToken{Value: access})
		require.Error(t, err)
		require.Equal(t, 1, asked)
	},
	"TokenEndpoint": func(t *testing.T, w *world) {
		require.Equal(t, http.StatusMethodNotAllowed, get(w.bank(t), http.MethodGet, "/token").Code)
		w.config.TokenEndpoint, w.config.Discovery.TokenEndpoint = false, "https://as.example/token"
		require.Equal(t, http.StatusNotFound, get(w.bank(t), http.MethodGet, "/token").Code)
	},
	"Provisioner": func(t *testing.T, w *world) {
		seen := &calls{}
		w.config.Provisioner = counted{seen}
		_, _, err := w.try(t)
		require.NoError(t, err)
		seen.require(t, "provision")
	},
	"Hooks.Approve": func(t *testing.T, w *world) {
		w.config.Hooks.Approve = func(context.Context, dcr.Change) error { return &dcr.Refusal{Reason: "not here"} }
		w.refused(t, http.StatusBadRequest)
	},
	"MaySubscribe": func(t *testing.T, w *world) {
		var asked []string
		w.config.MaySubscribe = func(_ claims.Application, _ claims.Environment, api string) (claims.Role, string, bool) {
			asked = append(asked, api)
			return "", "not here", false
		}
		made, _, err := w.try(t)
		require.NoError(t, err)
		require.ErrorContains(t, w.bank(t).Registrar().Subscribe(t.Context(), made.ClientID, "accounts", dcr.Reach{All: true}), "not here")
		require.Equal(t, []string{"accounts"}, asked)
	},
	"ChangeTimeout": func(t *testing.T, w *world) {
		w.config.ChangeTimeout = 2 * time.Minute
		require.Equal(t, 4*time.Minute, w.bank(t).HTTPServer().WriteTimeout, "a change is answered before it is cut off")
		require.Equal(t, 2*time.Minute, w.bank(t).Registrar().ChangeTimeout())
		w.config.ChangeTimeout = time.Hour
		_, err := server.New(w.config)
		require.ErrorContains(t, err, "ChangeTimeout")
	},
	"Hooks.Pending": func(t *testing.T, w *world) {
		seen := &calls{}
		w.config.Hooks = dcr.Hooks{
			Approve: func(context.Context, dcr.Change) error { return dcr.ErrPending },
			Pending: func(_ context.Context, c dcr.Change) { seen.add(string(c.Operation)) },
		}
		_, _, err := w.try(t)
		require.Error(t, err, "a registration that waits is not made")
		seen.require(t, "create")
	},
	"Hooks.Done": func(t *testing.T, w *world) {
		seen := &calls{}
		w.config.Hooks.Done = func(_ context.Context, c dcr.Change) { seen.add(string(c.Operation)) }
		_, _, err := w.try(t)
		require.NoError(t, err)
		seen.require(t, "create")
	},
	"Discovery.Issuer":                setByNew(func(d *dcr.Discovery) { d.Issuer = "https://as.example" }),
	"Discovery.RegistrationEndpoint":  setByNew(func(d *dcr.Discovery) { d.RegistrationEndpoint = "https://as.example/register" }),
	"Discovery.Policy":                setByNew(func(d *dcr.Discovery) { d.Policy = validate.DefaultPolicy(validate.OBIE33) }),
	"Discovery.TokenEndpoint":         announced("token_endpoint", func(d *dcr.Discovery, a string) { d.TokenEndpoint = a }),
	"Discovery.AuthorizationEndpoint": announced("authorization_endpoint", func(d *dcr.Discovery, a string) { d.AuthorizationEndpoint = a }),
	"Discovery.JWKSURI":               announced("jwks_uri", func(d *dcr.Discovery, a string) { d.JWKSURI = a }),
	"Discovery.IntrospectionEndpoint": announced("introspection_endpoint", func(d *dcr.Discovery, a string) { d.IntrospectionEndpoint = a }),
	"Discovery.RevocationEndpoint":    announced("revocation_endpoint", func(d *dcr.Discovery, a string) { d.RevocationEndpoint = a }),
	"Discovery.BackchannelEndpoint": announced("backchannel_authentication_endpoint",
		func(d *dcr.Discovery, a string) { d.BackchannelEndpoint = a }),
	"DiscoveryFrom.URL": func(t *testing.T, w *world) {
		as := w.frontOf(t)
		as.runs(t, w.bank(t), time.Second)
		require.Equal(t, []string{"https://as.bank.example/.well-known/openid-configuration"}, as.addresses())
	},
	"DiscoveryFrom.Document": func(t *testing.T, w *world) {
		w.config.TokenEndpoint, w.config.DiscoveryFrom.Document = false, keycloakDocument(t)
		requireOverlaid(t, w.bank(t).Discovery())
	},
	"DiscoveryFrom.HTTPClient": func(t *testing.T, w *world) {
		as := w.frontOf(t)
		b := w.bank(t)
		as.runs(t, b, time.Second)
		requireOverlaid(t, b.Discovery())
	},
	"DiscoveryFrom.Every": func(t *testing.T, w *world) {
		as := w.frontOf(t)
		w.config.DiscoveryFrom.Every = time.Hour
		as.runs(t, w.bank(t), 150*time.Minute)
		require.Equal(t, []time.Duration{0, time.Hour, 2 * time.Hour}, as.times())
	},
	"Paths.Registration": at(func(p *server.Paths) { p.Registration = "/v3.2/register" }, "/v3.2/register", "/register", 405),
	"Paths.Token":        at(func(p *server.Paths) { p.Token = "/v3.2/token" }, "/v3.2/token", "/token", 405),
	"Paths.Discovery":    at(func(p *server.Paths) { p.Discovery = "/discovery" }, "/discovery", "/.well-known/openid-configuration", 200),
	"Paths.OpenAPI":      at(func(p *server.Paths) { p.OpenAPI = "/api" }, "/api", "/openapi.yaml", 200),
	"Paths.Health":       at(func(p *server.Paths) { p.Health = "/" }, "/", "/healthz", 200),
	"Paths.Ready":        at(func(p *server.Paths) { p.Ready = "/healthz/ready" }, "/healthz/ready", "/readyz", 200),
	"Methods": func(t *testing.T, w *world) {
		require.Equal(t, "POST", get(w.bank(t), http.MethodGet, "/register").Header().Get("Allow"))
		w.config.Methods = []string{http.MethodPost, http.MethodGet}
		require.Equal(t, "GET", get(w.bank(t), http.MethodDelete, "/register/a").Header().Get("Allow"))
	},
	"Limiter": func(t *testing.T, w *world) {
		w.config.Limiter = closedLimiter{}
		w.refused(t, http.StatusTooManyRequests)
	},
	"Rest": func(t *testing.T, w *world) {
		w.config.Rest = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) })
		require.Equal(t, http.StatusTeapot, get(w.bank(t), http.MethodGet, "/accounts").Code)
	},
	"Clock": keepsTime,
	"Random": func(t *testing.T, w *world) {
		w.config.Random = noMore{}
		w.refused(t, http.StatusInternalServerError)
	},
	"Logger": func(t *testing.T, w *world) {
		var out strings.Builder
		w.config.Logger = slog.New(slog.NewTextHandler(&out, nil))
		made, client, err := w.try(t)
		require.NoError(t, err)
		access, err := client.AccessToken(t.Context(), made.Credentials())
		require.NoError(t, err)
		require.NoError(t, client.Delete(t.Context(), made.ClientID, access))
		for _, operation := range []string{"create", "delete"} {
			require.Contains(t, out.String(), "operation="+operation+" client_id="+made.ClientID+" software_id="+w.software.SoftwareID+" environment=sandbox")
		}
		require.NotContains(t, out.String(), access.Value.Reveal())
		w.bare(t, w.bank(t))
		require.Contains(t, out.String(), "registration request refused")
	},
	"Observer.Event": func(t *testing.T, w *world) {
		seen := &calls{}
		w.config.Observer.Event = func(e dcr.Event) { seen.add(string(e.Operation) + " " + string(e.Outcome)) }
		_, _, err := w.try(t)
		require.NoError(t, err)
		seen.require(t, string(dcr.OpCreate)+" "+string(dcr.OutcomeDone))
	},
	"Observer.Refused": func(t *testing.T, w *world) {
		seen := &calls{}
		w.config.Observer.Refused = func(ctx context.Context, e *dcr.Error) {
			seen.add(fmt.Sprint(e.Status, ctx.Err(), e.Report == nil))
			panic("of the bank's own")
		}
		require.Equal(t, http.StatusUnauthorized, w.bare(t, w.bank(t)))
		seen.require(t, "401 <nil> true")
	},
	"Observer.Keys": func(t *testing.T, w *world) {
		seen := &calls{}
		w.fetchKeys()
		w.config.Observer.Keys = func(e ssa.KeyEvent) { seen.add(string(e.Kind)) }
		_, _, err := w.try(t)
		require.NoError(t, err)
		require.NotEmpty(t, seen.list())
	},
	"Observer.Token": func(t *testing.T, w *world) {
		outcomes := w.told()
		made, client, err := w.try(t)
		require.NoError(t, err)
		_, err = client.AccessToken(t.Context(), made.Credentials())
		require.NoError(t, err)
		require.Equal(t, []string{"private_key_jwt granted"}, outcomes.list())
	},
	"Observer.Instrument": func(t *testing.T, w *world) {
		seen := &calls{}
		w.config.Observer.Instrument = func(path string, h http.Handler) http.Handler {
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { seen.add(path); h.ServeHTTP(rw, r) })
		}
		b := w.bank(t)
		for _, path := range []string{"/healthz", "/register/a", "/token", "/elsewhere"} {
			get(b, http.MethodGet, path)
		}
		seen.require(t, "/healthz", "/register", "/token")
	},
}

// keepsTime lets each part of a bank see a time that is not the machine's.
func keepsTime(t *testing.T, w *world) {
	now := time.Now().Add(3 * time.Minute).Truncate(time.Second)
	w.config.Clock = func() time.Time { return now }
	require.Equal(t, now, w.bank(t).HTTPServer().TLSConfig.Time(), "TLS")
	w.presentsItself(t)
	w.config.Clients.Trust.Authorities = nil // they are not valid by the end
	client, transport, address := w.serve(t, w.bank(t))
	made := w.register(t, client, claims.PrivateKeyJWT)
	byCertificate := w.register(t, client, claims.TLSClientAuth)
	record, err := w.store.Get(t.Context(), made.ClientID)
	require.NoError(t, err)
	require.Equal(t, now.Unix(), record.IssuedAt.Unix(), "the registrar")
	access, err := client.AccessToken(t.Context(), made.Credentials())
	require.NoError(t, err)
	_, err = client.Get(t.Context(), made.ClientID, access)
	require.NoError(t, err, "no token is older than its client")
	form, _ := tries(t, w.software, made.ClientID, claims.Secret{})[claims.PrivateKeyJWT]()

	now = now.Add(server.TokenLife)
	_, err = client.Get(t.Context(), made.ClientID, access)
	requireAnswer(t, err, http.StatusUnauthorized) // the tokens
	requireRefused(t, ask(t, transport, address, form, ""), http.StatusUnauthorized, "invalid_client")
	now = now.Add(24 * time.Hour)
	w.refused(t, http.StatusBadRequest, validate.RuleSSAAge)
	form = url.Values{"client_id": {byCertificate.ClientID}}
	require.Equal(t, http.StatusOK, ask(t, transport, address, form, "").status)
	leaf, err := x509.ParseCertificate(w.software.TransportCertificate.Certificate[0])
	require.NoError(t, err)
	now = leaf.NotAfter.Add(time.Second)
	requireRefused(t, ask(t, transport, address, form, ""), http.StatusUnauthorized, "invalid_client") // the checker
}

func TestEachFieldOfAConfigHasAnEffect(t *testing.T) {
	t.Parallel()
	for name, effect := range effects {
		t.Run(name, func(t *testing.T) { effect(t, newWorld(t)) })
	}
}

// The table has a row for each field of Config, and of the structs whose fields are parts
// of the bank.
func TestEachFieldOfAConfigIsInTheTable(t *testing.T) {
	nested := []reflect.Type{reflect.TypeFor[server.KeyConfig](), reflect.TypeFor[server.CertificateConfig](), reflect.TypeFor[cert.TrustPolicy](),
		reflect.TypeFor[server.Paths](), reflect.TypeFor[server.Observer](), reflect.TypeFor[dcr.Hooks](), reflect.TypeFor[dcr.Discovery](),
		reflect.TypeFor[server.DiscoverySource](), reflect.TypeFor[server.Retention]()}
	var fields []string
	var walk func(reflect.Type, string)
	walk = func(of reflect.Type, place string) {
		for i := range of.NumField() {
			f := of.Field(i)
			if slices.Contains(nested, f.Type) {
				walk(f.Type, place+f.Name+".")
				continue
			}
			require.NotEqual(t, of.PkgPath()+" struct", f.Type.PkgPath()+" "+f.Type.Kind().String(), "the fields of %s need rows of their own", f.Name)
			fields = append(fields, place+f.Name)
		}
	}
	walk(reflect.TypeFor[server.Config](), "")
	rows := make([]string, 0, len(effects))
	for name := range effects {
		rows = append(rows, name)
	}
	require.ElementsMatch(t, fields, rows)
}
