package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
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

func TestAClientLivesByEveryMethodAtABankOfOneConfig(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.allowEveryMethod()
	client, _, _ := w.serve(t, w.bank(t))
	for _, method := range everyMethod {
		registered := w.register(t, client, method)
		access, err := client.AccessToken(ctx, registered.Credentials())
		require.NoError(t, err, method)
		got, err := client.Get(ctx, registered.ClientID, access)
		require.NoError(t, err, method)
		require.Equal(t, registered.ClientID, got.ClientID)
		require.NoError(t, client.Delete(ctx, registered.ClientID, access), method)
		_, err = client.AccessToken(ctx, registered.Credentials())
		var refused *tpp.ResponseError
		require.ErrorAs(t, err, &refused, method)
		require.Equal(t, "invalid_client", refused.Code)
	}
}

func TestWhatIsMissingOrContradictsItselfIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*server.Config){
		"no issuer":                     func(c *server.Config) { c.Issuer = "" },
		"an issuer without TLS":         func(c *server.Config) { c.Issuer = "http://bank.example" },
		"an issuer with a slash behind": func(c *server.Config) { c.Issuer = "https://bank.example/" },
		"an issuer with a path":         func(c *server.Config) { c.Issuer = "https://bank.example/tenant" },
		"an issuer with a query":        func(c *server.Config) { c.Issuer = "https://bank.example?tenant" },
		"an issuer in another spelling": func(c *server.Config) { c.Issuer = "HTTPS://bank.example" },
		"no store":                      func(c *server.Config) { c.Store = nil },
		"no directory":                  func(c *server.Config) { c.Anchors = nil },
		"no audience":                   func(c *server.Config) { c.Audiences = nil },
		"no tokens and no endpoint":     func(c *server.Config) { c.TokenEndpoint = false },
		"two sources of tokens":         func(c *server.Config) { c.Tokens = token.NewMemory(nil, nil) },
		"two token endpoints":           func(c *server.Config) { c.Discovery.TokenEndpoint = "https://as.example/token" },
		"an issuer twice":               func(c *server.Config) { c.Discovery.Issuer = "https://as.example" },
		"nobody's certificates":         func(c *server.Config) { c.Clients.Trust.Authorities = nil },
		"a resolver and sources":        func(c *server.Config) { c.Keys.Sources = []ssa.RemoteSource{{Hosts: []string{"keys.example"}}} },
		"a resolver and limits":         func(c *server.Config) { c.Keys.Limits.MaxSets = 1 },
		"an anchor with an age":         func(c *server.Config) { c.Anchors[0].MaxAge = time.Hour },
		"an anchor with an age by exp":  func(c *server.Config) { c.Anchors[0].MaxAgeWithExp = time.Hour },
		"an anchor with algorithms":     func(c *server.Config) { c.Anchors[0].Algorithms = []claims.Algorithm{claims.PS256} },
		"a directory that is not asked over TLS": func(c *server.Config) {
			c.Directories = []ssa.KnownDirectory{ssa.KnownDirectories()[0].At("http://keys.example/keys.jwks")}
		},
		"an anchor whose keys are nowhere": func(c *server.Config) { c.Anchors[0].Keys, c.Keys.Resolver = nil, nil },
		"one path twice":                   func(c *server.Config) { c.Paths.Token = "/register" },
		"a path without a slash":           func(c *server.Config) { c.Paths.Health = "health" },
		"secrets that nobody seals": func(c *server.Config) {
			p := validate.DefaultPolicy(validate.OBIE33)
			p.AuthMethods, p.Widenings = []claims.AuthMethod{claims.ClientSecretJWT}, []validate.Widening{validate.WidenClientSecretJWT}
			c.Policy = &p
		},
		"an unknown profile": func(c *server.Config) { c.Profile = "obie-1" },
		"a provisioner that needs more of the store": func(c *server.Config) {
			c.Provisioner, c.Store = nowhere{}, struct{ store.Store }{c.Store}
		},
	} {
		w := newWorld(t)
		spoil(&w.config)
		b, err := server.New(w.config)
		require.Error(t, err, name)
		require.Nil(t, b, name)
	}
	_, err := server.New(server.Config{Paths: server.Paths{Token: "token"}, Profile: "obie-1"})
	for _, field := range []string{"Issuer", "Store", "Directories", "TokenEndpoint", "Authorities", "Paths.Token", "Audiences", "obie-1"} {
		require.ErrorContains(t, err, field, "everything that is missing is said at once")
	}
}

