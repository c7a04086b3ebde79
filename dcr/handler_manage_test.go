package dcr_test

import (
	"context"
	"crypto/x509"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

const (
	bare    = `Bearer realm="registration"`
	invalid = bare + `, error="invalid_token"`
	mutual  = `MutualTLS realm="registration"`
)

func TestAClientIsReadReplacedAndDeleted(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, nil)
	created := server.send(t, s.request(t, "POST", "/register", strings.NewReader(s.token(t, func(c *claims.Request) {
		c.TokenEndpointAuthMethod = claims.Some(claims.ClientSecretBasic)
	}))))
	require.Equal(t, 201, created.status, created.body)
	require.Equal(t, "application/json", created.header.Get("Content-Type"))
	client := decodeJSON(t, []byte(created.body))
	path := "/register/" + client["client_id"].(string)
	require.NotEmpty(t, client["client_secret"])

	read := server.send(t, s.request(t, "GET", path, nil))
	require.Equal(t, 200, read.status, read.body)
	delete(client, "client_secret")
	delete(client, "client_secret_expires_at")
	require.Equal(t, client, decodeJSON(t, []byte(read.body)), "what was registered, but for the secret that is shown once")

	replaced := server.send(t, s.request(t, "PUT", path, strings.NewReader(s.token(t, func(c *claims.Request) {
		c.RedirectURIs = claims.Some(s.software.RedirectURIs[:1])
	}))))
	require.Equal(t, 200, replaced.status, replaced.body)
	now := decodeJSON(t, []byte(replaced.body))
	require.Equal(t, client["client_id"], now["client_id"])
	require.Equal(t, client["client_id_issued_at"], now["client_id_issued_at"])
	require.Equal(t, []any{s.software.RedirectURIs[0]}, now["redirect_uris"])

	token := s.request(t, "DELETE", path, nil)
	gone := server.send(t, token)
	require.Equal(t, 204, gone.status)
	require.Empty(t, gone.body)
	require.Empty(t, gone.header.Get("Content-Type"))
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		r := s.request(t, method, path, strings.NewReader(s.token(t, nil)))
		a := server.send(t, r)
		require.Equal(t, 401, a.status, method)
		require.Equal(t, invalid, a.header.Get("WWW-Authenticate"))
	}
}

// TestNobodyCanTellWhichClientsThereAre: a sender with the token of one client learns
// nothing about others, and loses the token.
func TestNobodyCanTellWhichClientsThereAre(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, nil)
	own, foreign := s.client(t), s.client(t)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		var first answer
		for i, path := range []string{
			foreign, "0123456789abcdefghijAB", "x", strings.Repeat("x", 64), strings.Repeat("x", 65), strings.Repeat("x", 4000),
			"a.b", "a%2Fb", "%2e%2e", "%00", "%0a", "%C3%BC", "a;b", "a,b", "a%20b", "~", "*", "'", "%25", own + "%2F", own + "%00", own + ".", "{ClientId}",
		} {
			r := s.request(t, method, "/register/"+path, strings.NewReader(s.token(t, nil)))
			token := s.accessToken(t, own)
			r.Header.Set("Authorization", "Bearer "+token)
			a := server.send(t, r)
			require.Equal(t, 401, a.status, path)
			require.Equal(t, invalid, a.header.Get("WWW-Authenticate"), path)
			require.False(t, s.valid(token), "%s: the token is revoked", path)
			if i == 0 {
				first = a
			}
			require.Equal(t, first, a, path)
		}
	}
	require.Equal(t, foreign, s.stored(t, foreign).ID)
}

func TestAnEncodedIdentifierIsTheSameIdentifier(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, nil)
	id := s.client(t)
	r := s.request(t, "GET", "/register/"+id, nil)
	r.URL.RawPath = "/register/%" + strings.ToUpper(hexOf(id[0])) + id[1:]
	require.Contains(t, r.URL.String(), "%")
	require.Equal(t, 200, server.send(t, r).status)
}

