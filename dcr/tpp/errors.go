package tpp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// The verbs of a Client, as its errors name them.
const (
	verbDiscover = "discover"
	verbRegister = "register"
	verbGet      = "get"
	verbUpdate   = "update"
	verbDelete   = "delete"
	verbToken    = "token"
)

// maxKept is how much of a refusal's body a ResponseError keeps.
const maxKept = 4 << 10

// longestRetry is the greatest RetryAfter: a bank that asks for more is misconfigured.
const longestRetry = 24 * time.Hour

// ResponseError is a bank's answer other than success: a refusal, or an outage. The bank
// has registered, changed and deleted nothing, as far as it knows: see [MayHaveHappened].
type ResponseError struct {
	Verb            string        // discover, register, get, update, delete or token
	Status          int           // HTTP status
	Code            string        // error of RFC 7591 or RFC 6749, at most 64 characters; "" if there is none
	Description     string        // error_description or a plain text, printable ASCII of at most 500 characters
	RetryAfter      time.Duration // when to try again; 0 if the answer gives no time
	WWWAuthenticate string        // with 401
	Body            []byte        // the first 4 KiB of the answer, as sent; Error does not repeat it
}

// Error returns the detail with the name of the package in front.
func (e *ResponseError) Error() string { return "tpp: " + e.Detail() }

// Detail returns the verb and the status, and at most 64 characters each of code and
// description: they are the bank's own words.
func (e *ResponseError) Detail() string {
	said := fmt.Sprintf("%s: the bank answered %d", e.Verb, e.Status)
	if e.Code != "" {
		said += " " + text.Echo(e.Code)
	}
	if e.Description != "" {
		said += ": " + text.Echo(e.Description)
	}
	return said
}

// Temporary reports whether the same request may succeed later: 429 and 5xx.
func (e *ResponseError) Temporary() bool {
	return e.Status == http.StatusTooManyRequests || e.Status >= http.StatusInternalServerError
}

var ruleInText = regexp.MustCompile(`\(([a-z0-9_]+(?:\.[a-z0-9_]+)+)\)`)

// Rules returns the rules that the description names, each once, with clause and fix.
// Banks that run this module name them.
func (e *ResponseError) Rules() []validate.Rule {
	var rules []validate.Rule
	seen := map[string]bool{}
	for _, m := range ruleInText.FindAllStringSubmatch(e.Description, -1) {
		if row, ok := validate.RuleByID(m[1]); ok && !seen[m[1]] {
			seen[m[1]] = true
			rules = append(rules, row)
		}
	}
	return rules
}

// NoAnswerError means that no usable answer came from the bank. If Sent is true, the bank
// may have carried out the request all the same: Next tells how to find out. A Client
// never sends a request twice by itself.
type NoAnswerError struct {
	Verb   string
	Sent   bool   // the bank may have received the request
	Status int    // HTTP status of an answer that could not be used; 0 if none came
	Reason string // what went wrong, in words of this package
	Err    error  // the cause; its text may quote the bank at length
}

// Error returns the detail with the name of the package in front.
func (e *NoAnswerError) Error() string { return "tpp: " + e.Detail() }

// Detail returns the verb, the status if there was an answer, and the reason.
func (e *NoAnswerError) Detail() string {
	if e.Status != 0 {
		return fmt.Sprintf("%s: the answer with status %d cannot be used: %s", e.Verb, e.Status, e.Reason)
	}
	return fmt.Sprintf("%s: no answer: %s", e.Verb, e.Reason)
}

// Unwrap returns the cause.
func (e *NoAnswerError) Unwrap() error { return e.Err }

// Next tells how to find out whether the bank made the change; "" if it cannot have made
// one.
func (e *NoAnswerError) Next() string {
	if !e.Sent {
		return ""
	}
	switch e.Verb {
	case verbRegister:
		return "the client may be registered: send the very same request again; an answer of 201 means that the first never arrived, " +
			"a refusal of its jti as used (" + validate.RuleRequestJTIReplayed + ") that it did: then ask the bank for the client_id before you register anew"
	case verbUpdate:
		return "the client may be changed: get it and compare"
	case verbDelete:
		return "the client may be deleted: ask for an access token; if the bank does not know the client, it is"
	}
	return ""
}

