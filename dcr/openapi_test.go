package dcr_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

func decodeJSON(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var value map[string]any
	require.NoError(t, json.Unmarshal(text, &value))
	return value
}

func TestADocumentNeedsAValidator(t *testing.T) {
	for _, v := range []*validate.Validator{nil, {}} {
		_, err := dcr.OpenAPI(v)
		require.Error(t, err)
	}
}

// TestEveryDocumentedAnswerIsGiven provokes each status of each operation. What the
// handler answers is checked by the document, and the document must have no answer that
// was not seen.
func TestEveryDocumentedAnswerIsGiven(t *testing.T) {
	profiles := validate.Profiles()
	if testing.Short() {
		profiles = []validate.Profile{validate.OBIE33}
	}
	for _, profile := range profiles {
		t.Run(string(profile), func(t *testing.T) { provokeEveryAnswer(t, profile) })
	}
}

// provocation is what makes a bank give one answer.
type provocation struct {
	name     string
	methods  string // that are tried
	status   int    // that they are answered with; 0 for success
	registry func(*dcr.Config)
	adapter  func(*dcr.HandlerConfig)
	request  func(method, path string) *http.Request
}

func provokeEveryAnswer(t *testing.T, profile validate.Profile) {
	s := newSiteOf(t, profile, func(p *validate.Policy) { p.ForeignToken = validate.ForeignTokenForbidden })
	slow := func() io.Reader {
		reader, writer := io.Pipe()
		t.Cleanup(func() { _ = writer.Close() })
		return reader
	}
	for _, c := range append(tokenRefusals(t, s), []provocation{
		{name: "success", methods: "POST GET PUT DELETE"},
		{name: "success with 200", methods: "POST", status: 200, registry: func(c *dcr.Config) {
			c.Validator = s.validator(t, func(p *validate.Policy) { p.CreatedStatus = 200 })
		}},
		{name: "a broken request", methods: "POST PUT", status: 400, request: func(m, p string) *http.Request {
			return s.request(t, m, p, strings.NewReader("x"))
		}},
		{name: "no certificate", methods: "POST GET PUT DELETE", status: 401, adapter: func(c *dcr.HandlerConfig) {
			c.Certificate = noCertificate
		}},
		{name: "no approval", methods: "DELETE", status: 403, registry: func(c *dcr.Config) {
			c.Hooks.Approve = func(context.Context, dcr.Change) error { return &dcr.Refusal{} }
		}},
		{name: "a person who has to approve", methods: "POST DELETE", status: 202, registry: func(c *dcr.Config) {
			c.Validator = s.validator(t, bothPendingChanges)
		}},
		{name: "a person of the hook's", methods: "POST DELETE", status: 202, registry: func(c *dcr.Config) {
			c.Hooks.Approve = func(context.Context, dcr.Change) error { return dcr.ErrPending }
			c.Hooks.Pending = func(context.Context, dcr.Change) {}
		}},
		{name: "a person who has not approved yet", methods: "PUT", status: 403, registry: func(c *dcr.Config) {
			c.Validator = s.validator(t, bothPendingChanges)
			pendAll(t, s, c.Validator)
		}},
		{name: "no POST", methods: "POST", status: 405, adapter: func(c *dcr.HandlerConfig) { c.Methods = []string{"GET", "PUT", "DELETE"} }},
		{name: "POST alone", methods: "GET PUT DELETE", status: 405, adapter: func(c *dcr.HandlerConfig) { c.Methods = []string{"POST"} }},
		{name: "a slow body", methods: "POST PUT", status: 408, adapter: func(c *dcr.HandlerConfig) { c.BodyTimeout = 1 },
			request: func(m, p string) *http.Request { return s.request(t, m, p, slow()) }},
		{name: "a large body", methods: "POST PUT", status: 413, request: func(m, p string) *http.Request {
			return s.request(t, m, p, strings.NewReader(strings.Repeat("x", dcr.MaxRequestBody+1)))
		}},
		{name: "JSON", methods: "POST PUT", status: 415, request: func(m, p string) *http.Request {
			r := s.request(t, m, p, strings.NewReader("{}"))
			r.Header.Set("Content-Type", "application/json")
			return r
		}},
		{name: "too often", methods: "POST GET PUT DELETE", status: 429, adapter: func(c *dcr.HandlerConfig) { c.Limiter = &limiter{} }},
		{name: "no randomness", methods: "POST PUT", status: 500, registry: func(c *dcr.Config) { c.Random = strings.NewReader("") },
			request: func(m, p string) *http.Request {
				return s.request(t, m, p, strings.NewReader(s.token(t, func(c *claims.Request) { c.TokenEndpointAuthMethod = claims.Some(claims.ClientSecretBasic) })))
			}},
		{name: "a broken record", methods: "GET", status: 500, registry: func(c *dcr.Config) { c.Store = brokenRecords{c.Store} }},
		{name: "keys that the bank forgot to list", methods: "DELETE", status: 500, registry: func(c *dcr.Config) { c.SoftwareKeys = missingHost(t, s.world) }},
		{name: "no store", methods: "POST GET PUT DELETE", status: 503, registry: func(c *dcr.Config) { c.Store = noStore{c.Store} }},
	}...) {
		t.Run(c.name, func(t *testing.T) {
			for method := range strings.FieldsSeq(c.methods) {
				path := "/register"
				if method != http.MethodPost {
					path += "/" + s.client(t)
				}
				server := s.start(t, c.registry, c.adapter)
				var r *http.Request
				if c.request != nil {
					r = c.request(method, path)
				} else {
					r = s.request(t, method, path, strings.NewReader(s.token(t, nil)))
				}
				want := c.status
				if want == 0 {
					want = map[string]int{"POST": 201, "GET": 200, "PUT": 200, "DELETE": 204}[method]
				}
				a := server.send(t, r)
				require.Equal(t, want, a.status, "%s: %s", method, a.body)
			}
		})
	}
	require.Equal(t, slices.Sorted(maps.Keys(s.documented)), slices.Sorted(maps.Keys(s.seen)))
}

