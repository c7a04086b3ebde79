package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	maxAnswer   = 4 << 20          // bytes of an answer of Keycloak; the realm's client scopes are the longest
	callTimeout = 10 * time.Second // of one call
	renewBefore = 10 * time.Second // before its end an admin token is not used any more
)

// admin calls Keycloak's admin API of one realm. It gets an access token for that by a
// grant, and keeps the token until shortly before its end. It is safe for concurrent use.
type admin struct {
	base     string       // address of Keycloak, without a slash at its end
	realm    string       // the realm that is administered
	http     *http.Client // trusts Keycloak's CA
	now      func() time.Time
	tokenURL string     // token endpoint that gives the admin token
	grant    url.Values // what is sent there
	user     *url.Userinfo

	mu    sync.Mutex
	token string
	until time.Time
}

// named is an object of Keycloak's, of which no more is read than this.
type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func clientPath(id string) string { return "/clients/" + url.PathEscape(id) }

// statusError is an answer of Keycloak other than 2xx.
type statusError struct {
	Status int
	Reason string // what Keycloak says, shortened, in printable ASCII; "" if the answer is not of its form
	// Explained says that the answer has more than an error code. By that Keycloak speaks of
	// the content of a call; a proxy and Keycloak's parser have the code alone.
	Explained bool
}

const maxReason = 200 // characters

// Error returns the status and what Keycloak says.
func (e *statusError) Error() string {
	return fmt.Sprintf("keycloak: it answered %d: %s", e.Status, cmp.Or(e.Reason, "it gives no reason"))
}

// answered reports whether an error is an answer of Keycloak with the status.
func answered(err error, status int) bool {
	var e *statusError
	return errors.As(err, &e) && e.Status == status
}

// call sends in as JSON to a path below the realm, and reads the answer into out. Either
// may be nil. Any status but 2xx is a *statusError.
func (a *admin) call(ctx context.Context, method, path string, in, out any) error {
	return a.callServer(ctx, method, "/"+url.PathEscape(a.realm)+path, in, out)
}

// errNoToken means that Keycloak was not called, because it gives no token for that.
var errNoToken = errors.New("keycloak: there is no token for the admin API")

// callServer is call for a path below that of all realms. A token that Keycloak does not
// know any more is renewed once. The status of a token endpoint that gives none is not that
// of the call: the error is no *statusError.
func (a *admin) callServer(ctx context.Context, method, path string, in, out any) error {
	for renewed := false; ; renewed = true {
		token, err := a.accessToken(ctx)
		if err != nil {
			return fmt.Errorf("%w: %s", errNoToken, err.Error())
		}
		err = a.send(ctx, method, path, token, in, out)
		if renewed || !answered(err, http.StatusUnauthorized) {
			return err
		}
		a.forget(token)
	}
}

func (a *admin) send(ctx context.Context, method, path, token string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		content, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("keycloak: %w", err)
		}
		body = bytes.NewReader(content)
	}
	request, err := http.NewRequestWithContext(ctx, method, a.base+"/admin/realms"+path, body)
	if err != nil {
		return fmt.Errorf("keycloak: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return a.exchange(request, out, token)
}

// accessToken returns the admin token, a new one if the last one ends soon.
func (a *admin) accessToken(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := a.now()
	if a.token != "" && asked.Before(a.until) {
		return a.token, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.tokenURL, strings.NewReader(a.grant.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	secret := a.grant.Get("password")
	if a.user != nil {
		secret, _ = a.user.Password()
		request.SetBasicAuth(url.QueryEscape(a.user.Username()), url.QueryEscape(secret))
	}
	var granted struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"` // seconds
	}
	if err := a.exchange(request, &granted, secret); err != nil {
		return "", err
	}
	if granted.AccessToken == "" {
		return "", errors.New("keycloak: the answer has no access_token")
	}
	a.token, a.until = granted.AccessToken, asked.Add(time.Duration(granted.ExpiresIn)*time.Second-renewBefore)
	return a.token, nil
}

// forget drops a token that Keycloak refuses.
func (a *admin) forget(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token == token {
		a.token = ""
	}
}

// exchange sends a request and reads the answer into out. No error shows the secret, nor
// the Authorization of the request.
func (a *admin) exchange(request *http.Request, out any, secret string) error {
	ctx, cancel := context.WithTimeout(request.Context(), callTimeout)
	defer cancel()
	answer, err := a.http.Do(request.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("keycloak: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("keycloak: the answer broke off: %w", err)
	case len(body) > maxAnswer:
		return fmt.Errorf("keycloak: the answer has more than %d bytes", maxAnswer)
	case answer.StatusCode/100 != 2:
		said, explained := reason(body, secret, strings.TrimPrefix(request.Header.Get("Authorization"), "Basic "))
		return &statusError{Status: answer.StatusCode, Reason: said, Explained: explained}
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return errors.New("keycloak: the answer is not the JSON that was expected")
	}
	return nil
}

// reason returns what an answer says in the members that Keycloak has for that: one line of
// printable ASCII, without text that repeats the begin of one of the secrets. explained says
// that there is more than an error code.
func reason(body []byte, secrets ...string) (text string, explained bool) {
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Message     string `json:"errorMessage"`
	}
	if json.Unmarshal(body, &said) != nil {
		return "", false
	}
	explained = said.Description+said.Message != ""
	text = cmp.Or(said.Description, said.Message, said.Error)
	for _, secret := range secrets {
		if secret != "" && strings.Contains(text, secret[:min(len(secret), 16)]) {
			return "its reason repeats a credential, and is not shown", explained
		}
	}
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, text)
	return text[:min(len(text), maxReason)], explained
}