// nowhere is a Provisioner without an authorization server.
type nowhere struct{}

func (nowhere) Provision(context.Context, dcr.Provisioning) (dcr.Provisioned, error) {
	return dcr.Provisioned{}, nil
}
func (nowhere) Deprovision(context.Context, dcr.Deprovisioning) error { return nil }

// A bank whose policy allows 48 hours accepts a statement of 40 hours, and one that allows
// 24 refuses it. The same holds for a known directory, whose own default is 24 hours. A
// statement of the future is accepted by as much as the policy's skew.
func TestAgesAndSkewComeFromThePolicy(t *testing.T) {
	for name, c := range map[string]struct {
		age, most, skew time.Duration
		exp             bool   // the statement has one; most bounds those alone
		broken          string // "": accepted
	}{
		"a statement of 40 hours, of 48":   {age: 40 * time.Hour, most: 48 * time.Hour},
		"a statement of 40 hours, of 24":   {age: 40 * time.Hour, most: 24 * time.Hour, broken: validate.RuleSSAAge},
		"200 s in the future, 300 s skew":  {age: -200 * time.Second, most: time.Hour, skew: 300 * time.Second},
		"200 s in the future, 100 s skew":  {age: -200 * time.Second, most: time.Hour, skew: 100 * time.Second, broken: validate.RuleSSAIatFuture},
		"200 s too old, 300 s skew":        {age: time.Hour + 200*time.Second, most: time.Hour, skew: 300 * time.Second},
		"200 s too old, and 100 s of skew": {age: time.Hour + 200*time.Second, most: time.Hour, skew: 100 * time.Second, broken: validate.RuleSSAAge},
		"40 days and exp, of 48 days":      {age: 960 * time.Hour, most: 1152 * time.Hour, exp: true},
		"40 hours and exp, of 24":          {age: 40 * time.Hour, most: 24 * time.Hour, exp: true, broken: validate.RuleSSAAge},
	} {
		for _, known := range []bool{true, false} {
			w := newWorld(t)
			members := map[string]any{"iat": time.Now().Add(-c.age).Unix()}
			w.policy(func(p *validate.Policy) { p.SSAMaxAge, p.ClockSkew = c.most, c.skew })
			if c.exp {
				members["exp"] = time.Now().Add(time.Hour).Unix()
				w.policy(func(p *validate.Policy) { p.SSAMaxAge, p.SSAMaxAgeWithExp = time.Hour, c.most })
			}
			if known {
				w.fetchKeys()
			}
			statement, err := w.software.SSA(members)
			require.NoError(t, err)
			_, _, err = w.trySSA(t, statement)
			if c.broken == "" {
				require.NoError(t, err, name)
				continue
			}
			requireAnswer(t, err, http.StatusBadRequest, c.broken)
		}
	}
}

func TestTheAlgorithmsOfDirectoriesComeFromThePolicy(t *testing.T) {
	for _, known := range []bool{true, false} {
		w := newWorldBy(t, claims.PS256)
		statement, err := w.software.SSAWith(nil, ssatest.Forgery{Algorithm: string(claims.RS256)})
		require.NoError(t, err)
		if known {
			w.fetchKeys()
		}
		_, _, err = w.trySSA(t, statement)
		requireAnswer(t, err, http.StatusBadRequest, validate.RuleSSAHeaderAlg)
		w.policy(func(p *validate.Policy) {
			p.SigningAlgorithms, p.Widenings = append(p.SigningAlgorithms, claims.RS256), []validate.Widening{validate.WidenRS256}
		})
		_, _, err = w.trySSA(t, statement)
		require.NoError(t, err)
	}
}

func rules(e *tpp.ResponseError) []string {
	var ids []string
	for _, r := range e.Rules() {
		ids = append(ids, r.ID)
	}
	return ids
}

