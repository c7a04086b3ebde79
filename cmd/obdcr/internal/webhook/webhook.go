// Package webhook asks a bank's own server about each change, by HTTP: whether it approves,
// and to make and remove the clients of the authorization server.
//
// [New] makes the [Hooks]. Hooks.Approve is for dcr.Hooks, and Hooks is a dcr.Provisioner.
// docs/serve.md, Hooks, has the contract for who writes such a server, and
// docs/hooks.schema.json the JSON Schema of what is sent and answered.
package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
)

// maxAnswer is the greatest length of an answer, in bytes.
const maxAnswer = 64 << 10

// Config configures Hooks.
type Config struct {
	URL        string        // https, without a query; the hooks are below it
	HTTPClient *http.Client  // presents the bank's certificate; required. Its redirect policy is ignored, and no redirect followed
	Timeout    time.Duration // of each call; above 0
}

// Hooks is a bank's server that is asked about changes. It sends each question once: what is
// repeated, and when, is for package dcr. Only where a kept connection turns out to be closed
// before there is an answer, net/http sends the question again, with the same key. It is safe
// for concurrent use.
type Hooks struct {
	base    string
	client  http.Client
	timeout time.Duration
}

var _ dcr.Provisioner = (*Hooks)(nil)

// New makes Hooks. An address that is not https or has a query, no client and a timeout that
// is not above zero are errors.
func New(c Config) (*Hooks, error) {
	u, err := uri.Endpoint(c.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("webhook: the address %w", err)
	case u.RawQuery != "":
		return nil, errors.New("webhook: the address has a query: leave it out, because the paths of the hooks follow it")
	case c.HTTPClient == nil || c.Timeout <= 0:
		return nil, errors.New("webhook: there is no HTTP client, or no timeout")
	}
	h := &Hooks{base: strings.TrimSuffix(c.URL, "/"), client: *c.HTTPClient, timeout: c.Timeout}
	h.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return h, nil
}

// Approve asks whether the bank agrees to a change. It is a dcr.Hooks.Approve: nil is yes, a
// *dcr.Refusal no, and any other error an outage.
func (h *Hooks) Approve(ctx context.Context, change dcr.Change) error {
	body, err := json.Marshal(approvalOf(&change))
	if err != nil {
		return fmt.Errorf("webhook: approve: %w", err)
	}
	about, version := change.After, int64(0)
	if change.Before != nil {
		about, version = change.Before, change.Before.Version
	}
	// The content is part of the key: a change that was refused may be followed by another
	// one of the same version.
	content := sha256.Sum256(body)
	key := fmt.Sprintf("approve-%s-%s-%d-%s", change.Operation, about.ID, version, hex.EncodeToString(content[:8]))
	a, _, err := h.ask(ctx, "approve", key, body)
	if err != nil {
		return err
	}
	return a.judge("approve", true)
}

// Provision implements dcr.Provisioner. The same change has the same key whenever it is
// repeated: the version of the record, which counts up with each change.
func (h *Hooks) Provision(ctx context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	body, err := json.Marshal(provisioningOf(&p))
	if err != nil {
		return dcr.Provisioned{Unchanged: true}, fmt.Errorf("webhook: provision: %w", err)
	}
	a, sent, err := h.ask(ctx, "provision", fmt.Sprintf("provision-%s-%d", p.Client.ID, p.Client.Version), body)
	if err != nil {
		return dcr.Provisioned{Unchanged: !sent}, err
	}
	if err := a.judge("provision", false); err != nil {
		var refusal *dcr.Refusal
		return dcr.Provisioned{Unchanged: errors.As(err, &refusal)}, err
	}
	done, err := a.provisioned()
	if err != nil {
		return dcr.Provisioned{}, fmt.Errorf("webhook: provision: %w", err)
	}
	return done, nil
}

