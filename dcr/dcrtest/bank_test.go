package dcrtest_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token/tokentest"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// noon is a time in the validity of all certificates.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestAProfileIsJudgedBy(t *testing.T) {
	t.Parallel()
	for _, profile := range validate.Profiles() {
		bank := dcrtest.NewBank(t, dcrtest.WithProfile(profile))
		require.Equal(t, profile, bank.Profile())
		client := bank.NewTPP(t).MustRegister()
		_, err := client.Get()
		require.NoError(t, err, profile)
		bank.Close()
	}
}

func TestAPolicyIsInForce(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t, dcrtest.WithPolicy(func(p *validate.Policy) {
		p.Scopes, p.DefaultScopes = []string{"openid", "accounts"}, []string{"openid"}
	}))
	require.Equal(t, []string{"openid", "accounts"}, bank.Policy().Scopes)
	_, err := bank.NewTPP(t).Register(dcrtest.Set("/scope", "openid payments"))
	dcrtest.RequireViolation(t, err, validate.RuleScopeSupported)
}

func TestAClockIsThatOfAllParties(t *testing.T) {
	t.Parallel()
	now := noon
	bank := dcrtest.NewBank(t, dcrtest.WithClock(func() time.Time { return now }))
	require.Equal(t, noon, bank.Now())
	client := bank.NewTPP(t).MustRegister()
	require.Equal(t, noon, client.IssuedAt.UTC())
	now = noon.Add(time.Hour)
	_, err := client.Update(dcrtest.Set("/iat", noon.Unix()), dcrtest.Set("/exp", noon.Add(time.Minute).Unix()))
	dcrtest.RequireViolation(t, err, validate.RuleExpPast)
	_, err = client.Get()
	require.NoError(t, err)
}

func TestAStoreKeepsTheRecords(t *testing.T) {
	t.Parallel()
	records := store.NewMemory(nil)
	bank := dcrtest.NewBank(t, dcrtest.WithStore(records))
	client := bank.NewTPP(t).MustRegister()
	found, err := records.GetByClientID(t.Context(), client.ClientID)
	require.NoError(t, err)
	require.Equal(t, client.ClientID, found.ClientID)
	require.Same(t, records, bank.Store())
}

func TestTwoBanksTrustTheSameDirectory(t *testing.T) {
	t.Parallel()
	first := dcrtest.NewBank(t)
	second := dcrtest.NewBank(t, dcrtest.WithDirectory(first.Directory()))
	tpp := first.NewTPP(t)
	one, other := tpp.MustRegister(), tpp.At(second).MustRegister()
	require.NotEqual(t, one.ClientID, other.ClientID)
	require.NotEqual(t, first.URL(), second.URL())
	second.Close()
	_, err := one.Get()
	require.NoError(t, err, "the directory is the first bank's")
}

func TestTwoTPPsAreStrangers(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t)
	one, other := bank.NewTPP(t), bank.NewTPP(t)
	client := one.MustRegister()
	_, err := client.Get(dcrtest.CertificateOf(other))
	require.Equal(t, http.StatusUnauthorized, dcrtest.RequireRefused(t, err).Status)
	other.MustRegister()
}

func TestTheKindOfDirectoryIsTheTests(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t, dcrtest.WithDirectoryOptions(func(o *ssatest.Options) {
		o.Environment, o.Algorithm, o.Deterministic = claims.Production, claims.ES256, true
	}))
	client := bank.NewTPP(t, dcrtest.WithSoftware(func(s *ssatest.SoftwareOptions) { s.Algorithm = claims.ES256 })).MustRegister()
	record, err := store.ByClientID(t.Context(), bank.Store(), client.ClientID)
	require.NoError(t, err)
	require.Equal(t, claims.Production, record.Environment)
}

func TestATokenKeeperFails(t *testing.T) {
	t.Parallel()
	keeper := tokentest.NewMemoryKeeper(nil)
	bank := dcrtest.NewBank(t, dcrtest.WithTokenKeeper(keeper))
	client := bank.NewTPP(t).MustRegister()
	keeper.Fail(context.DeadlineExceeded)
	_, err := client.Token()
	require.Equal(t, http.StatusServiceUnavailable, dcrtest.RequireRefused(t, err).Status)
	keeper.Fail(nil)
	_, err = client.Get()
	require.NoError(t, err)
}

