package tpp

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// Retry says how a TPP goes on safely after a call that failed.
type Retry string

const (
	// RetrySame: send the same bytes again. A registration that was carried out is not
	// carried out twice, since a bank takes a jti only once.
	RetrySame Retry = "same"
	// RetryNew: the same request would be refused again. Mend what the bank says, and send
	// a new one: a registration request with a new jti.
	RetryNew Retry = "new"
	// RetryLook: find out first what the bank did; Next says how.
	RetryLook Retry = "look"
)

// MayHaveHappened reports whether the bank may have carried out a register, update or
// delete that ended in err, or may do so later. It is true if a request was sent and no
// usable answer came, for a *PendingError, and for 500, 502, 503 and 504: a bank or a proxy
// may send these after the change.
func MayHaveHappened(err error) bool {
	if _, waits := errors.AsType[*PendingError](err); waits {
		return true
	}
	var lost *NoAnswerError
	if errors.As(err, &lost) {
		return lost.Sent && changes(lost.Verb)
	}
	var refused *ResponseError
	return errors.As(err, &refused) && refused.mayHaveHappened()
}

func (e *ResponseError) mayHaveHappened() bool {
	return changes(e.Verb) && slices.Contains([]int{http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout}, e.Status)
}

func changes(verb string) bool {
	return verb == verbRegister || verb == verbUpdate || verb == verbDelete
}

// The advice after a register, update or delete of which nobody knows whether it happened.
// None of it needs the client_id of a registration whose answer was lost.
const (
	nextRegister = "the client may be registered: send the very same request again, as long as it is valid; 201 means that the " +
		"first never arrived; a refusal of its jti as used (" + validate.RuleRequestJTIReplayed + ") means that it did; then " + askTheBank
	nextRegistered = "the client is registered, but no client_id has come: " + askTheBank
	nextReceived   = "the client is registered, and the answer names its client_id: keep the whole answer, and do not register anew"
	nextUpdate     = "the client may be changed: get it and compare, before you send a new request"
	nextDelete     = "the client may be deleted or not: ask for an access token and get the client; a bank that refuses the token with invalid_client, " +
		"or the get with 401 or 404, has deleted it"
	askTheBank = "ask the bank for the client_id, by the software_id and the jti of the request, before you register anew"
)

// lostNext returns the advice after a change that may have happened.
func lostNext(verb string) string {
	switch verb {
	case verbRegister:
		return nextRegister
	case verbUpdate:
		return nextUpdate
	case verbDelete:
		return nextDelete
	}
	return ""
}

// lostRetry says how to go on after a change that may have happened. The jti makes a second
// registration safe. The jti of an update is used up, and a second delete needs a token that
// the first one may have ended.
func lostRetry(verb string) Retry {
	if verb == verbUpdate || verb == verbDelete {
		return RetryLook
	}
	return RetrySame
}

// isRegistered reports whether the answer says that the client is registered, although it
// cannot be used.
func (e *NoAnswerError) isRegistered() bool {
	return e.Verb == verbRegister && (e.Status == http.StatusCreated || e.NamesClient())
}

// NamesClient reports whether the answer has a client_id that could not be read or used.
func (e *NoAnswerError) NamesClient() bool {
	return strings.Contains(e.Document.Reveal(), `"client_id"`)
}

// Retry says how to go on safely.
func (e *NoAnswerError) Retry() Retry {
	switch {
	case !e.Sent:
		return RetrySame
	case e.isRegistered():
		return RetryLook
	}
	return lostRetry(e.Verb)
}

// Next tells how to find out whether the bank made the change; "" if it cannot have made
// one.
func (e *NoAnswerError) Next() string {
	switch {
	case !e.Sent:
		return ""
	case e.Verb == verbRegister && e.NamesClient():
		return nextReceived
	case e.isRegistered():
		return nextRegistered
	}
	return lostNext(e.Verb)
}

// Retry says how to go on safely.
func (e *ResponseError) Retry() Retry {
	switch {
	case e.isReplayed():
		return RetryLook
	case e.mayHaveHappened():
		return lostRetry(e.Verb)
	case e.Temporary() || e.Status == http.StatusRequestTimeout:
		return RetrySame
	}
	return RetryNew
}

