package tpp_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// answering returns a client of a bank that gives one answer to everything.
func answering(t *testing.T, h http.HandlerFunc) *tpp.Client {
	t.Helper()
	w := newWorld(t)
	return w.clientOf(t, w.software, handled(h), metadataOf(t, "https://bank.example"))
}

// refusal returns the error for an answer of the bank to a registration.
func refusal(t *testing.T, status int, mediaType, body string) *tpp.ResponseError {
	t.Helper()
	client := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
	_, err := client.Register(t.Context(), "a.b.c")
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	return refused
}

func TestWhatABankSaysIsReadInEveryForm(t *testing.T) {
	const js, page = "application/json", "text/html; charset=utf-8"
	for name, c := range map[string]struct{ media, body, code, said string }{
		"RFC 7591":                {js, `{"error": "invalid_redirect_uri", "error_description": "not in the SSA"}`, "invalid_redirect_uri", "not in the SSA"},
		"RFC 7591, said as HTML":  {page, `{"error": "invalid_client_metadata"}`, "invalid_client_metadata", ""},
		"RFC 7591 with a message": {js, `{"error": "invalid_request", "message": "no jti"}`, "invalid_request", "no jti"},
		"OBIE": {js, `{"Code": "400 BadRequest", "Id": "7", "Message": "Invalid request", "Errors": [
			{"ErrorCode": "UK.OBIE.Field.Invalid", "Message": "not in the SSA", "Path": "redirect_uris.0", "Url": "https://x"},
			{"ErrorCode": "UK.OBIE.Field.Missing", "Message": "scope is missing"}]}`,
			"UK.OBIE.Field.Invalid", "Invalid request; UK.OBIE.Field.Invalid at redirect_uris.0: not in the SSA; UK.OBIE.Field.Missing: scope is missing"},
		"OBIE without errors": {js, `{"Code": "403 Forbidden", "Message": "Not allowed"}`, "403 Forbidden", "Not allowed"},
		"a fault with its code": {js, `{"fault": {"code": 900901, "type": "Status report", "message": "Invalid Credentials", "description": "Token is bad"}}`,
			"900901", "Invalid Credentials: Token is bad"},
		"a fault with a detail": {js, `{"fault": {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "oauth.v2.InvalidApiKey"}}}`,
			"oauth.v2.InvalidApiKey", "Invalid ApiKey"},
		"an error object":    {js, `{"error": {"code": "BadGateway", "message": "upstream is away"}}`, "BadGateway", "upstream is away"},
		"a message":          {js, `{"message": "Unauthorized"}`, "", "Unauthorized"},
		"a list of messages": {js, `{"statusCode": 400, "message": ["a is wrong", "b is wrong"], "error": "Bad Request"}`, "Bad Request", "a is wrong; b is wrong"},
		"httpCode":           {js, `{"httpCode": "401", "httpMessage": "Unauthorized", "moreInformation": "Client id not registered"}`, "401", "Unauthorized: Client id not registered"},
		"a problem":          {"application/problem+json", `{"type": "about:blank", "title": "Bad request", "status": 400, "detail": "the SSA is old"}`, "", "Bad request: the SSA is old"},
		"a problem with params": {"application/problem+json", `{"title": "Invalid", "invalid-params": [{"name": "scope", "reason": "unknown"}]}`, "",
			"Invalid; at scope: unknown"},
		"fields":               {js, `{"title": "Invalid", "errors": {"scope": ["is missing"], "jti": "is old"}}`, "", "Invalid; at scope: is missing; at jti: is old"},
		"errors of Australia":  {js, `{"errors": [{"code": "urn:x:Invalid", "title": "Invalid", "detail": "no such brand"}]}`, "urn:x:Invalid", "Invalid: no such brand"},
		"messages of Europe":   {js, `{"tppMessages": [{"category": "ERROR", "code": "CERTIFICATE_INVALID", "text": "expired"}]}`, "CERTIFICATE_INVALID", "expired"},
		"a source":             {js, `{"errors": [{"detail": "bad", "source": {"pointer": "/scope"}}]}`, "", "at /scope: bad"},
		"a list":               {js, `[{"errorCode": "7", "errorMessage": "no"}, "and no"]`, "7", "no; and no"},
		"a text in JSON":       {js, `"not allowed"`, "", "not allowed"},
		"JSON of another kind": {js, `{"trace": "abc", "ok": false}`, "", `{"trace": "abc", "ok": false}`},
		"a number":             {js, `17`, "", `17`},
		"an empty object":      {js, `{}`, "", `{}`},
		"JSON that is broken":  {js, `{"error": "x"`, "", `{"error": "x"`},
		"a sentence as code":   {js, `{"error": "` + strings.Repeat("word ", 20) + `"}`, "", strings.TrimSpace(strings.Repeat("word ", 20))},
		"a mark in front":      {js, "\ufeff" + `{"message": "x"}`, "", "x"},
		"a page": {page, "<!DOCTYPE html><html><head><title>403 Forbidden</title><style>b{color:red}</style><script>if (a<b) alert('>')</script></head>" +
			"<body bgcolor=\"a>b\"><!-- secret --><h1>Access\n denied</h1><p>Your&nbsp;IP &lt;192.0.2.1&gt; is not listed</body></html>", "",
			"403 Forbidden: Access denied Your IP <192.0.2.1> is not listed"},
		"a page that repeats its title": {page, "<html><title>502 Bad Gateway</title><center><h1>502 Bad Gateway</h1></center><hr>nginx</html>", "", "502 Bad Gateway nginx"},
		"a page that does not end":      {page, "<html><body>a <b c='", "", "a"},
		"a script that does not end":    {page, "<p>a<script>alert(1)", "", "a"},
		"a plain less-than":             {page, "<p>1 < 2 <", "", "1 < 2 <"},
		"XML":                           {"text/xml", `<?xml version="1.0"?><Fault><faultstring>Not authorised</faultstring></Fault>`, "", "Not authorised"},
		"plain text":                    {"text/plain", " no\r\n\tway \n", "", "no way"},
		"text of no type":               {"", "no way", "", "no way"},
		"control characters":            {"text/plain", "a\x1b[31mb\u202ec\x07", "", `a\u001b[31mb\u202ec\u0007`},
		"another encoding":              {"text/plain", "caf\xe9", "", `caf\xe9`},
		"letters beyond ASCII":          {"text/plain", "caf\u00e9", "", "caf\u00e9"},
		"bytes":                         {"application/octet-stream", "\x00\x01\x02", "", "bytes that are no text"},
		"nothing":                       {page, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			refused := refusal(t, 400, c.media, c.body)
			assert.Equal(t, c.code, refused.Code)
			assert.Equal(t, c.said, refused.Description)
		})
	}
}