func TestTheConfigurationIsTheTests(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t, dcrtest.WithServerConfig(func(c *server.Config) {
		c.Issuer, c.Paths.Registration, c.Methods = "https://bank.example", "/clients", []string{http.MethodPost}
	}))
	tpp := bank.NewTPP(t)
	client := tpp.MustRegister()
	require.Equal(t, "/clients", tpp.Last().Sent().URL.Path)
	_, err := client.Get()
	require.Equal(t, http.StatusMethodNotAllowed, dcrtest.RequireRefused(t, err).Status)
}

func TestABankWithoutTokensRegistersAllTheSame(t *testing.T) {
	t.Parallel()
	tpp := dcrtest.NewBank(t, dcrtest.WithoutTokens()).NewTPP(t)
	tpp.MustRegister()
	_, err := tpp.Register(dcrtest.Method(http.MethodGet))
	require.Equal(t, http.StatusMethodNotAllowed, dcrtest.RequireRefused(t, err).Status)
}

// TestAHandlerStandsInFront: it sees each request, without what dcrtest adds to it, and what it
// refuses itself has the rules that its answer names.
func TestAHandlerStandsInFront(t *testing.T) {
	t.Parallel()
	var seen http.Header
	bank := dcrtest.NewBank(t, dcrtest.WithHandler(func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen = r.Header.Clone()
			if r.Method == http.MethodPut {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"error": "invalid_client_metadata", "error_description": "no (`+validate.RuleScopeSupported+`)"}`)
				return
			}
			bank.ServeHTTP(w, r)
		})
	}))
	client := bank.NewTPP(t).MustRegister()
	for name := range seen {
		require.NotContains(t, strings.ToLower(name), "dcrtest")
	}
	_, err := client.Update()
	dcrtest.RequireViolation(t, err, validate.RuleScopeSupported)
	r := dcrtest.RequireRefused(t, err)
	require.Nil(t, r.Report)
	_, err = bank.NewTPP(t).Register(dcrtest.Remove("/software_statement"))
	require.NotNil(t, dcrtest.RequireRefused(t, err).Report, "the bank behind it is asked")
}

func TestWhatABankDoesBesideAnsweringIsDoneWhereAskedFor(t *testing.T) {
	t.Parallel()
	discovery := make(chan string, 1)
	as := dcrtest.NewBank(t, dcrtest.WithServerConfig(func(c *server.Config) {
		c.Rest = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case discovery <- r.URL.Path:
			default:
			}
		})
	}))
	client := tpp.MutualTLS(as.NewTPP(t).Software().TransportCertificate, as.Roots())
	t.Cleanup(client.CloseIdleConnections)
	dcrtest.NewBank(t, dcrtest.WithBackground(), dcrtest.WithServerConfig(func(c *server.Config) {
		c.TokenEndpoint, c.DiscoveryFrom = false, server.DiscoverySource{URL: as.URL() + "/of-the-server", HTTPClient: client}
	}))
	require.Equal(t, "/of-the-server", <-discovery)
}

// TestNothingIsLeftRunning: hundreds of banks can live in one process.
func TestNothingIsLeftRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		t.Run("bank", func(t *testing.T) {
			bank := dcrtest.NewBank(t)
			_, err := bank.NewTPP(t).MustRegister().Get()
			require.NoError(t, err)
		})
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)

}

func TestABankTellsWhatItLogged(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t)
	_, err := bank.NewTPP(t).Register(dcrtest.Remove("/aud"))
	dcrtest.RequireViolation(t, err)
	require.Contains(t, bank.Log(), "registration request refused")
}

func TestALongLogKeepsItsEnd(t *testing.T) {
	t.Parallel()
	var log *slog.Logger
	bank := dcrtest.NewBank(t, dcrtest.WithServerConfig(func(c *server.Config) { log = c.Logger }))
	for i := range 2000 {
		log.Info(strings.Repeat("x", 100), "line", i)
	}
	require.LessOrEqual(t, len(bank.Log()), 64<<10)
	require.True(t, strings.HasPrefix(bank.Log(), "time="), "a whole line")
	require.True(t, strings.HasSuffix(bank.Log(), "line=1999\n"))
}

func TestADiscoveryDocumentIsServed(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t)
	metadata, err := tpp.Discover(t.Context(), bank.DiscoveryURL(), bank.NewTPP(t).HTTP())
	require.NoError(t, err)
	own, err := bank.Metadata()
	require.NoError(t, err)
	require.Equal(t, metadata, own)
	require.Equal(t, bank.URL(), own.Issuer)
}