// Deprovision implements dcr.Provisioner. There is no refusal: every answer but 2xx is an
// outage, after which the call is repeated with the same key.
func (h *Hooks) Deprovision(ctx context.Context, d dcr.Deprovisioning) error {
	body, err := json.Marshal(deprovisioning{Operation: "deprovision", ID: d.ID, ClientID: d.ClientID, State: d.State.Reveal()})
	if err != nil {
		return fmt.Errorf("webhook: deprovision: %w", err)
	}
	a, _, err := h.ask(ctx, "deprovision", fmt.Sprintf("deprovision-%s-%s", d.ID, d.ClientID), body)
	if err != nil {
		return err
	}
	err = a.judge("deprovision", true)
	var refusal *dcr.Refusal
	if errors.As(err, &refusal) {
		return fmt.Errorf("webhook: deprovision: status %d: a removal cannot be refused", a.status)
	}
	return err
}

// answer is what the bank's server answered.
type answer struct {
	status int
	body   jsonscan.Value // an object; invalid where the body is empty
	fault  error          // why the body cannot be read; nil if it can
}

// ask sends a question. The error says that there is no answer; sent tells whether the server
// may have read the question all the same. No error holds anything of the question.
func (h *Hooks) ask(ctx context.Context, hook, key string, body []byte) (a answer, sent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.base+"/"+hook, bytes.NewReader(body))
	if err != nil {
		return answer{}, false, fmt.Errorf("webhook: %s: the address is none", hook)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Idempotency-Key", key)
	response, err := h.client.Do(request)
	if err != nil {
		return answer{}, wrote.Load(), fmt.Errorf("webhook: %s: no answer: %s", hook, fetch.Reason(err))
	}
	defer func() { _ = response.Body.Close() }() // it was read as far as it counts
	a = answer{status: response.StatusCode}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch media, _, malformed := mime.ParseMediaType(response.Header.Get("Content-Type")); {
	case err != nil:
		a.fault = fmt.Errorf("the answer breaks off: %s", fetch.Reason(err))
	case len(content) > maxAnswer:
		a.fault = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	case len(content) == 0:
	case malformed != nil || media != "application/json":
		a.fault = errors.New("the answer is not application/json")
	default:
		if a.body, err = jsonscan.Parse(string(content)); err != nil || a.body.Kind() != jsonscan.Object {
			a.fault = errors.New("the answer is no strict JSON object")
		}
	}
	return a, true, nil
}

// judge reads the verdict: nil for 2xx, a *dcr.Refusal for 4xx with a reason, an outage for
// anything else. bare says that an answer 2xx has no members: one that has some may not be
// meant as a yes.
func (a *answer) judge(hook string, bare bool) error {
	reason, _ := a.body.MemberText("reason")
	switch {
	case a.fault != nil:
		return fmt.Errorf("webhook: %s: status %d: %w", hook, a.status, a.fault)
	case a.status >= 200 && a.status < 300 && bare && a.body.Kind() == jsonscan.Object && a.body.Len() > 0:
		return fmt.Errorf("webhook: %s: status %d with members: answer with an empty body, or by 4xx with a reason", hook, a.status)
	case a.status >= 200 && a.status < 300:
		return nil
	case a.status >= 400 && a.status < 500 && strings.TrimSpace(reason) != "":
		return &dcr.Refusal{Reason: text.ASCII(reason, text.MaxDescription)}
	}
	return fmt.Errorf("webhook: %s: status %s", hook, strconv.Itoa(a.status))
}

// provisioned reads what the authorization server decided. An unknown member is an error: it
// may be a misspelt one.
func (a *answer) provisioned() (dcr.Provisioned, error) {
	var done dcr.Provisioned
	if a.body.Kind() != jsonscan.Object {
		return done, nil
	}
	for name, v := range a.body.Members() {
		value, clean := v.Text()
		isText := v.Kind() == jsonscan.String && clean
		switch {
		case name == "client_id" && isText:
			done.ClientID = value
		case name == "subject" && isText:
			done.Subject = value
		case name == "state" && isText:
			done.State = claims.NewSecret(value)
		case name == "members" && v.Kind() == jsonscan.Object:
			done.Members = json.RawMessage(v.Raw())
		default:
			return dcr.Provisioned{}, fmt.Errorf("the member %s of the answer is unknown, or of another type: there are client_id, subject and state, "+
				"which are strings, and members, an object", text.Quote(name))
		}
	}
	return done, nil
}
