package upstream_test

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
)

var (
	formAddress = regexp.MustCompile(`<form[^>]*\baction="([^"]*)"`)
	formHidden  = regexp.MustCompile(`<input[^>]*\btype="hidden"[^>]*>`)
	attribute   = regexp.MustCompile(`\b(name|value)="([^"]*)"`)
)

// consents goes through the pages of an authorization server as a customer who signs in
// and agrees to everything. It returns the address of the TPP that the server leads to.
func consents(t *testing.T, transport http.RoundTripper, start string, credentials url.Values) *url.URL {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Transport: transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	at, err := url.Parse(start)
	require.NoError(t, err)
	own := at.Host
	request, err := http.NewRequestWithContext(soon(t), http.MethodGet, start, http.NoBody)
	require.NoError(t, err)
	for range 12 {
		answer, err := browser.Do(request)
		require.NoError(t, err)
		page, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		if answer.StatusCode >= 300 && answer.StatusCode < 400 {
			next, err := answer.Location()
			require.NoError(t, err)
			if next.Host != own {
				return next
			}
			request, err = http.NewRequestWithContext(soon(t), http.MethodGet, next.String(), http.NoBody)
			require.NoError(t, err)
			continue
		}
		require.Equal(t, http.StatusOK, answer.StatusCode, "%s", page)
		request = submit(t, request.URL, string(page), credentials)
	}
	t.Fatal("the server never leads back to the TPP")
	return nil
}

// submit fills in the form of a page.
func submit(t *testing.T, at *url.URL, page string, credentials url.Values) *http.Request {
	t.Helper()
	action := formAddress.FindStringSubmatch(page)
	require.NotNil(t, action, "%s", page)
	target, err := at.Parse(html.UnescapeString(action[1]))
	require.NoError(t, err)
	form := url.Values{}
	for _, input := range formHidden.FindAllString(page, -1) {
		found := map[string]string{}
		for _, a := range attribute.FindAllStringSubmatch(input, -1) {
			found[a[1]] = html.UnescapeString(a[2])
		}
		form.Set(found["name"], found["value"])
	}
	for name, values := range credentials {
		form[name] = values
	}
	request, err := http.NewRequestWithContext(soon(t), http.MethodPost, target.String(), strings.NewReader(form.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request
}

// customerToken is an access token that a customer has granted, by the hybrid flow. The
// client authenticates by its certificate.
func (p *person) customerToken(t *testing.T, authorization, tokenURL, clientID string, credentials url.Values) claims.Secret {
	t.Helper()
	redirect := p.software.RedirectURIs[0]
	query := url.Values{"client_id": {clientID}, "response_type": {"code id_token"}, "redirect_uri": {redirect}, "scope": {"openid accounts"},
		"nonce": {"nonce-of-the-test"}, "state": {"state-of-the-test"}}
	back := consents(t, p.http.Transport, authorization+"?"+query.Encode(), credentials)
	answered, err := url.ParseQuery(back.Fragment)
	require.NoError(t, err)
	require.NotEmpty(t, answered.Get("code"), "%s", back.Fragment)
	form := url.Values{"grant_type": {"authorization_code"}, "code": {answered.Get("code")}, "redirect_uri": {redirect}, "client_id": {clientID}}
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, tokenURL, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := p.http.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	var got struct {
		Token string `json:"access_token"`
		Error string `json:"error_description"`
	}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&got))
	require.Equal(t, http.StatusOK, answer.StatusCode, got.Error)
	return claims.NewSecret(got.Token)
}