// tokenRefusals are refusals of tokens that are valid.
func tokenRefusals(t *testing.T, s *site) []provocation {
	return []provocation{
		{name: "the client of another token", methods: "GET PUT DELETE", status: 403, request: func(m, p string) *http.Request {
			r := s.request(t, m, p, nil)
			other, refusal := s.register(t, s.registrar, s.token(t, nil))
			require.Nil(t, refusal)
			r.Header.Set("Authorization", "Bearer "+s.accessToken(t, other.Client.ID))
			return r
		}},
		{name: "a token of too small a scope", methods: "GET PUT DELETE", status: 403, registry: func(c *dcr.Config) {
			c.Validator = s.validator(t, func(p *validate.Policy) {
				p.ForeignToken, p.ManagementScope, p.ManagementAudience = validate.ForeignTokenUnauthorized, "registration", ""
			})
		}},
		{name: "a token for another API", methods: "GET PUT DELETE", status: 401, registry: func(c *dcr.Config) {
			c.Validator = s.validator(t, func(p *validate.Policy) { p.ManagementAudience = "https://bank.example: register" })
		}},
	}
}

// brokenRecords is a store with records that no registrar can have written.
type brokenRecords struct{ store.Store }

func (s brokenRecords) Get(ctx context.Context, id string) (store.Client, error) {
	c, err := s.Store.Get(ctx, id)
	c.Metadata = nil
	return c, err
}

type noStore struct{ store.Store }

func (noStore) Create(context.Context, store.Client, store.Change) error {
	return context.DeadlineExceeded
}

func (noStore) Get(context.Context, string) (store.Client, error) {
	return store.Client{}, context.DeadlineExceeded
}

func decodedParts(t *testing.T, token string) (header, payload map[string]any) {
	t.Helper()
	signed, err := ssa.ParseSigned(token)
	require.NoError(t, err)
	first, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(first)
	require.NoError(t, err)
	return decodeJSON(t, text), decodeJSON(t, []byte(signed.UnverifiedPayload()))
}

// TestTheDocumentTakesWhatTheOfficialOneDemands: a reader that is made from the document
// takes an answer with the members that the official schema requires.
func TestTheDocumentTakesWhatTheOfficialOneDemands(t *testing.T) {
	for version, profile := range profiles {
		s := newSiteOf(t, profile, nil)
		created, _ := s.post(t, s.start(t, nil, nil))
		answer := decodeJSON(t, []byte(created.body))
		for name, value := range s.requestOf(t) {
			if _, there := answer[name]; !there {
				answer[name] = value
			}
		}
		text, err := json.Marshal(answer)
		require.NoError(t, err)
		require.Empty(t, mismatches(t, readOfficial(t).schema(version), string(text)))
		text, err = dcr.OpenAPI(s.config.Validator)
		require.NoError(t, readDocument(t, text, err).fits("RegisteredClient", answer))
	}
}

