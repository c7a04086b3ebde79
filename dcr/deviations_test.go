package dcr_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// deviation is a row of docs/deviations.md.
type deviation struct {
	differences []string                // from the facts of the official documents, in whatever version
	shown       func(*testing.T, *site) // what the row says and no schema does; nil where the differences say it all
}

// each puts each word into the place of %.
func each(pattern string, words ...string) []string {
	var all []string
	for _, w := range words {
		all = append(all, strings.Replace(pattern, "%", w, 1))
	}
	return all
}

// deviations are the rows by their identifiers.
var deviations = map[string]deviation{
	"version.3_1": {shown: func(t *testing.T, _ *site) { require.False(t, validate.Profile("obie-3.1").Valid()) }},
	"version.3_4": {shown: func(t *testing.T, _ *site) { require.True(t, validate.OBIE34.Valid()) }},
	"answer.jwt_claims": {differences: append(each("answer %: optional here", "iss", "iat", "exp", "aud", "jti"),
		each("answer %: unknown here", "iss", "iat", "exp", "aud", "jti")...)},
	"answer.client_id_issued_at": {differences: []string{"answer client_id_issued_at: required here"}},
	"answer.client_secret":       {differences: []string{"answer client_secret: at least 22 characters"}, shown: secretLength},
	"answer.error_description":   {differences: []string{"error error_description: required here"}},
	"answer.flattened":           {shown: flattened},
	"answer.org_contacts":        {shown: flattened},
	"answer.statuses": {differences: slices.Concat(each("POST %: here alone", "401", "408", "413", "415", "429", "500", "503"),
		each("PUT %: here alone", "408", "413", "415", "429", "500", "503"), each("GET %: here alone", "429", "500", "503"),
		each("DELETE %: here alone", "429", "500", "503"), []string{"DELETE 405: not here"})},
	"answer.pending":                           {shown: pendingAnswers},
	"answer.text":                              {shown: textAnswers},
	"answer.challenge":                         {shown: challenges},
	"answer.foreign_token":                     {differences: each("% 403: not here", "GET", "PUT")},
	"request.media_type":                       {differences: each("%: application/jose, application/jwt", "POST", "PUT"), shown: mediaTypes},
	"request.size":                             {shown: func(t *testing.T, _ *site) { require.Equal(t, 65536, dcr.MaxRequestBody) }},
	"request.security":                         {shown: security},
	"request.client_id":                        {differences: each("request client_id: %", "at least 0 characters", "at most any characters"), shown: wishes},
	"request.response_members":                 {differences: each("request %: unknown here", "client_secret", "client_id_issued_at", "client_secret_expires_at"), shown: wishes},
	"request.times":                            {differences: times, shown: spellings},
	"request.jti":                              {shown: spellings},
	"request.x5t":                              {shown: digests},
	"redirect_uris.optional":                   {differences: []string{"request redirect_uris: optional here"}},
	"redirect_uris.list":                       {differences: slices.Concat(each("% redirect_uris: at least 1 entries", "request", "answer"), each("% redirect_uris: no entry twice", "request", "answer"))},
	"auth_methods.fapi":                        {differences: each("request token_endpoint_auth_method: without %", "client_secret_jwt", "client_secret_basic", "client_secret_post")},
	"algorithms.fapi":                          {differences: algorithms},
	"token_endpoint_auth_signing_alg.required": {shown: refuses(members{"token_endpoint_auth_signing_alg": nil}, validate.RuleTokenEndpointAuthSigningAlgRequired)},
	"token_endpoint_auth_signing_alg.hmac":     {differences: each("answer token_endpoint_auth_signing_alg: also %", "HS256", "HS384", "HS512")},
	"ciba.schema": {differences: each("% backchannel_token_delivery_mode: without push", "request", "answer"), shown: func(t *testing.T, s *site) {
		refuses(backchannel(members{"backchannel_user_code_parameter_supported": true}), validate.RuleBackchannelUserCodeParameterSupportedFalse)(t, s)
		refuses(backchannel(members{"backchannel_token_delivery_mode": "ping", "backchannel_client_notification_endpoint": "http://tpp.example/ciba"}),
			validate.RuleBackchannelClientNotificationEndpointHTTPS)(t, s)
	}},
	"subject_dn.pattern": {differences: each("% tls_client_auth_subject_dn: without the pattern", "request", "answer"), shown: subjects},
	"subject_dn.san": {shown: refuses(members{"token_endpoint_auth_method": "tls_client_auth", "token_endpoint_auth_signing_alg": nil,
		"tls_client_auth_san_dns": "tpp.example"}, validate.RuleTLSClientAuthSubjectDNRequired)},
	"statement.self_signed":            {shown: selfSigned},
	"statement.typ":                    {shown: statementSpellings},
	"statement.null":                   {shown: statementSpellings},
	"statement.sizes":                  {shown: statementSpellings},
	"vendor.supportedGrantTypes":       {shown: vendorMembers},
	"vendor.client_secret":             {shown: vendorMembers},
	"vendor.scope_array":               {shown: vendorMembers},
	"vendor.registration_access_token": {shown: vendorMembers},
}