func TestWhatABankSaysIsCut(t *testing.T) {
	errors := strings.Repeat(`{"message": "x"},`, 500)
	for name, body := range map[string]string{
		"a text":           strings.Repeat("word ", 20_000),
		"letters":          strings.Repeat("\u00e9", 1000),
		"a description":    `{"error": "x", "error_description": "` + strings.Repeat("y", 10_000) + `"}`,
		"a page":           "<html>" + strings.Repeat("<p>word", 20_000),
		"tags that open":   strings.Repeat("<", 200_000),
		"ends of a script": "<script>" + strings.Repeat("</", 100_000),
		"a list":           `{"errors": [` + strings.TrimSuffix(errors, ",") + `]}`,
		"levels":           strings.Repeat(`{"error":`, 15) + `"x"` + strings.Repeat("}", 15),
		"escapes":          strings.Repeat("\x1b", 400),
	} {
		refused := refusal(t, 500, "", body)
		assert.LessOrEqual(t, len(refused.Description), 500, name)
		assert.LessOrEqual(t, len(refused.Body), 4<<10, name)
	}
}

// TestAnAnswerIsReadAsFarAsItsBound: also where it is compressed.
func TestAnAnswerIsReadAsFarAsItsBound(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := z.Write(make([]byte, 10<<20))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write(bomb.Bytes())
	})
	var lost *tpp.NoAnswerError
	require.ErrorAs(t, each(t.Context(), s.client)["update"](), &lost)
	assert.True(t, lost.Sent)
	assert.Contains(t, lost.Reason, "longer")
	assert.Len(t, lost.Document.Reveal(), 512<<10)
	var refused *tpp.ResponseError
	require.ErrorAs(t, each(t.Context(), s.client)["register"](), &refused, "the status of a refusal tells enough")
	assert.Equal(t, http.StatusBadRequest, refused.Status)
	assert.LessOrEqual(t, len(refused.Description), 500)
	assert.Equal(t, tpp.RetryNew, refused.Retry())
}

// TestASecretThatABankRepeatsIsNotShown: gateways repeat headers and forms in their pages.
func TestASecretThatABankRepeatsIsNotShown(t *testing.T) {
	const secret, token = "s3cret/with+signs", "opaque-token"
	w := newWorld(t)
	request, err := w.client(t).Build(w.statement(t, nil), tpp.RequestOptions{})
	require.NoError(t, err)
	var sent []string
	client := answering(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		sent = []string{r.Header.Get("Authorization"), r.PostForm.Get("client_assertion"), r.PostForm.Get("client_secret")}
		w.Header().Set("WWW-Authenticate", "Bearer error_description=\""+r.Header.Get("Authorization")+"\"")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, "%s and %s and %s and %s and %s", strings.Join(sent, " "), secret, url.QueryEscape(secret), token, request)
	})
	calls := map[string]func() error{
		"get": func() error {
			_, err := client.Get(t.Context(), "id", tpp.BearerToken{Value: claims.NewSecret(token)})
			return err
		},
		"register": func() error { _, err := client.Register(t.Context(), request); return err },
	}
	for _, method := range everyMethod {
		calls[string(method)] = func() error {
			_, err := client.AccessToken(t.Context(), tpp.Credentials{ClientID: "id", Method: method, Secret: claims.NewSecret(secret)})
			return err
		}
	}
	for name, call := range calls {
		var refused *tpp.ResponseError
		require.ErrorAs(t, call(), &refused, name)
		hidden := []string{request}
		switch {
		case name == "get":
			hidden = append(hidden, token)
		case name != "register":
			hidden = append(hidden, secret, url.QueryEscape(secret))
		}
		for _, s := range sent {
			_, credentials, _ := strings.Cut(s, " ")
			hidden = append(hidden, credentials)
			if strings.HasPrefix(s, "ey") {
				hidden = append(hidden, s)
			}
		}
		for _, h := range hidden {
			if h == "" {
				continue
			}
			assert.NotContains(t, refused.Description, h, name)
			assert.NotContains(t, refused.WWWAuthenticate, h, name)
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, refused, *refused), h, name)
			if h != request {
				assert.NotContains(t, string(refused.Body), h, name)
			}
		}
	}
}