// Next tells what to do about the answer, as far as the status and the rules that the bank
// names tell it; "" if they tell nothing.
func (e *ResponseError) Next() string {
	switch {
	case peerOf(e.Verb) != peerOf(verbRegister) && e.Status >= 400:
		return directoryNext(e.Verb, e.Status)
	case e.mayHaveHappened():
		return lostNext(e.Verb)
	case e.isReplayed():
		return "the bank has had this request before: if an answer to it was lost, its client is registered: " + askTheBank
	case e.Status >= 300 && e.Status < 400:
		return redirected(e)
	case e.Retry() == RetrySame:
		return "nothing was done: send the same request again later"
	case e.Status == http.StatusUnsupportedMediaType && e.SentAs != "":
		return "the bank takes neither application/jwt nor application/jose: ask it which content type it takes"
	case e.Status == http.StatusMethodNotAllowed && e.Verb != verbRegister:
		return "this bank does not offer " + e.Verb + ": ask it how to manage a client"
	case e.Status == http.StatusUnauthorized && slices.Contains([]string{verbGet, verbUpdate, verbDelete}, e.Verb):
		return "ask for a new access token; invalid_client means that the client does not exist any more"
	case e.LacksScope():
		return "ask for an access token with the scope that the bank demands for this" + scopeOf(e.WWWAuthenticate)
	case e.Status == http.StatusNotFound || e.Status == http.StatusGone:
		return notFound(e.Verb)
	}
	return ""
}

// redirected tells where a redirect leads.
func redirected(e *ResponseError) string {
	if e.Location == "" {
		return "redirects are not followed"
	}
	return "redirects are not followed; this one leads to " + e.Location + ": if that is the address of " + peerOf(e.Verb) + ", use it instead"
}

// notFound is the advice where nothing is at an address.
func notFound(verb string) string {
	switch verb {
	case verbGet, verbUpdate, verbDelete:
		return "the bank has no such client at this address: compare the client_id and the registration endpoint; a client that was deleted does not come back"
	case verbRegister:
		return "nothing is at the registration endpoint: compare its address with what the bank tells"
	case verbToken:
		return "nothing is at the token endpoint: compare its address with what the bank tells"
	}
	return ""
}

// LacksScope reports whether the bank refuses the access token because of its scope: 403 with
// insufficient_scope (RFC 6750 section 3.1). Next names the scope where the bank does.
func (e *ResponseError) LacksScope() bool {
	code, _ := challengeText(e.WWWAuthenticate)
	return e.Status == http.StatusForbidden && (code == insufficientScope || e.Code == insufficientScope)
}

const insufficientScope = "insufficient_scope"

// neededScope finds the scope that a challenge names.
var neededScope = regexp.MustCompile(`(?i)\bscope\s*=\s*"([^"\\]+)"`)

// scopeOf returns the scope of a challenge behind a colon; "" if it names none.
func scopeOf(challenge string) string {
	if found := neededScope.FindStringSubmatch(challenge); found != nil {
		return ": " + text.Echo(found[1])
	}
	return ""
}

// usedJTI are words by which a bank says that it has seen a jti before.
var usedJTI = regexp.MustCompile(`(?i)\bjti\b.*\b(re-?used|used|replay\w*|already|duplicate\w*|unique|seen)\b|` +
	`\b(re-?used|replay\w*|already|duplicate\w*)\b.*\bjti\b`)

// isReplayed reports whether a bank refuses a registration because it has had the request.
func (e *ResponseError) isReplayed() bool {
	return e.Verb == verbRegister && e.Status >= 400 && e.Status < 500 && (e.names(validate.RuleRequestJTIReplayed) || usedJTI.MatchString(e.Description))
}

// names reports whether the bank names a rule.
func (e *ResponseError) names(rule string) bool {
	return slices.ContainsFunc(e.Rules(), func(r validate.Rule) bool { return r.ID == rule })
}