func hexOf(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

func TestOnlyOneBearerTokenCounts(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, nil)
	id := s.client(t)
	token := s.accessToken(t, id)
	for _, c := range []struct {
		name      string
		values    []string
		status    int
		challenge string
	}{
		{"a token", []string{"Bearer " + token}, 200, ""},
		{"a lower-case scheme", []string{"bearer " + token}, 200, ""},
		{"a scheme in capitals", []string{"BEARER " + token}, 200, ""},
		{"several blanks", []string{"Bearer   " + token}, 200, ""},
		{"no header", nil, 401, bare},
		{"an empty header", []string{""}, 401, bare},
		{"nothing behind the scheme", []string{"Bearer"}, 401, bare},
		{"a blank behind the scheme", []string{"Bearer "}, 401, bare},
		{"two headers", []string{"Bearer " + token, "Bearer " + token}, 401, bare},
		{"two headers, one of them empty", []string{"", "Bearer " + token}, 401, bare},
		{"another scheme", []string{"Basic " + token}, 401, bare},
		{"no scheme", []string{token}, 401, bare},
		{"a scheme that goes on", []string{"BearerX " + token}, 401, bare},
		{"a tab", []string{"Bearer\t" + token}, 401, bare},
		{"two tokens", []string{"Bearer " + token + ", Bearer " + token}, 401, invalid},
		{"an unknown token", []string{"Bearer x"}, 401, invalid},
		{"no b64token", []string{"Bearer \"" + token + "\""}, 401, invalid},
		{"bytes above ASCII", []string{"Bearer \xff\xfe"}, 401, invalid},
		{"a long token", []string{"Bearer " + strings.Repeat("x", 100_000)}, 401, invalid},
	} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if c.status == 200 && method != "GET" {
				continue
			}
			r := s.request(t, method, "/register/"+id, strings.NewReader(s.token(t, nil)))
			delete(r.Header, "Authorization")
			if c.values != nil {
				r.Header["Authorization"] = c.values
			}
			a := server.send(t, r)
			require.Equal(t, c.status, a.status, "%s: %s", c.name, a.body)
			require.Equal(t, c.challenge, a.header.Get("WWW-Authenticate"), c.name)
		}
	}
	require.True(t, s.valid(token), "a token of the client itself is not revoked")
}

func TestATokenInTheAddressOrTheBodyIsNone(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, nil)
	id := s.client(t)
	r := s.request(t, "GET", "/register/"+id, nil)
	r.Header.Del("Authorization")
	r.URL.RawQuery = "access_token=" + s.accessToken(t, id)
	require.Equal(t, 401, server.send(t, r).status)
}

func TestWithoutACertificateATokenOpensNothing(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, nil)
	id := s.client(t)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		r := s.request(t, method, "/register/"+id, strings.NewReader(s.token(t, nil)))
		a := server.sendBy(t, server.plain, r)
		require.Equal(t, 401, a.status)
		require.Equal(t, invalid, a.header.Get("WWW-Authenticate"))
		r = s.request(t, method, "/register/"+id, nil)
		r.Header.Del("Authorization")
		require.Equal(t, bare, server.sendBy(t, server.plain, r).header.Get("WWW-Authenticate"))
	}
	a := server.sendBy(t, server.plain, s.request(t, "POST", "/register", strings.NewReader(s.token(t, nil))))
	require.Equal(t, 401, a.status)
	require.Equal(t, mutual, a.header.Get("WWW-Authenticate"), "a registration takes no token")
	stranger := s.start(t, nil, func(c *dcr.HandlerConfig) {
		c.Certificate = func(*http.Request) (*x509.Certificate, error) {
			return s.certificate(t, s.other(t, ssatest.SoftwareOptions{})), nil
		}
	})
	a = stranger.send(t, s.request(t, "POST", "/register", strings.NewReader(s.token(t, nil))))
	require.Equal(t, 401, a.status)
	require.Equal(t, mutual, a.header.Get("WWW-Authenticate"), "nor does one by another software's certificate")
	require.Equal(t, id, s.stored(t, id).ID)
}

func TestAPUTWithoutATokenIsNotRead(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, nil)
	r := s.request(t, "PUT", "/register/"+s.client(t), strings.NewReader(strings.Repeat("x", 80<<10)))
	r.Header.Set("Authorization", "Bearer")
	r.Header.Set("Content-Type", "text/plain")
	require.Equal(t, 401, server.send(t, r).status)
}

