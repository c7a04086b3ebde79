package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// everyMethod are the authentication methods at the token endpoint.
var everyMethod = []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth, claims.ClientSecretJWT,
	claims.ClientSecretBasic, claims.ClientSecretPost}

// allowEveryMethod makes the bank accept every method.
func (w *world) allowEveryMethod() {
	policy := validate.DefaultPolicy(validate.OBIE33)
	policy.AuthMethods = everyMethod
	for _, m := range everyMethod[2:] { // outside FAPI-RW
		policy.Widenings = append(policy.Widenings, validate.Widening(m))
	}
	w.config.Policy, w.config.SealingKey = &policy, claims.NewSecret(strings.Repeat("k", 32))
}

// told records the outcomes of the bank's token endpoint.
func (w *world) told() *calls {
	outcomes := &calls{}
	w.config.Observer.Token = func(method claims.AuthMethod, outcome string) { outcomes.add(string(method) + " " + outcome) }
	return outcomes
}

// reply is an answer of the token endpoint, without the headers that always differ.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask sends a token request. basic is id:secret for the Authorization header, or "".
func ask(t *testing.T, client *http.Client, bank string, form url.Values, basic string) reply {
	t.Helper()
	form.Set("grant_type", "client_credentials")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, bank+"/token", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic != "" {
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(basic)))
	}
	response, err := client.Do(r)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	response.Header.Del("Date")
	return reply{response.StatusCode, response.Header, string(body)}
}

// requireRefused requires the error object of RFC 6749 section 5.2.
func requireRefused(t *testing.T, r reply, status int, code string) {
	t.Helper()
	require.Equal(t, status, r.status, r.body)
	var members map[string]string
	require.NoError(t, json.Unmarshal([]byte(r.body), &members))
	require.Len(t, members, 2, r.body)
	require.Equal(t, code, members["error"])
	require.NotEmpty(t, members["error_description"])
	require.Equal(t, "no-store", r.header.Get("Cache-Control"))
	wait, err := strconv.Atoi(r.header.Get("Retry-After"))
	waits := status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests
	require.Equal(t, waits, err == nil && wait >= 1, r.header.Get("Retry-After"))
}

// tries are the ways in which a sender may claim to be a client: the form, and the
// Basic credentials. The assertion is signed by the software that sends it.
func tries(t *testing.T, by *ssatest.EnrolledSoftware, id string, secret claims.Secret) map[claims.AuthMethod]func() (url.Values, string) {
	t.Helper()
	assertion := func(f ssatest.Forgery) (url.Values, string) {
		now := time.Now().Unix()
		token, err := by.SignWith(map[string]any{"iss": id, "sub": id, "aud": "https://bank.example/token", "iat": now, "exp": now + 300,
			"jti": "jti-" + strconv.FormatInt(time.Now().UnixNano(), 10)}, f)
		require.NoError(t, err)
		return url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {token}}, ""
	}
	return map[claims.AuthMethod]func() (url.Values, string){
		claims.PrivateKeyJWT: func() (url.Values, string) { return assertion(ssatest.Forgery{}) },
		claims.ClientSecretJWT: func() (url.Values, string) {
			return assertion(ssatest.Forgery{Algorithm: "HS256", Secret: []byte(secret.Reveal())})
		},
		claims.TLSClientAuth:     func() (url.Values, string) { return url.Values{"client_id": {id}}, "" },
		claims.ClientSecretBasic: func() (url.Values, string) { return url.Values{}, id + ":" + secret.Reveal() },
		claims.ClientSecretPost: func() (url.Values, string) {
			return url.Values{"client_id": {id}, "client_secret": {secret.Reveal()}}, ""
		},
	}
}

// stranger is another software with a good certificate, and its client of the bank.
func (w *world) stranger(t *testing.T) (*ssatest.EnrolledSoftware, *http.Client) {
	t.Helper()
	other, err := w.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	return other, w.transport(t, other.TransportCertificate)
}

