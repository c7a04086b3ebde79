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

// What a Client asks a bank for, as its errors name it.
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

// longestRetry bounds what a bank may ask a client to wait.
const longestRetry = 24 * time.Hour

// ResponseError is an answer that is no success: a refusal, or an outage that the
// bank reports. Nothing was registered, changed or deleted, as far as the bank knows.
type ResponseError struct {
	Verb            string        // discover, register, get, update, delete or token
	Status          int           // of HTTP
	Code            string        // error of RFC 7591 or RFC 6749, at most 64 characters; "" where there is none
	Description     string        // error_description or a plain text, printable ASCII of at most 500 characters
	RetryAfter      time.Duration // when to try again; 0 where the bank does not say
	WWWAuthenticate string        // with 401
	Body            []byte        // the first 4 KiB of the answer, as sent; not part of the text
}

// Error is the detail behind the name of the package.
func (e *ResponseError) Error() string { return "tpp: " + e.Detail() }

// Detail says who refused what, and repeats little of the bank's own words.
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

// Temporary tells whether the same may succeed later without a change: 429 and 5xx.
func (e *ResponseError) Temporary() bool {
	return e.Status == http.StatusTooManyRequests || e.Status >= http.StatusInternalServerError
}

var ruleInText = regexp.MustCompile(`\(([a-z0-9_]+(?:\.[a-z0-9_]+)+)\)`)

// Rules are the rules that the description names, each once, as banks do that run
// this module: what was wrong, with clause and fix.
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

// NoAnswerError says that a bank gave no answer that can be used. What was asked for
// may have happened all the same where Sent is true: Next says how to find out. A
// Client never sends a request twice by itself.
type NoAnswerError struct {
	Verb   string
	Sent   bool   // the bank may have received the request
	Status int    // of an answer that could not be used; 0 where none came
	Reason string // what is wrong, in our own words
	Err    error  // what lies beneath; its text may quote the peer at length
}

// Error is the detail behind the name of the package.
func (e *NoAnswerError) Error() string { return "tpp: " + e.Detail() }

// Detail says what was asked for and why there is no answer to it.
func (e *NoAnswerError) Detail() string {
	if e.Status != 0 {
		return fmt.Sprintf("%s: the answer with status %d cannot be used: %s", e.Verb, e.Status, e.Reason)
	}
	return fmt.Sprintf("%s: no answer: %s", e.Verb, e.Reason)
}

// Unwrap gives what lies beneath.
func (e *NoAnswerError) Unwrap() error { return e.Err }

// Next says how to find out whether a change was made, "" where none can have been.
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

// MayHaveHappened tells whether a register, update or delete that ended in err may
// have been carried out: no usable answer came to a request that was sent, or one
// that says nothing for certain (500, or 502 and 504 of something in between).
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

// unwanted makes the error of a status that the verb does not have for success. Another
// status of success, a 202 or a 200 to DELETE, does not say what was done.
func unwanted(verb string, a *answer, now time.Time) error {
	if a.status >= 200 && a.status < 300 {
		return &NoAnswerError{Verb: verb, Sent: true, Status: a.status, Reason: "it is another success than the specification has"}
	}
	return refusedBy(verb, a, now)
}

// refusedBy makes the error of an answer that is no success.
func refusedBy(verb string, a *answer, now time.Time) *ResponseError {
	e := &ResponseError{Verb: verb, Status: a.status, WWWAuthenticate: clean(a.header.Get("WWW-Authenticate"), text.MaxDescription),
		RetryAfter: retryAfterOf(a.header.Get("Retry-After"), now), Body: a.body[:min(len(a.body), maxKept)]}
	if object, err := jsonscan.Parse(string(a.body)); err == nil {
		e.Code = clean(textMember(object, "error"), text.MaxEcho)
		e.Description = clean(textMember(object, "error_description"), text.MaxDescription)
	} else if media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); media == "text/plain" {
		e.Description = clean(strings.TrimSpace(string(a.body)), text.MaxDescription)
	}
	return e
}

func textMember(object jsonscan.Value, name string) string {
	v, _ := object.Member(name)
	text, _ := v.Text()
	return text
}

// clean keeps the printable ASCII of a text, at most n characters.
func clean(text string, n int) string {
	kept := make([]byte, 0, min(len(text), n))
	for i := 0; i < len(text) && len(kept) < n; i++ {
		c := text[i]
		if c < ' ' || c > '~' {
			c = '?'
		}
		kept = append(kept, c)
	}
	return string(kept)
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

// handshakeAlerts are those with which a server ends a handshake over the client's
// certificate or the protocol (RFC 8446 section 6.2).
var handshakeAlerts = []tls.AlertError{40, 42, 43, 44, 45, 46, 48, 49, 70, 71, 116}

// notProcessed tells whether an error is an alert of the TLS handshake. Under TLS 1.3
// it arrives after a client has sent its request, which the bank then has not read.
func notProcessed(err error) bool {
	alert, ok := alertOf(err)
	return ok && slices.ContainsFunc(handshakeAlerts, func(a tls.AlertError) bool { return a.Error() == alert })
}

// alertOf is the text of an alert that the peer sent. Its type is not exported.
func alertOf(err error) (string, bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return "", false
	}
	return op.Err.Error(), true
}

// networkDetail says in our own words why no answer came.
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