// MayHaveHappened reports whether the bank may have carried out a register, update or
// delete that ended in err. It is true if a request was sent and no usable answer came,
// and for 500, 502 and 504: a bank or a proxy may send these after the change.
func MayHaveHappened(err error) bool {
	var lost *NoAnswerError
	if errors.As(err, &lost) {
		return lost.Sent && changes(lost.Verb)
	}
	var refused *ResponseError
	if errors.As(err, &refused) && changes(refused.Verb) {
		switch refused.Status {
		case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
			return true
		}
	}
	return false
}

func changes(verb string) bool {
	return verb == verbRegister || verb == verbUpdate || verb == verbDelete
}

// unwanted makes the error for a status that is not the verb's success. Another 2xx, such
// as 202 or a 200 to DELETE, is no proof that the bank did what was asked.
func unwanted(verb string, a *answer, now time.Time) error {
	if a.status >= 200 && a.status < 300 {
		return &NoAnswerError{Verb: verb, Sent: true, Status: a.status, Reason: "it is another success than the specification has"}
	}
	return refusedBy(verb, a, now)
}

// refusedBy makes the error for an answer that is not 2xx.
func refusedBy(verb string, a *answer, now time.Time) *ResponseError {
	e := &ResponseError{Verb: verb, Status: a.status, WWWAuthenticate: text.ASCII(a.header.Get("WWW-Authenticate"), text.MaxDescription),
		RetryAfter: retryAfterOf(a.header.Get("Retry-After"), now), Body: a.body[:min(len(a.body), maxKept)]}
	if object, err := jsonscan.Parse(string(a.body)); err == nil {
		e.Code = text.ASCII(textMember(object, "error"), text.MaxEcho)
		e.Description = text.ASCII(textMember(object, "error_description"), text.MaxDescription)
	} else if media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); media == "text/plain" {
		e.Description = text.ASCII(strings.TrimSpace(string(a.body)), text.MaxDescription)
	}
	return e
}

// textMember returns a member of an object that is a string, else "".
func textMember(object jsonscan.Value, name string) string {
	value, _ := object.MemberText(name)
	return value
}

// retryAfterOf reads Retry-After: seconds, or a date (RFC 9110 section 10.2.3).
func retryAfterOf(text string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(text); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), longestRetry)
}

// handshakeAlerts are the TLS alerts of a server that refuses the client's certificate or
// the protocol version (RFC 8446 section 6.2).
var handshakeAlerts = []tls.AlertError{40, 42, 43, 44, 45, 46, 48, 49, 70, 71, 116}

// notProcessed reports whether an error is an alert of the TLS handshake. Under TLS 1.3
// the alert may arrive after the request was sent; the bank has not read the request then.
func notProcessed(err error) bool {
	alert, ok := alertOf(err)
	return ok && slices.ContainsFunc(handshakeAlerts, func(a tls.AlertError) bool { return a.Error() == alert })
}

// alertOf returns the text of a TLS alert that the peer sent. It compares texts, because
// crypto/tls does not export the type of the alert.
func alertOf(err error) (string, bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return "", false
	}
	return op.Err.Error(), true
}

// networkDetail describes why no answer came, in words of this package: the error's own
// text may hold addresses and much more.
func networkDetail(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		dns       *net.DNSError
		timeout   net.Error
	)
	if alert, ok := alertOf(err); ok {
		return "the bank ended TLS, as it does when it refuses the client certificate: " + alert
	}
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timed out"
	case errors.As(err, &authority):
		return "the bank's certificate does not chain to a trusted CA"
	case errors.As(err, &host):
		return "the bank's certificate is for another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the bank's certificate has expired or is not valid yet"
	case errors.As(err, &dns):
		return "the host name cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset"
	}
	return text.Echo(err.Error())
}

// failure is an error of this package that is neither an answer nor the lack of one: of a
// configuration, the options of a request, or a document.
func failure(format string, args ...any) error {
	return text.Named{Package: "tpp", Err: fmt.Errorf(format, args...)}
}
