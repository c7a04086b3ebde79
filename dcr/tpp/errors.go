package tpp

import (
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/obdcr/obdcr/claims"
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

// The verbs of a DirectoryClient.
const (
	verbDirectoryToken = "directory token"
	verbStatement      = "statement"
)

// peerOf names who answers a verb.
func peerOf(verb string) string {
	if verb == verbDirectoryToken || verb == verbStatement {
		return "the directory"
	}
	return "the bank"
}

// ResponseError is a bank's answer other than success: a refusal, or an outage. The bank
// has registered, changed and deleted nothing, as far as it knows: see [MayHaveHappened].
type ResponseError struct {
	Verb   string // discover, register, get, update, delete, token, or a verb of DirectoryClient: directory token, statement
	Status int    // HTTP status
	// Code is error of RFC 7591 or RFC 6749, or the code of another form of refusal; ASCII
	// of at most 64 characters, "" if there is none.
	Code string
	// Description is what the answer says: error_description, or what an OBIE error object,
	// the JSON or the page of a gateway, or a plain text has instead. It is at most 500
	// bytes, with an escape of Go for each character that cannot be printed. Tokens and
	// secrets of the request are left out of it.
	Description string
	// Plain is Description without escapes, for a result that a program reads: it may hold
	// control characters.
	Plain           string
	SentAs          ContentType   // of the refused request; "" if it had none
	Location        string        // where a redirect leads, which is not followed; escaped like Description, "" if nowhere
	RetryAfter      time.Duration // when to try again; 0 if the answer gives no time
	WWWAuthenticate string        // with 401
	ServerTime      time.Time     // Date of the answer; zero if it has none
	ReceivedAt      time.Time     // when the answer arrived, by the clock of the Client
	Body            []byte        // the first 4 KiB of the answer, without tokens and secrets of the request; Error does not repeat it
}

// Error returns the detail with the name of the package in front.
func (e *ResponseError) Error() string { return "tpp: " + e.Detail() }

// Detail returns the verb and the status, and at most 64 characters each of code and
// description: they are the bank's own words.
func (e *ResponseError) Detail() string {
	said := fmt.Sprintf("%s: %s answered %d", e.Verb, peerOf(e.Verb), e.Status)
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
	// Document is what came of the answer, with all secrets in it. A bank shows a client_id
	// and a secret once: keep it. It is zero after another status than 2xx, and for tokens.
	Document claims.Secret
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

// failure is an error of this package that is neither an answer nor the lack of one: of a
// configuration, the options of a request, or a document.
func failure(format string, args ...any) error {
	return text.Named{Package: "tpp", Err: fmt.Errorf(format, args...)}
}

// Lost makes a NoAnswerError of an error of net/http, for a program that sends requests of its own
// beside a [Client]. sent says whether the bank may have received the request; a refusal of the
// client certificate in the handshake goes before it.
func Lost(verb string, sent bool, err error) *NoAnswerError {
	return &NoAnswerError{Verb: verb, Sent: sent && !notProcessed(err), Reason: networkDetail(peerOf(verb), err), Err: err}
}
