package dcr_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

const (
	ciba      = "urn:openid:params:grant-type:ciba"
	jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// members are changes to a valid request; nil takes a member away.
type members map[string]any

func method(name string) members { return members{"token_endpoint_auth_method": name} }

// backchannel asks for the CIBA grant, with changes.
func backchannel(changes members) members {
	all := members{"grant_types": []string{"client_credentials", ciba}, "response_types": nil, "backchannel_token_delivery_mode": "poll",
		"backchannel_authentication_request_signing_alg": "PS256"}
	maps.Copy(all, changes)
	return all
}

// requestOf makes the claims of a valid request, with a fresh jti and changes.
func (s *site) requestOf(t *testing.T, changes ...members) map[string]any {
	t.Helper()
	request := s.software.Request(ssatest.DefaultAudience)
	text, err := request.MarshalJSON()
	require.NoError(t, err)
	all := decodeJSON(t, text)
	all["jti"] = freshJTI()
	for _, c := range changes {
		for name, value := range c {
			if all[name] = value; value == nil {
				delete(all, name)
			}
		}
	}
	// As a reader of JSON has it.
	text, err = json.Marshal(all)
	require.NoError(t, err)
	return decodeJSON(t, text)
}

// post registers a client with changes, and returns the answer and what the document says
// of the request.
func (s *site) post(t *testing.T, server *server, changes ...members) (answer, error) {
	t.Helper()
	request := s.requestOf(t, changes...)
	token, err := s.software.Sign(request)
	require.NoError(t, err)
	require.NoError(t, server.api.fits("SignedRequest", token))
	header, payload := decodedParts(t, token)
	require.NoError(t, server.api.fits("RequestHeader", header))
	return server.send(t, s.request(t, http.MethodPost, "/register", strings.NewReader(token))), server.api.fits("RegistrationRequest", payload)
}

// clients are requests for clients of every kind that a profile has.
func (s *site) clients(t *testing.T) map[string]members {
	t.Helper()
	subject := s.certificate(t, s.software).Subject.String()
	all := map[string]members{
		"private_key_jwt":                               {},
		"client_secret_basic":                           method("client_secret_basic"),
		"client_secret_post":                            method("client_secret_post"),
		"client_secret_jwt":                             method("client_secret_jwt"),
		"client_secret_jwt that names what it signs by": {"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "HS256"},
		"tls_client_auth":                               {"token_endpoint_auth_method": "tls_client_auth", "token_endpoint_auth_signing_alg": nil, "tls_client_auth_subject_dn": subject},
		"client_credentials alone":                      {"grant_types": []string{"client_credentials"}, "response_types": []string{}},
		"nothing that may be left out":                  {"response_types": nil, "software_id": nil},
		"a grant type and a scope twice":                {"grant_types": []string{"client_credentials", "client_credentials"}, "response_types": nil, "scope": "openid accounts openid"},
	}
	if s.profile != validate.WSO2 {
		all["the statement's redirect URIs"] = members{"redirect_uris": nil}
		all["ES256"] = members{"id_token_signed_response_alg": "ES256", "request_object_signing_alg": "ES256"}
	}
	switch s.profile {
	case validate.WSO2:
		all["neither scope nor application_type"] = members{"scope": nil, "application_type": nil}
	case validate.OBIE34:
		all["native"] = members{"application_type": "native"}
		all["jwt-bearer"] = members{"grant_types": []string{"client_credentials", jwtBearer}, "response_types": nil}
	default:
		all["mobile"] = members{"application_type": "mobile"}
	}
	if s.profile == validate.OBIE33 || s.profile == validate.OBIE34 {
		all["ciba by poll"] = backchannel(members{"backchannel_user_code_parameter_supported": false})
		all["ciba by ping"] = backchannel(members{"backchannel_token_delivery_mode": "ping", "backchannel_client_notification_endpoint": "https://tpp.example/ciba"})
	}
	return all
}

// manage reads, replaces and deletes the client of an answer. Each answer is held to the
// document as it comes.
func (s *site) manage(t *testing.T, server *server, created answer, changes members) {
	t.Helper()
	path := "/register/" + decodeJSON(t, []byte(created.body))["client_id"].(string)
	token, err := s.software.Sign(s.requestOf(t, changes))
	require.NoError(t, err)
	require.Equal(t, 200, server.send(t, s.request(t, http.MethodGet, path, nil)).status)
	require.Equal(t, 200, server.send(t, s.request(t, http.MethodPut, path, strings.NewReader(token))).status)
	require.Equal(t, 400, server.send(t, s.request(t, http.MethodPut, path, strings.NewReader(token))).status, "the jti is burnt")
	require.Equal(t, 204, server.send(t, s.request(t, http.MethodDelete, path, nil)).status)
	require.Equal(t, 401, server.send(t, s.request(t, http.MethodGet, path, nil)).status)
}

func TestAnswersOfEachProfileAreOfItsDocument(t *testing.T) {
	for _, profile := range validate.Profiles() {
		t.Run(string(profile), func(t *testing.T) {
			s := newSiteOf(t, profile, nil)
			server := s.start(t, nil, nil)
			for name, changes := range s.clients(t) {
				t.Run(name, func(t *testing.T) {
					created, refused := s.post(t, server, changes)
					require.NoError(t, refused)
					require.Equal(t, 201, created.status, created.body)
					s.manage(t, server, created, changes)
				})
			}
		})
	}
}

// TestTheDocumentRefusesWhatTheServerRefuses takes each member away and gives it other
// values: what the schemas can say, they say as the server does.
func TestTheDocumentRefusesWhatTheServerRefuses(t *testing.T) {
	dn := func(n int) members {
		return members{"token_endpoint_auth_method": "tls_client_auth", "token_endpoint_auth_signing_alg": nil,
			"tls_client_auth_subject_dn": "CN=" + strings.Repeat("x", n-3)}
	}
	changes := map[string]members{
		"push":                          backchannel(members{"backchannel_token_delivery_mode": "push"}),
		"ciba without a mode":           backchannel(members{"backchannel_token_delivery_mode": nil}),
		"ciba without an algorithm":     backchannel(members{"backchannel_authentication_request_signing_alg": nil}),
		"poll with an endpoint":         backchannel(members{"backchannel_client_notification_endpoint": "https://tpp.example/ciba"}),
		"ping without an endpoint":      backchannel(members{"backchannel_token_delivery_mode": "ping"}),
		"RS256 for ciba":                backchannel(members{"backchannel_authentication_request_signing_alg": "RS256"}),
		"a user code":                   backchannel(members{"backchannel_user_code_parameter_supported": true}),
		"ciba":                          backchannel(nil),
		"a mode without ciba":           {"backchannel_token_delivery_mode": "poll"},
		"jwt-bearer":                    {"grant_types": []string{"client_credentials", jwtBearer}, "response_types": nil},
		"a grant type of nobody":        {"grant_types": []string{"password"}, "response_types": nil},
		"no grant type":                 {"grant_types": []string{}, "response_types": nil},
		"a token in the browser":        {"response_types": []string{"code token"}},
		"no redirect URI":               {"redirect_uris": []string{}},
		"an http redirect URI":          {"redirect_uris": []string{"http://tpp.example/callback"}},
		"one redirect URI twice":        {"redirect_uris": []string{"https://tpp.example/callback", "https://tpp.example/callback"}},
		"no array of redirect URIs":     {"redirect_uris": "https://tpp.example/callback"},
		"a URL as aud":                  {"aud": "https://bank.example"},
		"another bank":                  {"aud": "0015800001041REAAY"},
		"aud as an array":               {"aud": []string{ssatest.DefaultAudience}},
		"an issuer with a blank":        {"iss": "WSO2 TPP"},
		"a long issuer":                 {"iss": strings.Repeat("a", 23)},
		"jti without hyphens":           {"jti": strings.Repeat("a", 32)},
		"jti of version 1":              {"jti": "c232ab00-9414-11ec-b3c8-9f6bdeced846"},
		"jti in upper case":             {"jti": strings.ToUpper(freshJTI())},
		"scope as an array":             {"scope": []string{"openid", "accounts"}},
		"a scope of nobody":             {"scope": "openid acounts"},
		"two blanks in scope":           {"scope": "openid  accounts"},
		"none":                          {"request_object_signing_alg": "none"},
		"RS256":                         {"id_token_signed_response_alg": "RS256"},
		"RS256 for assertions":          {"token_endpoint_auth_signing_alg": "RS256"},
		"a method of nobody":            {"token_endpoint_auth_method": "none", "token_endpoint_auth_signing_alg": nil},
		"a subject DN for nothing":      {"tls_client_auth_subject_dn": "CN=x"},
		"no subject DN":                 {"token_endpoint_auth_method": "tls_client_auth", "token_endpoint_auth_signing_alg": nil},
		"no algorithm":                  {"token_endpoint_auth_signing_alg": nil},
		"no algorithm for a secret":     {"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": nil},
		"a subject DN of 129":           dn(129),
		"a subject DN of 513":           dn(513),
		"web":                           {"application_type": "web"},
		"mobile":                        {"application_type": "mobile"},
		"native":                        {"application_type": "native"},
		"times as texts":                {"iat": "1790000000"},
		"a fraction of a second":        {"exp": 1790000100.5},
		"a software_id with a blank":    {"software_id": "a b"},
		"a statement with a line break": {"software_statement": "a.b\n.c"},
		"members of nobody":             {"contacts": []string{"a@b.example"}, "client_name": "x"},
		"a wish for a client_id":        {"client_id": "mine"},
	}
	for _, name := range claims.RequestMembers() {
		changes["no "+name] = members{name: nil}
	}
	for _, profile := range validate.Profiles() {
		s := newSiteOf(t, profile, nil)
		server := s.start(t, nil, nil)
		for name, change := range changes {
			t.Run(string(profile)+"/"+name, func(t *testing.T) {
				if strings.HasPrefix(name, "a subject DN of 129") && profile == validate.OBIE34 {
					change = members{} // a name of that length is fine there, but it is not this certificate's
				}
				given, refused := s.post(t, server, change)
				require.Equal(t, given.status != 201, refused != nil, "%d %s, the document: %v", given.status, given.body, refused)
			})
		}
	}
}

// TestTheDocumentFollowsThePolicy: what a bank decides is in its document, and its answers
// fit. Each request is one that another policy judges otherwise.
func TestTheDocumentFollowsThePolicy(t *testing.T) {
	for name, c := range map[string]struct {
		policy   func(*validate.Policy)
		send     members
		refused  members
		expected map[string]any // of the answer
		status   int
	}{
		"created_status": {policy: func(p *validate.Policy) { p.CreatedStatus = 200 }, status: 200},
		"scope_as_array": {policy: func(p *validate.Policy) { p.ScopeAsArray = true },
			send: members{"scope": []string{"openid", "accounts"}}, refused: members{"scope": []string{"openid", "x y"}}, expected: map[string]any{"scope": "openid accounts"}},
		"scope_array_only": {policy: func(p *validate.Policy) { p.ScopeArrayOnly = true },
			send: members{"scope": []string{"openid", "accounts"}}, refused: members{"scope": "openid accounts"}, expected: map[string]any{"scope": "openid accounts"}},
		"response_scope_as_array": {policy: func(p *validate.Policy) { p.ResponseScopeAsArray = true },
			send: members{"scope": "openid accounts"}, expected: map[string]any{"scope": []any{"openid", "accounts"}}},
		"required_members": {policy: func(p *validate.Policy) { p.RequiredMembers = []string{"software_id", "response_types"} }, refused: members{"response_types": nil}},
		"allowed_values of a list": {policy: func(p *validate.Policy) { p.AllowedValues = map[string][]string{"response_types": {"code id_token"}} },
			refused: members{"response_types": []string{"code"}}},
		"allowed_values of an array": {policy: func(p *validate.Policy) {
			p.AllowedValues = map[string][]string{"redirect_uris": {"https://tpp.example/callback"}}
		},
			send: members{"redirect_uris": []string{"https://tpp.example/callback"}}, refused: members{}},
		"allowed_values of a text": {policy: func(p *validate.Policy) { p.AllowedValues = map[string][]string{"client_id": {"wish"}} },
			send: members{"client_id": "wish"}, refused: members{"client_id": "another"}},
		"adjustable": {policy: func(p *validate.Policy) {
			p.Adjustable, p.GrantTypes = []string{"grant_types", "scope"}, []claims.GrantType{claims.ClientCredentials}
		}, send: backchannel(members{"grant_types": []string{"client_credentials", "refresh_token", ciba}, "scope": "openid later"}),
			refused:  members{"grant_types": []string{"password"}, "response_types": nil},
			expected: map[string]any{"grant_types": []any{"client_credentials"}, "scope": "openid"}},
		"audience_kinds": {policy: func(p *validate.Policy) {
			p.AudienceKinds = []validate.AudienceKind{validate.AudienceURL, validate.AudienceList}
			p.Audiences = []string{"https://bank.example"}
		}, send: members{"aud": []string{"https://bank.example", "https://other.example"}}, refused: members{"aud": []string{"https://other.example"}}},
		"id_shapes": {policy: func(p *validate.Policy) { p.IDShapes = []validate.IDShape{validate.IDShapeOBIE, validate.IDShapeUUID} },
			refused: members{"software_id": "6f1c9d4e-2a37-4b1e-9a55-0c4de1a7b2g3"}},
		"RS256": {policy: func(p *validate.Policy) {
			p.MemberAlgorithms.IDToken, p.Widenings = append(p.MemberAlgorithms.IDToken, claims.RS256), append(p.Widenings, validate.WidenRS256)
		}, send: members{"id_token_signed_response_alg": "RS256"}, refused: members{"request_object_signing_alg": "RS256"}},
		"max_redirect_uris": {policy: func(p *validate.Policy) { p.MaxRedirectURIs = 1 },
			send: members{"redirect_uris": []string{"https://tpp.example/callback"}}, refused: members{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, c.policy)
			server := s.start(t, nil, nil)
			if c.status == 0 {
				c.status = 201
			}
			created, refused := s.post(t, server, c.send)
			require.NoError(t, refused)
			require.Equal(t, c.status, created.status, created.body)
			got := decodeJSON(t, []byte(created.body))
			for member, want := range c.expected {
				require.Equal(t, want, got[member])
			}
			again := maps.Clone(c.send)
			delete(again, "client_id") // at PUT it would have to be that of the client
			s.manage(t, server, created, again)
			if c.refused != nil {
				refusal, refused := s.post(t, server, c.refused)
				require.Equal(t, 400, refusal.status)
				require.Error(t, refused)
			}
		})
	}
}

func TestTheDocumentSaysWhoseItIs(t *testing.T) {
	for profile, version := range map[validate.Profile]string{
		validate.OBIE32: "3.2.0", validate.OBIE33: "3.3.0", validate.OBIE34: "3.4.0", validate.WSO2: "3.2.0"} {
		s := newSiteOf(t, profile, nil)
		require.Equal(t, version, s.api.Info.Version)
		require.Equal(t, string(profile), s.api.Info.Extensions["x-profile"])
		_, hasCIBA := s.api.Components.Schemas["RegistrationRequest"].Value.Properties["backchannel_token_delivery_mode"]
		require.Equal(t, profile == validate.OBIE33 || profile == validate.OBIE34, hasCIBA, profile)
	}
}

// TestAnOfferIsInTheDocument: a verb that the bank does not offer has the 405 alone.
func TestAnOfferIsInTheDocument(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, func(c *dcr.HandlerConfig) { c.Methods, c.Path = []string{"POST", "GET"}, "/open-banking/v3.2/register" })
	item := server.api.Paths.Value("/open-banking/v3.2/register/{ClientId}")
	statuses := func(method string) []string {
		return slices.Sorted(maps.Keys(item.GetOperation(method).Responses.Map()))
	}
	require.Equal(t, []string{"405"}, statuses("PUT"))
	require.Equal(t, []string{"405"}, statuses("DELETE"))
	require.Equal(t, []string{"200", "401", "500", "503"}, statuses("GET"), "there is neither a limit nor a 403 by policy")
	require.NotNil(t, server.api.Paths.Value("/open-banking/v3.2/register").Post.RequestBody)
}

func freshJTI() string {
	jti, err := claims.NewJTI(nil)
	if err != nil {
		panic(err) // there is no randomness
	}
	return jti
}