var (
	times = append(each("answer %: without the format int32", "client_id_issued_at", "client_secret_expires_at"),
		"request iat: from 0 on", "request exp: from 0 on", "request iat: without the format int32", "request exp: without the format int32")
	algorithms = append(each("request %: without RS256", "id_token_signed_response_alg", "request_object_signing_alg", "token_endpoint_auth_signing_alg"),
		each("% backchannel_authentication_request_signing_alg: without RS256", "request", "answer")...)
)

// TestDeviationsAreThoseOfThePage: the page has a row for each, and no other. What a row
// names as changing it is a member of the policy.
func TestDeviationsAreThoseOfThePage(t *testing.T) {
	page, err := os.ReadFile("../docs/deviations.md")
	require.NoError(t, err)
	schema := decodeJSON(t, validate.PolicySchema())["properties"].(map[string]any)
	var rows []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|(.*)\\|$").FindAllStringSubmatch(string(page), -1) {
		rows = append(rows, m[1])
		cells := strings.Split(m[2], "|")
		require.Len(t, cells, 5, m[1])
		require.Contains(t, []string{" stricter ", " looser ", " other "}, cells[0], m[1])
		for _, member := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[4], -1) {
			require.Contains(t, schema, member[1], m[1])
		}
	}
	_, publishes, found := strings.Cut(string(page), "## What a bank publishes")
	require.True(t, found)
	for _, where := range regexp.MustCompile(`(?m)^\|.*\|([^|]*)\|$`).FindAllStringSubmatch(publishes, -1) {
		for _, member := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(where[1], -1) {
			require.Contains(t, schema, member[1])
		}
	}
	var known []string
	for id := range deviations {
		known = append(known, id)
	}
	require.ElementsMatch(t, known, rows)
}

func TestDeviationsAreAsThePageSays(t *testing.T) {
	for id, d := range deviations {
		if d.shown != nil {
			t.Run(id, func(t *testing.T) { d.shown(t, newSite(t, nil)) })
		}
	}
}

// refuses shows that a request with changes breaks a rule.
func refuses(changes members, rule string) func(*testing.T, *site) {
	return func(t *testing.T, s *site) {
		token, err := s.software.Sign(s.requestOf(t, changes))
		require.NoError(t, err)
		_, refusal := s.register(t, s.registrar, token)
		require.NotNil(t, refusal)
		require.Equal(t, []string{rule}, ruleIDs(refusal.Report))
	}
}

// registered is the answer to a request with changes.
func (s *site) registered(t *testing.T, changes members) map[string]any {
	t.Helper()
	created, _ := s.post(t, s.start(t, nil, nil), changes)
	require.Equal(t, 201, created.status, created.body)
	return decodeJSON(t, []byte(created.body))
}

