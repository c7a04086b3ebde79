package main

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// bankError prints what a bank or the directory answered, or why no answer came. It returns
// the error that ends the command: code 1 for a refusal, 3 for what may succeed later, such
// as a change that waits for the bank's approval.
func (a *app) bankError(err error) error {
	var refused *tpp.ResponseError
	if errors.As(err, &refused) {
		a.noteRefusal(refused)
		if refused.Temporary() || refused.Verb == "discover" || refused.Status < 400 {
			return &exitError{code: exitIO}
		}
		return &exitError{code: exitViolated}
	}
	if pending, waits := errors.AsType[*tpp.PendingError](err); waits {
		a.note("%s", pending.Detail())
		a.noteNext(pending.Next())
		return &exitError{code: exitIO}
	}
	var lost *tpp.NoAnswerError
	if errors.As(err, &lost) {
		a.note("%s", a.lostDetail(lost))
		switch {
		case lost.Status == 0 || lost.Err == nil:
		case lost.Verb == "discover":
			a.note("%s", a.fetched(lost, input.Discovery))
		case lost.Verb == "statement":
			a.note("%s", a.fetched(lost, input.Statement))
		}
		a.noteNext(lost.Next())
		a.noteLook(lost.Verb, err)
		return &exitError{code: exitIO}
	}
	return usageError("%s", detail(err))
}

// noteRefusal prints the words of a refusal, and what to do about it.
func (a *app) noteRefusal(refused *tpp.ResponseError) {
	said := strings.TrimSpace(fmt.Sprintf("%s: %s answered %d %s", refused.Verb, peer(refused.Verb), refused.Status, refused.Code))
	if refused.Description != "" {
		said += ": " + refused.Description
	}
	a.note("%s", secretInText.ReplaceAllString(said, "${1}"+leftOut))
	if flag := addressFlag(refused.Verb); refused.Location != "" && refused.Status < 400 && flag != "" {
		a.note("redirects are not followed: this one leads to %s; if that is the right address, give it with %s", refused.Location, flag)
		return
	}
	if advice := refused.ClockAdvice(); advice != "" && judgesTimes(refused) {
		a.note("%s, by which it judges iat, exp and nbf", advice)
	}
	if refused.RetryAfter > 0 {
		a.note("try again after %s", refused.RetryAfter.Round(time.Second))
	}
	a.noteNext(refused.Next())
	if slices.Contains([]string{"get", "update", "delete"}, refused.Verb) && refused.LacksScope() {
		a.note("--token-scope SCOPE asks for it, once for each word")
	}
	a.noteLook(refused.Verb, refused)
	if refused.Verb == "token" && (refused.Status == http.StatusUnauthorized || refused.Code == "invalid_client") {
		a.note("if the client is registered with another method or secret, give --client with the answer of register, or --auth-method")
	}
}

// noteNext prints advice, if there is any: each of its parts, which a semicolon ends, in a
// line of its own.
func (a *app) noteNext(advice string) {
	if advice != "" {
		a.note("%s", strings.ReplaceAll(advice, "; ", ";\n"+indented))
	}
}

// noteLook names the command that finds out whether an update or a delete was made.
func (a *app) noteLook(verb string, err error) {
	if (verb == "delete" || verb == "update") && tpp.MayHaveHappened(err) {
		a.note("to look: obdcr get CLIENT_ID, with the flags of this %s", verb)
	}
}

// addressFlag is the flag that gives the address to which a verb sends; "" for an unknown
// verb.
func addressFlag(verb string) string {
	switch verb {
	case "discover":
		return "--discovery"
	case "register", "get", "update", "delete":
		return "--registration-endpoint"
	case "token", "directory token":
		return "--token-endpoint"
	case "statement":
		return "--directory"
	}
	return ""
}

// timeWords are words by which an answer refuses the times of a token.
var timeWords = regexp.MustCompile(`(?i)\b(iat|exp|nbf|expir|clock|future|too old|time)`)

// noticedSkew is a difference of the clocks that is worth a word wherever tokens are refused.
const noticedSkew = time.Minute

// judgesTimes reports whether the times of a token may be the reason of a refusal.
func judgesTimes(refused *tpp.ResponseError) bool {
	if refused.Status != http.StatusBadRequest && refused.Status != http.StatusUnauthorized {
		return false
	}
	return refused.ClockSkew().Abs() >= noticedSkew || timeWords.MatchString(refused.Description)
}

// peer names who answers a verb.
func peer(verb string) string {
	if verb == "statement" || verb == "directory token" {
		return "the directory"
	}
	return "the bank"
}

// lostDetail tells why no answer came, and the flag that may help.
func (a *app) lostDetail(lost *tpp.NoAnswerError) string {
	said := lost.Detail()
	var silent net.Error
	if unknown := (x509.UnknownAuthorityError{}); errors.As(lost.Err, &unknown) {
		return said + "; " + a.hintCA()
	}
	if errors.As(lost.Err, &silent) && silent.Timeout() {
		said = fmt.Sprintf("%s: %s has not answered within %s", lost.Verb, peer(lost.Verb), cmp.Or(a.timeout, defaultTimeout))
		if a.timeout != 0 {
			said += "; --timeout waits longer"
		}
	}
	return said
}

// hintCA is what to do about a server whose CA is unknown.
func (a *app) hintCA() string {
	if a.cas == "" {
		return "give the authority's certificate with --ca"
	}
	return "the server's chain does not end in a certificate of " + a.cas + ": give there the CA that has issued the server's certificate"
}

// fetched says what came in the place of a document of a verb.
func (a *app) fetched(lost *tpp.NoAnswerError, want input.Kind) string {
	f := input.Recognise(lost.Document.Reveal())
	var err error
	if want == input.Statement {
		_, err = f.Token(want)
	} else {
		_, err = f.Document(want)
	}
	refused, is := errors.AsType[*input.Error](err)
	if !is {
		return detail(lost.Err)
	}
	return strings.TrimSuffix(refused.Found+": "+refused.Reason, ": ") + "; wanted: " + refused.Wanted
}