// TestTheDocumentRefusesWhatMustNotBeThere shows that the schemas refuse something.
func TestTheDocumentRefusesWhatMustNotBeThere(t *testing.T) {
	s := newSite(t, nil)
	registration, refusal := s.register(t, s.registrar, s.token(t, nil))
	require.Nil(t, refusal)
	body, err := dcr.Response(registration.Client, claims.Secret{}, s.config.Validator.Policy())
	require.NoError(t, err)
	for name, change := range map[string]func(map[string]any){
		"jti of the request":                  func(m map[string]any) { m["jti"] = "x" },
		"a member of nobody":                  func(m map[string]any) { m["internal"] = true },
		"no client_id":                        func(m map[string]any) { delete(m, "client_id") },
		"client_id_issued_at as a string":     func(m map[string]any) { m["client_id_issued_at"] = "1790000000" },
		"client_id too long":                  func(m map[string]any) { m["client_id"] = strings.Repeat("x", 37) },
		"a secret that does not say its end":  func(m map[string]any) { m["client_secret"] = strings.Repeat("x", 22) },
		"an http redirect":                    func(m map[string]any) { m["redirect_uris"] = []any{"http://tpp.example/cb"} },
		"a subject DN with another method":    func(m map[string]any) { m["tls_client_auth_subject_dn"] = "CN=x" },
		"no subject DN with tls_client_auth":  func(m map[string]any) { m["token_endpoint_auth_method"] = "tls_client_auth" },
		"a grant type of nobody":              func(m map[string]any) { m["grant_types"] = []any{"password"} },
		"scope with two blanks":               func(m map[string]any) { m["scope"] = "openid  accounts" },
		"a statement with a line break in it": func(m map[string]any) { m["software_statement"] = "a.b\n.c" },
	} {
		members := decodeJSON(t, body)
		require.NoError(t, s.api.fits("RegisteredClient", members))
		change(members)
		require.Error(t, s.api.fits("RegisteredClient", members), name)
	}
	require.Error(t, s.api.fits("RegistrationError", map[string]any{
		"error": "invalid_client_metadata", "error_description": "x", "reason": "y"}))
	require.Error(t, s.api.fits("RequestHeader", map[string]any{"alg": "PS256", "kid": "x", "jwk": map[string]any{}}))
	require.Error(t, s.api.fits("RequestHeader", map[string]any{"alg": "none", "kid": "x"}))

	ok := http.Header{"Cache-Control": {"no-store"}, "Pragma": {"no-cache"}, "X-Content-Type-Options": {"nosniff"}, "Content-Type": {"application/json"}}
	post := s.api.Paths.Value("/register").Post
	for name, change := range map[string]func(http.Header){
		"stored": func(h http.Header) { h.Set("Cache-Control", "max-age=1") }, "guessed": func(h http.Header) { h.Del("X-Content-Type-Options") },
		"nothing": func(http.Header) {},
	} {
		header := ok.Clone()
		change(header)
		r := &http.Request{Method: "POST", URL: &url.URL{Path: "/register"}}
		require.Equal(t, name == "nothing", s.api.answers(r, post, 201, header, body) == nil, name)
	}
}

func TestTheDocumentsLimitsAreThoseOfTheCode(t *testing.T) {
	d := newSite(t, nil).api
	require.Contains(t, d.Components.RequestBodies["Registration"].Value.Description, "65536")
	require.Equal(t, 65536, dcr.MaxRequestBody)
	var codes []string
	for _, c := range d.Components.Schemas["RegistrationError"].Value.Properties["error"].Value.Enum {
		code, _ := c.(string)
		codes = append(codes, code)
	}
	require.ElementsMatch(t, []string{string(validate.InvalidRedirectURI), string(validate.InvalidClientMetadata),
		string(validate.InvalidSoftwareStatement), string(validate.UnapprovedSoftwareStatement)}, codes)
	require.NoError(t, d.fits("ClientID", "0123456789abcdefghijAB"))
	require.Error(t, d.fits("ClientID", "a/b"))
}