// A TPP asks, with its own good certificate, for a token of an existing client, of one that
// is half made, and of one that does not exist. The answers are all the same.
func TestNobodyLearnsWhichClientsThereAre(t *testing.T) {
	w := newWorld(t)
	w.allowEveryMethod()
	outcomes := w.told()
	client, _, address := w.serve(t, w.bank(t))
	other, strange := w.stranger(t)
	half := store.Client{ID: "half-made-client-of-somebody", State: store.Creating, Since: time.Now(), Metadata: json.RawMessage(`{}`)}
	require.NoError(t, w.store.Create(t.Context(), half, store.Change{}))
	for _, method := range everyMethod {
		theirs := w.register(t, client, method)
		gone := w.register(t, client, method)
		access, err := client.AccessToken(t.Context(), gone.Credentials())
		require.NoError(t, err)
		require.NoError(t, client.Delete(t.Context(), gone.ClientID, access))
		outcomes.forget()
		var answers []reply
		for _, id := range []string{theirs.ClientID, half.ID, gone.ClientID, "unknown-client-of-nobody"} {
			form, basic := tries(t, other, id, theirs.Secret)[method]()
			r := ask(t, strange, address, form, basic)
			requireRefused(t, r, http.StatusUnauthorized, "invalid_client")
			require.NotContains(t, r.body, id)
			answers = append(answers, r)
		}
		for _, r := range answers[1:] {
			require.Equal(t, answers[0], r, method)
		}
		refused := string(method) + " invalid_client"
		require.Equal(t, []string{refused, refused, refused, refused}, outcomes.list())
	}
}

func TestAClientUsesTheMethodThatItRegistered(t *testing.T) {
	w := newWorld(t)
	w.allowEveryMethod()
	outcomes := w.told()
	client, transport, address := w.serve(t, w.bank(t))
	for _, registered := range everyMethod {
		made := w.register(t, client, registered)
		secret := made.Secret
		if secret.IsZero() {
			secret = claims.NewSecret("a-secret-of-nobody")
		}
		if !made.Secret.IsZero() {
			form, basic := tries(t, w.software, made.ClientID, claims.NewSecret("another-secret"))[registered]()
			requireRefused(t, ask(t, transport, address, form, basic), http.StatusUnauthorized, "invalid_client")
		}
		for used, try := range tries(t, w.software, made.ClientID, secret) {
			outcomes.forget()
			form, basic := try()
			r := ask(t, transport, address, form, basic)
			if used == registered {
				require.Equal(t, http.StatusOK, r.status, "%s: %s", used, r.body)
				require.Equal(t, []string{string(used) + " granted"}, outcomes.list())
				continue
			}
			requireRefused(t, r, http.StatusUnauthorized, "invalid_client")
			require.Equal(t, used == claims.ClientSecretBasic, r.header.Get("WWW-Authenticate") != "", used)
			require.Equal(t, []string{string(used) + " invalid_client"}, outcomes.list())
		}
	}
}

// outOfKeys is a resolver for which the key sets of software cannot be read: never, or
// only when an unknown key is asked for.
type outOfKeys struct {
	ssa.SoftwareKeyResolver
	wait    time.Duration
	newKeys bool // these alone
}

func (o outOfKeys) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	if o.newKeys && ref.KeyID == "" {
		return o.SoftwareKeyResolver.ResolveKeys(ctx, ref)
	}
	return nil, &ssa.KeySourceError{Host: "keys.example", RetryAfter: o.wait, Cause: errors.New("connection refused")}
}

// noMore is a source of randomness that is exhausted.
type noMore struct{}

