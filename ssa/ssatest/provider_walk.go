package ssatest

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

var signInField = regexp.MustCompile(`name="sign_in" value="([^"]*)"`)

// Authorize walks the pages of a sign-in as a person does, from the address that a bank sends the
// browser to, and returns the address that the browser is sent back to. The client must reach
// the Provider, such as that of [Directory.Client]. The person has the account with that email;
// with an unknown one the person gives up.
func (p *Provider) Authorize(client *http.Client, address, email string) (callback string, err error) {
	p.mu.Lock()
	account, known := p.accounts[strings.ToLower(email)]
	p.mu.Unlock()
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	callback, id, err := step(&own, http.MethodGet, address, nil)
	if callback != "" || err != nil {
		return callback, err
	}
	form := url.Values{"sign_in": {id}, "email": {account.Email}, "password": {account.Password}}
	if !known {
		form.Set("do", "cancel")
	}
	callback, id, err = step(&own, http.MethodPost, p.config.URL+passwordPath, form)
	if callback != "" || err != nil {
		return callback, err
	}
	callback, _, err = step(&own, http.MethodPost, p.config.URL+codePath, url.Values{"sign_in": {id}, "code": {account.Code}})
	if err == nil && callback == "" {
		return "", errors.New("ssatest: the sign-in has a page more than there should be")
	}
	return callback, err
}

// step opens a page and reads it: the address that it redirects to, or the id of its form.
func step(client *http.Client, method, address string, form url.Values) (callback, id string, _ error) {
	request, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", "", fmt.Errorf("ssatest: %w", err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := client.Do(request)
	if err != nil {
		return "", "", fmt.Errorf("ssatest: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode == http.StatusSeeOther {
		return answer.Header.Get("Location"), "", nil
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxForm))
	if err != nil {
		return "", "", fmt.Errorf("ssatest: %w", err)
	}
	found := signInField.FindSubmatch(body)
	if answer.StatusCode != http.StatusOK || found == nil {
		return "", "", fmt.Errorf("ssatest: a page of the sign-in answered %d and has no form to go on with", answer.StatusCode)
	}
	return "", html.UnescapeString(string(found[1])), nil
}