func TestTheBankKeepsToItsPathsAndLeavesTheRest(t *testing.T) {
	w := newWorld(t)
	w.config.Rest = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) })
	w.config.Paths.Registration = "/open-banking/v3.2/register"
	var seen []string
	w.config.Observer.Instrument = func(path string, h http.Handler) http.Handler { seen = append(seen, path); return h }
	_, client, address := w.serve(t, w.bank(t))
	for path, want := range map[string]int{
		"/healthz": 200, "/readyz": 200, "/openapi.yaml": 200, "/.well-known/openid-configuration": 200, "/token": 405,
		"/open-banking/v3.2/register": 405, "/open-banking/v3.2/register/a": 401, "//open-banking/v3.2/register": 404, "/open-banking/v3.2/register/": 404,
		"/register": 418, "/accounts": 418, "/healthz/": 418,
	} {
		response, err := client.Get(address + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.StatusCode, path)
	}
	slices.Sort(seen)
	require.Equal(t, []string{"/.well-known/openid-configuration", "/healthz", "/open-banking/v3.2/register", "/openapi.yaml", "/readyz", "/token"}, seen)
}

func TestTheBankServesTheDocumentOfItsEndpoint(t *testing.T) {
	w := newWorld(t)
	w.config.Profile, w.config.Paths.Registration, w.config.TokenEndpoint = validate.WSO2, "/open-banking/v3.2/register", false
	policy := validate.DefaultPolicy(validate.WSO2)
	policy.CreatedStatus = 200
	w.config.Policy, w.config.Discovery.TokenEndpoint = &policy, "https://auth.bank.example/token"
	answer := get(w.bank(t), http.MethodGet, "/openapi.yaml")
	require.Equal(t, "application/yaml", answer.Header().Get("Content-Type"))
	document := answer.Body.String()
	for _, part := range []string{"x-profile: wso2\n", `"/open-banking/v3.2/register":`, `- url: "/"`, "'200':", `["` + ssatest.DefaultAudience + `"]`} {
		require.Contains(t, document, part)
	}
	require.NotContains(t, document, "'201':")
	require.NotContains(t, document, "'204':", "a bank without tokens registers clients alone")
}

func TestTheDiscoveryDocumentFollowsFromTheConfig(t *testing.T) {
	w := newWorld(t)
	metadata, err := tpp.ParseMetadata(w.bank(t).Discovery())
	require.NoError(t, err)
	require.Equal(t, "https://bank.example/register", metadata.RegistrationEndpoint)
	require.Equal(t, "https://bank.example/token", metadata.TokenEndpoint)
	w.config.TokenEndpoint, w.config.Tokens = false, token.NewMemory(nil, nil)
	w.config.Discovery.TokenEndpoint = "https://as.example/token"
	metadata, err = tpp.ParseMetadata(w.bank(t).Discovery())
	require.NoError(t, err)
	require.Equal(t, "https://as.example/token", metadata.TokenEndpoint)
}

// broken is a store that cannot be read.
type broken struct{ *store.Memory }

func (broken) Get(context.Context, string) (store.Client, error) {
	return store.Client{}, context.DeadlineExceeded
}

func TestABankWithoutItsStoreIsNotReady(t *testing.T) {
	w := newWorld(t)
	w.config.Store = broken{w.store}
	_, client, address := w.serve(t, w.bank(t))
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503} {
		response, err := client.Get(address + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.StatusCode, path)
	}
}

func TestTLS12TakesTheSuitesOfFAPIAlone(t *testing.T) {
	w := newWorld(t)
	_, _, address := w.serve(t, w.bank(t))
	for suite, taken := range map[uint16]bool{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: true, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: true,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: false, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: false,
	} {
		config := &tls.Config{RootCAs: w.roots(), MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}}
		c, err := tls.Dial("tcp", strings.TrimPrefix(address, "https://"), config)
		require.Equal(t, taken, err == nil, "%s: %v", tls.CipherSuiteName(suite), err)
		if err == nil {
			require.NoError(t, c.Close())
		}
	}
}

func TestServeEndsWithItsContextAndFinishesWhatItAnswers(t *testing.T) {
	w := newWorld(t)
	waiting, release := make(chan struct{}), make(chan struct{})
	w.config.Rest = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		close(waiting)
		<-release
		rw.WriteHeader(http.StatusTeapot)
	})
	b := w.bank(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx, l) }()
	client := tpp.MutualTLS(w.software.TransportCertificate, w.roots())
	defer client.CloseIdleConnections()
	answered := make(chan int, 1)
	go func() {
		response, err := client.Get("https://" + l.Addr().String() + "/slow")
		if err != nil {
			answered <- 0
			return
		}
		answered <- response.StatusCode
		_ = response.Body.Close()
	}()
	<-waiting
	stop()
	close(release)
	require.Equal(t, http.StatusTeapot, <-answered)
	require.NoError(t, <-served)
	_, err = net.Dial("tcp", l.Addr().String())
	require.Error(t, err, "nobody listens any more")
}

