package tpp

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/obdcr/obdcr/claims"
)

// PendingError means that the bank has taken a registration or a deletion (202 with the
// status "pending"), and that a person there decides on it later. A registration has made
// no client yet; a client that is to be deleted goes on as it is, with its tokens.
type PendingError struct {
	Verb string // register or delete
	// ClientID is the client_id of the answer; "" if it has no usable one. That of a
	// registration is provisional: the bank may tell another one when it approves.
	ClientID string
	Document claims.Secret // the answer as sent, a JSON object
}

// Error returns the detail with the name of the package in front.
func (e *PendingError) Error() string { return "tpp: " + e.Detail() }

// Detail returns the verb, and that the bank has not decided.
func (e *PendingError) Detail() string {
	return e.Verb + ": the bank has taken the request (202), and a person there has yet to approve it"
}

// Retry says that nothing is to be sent again: RetryLook.
func (e *PendingError) Retry() Retry { return RetryLook }

// Next tells how to find out what the bank has decided.
func (e *PendingError) Next() string {
	if e.Verb == verbDelete {
		return nextPendingDelete
	}
	return nextPendingRegister
}

// The advice after a 202.
const (
	nextPendingRegister = "keep the client_id and do not register anew; ask for an access token from time to time: invalid_client means that the bank " +
		"has not approved yet, or has refused; when it approves, it may tell another client_id, and the client secret if there is one"
	nextPendingDelete = "the client and its tokens stay valid until the bank approves; ask for an access token from time to time: " +
		"invalid_client means that the client is gone"
)

// pendingAnswer reads an answer of 202 to a registration or a deletion; nil if it does not
// say that the change waits.
func pendingAnswer(verb string, a *answer) *PendingError {
	if a.status != http.StatusAccepted || verb != verbRegister && verb != verbDelete {
		return nil
	}
	document := bytes.TrimPrefix(a.body, []byte(byteOrderMark))
	members := map[string]json.RawMessage{}
	var status string
	if json.Unmarshal(document, &members) != nil || json.Unmarshal(members["status"], &status) != nil || !strings.EqualFold(status, "pending") {
		return nil
	}
	e := &PendingError{Verb: verb, ClientID: identifierOf(members["client_id"]), Document: claims.NewSecret(string(document))}
	if !UsableClientID(e.ClientID) {
		e.ClientID = ""
	}
	return e
}