func TestARefusedPUTChangesNothing(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, nil)
	id := s.client(t)
	before := s.stored(t, id)
	for name, c := range map[string]struct {
		change func(*claims.Request)
		code   string
	}{
		"a redirect outside of the statement": {func(c *claims.Request) { c.RedirectURIs = claims.Some([]string{"https://elsewhere.example.com/"}) }, "invalid_redirect_uri"},
		"another client_id":                   {func(c *claims.Request) { c.ClientID = claims.Some("another") }, "invalid_client_metadata"},
		"no statement":                        {func(c *claims.Request) { c.SoftwareStatement = claims.Optional[string]{} }, "invalid_software_statement"},
	} {
		a := server.send(t, s.request(t, "PUT", "/register/"+id, strings.NewReader(s.token(t, c.change))))
		require.Equal(t, 400, a.status, name)
		members := decodeJSON(t, []byte(a.body))
		require.Equal(t, []string{"error", "error_description"}, slices.Sorted(maps.Keys(members)))
		require.Equal(t, c.code, members["error"], name)
		require.Equal(t, before, s.stored(t, id), name)
	}
}

func TestAHandlerWithoutTokensOffersPOSTAlone(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, func(c *dcr.Config) { c.Tokens = nil }, nil)
	id := s.client(t)
	require.Equal(t, 201, server.send(t, s.request(t, "POST", "/register", strings.NewReader(s.token(t, nil)))).status)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		a := server.send(t, s.request(t, method, "/register/"+id, nil))
		require.Equal(t, 405, a.status)
		require.Equal(t, []string{""}, a.header["Allow"])
	}
}

func TestOtherMethodsAreNotOffered(t *testing.T) {
	s := newSite(t, nil)
	all, some := s.start(t, nil, nil), s.start(t, nil, func(c *dcr.HandlerConfig) { c.Methods = []string{"DELETE", "POST"} })
	path := "/register/" + s.client(t)
	for _, method := range []string{"HEAD", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "get", "post"} {
		for server, allow := range map[*server][2]string{all: {"POST", "GET, PUT, DELETE"}, some: {"POST", "DELETE"}} {
			a := server.send(t, s.request(t, method, "/register", nil))
			require.Equal(t, 405, a.status, method)
			require.Equal(t, allow[0], a.header.Get("Allow"), method)
			a = server.send(t, s.request(t, method, path, nil))
			require.Equal(t, 405, a.status, method)
			require.Equal(t, allow[1], a.header.Get("Allow"), method)
		}
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		require.Equal(t, "POST", all.send(t, s.request(t, method, "/register", nil)).header.Get("Allow"))
	}
	require.Equal(t, "GET, PUT, DELETE", all.send(t, s.request(t, "POST", path, nil)).header.Get("Allow"))
	require.Equal(t, 405, some.send(t, s.request(t, "GET", path, nil)).status)
	require.Equal(t, 204, some.send(t, s.request(t, "DELETE", path, nil)).status)
}

func TestOtherPathsAreNotFoundAndNotRedirected(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, nil)
	id := s.client(t)
	for _, path := range []string{
		"/", "//", "//register", "///register", "/register/", "/register//", "/register/" + id + "/", "/register//" + id, "//register/" + id,
		"/register/.", "/register/..", "/register/../register", "/./register", "/register/./" + id, "/registe", "/registers", "/REGISTER",
		"/register/" + id + "/x", "/register%2F" + id, "/register/%2F", "/register;x", "/x/register",
	} {
		for _, method := range []string{"POST", "GET", "PUT", "DELETE"} {
			a := server.send(t, s.request(t, method, path, strings.NewReader(s.token(t, nil))))
			require.Equal(t, 404, a.status, "%s %s", method, path)
			require.Empty(t, a.header.Get("Location"))
		}
	}
	require.Equal(t, 400, server.send(t, s.request(t, "POST", "/register?x=//y/../", strings.NewReader("x"))).status, "the query does not matter")
	require.Equal(t, store.Active, s.stored(t, id).State)
}