func TestServeWithoutACertificateOfItsOwnIsRefused(t *testing.T) {
	w := newWorld(t)
	w.config.Clients.Server = nil
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.ErrorContains(t, w.bank(t).Serve(context.Background(), l), "Clients.Server")
	require.ErrorIs(t, l.Close(), net.ErrClosed)
}

func TestBehindAProxyTheBankSpeaksPlainHTTP(t *testing.T) {
	w := newWorld(t)
	w.config.Clients.Server, w.config.Clients.Trust.Authorities = nil, nil
	w.config.Clients.Proxy = cert.FromTLS
	b := w.bank(t)
	require.Nil(t, b.HTTPServer().TLSConfig)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx, l) }()
	response, err := http.Get("http://" + l.Addr().String() + "/healthz")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 200, response.StatusCode)
	stop()
	require.NoError(t, <-served)
}

func TestRunEndsWhatStoppedHalfWay(t *testing.T) {
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		w.config.Store = store.NewMemory(nil)
		w.config.Clients.Trust.Authorities, w.config.Clients.Proxy = nil, cert.FromTLS // no certificate is valid in the bubble's year
		b := w.bank(t)
		now := time.Now()
		for id, since := range map[string]time.Time{"stopped": now.Add(-3 * dcr.ChangeTimeout), "under-way": now} {
			require.NoError(t, w.config.Store.Create(ctx, store.Client{ID: id, State: store.Creating, Since: since, Metadata: json.RawMessage(`{}`)}, store.Change{}))
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			b.Run(ctx)
		}()
		synctest.Wait()
		_, err := w.config.Store.Get(ctx, "stopped")
		require.ErrorIs(t, err, store.ErrNotFound, "at once")
		_, err = w.config.Store.Get(ctx, "under-way")
		require.NoError(t, err)
		time.Sleep(2*dcr.ChangeTimeout + server.ReconcileEach)
		synctest.Wait()
		_, err = w.config.Store.Get(ctx, "under-way")
		require.ErrorIs(t, err, store.ErrNotFound, "when it is old enough")
		stop()
		<-ended
	})
}

func TestTheServerHasEveryTimeout(t *testing.T) {
	var out bytes.Buffer
	w := newWorld(t)
	w.config.Logger = slog.New(slog.NewTextHandler(&out, nil))
	s := w.bank(t).HTTPServer()
	require.Equal(t, []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}, // as the documents say
		[]time.Duration{s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout})
	require.Equal(t, 64<<10, s.MaxHeaderBytes)
	require.Equal(t, 15*time.Second, dcr.DefaultBodyTimeout)
	require.Greater(t, s.WriteTimeout, dcr.ChangeTimeout, "a change is answered before it is cut off")
	s.ErrorLog.Print("http: TLS handshake error: EOF")
	require.Contains(t, out.String(), `error="http: TLS handshake error: EOF"`, "without the newline that ends a message")
	out.Reset()
	s.ErrorLog.Print("tls: \x1b[31m" + strings.Repeat("x", 9000))
	require.NotContains(t, out.String(), "\x1b")
	require.Less(t, out.Len(), 1000)
}

func TestARouterOfOnesOwnTakesTheServerOfTheBank(t *testing.T) {
	w := newWorld(t)
	b := w.bank(t)
	router := http.NewServeMux()
	router.HandleFunc("GET /accounts", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) })
	s := b.HTTPServer()
	s.Handler = b.Before(router)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- s.ServeTLS(l, "", "") }()
	client := w.transport(t, w.software.TransportCertificate)
	for path, status := range map[string]int{"/accounts": http.StatusTeapot, "/healthz": http.StatusOK, "//register": http.StatusNotFound} {
		response, err := client.Get("https://" + l.Addr().String() + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode, path)
	}
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-ended, http.ErrServerClosed)
}
