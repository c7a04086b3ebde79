package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// maxAnswer is the greatest length of an answer of the authorization server, in bytes.
const maxAnswer = 64 << 10

// answer is an answer of the authorization server.
type answer struct {
	status int
	media  string
	body   string // at most maxAnswer bytes
	longer bool   // the body was longer
}

// post sends a token to an endpoint, as the client that authenticates by a.
func (i *Introspection) post(ctx context.Context, address string, token claims.Secret, by Authentication) (answer, error) {
	form := url.Values{"token": {token.Reveal()}, "token_type_hint": {"access_token"}}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if err := by.applyTo(form, header, i.config.Clock, i.config.Random); err != nil {
		return answer{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	r.Header = header
	return i.send(r)
}

// send sends a request and reads the answer, both within the timeout of a call.
func (i *Introspection) send(r *http.Request) (answer, error) {
	ctx, cancel := context.WithTimeout(r.Context(), i.config.Timeout)
	defer cancel()
	r.Header.Set("Accept", "application/json")
	response, err := i.client.Do(r.WithContext(ctx))
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return answer{}, fmt.Errorf("the answer broke off: %w", err)
	}
	a := answer{status: response.StatusCode, longer: len(body) > maxAnswer}
	a.body = string(body[:min(len(body), maxAnswer)])
	a.media, _, _ = mime.ParseMediaType(response.Header.Get("Content-Type")) // "" is refused where a type is due
	return a, nil
}

// object reads the answer as one strict JSON object.
func (a answer) object() (jsonscan.Value, error) {
	if a.media != "application/json" {
		return jsonscan.Value{}, errors.New("the answer is not application/json")
	}
	if a.longer {
		return jsonscan.Value{}, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	object, err := jsonscan.Parse(a.body)
	if err != nil {
		return jsonscan.Value{}, err
	}
	if object.Kind() != jsonscan.Object {
		return jsonscan.Value{}, errors.New("the answer is no JSON object")
	}
	return object, nil
}

// code returns the error code of an answer (RFC 6749 section 5.2), or "".
func (a answer) code() string {
	object, err := a.object()
	if err != nil {
		return ""
	}
	code, _ := object.MemberText("error")
	if !text.Printable(code) || len(code) > text.MaxEcho {
		return ""
	}
	return code
}

// refusal returns the error of an answer other than 200, and nil for 200. It wraps
// ErrUnauthenticated where the server does not take the credentials.
func (a answer) refusal() error {
	if a.status == http.StatusOK {
		return nil
	}
	code := a.code()
	said := fmt.Sprint(a.status)
	if code != "" {
		said = fmt.Sprintf("%d (%s)", a.status, code)
	}
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusBadRequest && code == "invalid_client":
		return fmt.Errorf("%w: it answered %s; compare the client ID, and the secret, key or certificate, with those registered there", ErrUnauthenticated, said)
	case a.status == http.StatusForbidden:
		return fmt.Errorf("the authorization server answered %s: it knows the client, and does not let it use this endpoint", said)
	}
	return fmt.Errorf("the authorization server answered %s", said)
}
