package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 64 << 10

// answer is what the authorization server answered.
type answer struct {
	status int
	json   bool          // its Content-Type is application/json
	body   string        // at most maxAnswer bytes
	fault  error         // why the body is not whole; nil if it is
	access claims.Secret // the token of the request, which no text about the answer shows
}

// call sends a request and reads the answer. The error says that there is none; sent tells
// whether the server may have read the request all the same.
func (e *Endpoint) call(ctx context.Context, method, address string, access claims.Secret, body []byte) (a answer, sent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.config.Timeout)
	defer cancel()
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return answer{}, false, err
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if !access.IsZero() {
		request.Header.Set("Authorization", "Bearer "+access.Reveal())
	}
	response, err := e.client.Do(request)
	if err != nil {
		return answer{}, wrote.Load(), err
	}
	defer response.Body.Close()
	media, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	a = answer{status: response.StatusCode, json: err == nil && media == "application/json", access: access}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		a.fault = fmt.Errorf("the answer broke off: %w", err)
	case len(content) > maxAnswer:
		a.fault = fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	default:
		a.body = string(content)
	}
	return a, true, nil
}

// object reads the answer as one strict JSON object.
func (a *answer) object() (jsonscan.Value, error) {
	if a.fault != nil {
		return jsonscan.Value{}, a.fault
	}
	if !a.json {
		return jsonscan.Value{}, errors.New("the answer is not application/json")
	}
	value, err := jsonscan.Parse(a.body)
	if err == nil && value.Kind() != jsonscan.Object {
		err = errors.New("the answer is no JSON object")
	}
	return value, err
}

// known reports whether the answer is from the registration endpoint itself, and not, for
// example, a page of a proxy in front of it: it is JSON or empty.
func (a *answer) known() bool { return a.fault == nil && (a.json || a.body == "") }

// clientID returns the client_id of an answer about a client, "" if it has none that OBIE
// allows.
func (a *answer) clientID() string {
	value, err := a.object()
	if err != nil {
		return ""
	}
	if id, _ := value.MemberText("client_id"); isClientID(id) {
		return id
	}
	return ""
}

// said returns error and error_description of a refusal (RFC 7591 section 3.2.2), as far
// as there are any. One that shows the token of the request is withheld.
func (a *answer) said() (code, description string) {
	value, err := a.object()
	if err != nil {
		return "", ""
	}
	code, _ = value.MemberText("error")
	description, _ = value.MemberText("error_description")
	if contains(code, a.access.Reveal()) {
		code = withheld
	}
	if contains(description, a.access.Reveal()) {
		description = withheld
	}
	return code, description
}

// outage is the error for an answer that means no decision about the client.
func (a *answer) outage(what string) error {
	code, description := a.said()
	switch {
	case a.fault != nil:
		return fmt.Errorf("upstream: %s: %d, and %w", what, a.status, a.fault)
	case code != "":
		return fmt.Errorf("upstream: %s: %d %s %s", what, a.status, text.Quote(code), text.Quote(text.ASCII(description, text.MaxDescription)))
	}
	return fmt.Errorf("upstream: %s: %d", what, a.status)
}

// codes are the error codes of RFC 7591 section 3.2.2.
var codes = map[string]validate.Code{
	"invalid_redirect_uri":          validate.InvalidRedirectURI,
	"invalid_client_metadata":       validate.InvalidClientMetadata,
	"invalid_software_statement":    validate.InvalidClientMetadata, // none was sent
	"unapproved_software_statement": validate.UnapprovedSoftwareStatement,
}

// refusal is the error of a 400. Without an error code of RFC 7591 it is the bank's fault.
func (a *answer) refusal(what string) error {
	code, description := a.said()
	mapped, known := codes[code]
	if !known {
		return a.outage(what)
	}
	return &dcr.Refusal{Code: mapped, Reason: text.ASCII("the bank's authorization server: "+code+": "+description, text.MaxDescription)}
}