func (noMore) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestAnOutageSaysWhenToAskAgain(t *testing.T) {
	w := newWorld(t)
	client, _, _ := w.serve(t, w.bank(t))
	byKey, byCertificate := w.register(t, client, claims.PrivateKeyJWT), w.register(t, client, claims.TLSClientAuth)
	for name, c := range map[string]struct {
		spoil func(*server.Config)
		wait  string
	}{
		"the store is out":               {func(c *server.Config) { c.Store = broken{w.store} }, "10"},
		"the software's keys are out":    {func(c *server.Config) { c.Keys.Resolver = outOfKeys{w.directory.Resolver(), 7 * time.Second, false} }, "7"},
		"they are out for half a second": {func(c *server.Config) { c.Keys.Resolver = outOfKeys{w.directory.Resolver(), time.Second / 2, false} }, "1"},
		"there is no randomness":         {func(c *server.Config) { c.Random = noMore{} }, "10"},
	} {
		sound := w.config
		c.spoil(&w.config)
		_, transport, address := w.serve(t, w.bank(t))
		w.config = sound
		for _, made := range []*tpp.ClientInformation{byKey, byCertificate} {
			form, basic := tries(t, w.software, made.ClientID, claims.Secret{})[made.Credentials().Method]()
			r := ask(t, transport, address, form, basic)
			requireRefused(t, r, http.StatusServiceUnavailable, "temporarily_unavailable")
			require.Equal(t, c.wait, r.header.Get("Retry-After"), name)
		}
	}
}

func TestAKeyThatCannotBeLookedUpIsAnOutageForItsOwnerAlone(t *testing.T) {
	w := newWorld(t)
	client, _, _ := w.serve(t, w.bank(t))
	byKey, byCertificate := w.register(t, client, claims.PrivateKeyJWT), w.register(t, client, claims.TLSClientAuth)
	w.config.Keys.Resolver = outOfKeys{w.directory.Resolver(), 7 * time.Second, true}
	_, transport, address := w.serve(t, w.bank(t))
	form, basic := tries(t, w.software, byCertificate.ClientID, claims.Secret{})[claims.TLSClientAuth]()
	require.Equal(t, http.StatusOK, ask(t, transport, address, form, basic).status)
	form, basic = tries(t, w.software, byKey.ClientID, claims.Secret{})[claims.PrivateKeyJWT]()
	r := ask(t, transport, address, form, basic)
	requireRefused(t, r, http.StatusServiceUnavailable, "temporarily_unavailable")
	require.Equal(t, "7", r.header.Get("Retry-After"))
}

func TestACertificateThatAsksTooOftenWaits(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	client, _, _ := w.serve(t, w.bank(t))
	id := w.register(t, client, claims.TLSClientAuth).ClientID
	limiter, err := server.NewLimiter(server.Rate{PerSecond: 0.25, Burst: 2}, func() time.Time { return now })
	require.NoError(t, err)
	w.config.Limiter = limiter
	outcomes := w.told()
	_, transport, address := w.serve(t, w.bank(t))
	form := url.Values{"client_id": {id}}
	require.Equal(t, http.StatusOK, ask(t, transport, address, form, "").status)
	require.Equal(t, http.StatusOK, ask(t, transport, address, form, "").status)
	r := ask(t, transport, address, form, "")
	requireRefused(t, r, http.StatusTooManyRequests, "temporarily_unavailable")
	require.Equal(t, "4", r.header.Get("Retry-After"))
	_, strange := w.stranger(t)
	requireRefused(t, ask(t, strange, address, form, ""), http.StatusUnauthorized, "invalid_client")
	bare := w.directory.Client()
	requireRefused(t, ask(t, bare, address, form, ""), http.StatusUnauthorized, "invalid_client")
	now = now.Add(4 * time.Second)
	require.Equal(t, http.StatusOK, ask(t, transport, address, form, "").status)
	// Nobody has read what the limited one and the one without a certificate had to say.
	require.Equal(t, []string{"tls_client_auth granted", "tls_client_auth granted", " temporarily_unavailable", "tls_client_auth invalid_client",
		" invalid_client", "tls_client_auth granted"}, outcomes.list())
}