func secretLength(t *testing.T, s *site) {
	require.Len(t, s.registered(t, method("client_secret_basic"))["client_secret"], 32)
}

func flattened(t *testing.T, s *site) {
	statement := s.statement(t, map[string]any{"software_new": 1, "org_new": 2, "organisation_new": 3, "ob_new": 4, "new": 5,
		"org_contacts": []any{map[string]any{"name": "Ada", "email": "ada@tpp.example"}}})
	got := s.registered(t, members{"software_statement": statement})
	for member, want := range map[string]any{"software_new": 1.0, "org_new": 2.0, "organisation_new": 3.0, "ob_new": 4.0} {
		require.Equal(t, want, got[member])
	}
	require.NotContains(t, got, "new")
	require.NotContains(t, got, "org_contacts")
}

// pendingAnswers shows that nothing waits by default, and what is answered where it does.
func pendingAnswers(t *testing.T, s *site) {
	require.Nil(t, s.api.Components.Schemas["PendingChange"])
	require.Contains(t, s.registered(t, nil), "client_id_issued_at")
	s = newSite(t, bothPendingChanges)
	server := s.start(t, nil, nil)
	posted, _ := s.post(t, server, nil)
	require.Equal(t, 202, posted.status)
	require.Equal(t, "pending", decodeJSON(t, []byte(posted.body))["status"])
	id := decodeJSON(t, []byte(posted.body))["client_id"].(string)
	_, err := s.registrar.ApprovePending(context.Background(), id)
	require.NoError(t, err)
	deleted := server.send(t, s.request(t, http.MethodDelete, "/register/"+id, nil))
	require.Equal(t, 202, deleted.status)
	require.Equal(t, map[string]any{"client_id": id, "status": "pending"}, decodeJSON(t, []byte(deleted.body)))
}

func textAnswers(t *testing.T, s *site) {
	for _, name := range []string{"NoCertificate", "Unauthorized", "Forbidden", "MethodNotAllowed"} {
		content := s.api.Components.Responses[name].Value.Content
		require.Len(t, content, 1, name)
		require.NotNil(t, content["text/plain"], name)
	}
}

func challenges(t *testing.T, s *site) {
	server := s.start(t, nil, nil)
	a := server.sendBy(t, server.plain, s.request(t, http.MethodPost, "/register", strings.NewReader("x")))
	require.Equal(t, mutual, a.header.Get("WWW-Authenticate"))
	a = server.send(t, s.request(t, http.MethodDelete, "/register/nobody", nil))
	require.Equal(t, invalid, a.header.Get("WWW-Authenticate"))
}

func mediaTypes(t *testing.T, s *site) {
	server := s.start(t, nil, nil)
	for media, want := range map[string]int{"application/json": 415, "application/jwt": 201, "application/jose": 201} {
		r := s.request(t, http.MethodPost, "/register", strings.NewReader(s.token(t, nil)))
		r.Header.Set("Content-Type", media)
		require.Equal(t, want, server.send(t, r).status, media)
	}
}

func security(t *testing.T, s *site) {
	require.Equal(t, "mutualTLS", s.api.Components.SecuritySchemes["clientCertificate"].Value.Type)
	require.Equal(t, "bearer", s.api.Components.SecuritySchemes["accessToken"].Value.Scheme)
}

func wishes(t *testing.T, s *site) {
	got := s.registered(t, members{"client_id": strings.Repeat("x", 100), "client_secret": "mine", "client_id_issued_at": 1, "client_secret_expires_at": 1})
	require.Len(t, got["client_id"], 23)
	require.NotContains(t, got, "client_secret")
	require.NotEqual(t, 1.0, got["client_id_issued_at"])
}

