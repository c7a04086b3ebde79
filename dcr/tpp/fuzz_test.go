package tpp_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// FuzzParseMetadata: whatever is accepted has endpoints that net/url reads as https
// addresses with a host, and no user.
func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(`{"issuer": "https://bank.example", "registration_endpoint": "https://bank.example/register",
		"token_endpoint": "https://bank.example/token", "token_endpoint_auth_methods_supported": ["private_key_jwt"],
		"request_object_signing_alg_values_supported": ["PS256", "ES256"], "scopes_supported": ["openid", "accounts"],
		"tls_client_certificate_bound_access_tokens": true}`))
	f.Add([]byte(`{"registration_endpoint": "https://a/r", "token_endpoint": "https://a/t", "mtls_endpoint_aliases": {"token_endpoint": "https://b/t"}}`))
	f.Add([]byte(`{"registration_endpoint": "https://a/r", "mtls_endpoint_aliases": {"token_endpoint": "https://b/t"}}`))
	f.Add([]byte(`{"registration_endpoint": "https://@a/", "token_endpoint": "HTTPS://a#"}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		over := tpp.Overrides{RegistrationEndpoint: "https://own.example/r", TokenEndpoint: "https://own.example/t"}
		if m, err := tpp.ParseMetadata(document, over); err == nil {
			require.Equal(t, over, tpp.Overrides{RegistrationEndpoint: m.RegistrationEndpoint, TokenEndpoint: m.TokenEndpoint})
		}
		m, err := tpp.ParseMetadata(document)
		if err != nil {
			require.Nil(t, m)
			return
		}
		for _, endpoint := range []string{m.RegistrationEndpoint, m.TokenEndpoint, m.TokenAudience} {
			u, err := url.Parse(endpoint)
			require.NoError(t, err)
			require.Equal(t, "https", u.Scheme)
			require.NotEmpty(t, u.Hostname())
			require.Nil(t, u.User)
		}
	})
}

// FuzzParseClientInformation: whatever is accepted has a client_id that is one segment
// of a path, and does not show its secret.
func FuzzParseClientInformation(f *testing.F) {
	f.Add([]byte(`{"client_id": "x", "client_id_issued_at": 1, "client_secret": "0123456789abcdef", "client_secret_expires_at": 0}`))
	f.Add([]byte(`{"client_id": "../..", "scope": ["a"], "redirect_uris": 7}`))
	f.Add([]byte(`{"client_id": "a", "client_id": "b"}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		i, err := tpp.ParseClientInformation(document)
		if err != nil {
			require.Nil(t, i)
			return
		}
		base, err := url.Parse("https://bank.example/register")
		require.NoError(t, err)
		joined := base.JoinPath(url.PathEscape(i.ClientID))
		require.Equal(t, 2, strings.Count(joined.EscapedPath(), "/"), "%q", i.ClientID)
		if secret := i.Secret.Reveal(); len(secret) > 8 && !strings.Contains(i.ClientID, secret) {
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", i, i, *i), secret)
		}
	})
}

// FuzzRefusal: whatever a bank answers, a refusal is short, can be printed, and does not
// repeat the access token.
func FuzzRefusal(f *testing.F) {
	for _, body := range []string{
		`{"error": "invalid_client_metadata", "error_description": "x"}`, `{"Code": "1", "Errors": [{"ErrorCode": "2", "Message": "m", "Path": "p"}]}`,
		`{"fault": {"faultstring": "x", "detail": {"errorcode": "y"}}}`, `{"errors": {"a": ["b", 1]}}`, `[{"source": {"pointer": "/a"}}, "opaque-token"]`,
		"<html><title>a</title><script>x</script><!-- y --><p title='>'>opaque-token &amp; z", "<", "</", "<!--", "\x00", "\ufeff\x1b[31m \u202e", "caf\xe9",
	} {
		f.Add([]byte(body), body)
	}
	var answer struct {
		body   []byte
		header string
	}
	client, err := tpp.NewClient(tpp.Config{HTTP: handled(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", answer.header)
		w.Header().Set("Date", answer.header)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write(answer.body)
	})), Metadata: &tpp.Metadata{RegistrationEndpoint: "https://bank.example/register", TokenEndpoint: "https://bank.example/token"}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		answer.body, answer.header = body, header
		_, err := client.Get(t.Context(), "id", goodToken)
		var refused *tpp.ResponseError
		require.ErrorAs(t, err, &refused)
		require.LessOrEqual(t, len(refused.Code), 64)
		require.LessOrEqual(t, len(refused.Description), 500)
		for _, shown := range []string{refused.Code, refused.Description, refused.WWWAuthenticate, refused.Error(), refused.ClockAdvice()} {
			require.False(t, strings.ContainsFunc(shown, text.Hidden), "%q", shown)
			require.NotContains(t, shown, goodToken.Value.Reveal())
		}
	})
}

