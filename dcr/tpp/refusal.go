package tpp

import (
	"bytes"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/jsonscan"
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
// as a 202 that does not say pending, or a 200 to DELETE, is no proof that the bank did what
// was asked.
func unwanted(verb string, a *answer, now time.Time) error {
	if a.status >= 200 && a.status < 300 {
		return &NoAnswerError{Verb: verb, Sent: true, Status: a.status, Reason: "it is another success than the specification has",
			Document: received(verb, a.body)}
	}
	return refusedBy(verb, a, now)
}

// refusedBy makes the error for an answer that is not 2xx.
func refusedBy(verb string, a *answer, now time.Time) *ResponseError {
	e := &ResponseError{Verb: verb, Status: a.status, SentAs: a.sentAs, ReceivedAt: now,
		WWWAuthenticate: text.ASCII(a.hide(a.header.Get("WWW-Authenticate")), text.MaxDescription),
		RetryAfter:      retryAfterOf(a.header.Get("Retry-After"), now),
		Location:        text.Clip(text.Visible(a.hide(a.header.Get("Location"))), text.MaxDescription),
		Body:            a.hideBytes(a.body[:min(len(a.body), maxKept)])}
	if date, err := http.ParseTime(a.header.Get("Date")); err == nil {
		e.ServerTime = date
	}
	media, parameters, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	code, said := refusalText(decoded(string(a.body), parameters["charset"]), media)
	if code == "" && said == "" {
		code, said = challengeText(a.header.Get("WWW-Authenticate"))
	}
	e.Code = text.ASCII(a.hide(code), text.MaxEcho)
	said = a.hide(oneLine(withoutCode(code, said)))
	if a.cut && said != "" {
		said = text.Clip(said, text.MaxDescription-len(brokeOff)) + brokeOff
	}
	e.Plain = strings.ToValidUTF8(text.Clip(said, text.MaxDescription), "\ufffd")
	e.Description = text.Clip(text.Visible(said), text.MaxDescription)
	return e
}

// brokeOff follows what is left of an answer that is not whole.
const brokeOff = " (the answer broke off)"

// withoutCode takes the code away from the front of a description, before which it is shown.
func withoutCode(code, said string) string {
	rest, found := strings.CutPrefix(said, code)
	switch {
	case code == "" || !found:
		return said
	case rest == "":
		return ""
	}
	if after, ok := strings.CutPrefix(rest, ": "); ok {
		return after
	}
	if after, ok := strings.CutPrefix(rest, " at "); ok {
		return "at " + after
	}
	return said
}

// latin are names of character sets whose bytes are those of Unicode, but for 32 of them.
var latin = []string{"iso-8859-1", "latin1", "windows-1252", "iso-8859-15", "us-ascii"}

// decoded reads a body in another character set than UTF-8. Bytes that are no UTF-8 stay, and
// are escaped where they are shown.
func decoded(body, charset string) string {
	if utf8.ValidString(body) || !slices.Contains(latin, strings.ToLower(charset)) {
		whole, _ := text.Decode(body) // UTF-16, and a byte order mark
		return whole
	}
	runes := make([]rune, 0, len(body))
	for i := range len(body) {
		runes = append(runes, rune(body[i]))
	}
	return string(runes)
}

// refusalText returns what a refusal says, in whatever form: JSON, a page, a token, or plain
// text.
func refusalText(body, media string) (code, said string) {
	body = strings.TrimSpace(body)
	if code, said, ok := jsonRefusal(body); ok {
		return code, said
	}
	if code, said, ok := tokenRefusal(body); ok {
		return code, said
	}
	body = body[:min(len(body), maxRefusal)]
	switch {
	case strings.Contains(body, "\x00") && !strings.HasPrefix(media, "text/"):
		return "", "bytes that are no text"
	case strings.HasPrefix(body, "<"):
		return "", markupText(body)
	}
	return "", body
}

// tokenRefusal reads a refusal that is a token (JWT). It verifies nothing. Claims that are no
// error are not shown: they may be anything.
func tokenRefusal(body string) (code, said string, ok bool) {
	parts := strings.Split(body, ".")
	if len(parts) != 3 || !strings.HasPrefix(body, "eyJ") {
		return "", "", false
	}
	said = "a token (JWT) in the place of an error"
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", said, true
	}
	claims, err := jsonscan.Parse(string(payload))
	if err != nil || claims.Kind() != jsonscan.Object {
		return "", said, true
	}
	if code, what := readObject(claims, maxLevels); code != "" || what != "" {
		return code, joined([]string{said, what}, ": "), true
	}
	return "", said, true
}

// challenge finds the parameters of WWW-Authenticate by which RFC 6750 section 3 tells an error.
var challenge = regexp.MustCompile(`(?i)\b(error|error_description)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))`)

// challengeText returns what a challenge says about the refusal.
func challengeText(header string) (code, said string) {
	for _, found := range challenge.FindAllStringSubmatch(header, -1) {
		value := strings.ReplaceAll(found[2], `\`, "") + found[3]
		switch {
		case !strings.EqualFold(found[1], "error"):
			said = value
		case code == "":
			code = value
		}
	}
	return code, said
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
