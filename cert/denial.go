package cert

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// outageRetry is how long a client waits after an outage that names no time.
const outageRetry = 10 * time.Second

// Denial is the answer of a token endpoint to a request that does not pass: a JSON error
// with the headers against caching (RFC 6749 section 5.2). All fields but Err reach the
// client. None of Middleware's tells which clients there are. Err says why, for the bank's
// log.
//
// Middleware's Status is 401, or 503 where a key set, the revocation status or the client
// cannot be read at the moment. Its Code is invalid_client or temporarily_unavailable. An
// endpoint behind Middleware may answer its own refusals with a Denial too.
type Denial struct {
	Status      int           // of HTTP
	Code        string        // error
	Description string        // error_description
	RetryAfter  time.Duration // how long to wait before the next try; 0 sends no Retry-After
	Err         error         // not sent
}

// answer is what a client learns about errors of a kind.
type answer struct {
	kind   error // nil: any other
	status int
	text   string
}

// ofCertificate are the answers before Client is called. They tell nothing about
// clients.
var ofCertificate = []answer{
	{ErrNoCertificate, http.StatusUnauthorized, "a client certificate is required"},
	{ErrUntrusted, http.StatusUnauthorized, "the client certificate is of no CA that is accepted here"},
	{ErrExpired, http.StatusUnauthorized, "the client certificate or its CA is out of its validity"},
	{ErrUsage, http.StatusUnauthorized, "the client certificate is not for TLS clients, or its key is too weak"},
	{ErrRevoked, http.StatusUnauthorized, "the client certificate is revoked"},
	{nil, http.StatusServiceUnavailable, "the revocation status cannot be read at the moment"},
}

// ofClient are the answers after Client was called. There are two: one where waiting
// does not help, one where it does, such as a fault of the bank's own store.
var ofClient = []answer{
	{ErrUnknownClient, http.StatusUnauthorized, notTheClients},
	{ErrUntrusted, http.StatusUnauthorized, notTheClients},
	{ErrExpired, http.StatusUnauthorized, notTheClients},
	{ErrUsage, http.StatusUnauthorized, notTheClients},
	{ErrRevoked, http.StatusUnauthorized, notTheClients},
	{ErrNotOwned, http.StatusUnauthorized, notTheClients},
	{ErrNoKeySet, http.StatusUnauthorized, notTheClients},
	{ssa.ErrNoKeyPublished, http.StatusUnauthorized, notTheClients},
	{nil, http.StatusServiceUnavailable, "the client cannot be checked at the moment"},
}

const notTheClients = "the client certificate does not belong to the client"

// denialOf finds the answer to an error by its kind.
func denialOf(answers []answer, err error) Denial {
	kind, retry := err, time.Duration(0)
	var e *Error
	if errors.As(err, &e) {
		kind, retry = e.Kind, e.RetryAfter
	}
	found := answers[slices.IndexFunc(answers, func(a answer) bool { return a.kind == nil || errors.Is(kind, a.kind) })]
	d := Denial{Status: found.status, Code: "invalid_client", Description: found.text, Err: err}
	if d.Status == http.StatusServiceUnavailable {
		d.Code, d.RetryAfter = "temporarily_unavailable", retry
		if retry <= 0 {
			d.RetryAfter = outageRetry
		}
	}
	return d
}

// Write sends the answer. With 401 it asks for the Basic scheme, the only one of a token
// endpoint, if the request has an Authorization (RFC 6749 section 5.2).
func (d *Denial) Write(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	text.NoStore(header)
	header.Set("Content-Type", "application/json")
	if d.RetryAfter > 0 {
		text.RetryAfter(header, d.RetryAfter)
	}
	if d.Status == http.StatusUnauthorized && len(r.Header.Values("Authorization")) > 0 {
		header.Set("WWW-Authenticate", `Basic realm="token"`)
	}
	w.WriteHeader(d.Status)
	// Two strings always encode, and a client that has gone needs no answer.
	_ = json.NewEncoder(w).Encode(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{d.Code, d.Description})
}