// Where a parameter stands in the address, it ends in the logs of proxies.
func TestCredentialsStandInOnePlace(t *testing.T) {
	w := newWorld(t)
	w.allowEveryMethod()
	client, transport, address := w.serve(t, w.bank(t))
	made := w.register(t, client, claims.ClientSecretBasic)
	send := func(query string, authorizations int) reply {
		form := url.Values{"grant_type": {"client_credentials"}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/token"+query, strings.NewReader(form.Encode()))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for range authorizations {
			r.Header.Add("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(made.ClientID+":"+made.Secret.Reveal())))
		}
		response, err := transport.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return reply{response.StatusCode, response.Header, string(body)}
	}
	require.Equal(t, http.StatusOK, send("", 1).status)
	requireRefused(t, send("", 2), http.StatusBadRequest, "invalid_request")
	for _, query := range []string{"?client_secret=a", "?client_assertion=a", "?client_id=" + made.ClientID, "?scope=accounts",
		"?grant_type=client_credentials", "?%63lient_secret=a", "?client_secret;a", "?"} {
		requireRefused(t, send(query, 1), http.StatusBadRequest, "invalid_request")
	}
}

// A store of jti that outlives the process refuses an assertion after a restart too.
func TestAnAssertionIsUsedOnceAlsoAfterARestart(t *testing.T) {
	for _, kept := range []bool{true, false} {
		w := newWorld(t)
		if kept {
			w.config.Replay = store.NewMemoryReplay(nil)
		}
		client, transport, address := w.serve(t, w.bank(t))
		made := w.register(t, client, claims.PrivateKeyJWT)
		form, _ := tries(t, w.software, made.ClientID, claims.Secret{})[claims.PrivateKeyJWT]()
		require.Equal(t, http.StatusOK, ask(t, transport, address, form, "").status)
		requireRefused(t, ask(t, transport, address, form, ""), http.StatusUnauthorized, "invalid_client")
		_, transport, address = w.serve(t, w.bank(t))
		again := ask(t, transport, address, form, "")
		require.Equal(t, kept, again.status == http.StatusUnauthorized, again.body)
	}
}

// TestTheBanksOwnTokensManageWhereThePolicyDemandsAScope: a client has the scope and the
// audience for management without having registered them, and no other scope.
func TestTheBanksOwnTokensManageWhereThePolicyDemandsAScope(t *testing.T) {
	w := newWorld(t)
	w.policy(func(p *validate.Policy) {
		p.ManagementScope, p.ManagementAudience = "registration", "https://bank.example/register"
	})
	made, client, err := w.try(t)
	require.NoError(t, err)
	for _, scopes := range [][]string{nil, {"registration"}, {"registration", "openid"}} {
		access, err := client.AccessToken(t.Context(), made.Credentials(), scopes...)
		require.NoError(t, err, scopes)
		require.Contains(t, strings.Fields(access.Scope), "registration")
		_, err = client.Get(t.Context(), made.ClientID, access)
		require.NoError(t, err, scopes)
	}
	access, err := client.AccessToken(t.Context(), made.Credentials(), "openid")
	require.NoError(t, err)
	_, err = client.Get(t.Context(), made.ClientID, access)
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusForbidden, refused.Status)
	require.Contains(t, refused.Next(), "registration")
	_, err = client.AccessToken(t.Context(), made.Credentials(), "payroll")
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "invalid_scope", refused.Code)
}

// TestAScopeOfManagementThatCanBeRegisteredIsNotGivenAway: it opens more than management.
func TestAScopeOfManagementThatCanBeRegisteredIsNotGivenAway(t *testing.T) {
	w := newWorld(t)
	w.policy(func(p *validate.Policy) { p.ManagementScope = "fundsconfirmations" })
	made, client, err := w.try(t)
	require.NoError(t, err)
	_, err = client.AccessToken(t.Context(), made.Credentials(), "fundsconfirmations")
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "invalid_scope", refused.Code)
}
