package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/obdcr/obdcr/dcr/tpp"
)

// bankError prints what a bank answered, or why no answer came. It returns the error that
// ends the command: code 1 for a refusal, 3 for what may succeed later.
func (a *app) bankError(err error) error {
	var refused *tpp.ResponseError
	if errors.As(err, &refused) {
		text := strings.TrimSpace(fmt.Sprintf("%s: the bank answered %d %s", refused.Verb, refused.Status, refused.Code))
		if refused.Description != "" {
			text += ": " + refused.Description
		}
		a.note("%s", secretInText.ReplaceAllString(text, "${1}"+leftOut))
		if refused.RetryAfter > 0 {
			a.note("try again after %s", refused.RetryAfter.Round(time.Second))
		}
		if refused.Verb == "token" && (refused.Status == http.StatusUnauthorized || refused.Code == "invalid_client") {
			a.note("if the client is registered with another method or secret, give --client with the answer of register, or --auth-method")
		}
		if refused.Temporary() || refused.Verb == "discover" || refused.Status < 400 {
			return &exitError{code: exitIO}
		}
		return &exitError{code: exitViolated}
	}
	var lost *tpp.NoAnswerError
	if errors.As(err, &lost) {
		a.note("%s", a.lostDetail(lost))
		if lost.Verb == "discover" && lost.Err != nil && lost.Status != 0 {
			a.note("%s", detail(lost.Err))
		}
		if next := lost.Next(); next != "" {
			a.note("%s", next)
		}
		return &exitError{code: exitIO}
	}
	return usageError("%s", detail(err))
}

// lostDetail tells why no answer came, and the flag that may help.
func (a *app) lostDetail(lost *tpp.NoAnswerError) string {
	said := detail(lost)
	var silent net.Error
	if unknown := (x509.UnknownAuthorityError{}); errors.As(lost.Err, &unknown) {
		return said + "; " + hintCA
	}
	if errors.As(lost.Err, &silent) && silent.Timeout() {
		return fmt.Sprintf("%s: the bank was silent for %s; --timeout waits longer", said, a.timeout)
	}
	return said
}

// hintCA is what to do about a server whose CA is unknown.
const hintCA = "give the authority's certificate with --ca"