// FuzzDifferences: an answer that repeats the request has no difference, and what differs
// can be printed.
func FuzzDifferences(f *testing.F) {
	f.Add(`{"client_id": "x", "scope": "a b", "redirect_uris": ["https://a.example/"]}`, `{"client_id": "x", "scope": ["b", "a"]}`)
	f.Add(`{"client_id": "x", "tls_client_auth_subject_dn": "CN=a", "n": 1.0, "o": {"b": 1, "a": [null]}}`, `{"client_id": "x", "n": 1, "scope": null}`)
	f.Add(`{"client_id": "x", "response_types": ["code id_token"], "grant_types": [1]}`, `{"client_id": "x", "software_id": "\u202e"}`)
	f.Fuzz(func(t *testing.T, asked, registered string) {
		encode := base64.RawURLEncoding.EncodeToString
		request := encode([]byte(`{"alg":"PS256","kid":"k"}`)) + "." + encode([]byte(asked)) + "." + encode(make([]byte, 256))
		if same, err := tpp.ParseClientInformation([]byte(asked)); err == nil {
			if found, err := tpp.Differences(request, same); err == nil {
				require.Empty(t, found)
			}
		}
		other, err := tpp.ParseClientInformation([]byte(registered))
		if err != nil {
			return
		}
		found, err := tpp.Differences(request, other)
		if err != nil {
			require.Nil(t, found)
		}
		for _, d := range found {
			for _, shown := range []string{d.Asked, d.Registered, d.String()} {
				require.False(t, strings.ContainsFunc(shown, text.Hidden), "%q", shown)
			}
		}
	})
}

// FuzzMembers: a member of the caller's is in the request as it was given, and the request is
// one strict JSON object.
func FuzzMembers(f *testing.F) {
	directory, err := ssatest.New(ssatest.Options{})
	require.NoError(f, err)
	f.Cleanup(directory.Close)
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(f, err)
	statement, err := software.SSA(nil)
	require.NoError(f, err)
	f.Add("subject_type", `"pairwise"`, false)
	f.Add("scope", `["openid"]`, true)
	f.Add("scope", ``, true)
	f.Add("x", `{"a": [1, 2.0, null, 1e999]}`, false)
	f.Add("x", strings.Repeat("[", 16)+strings.Repeat("]", 16), false)
	f.Add("a<b>", "\"\u2028\"", false)
	f.Fuzz(func(t *testing.T, name, value string, override bool) {
		o := tpp.RequestOptions{Now: time.Unix(1_790_000_000, 0), Audience: "x"}
		members := map[string]json.RawMessage{name: json.RawMessage(value)}
		if o.Members = members; override {
			o.Members, o.Override = nil, members
		}
		payload, err := tpp.BuildPayload(&tpp.Metadata{}, statement, o)
		if err != nil {
			require.Nil(t, payload)
			return
		}
		object, err := jsonscan.Parse(string(payload))
		require.NoError(t, err)
		got, there := object.Member(name)
		if value == "" {
			require.False(t, there)
			return
		}
		require.Equal(t, decoded(t, value), decoded(t, got.Raw()))
	})
}

// decoded decodes a value, with numbers as they are written.
func decoded(t *testing.T, value string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(value))
	d.UseNumber()
	require.NoError(t, d.Decode(&v))
	return v
}