func TestTheBankMayTellThatAClientIsSomebodyElses(t *testing.T) {
	s := newSite(t, func(p *validate.Policy) { p.ForeignToken = validate.ForeignTokenForbidden })
	server := s.start(t, nil, nil)
	foreign := s.client(t)
	r := s.request(t, "GET", "/register/"+foreign, nil)
	r.Header.Set("Authorization", "Bearer "+s.accessToken(t, s.client(t)))
	a := server.send(t, r)
	require.Equal(t, 403, a.status)
	require.Empty(t, a.header.Get("WWW-Authenticate"))
}

// TestRefusalsAreLoggedWithoutWhatTheyCarried: the log has the rules and the cause, but
// neither tokens nor requests.
func TestRefusalsAreLoggedWithoutWhatTheyCarried(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, nil)
	id := s.client(t)
	broken := s.token(t, func(c *claims.Request) { c.ApplicationType = claims.Some(claims.ApplicationType("desktop")) })
	require.Equal(t, 400, server.send(t, s.request(t, "POST", "/register", strings.NewReader(broken))).status)
	require.Contains(t, s.log.String(), "application_type")
	require.Contains(t, s.log.String(), "level=INFO")
	require.NotContains(t, s.log.String(), "level=ERROR")

	token := s.accessToken(t, s.client(t))
	r := s.request(t, "PUT", "/register/"+id, strings.NewReader(broken))
	r.Header.Set("Authorization", "Bearer "+token)
	require.Equal(t, 401, server.send(t, r).status)
	down := s.start(t, func(c *dcr.Config) { c.Tokens = tokensDown{} }, nil)
	r = s.request(t, "GET", "/register/"+id, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	a := down.send(t, r)
	require.Equal(t, 503, a.status)
	require.Equal(t, "10", a.header.Get("Retry-After"))
	require.Contains(t, s.log.String(), "level=ERROR")
	require.Contains(t, s.log.String(), "status=503")
	require.NotContains(t, s.log.String(), token)
	require.NotContains(t, s.log.String(), broken[:40])
	require.NotContains(t, a.body, "deadline")
}

// TestABankIsToldOfEachRefusal: with all that was found, and in the context of the request. What
// it does with that changes no answer.
func TestABankIsToldOfEachRefusal(t *testing.T) {
	s := newSite(t, nil)
	var told []*dcr.Error
	server := s.start(t, nil, func(c *dcr.HandlerConfig) {
		c.Refused = func(ctx context.Context, e *dcr.Error) {
			require.NoError(t, ctx.Err())
			told = append(told, e)
			panic("of the bank's own")
		}
	})
	id := s.client(t)
	require.Empty(t, told, "a client that is registered is no refusal")
	broken := s.token(t, func(c *claims.Request) { c.ApplicationType = claims.Some(claims.ApplicationType("desktop")) })
	require.Equal(t, 400, server.send(t, s.request(t, "POST", "/register", strings.NewReader(broken))).status)
	r := s.request(t, "GET", "/register/"+id, nil)
	r.Header.Set("Authorization", "Bearer unknown")
	require.Equal(t, 401, server.send(t, r).status)
	require.Len(t, told, 2)
	require.Equal(t, []string{validate.RuleApplicationTypeWebOrMobile}, ruleIDs(told[0].Report))
	require.Equal(t, 401, told[1].Status)
	require.Nil(t, told[1].Report)
	require.Contains(t, s.log.String(), "panic")
}

type tokensDown struct{}

func (tokensDown) Introspect(context.Context, claims.Secret) (token.AccessToken, error) {
	return token.AccessToken{}, context.DeadlineExceeded
}
func (tokensDown) Revoke(context.Context, token.Revocation) (token.Revoked, error) {
	return token.Revoked{}, nil
}
func (tokensDown) RevokeClient(context.Context, string) error { return nil }

func TestAHandlerServesManyAtOnce(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, nil)
	path := "/register/" + s.client(t)
	results := make(chan int)
	for range 16 {
		r := s.request(t, http.MethodGet, server.URL+path, nil)
		r.Header.Set("Authorization", "Bearer "+s.accessToken(t, strings.TrimPrefix(path, "/register/")))
		go func() {
			response, err := server.tpp.Do(r)
			if err != nil {
				results <- 0
				return
			}
			_ = response.Body.Close()
			results <- response.StatusCode
		}()
	}
	for range 16 {
		require.Equal(t, 200, <-results)
	}
}
