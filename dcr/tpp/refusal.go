package tpp

import (
	"bytes"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/obdcr/obdcr/internal/secret"
	"github.com/obdcr/obdcr/internal/text"
)

// maxKept is how much of a refusal's body a ResponseError keeps.
const maxKept = 4 << 10

// maxRefusal is how much of a refusal that is no JSON is read.
const maxRefusal = 64 << 10

// longestRetry is the greatest RetryAfter: a bank that asks for more is misconfigured.
const longestRetry = 24 * time.Hour

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
	e := &ResponseError{Verb: verb, Status: a.status, SentAs: a.sentAs, ReceivedAt: now,
		WWWAuthenticate: text.ASCII(a.hide(a.header.Get("WWW-Authenticate")), text.MaxDescription),
		RetryAfter:      retryAfterOf(a.header.Get("Retry-After"), now),
		Body:            a.hideBytes(a.body[:min(len(a.body), maxKept)])}
	if date, err := http.ParseTime(a.header.Get("Date")); err == nil {
		e.ServerTime = date
	}
	code, said := refusalText(string(a.body))
	e.Code = text.ASCII(a.hide(code), text.MaxEcho)
	e.Description = text.Clip(text.Visible(a.hide(oneLine(said))), text.MaxDescription)
	return e
}

// refusalText returns what a refusal says, in whatever form: JSON, a page, or plain text.
func refusalText(body string) (code, said string) {
	body = strings.TrimSpace(strings.TrimPrefix(body, "\ufeff"))
	if code, said, ok := jsonRefusal(body); ok {
		return code, said
	}
	body = body[:min(len(body), maxRefusal)]
	switch {
	case strings.Contains(body, "\x00"):
		return "", "bytes that are no text"
	case strings.HasPrefix(body, "<"):
		return "", markupText(body)
	}
	return "", body
}

// oneLine puts one blank in the place of all white space between two words.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// compactJWS is what looks like a signed token.
var compactJWS = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(\.[A-Za-z0-9_-]*)?`)

// shortestSecret is the least length of a secret that is looked for in an answer, in bytes.
// A shorter one would hide parts of common words.
const shortestSecret = 6

// hide leaves the secrets of the request out of a text, and everything that looks like a
// token: gateways repeat what they were sent.
func (a *answer) hide(s string) string {
	return compactJWS.ReplaceAllLiteralString(string(a.hideBytes([]byte(s))), secret.Hidden)
}

// hideBytes leaves the secrets of the request out.
func (a *answer) hideBytes(b []byte) []byte {
	b = slices.Clone(b)
	for _, s := range a.secrets {
		for _, spelling := range []string{s, url.QueryEscape(s)} {
			if len(spelling) >= shortestSecret {
				b = bytes.ReplaceAll(b, []byte(spelling), []byte(secret.Hidden))
			}
		}
	}
	return b
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