// digests shows a digest that is taken, and one of another form that is not.
func digests(t *testing.T, s *site) {
	for x5t, want := range map[string][]string{"NT1mRdvCV0u1WgoxA7YQR0PyTL4": nil, "353d6645dbc2574bb55a0a3103b6104743f24cbe": {validate.RuleHeaderMemberType}} {
		request := s.requestOf(t, nil)
		token, err := s.software.SignWith(&request, ssatest.Forgery{Members: map[string]any{"x5t": x5t}})
		require.NoError(t, err)
		_, refusal := s.register(t, s.registrar, token)
		if want == nil {
			require.Nil(t, refusal)
			continue
		}
		require.NotNil(t, refusal)
		require.Equal(t, want, ruleIDs(refusal.Report))
	}
}

func spellings(t *testing.T, s *site) {
	for _, jti := range []string{freshJTI(), strings.ToUpper(freshJTI())} {
		request := s.requestOf(t, members{"jti": jti})
		request["iat"] = json.RawMessage("1.79e9")
		token, err := s.software.Sign(request)
		require.NoError(t, err)
		_, refusal := s.register(t, s.registrar, token)
		require.Nil(t, refusal)
		token, err = s.software.Sign(s.requestOf(t, members{"jti": strings.ToUpper(jti)}))
		require.NoError(t, err)
		_, refusal = s.register(t, s.registrar, token)
		require.NotNil(t, refusal)
		require.Equal(t, []string{validate.RuleRequestJTIReplayed}, ruleIDs(refusal.Report), "another case is no other jti")
	}
}

// subjects shows names that the pattern of 3.4 refuses and that differ from the certificate's
// alone.
func subjects(t *testing.T, _ *site) {
	s := newSiteOf(t, validate.OBIE34, nil)
	for subject, rule := range map[string]string{
		`CN=a\, b,O=x`: validate.RuleTLSClientAuthSubjectDNMatchesCertificate, "CN=a, O=x": validate.RuleTLSClientAuthSubjectDNMatchesCertificate,
		"CN=" + strings.Repeat("x", 509): validate.RuleTLSClientAuthSubjectDNMatchesCertificate,
		"CN=" + strings.Repeat("x", 510): validate.RuleTLSClientAuthSubjectDNLength34,
	} {
		token, err := s.software.Sign(s.requestOf(t, members{"token_endpoint_auth_method": "tls_client_auth", "token_endpoint_auth_signing_alg": nil, "tls_client_auth_subject_dn": subject}))
		require.NoError(t, err)
		_, refusal := s.register(t, s.registrar, token)
		require.NotNil(t, refusal)
		require.Contains(t, ruleIDs(refusal.Report), rule, subject)
		require.NotContains(t, ruleIDs(refusal.Report), validate.RuleTLSClientAuthSubjectDNCNFirst, subject)
	}
}

func selfSigned(t *testing.T, s *site) {
	for name, forgery := range map[string]ssatest.Forgery{
		"signed by the software": {Key: s.software.SigningKey, KeyID: s.software.SigningKeyID}, "unsigned": {Algorithm: "none", Unsigned: true}} {
		_, refusal := s.register(t, s.registrar, s.forgedStatement(t, nil, forgery))
		require.NotNil(t, refusal, name)
		require.Equal(t, validate.InvalidSoftwareStatement, refusal.Code, name)
	}
}

func statementSpellings(t *testing.T, s *site) {
	token := s.forgedStatement(t, map[string]any{"software_logo_uri": json.RawMessage("null"), "org_name": strings.Repeat("a", 141)},
		ssatest.Forgery{Members: map[string]any{"typ": nil}})
	registration, refusal := s.register(t, s.registrar, token)
	require.Nil(t, refusal)
	require.Subset(t, besides(registration.Report), []string{validate.RuleSSAHeaderTypRequired, validate.RuleSSAMemberLength})
}

func vendorMembers(t *testing.T, s *site) {
	got := s.registered(t, nil)
	for _, member := range []string{"supportedGrantTypes", "client_secret", "client_secret_expires_at", "registration_access_token", "registration_client_uri"} {
		require.NotContains(t, got, member)
	}
	require.IsType(t, "", got["scope"])
	require.Equal(t, claims.PrivateKeyJWT, claims.AuthMethod(got["token_endpoint_auth_method"].(string)))
}
