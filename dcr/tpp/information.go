package tpp

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/obdcr/obdcr/claims"
)

// maxClientID is the greatest length of a client identifier that is accepted from a bank, in
// bytes. OBIE DCR allows 36 characters; some banks send more.
const maxClientID = 1024

// SecretMembers returns the names of the members of a bank's answer that hold a secret.
// ClientInformation has them in Document, and client_secret in Secret; Metadata has
// neither. A program that shows Document must leave them out.
func SecretMembers() []string { return []string{"client_secret", "registration_access_token"} }

// ClientInformation is a bank's description of a registered client (RFC 7591 section
// 3.2.1).
type ClientInformation struct {
	ClientID        string
	IssuedAt        time.Time       // client_id_issued_at; zero if the answer has none
	Secret          claims.Secret   // client_secret, which a bank shows once; zero if the answer has none
	SecretExpiresAt time.Time       // zero: never
	Metadata        *claims.Request // the registered members, without secrets; nil if the answer is no strict JSON
	Faults          []claims.Fault  // the members of the wrong type; they have no value in Metadata
	Document        claims.Secret   // the answer as sent, a JSON object with the secret
	SentAs          ContentType     // of the request that the bank took; "" after Get, and for a parsed file
}

// Credentials returns the credentials of the client for the token endpoint.
func (i *ClientInformation) Credentials() Credentials {
	c := Credentials{ClientID: i.ClientID, Secret: i.Secret}
	if i.Metadata != nil {
		c.Method = i.Metadata.TokenEndpointAuthMethod.Or("")
	}
	return c
}

// ParseClientInformation reads a bank's answer to a registration, or one that was saved to
// a file. It needs a client_id that [UsableClientID] takes, and is lenient about all else: a
// TPP must learn the client_id of its registered client, even if another member is wrong. A
// whole number is taken for its digits, and a byte order mark is skipped. The error repeats
// nothing of the answer.
func ParseClientInformation(document []byte) (*ClientInformation, error) {
	document = bytes.TrimPrefix(document, []byte(byteOrderMark))
	members := map[string]json.RawMessage{} // a struct would match names in any case
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, answerError("it is no JSON object")
	}
	var secret string
	id := identifierOf(members["client_id"])
	if !UsableClientID(id) {
		return nil, answerError("it has no usable client_id")
	}
	if raw, sent := members["client_secret"]; sent && json.Unmarshal(raw, &secret) != nil {
		return nil, answerError("its client_secret is no string")
	}
	i := &ClientInformation{ClientID: id, Secret: claims.NewSecret(secret), IssuedAt: instantOf(members["client_id_issued_at"]),
		SecretExpiresAt: instantOf(members["client_secret_expires_at"]), Document: claims.NewSecret(string(document))}
	if c, faults, err := claims.DecodeRequest(document); err == nil {
		kept := SecretMembers()
		c.Unknown = slices.DeleteFunc(c.Unknown, func(m claims.Member) bool { return slices.Contains(kept, m.Name) })
		i.Metadata, i.Faults = c, faults
	}
	return i, nil
}

// answerError is the reason why an answer cannot be used.
type answerError string

// Error returns the reason with the name of the package in front.
func (e answerError) Error() string { return "tpp: the bank's answer cannot be used: " + e.Detail() }

// Detail returns the reason alone.
func (e answerError) Detail() string { return string(e) }

// byteOrderMark stands before the text of some answers.
const byteOrderMark = "\ufeff"

// wholeNumber is how JSON writes an integer.
var wholeNumber = regexp.MustCompile(`^-?[0-9]+$`)

// identifierOf reads an identifier, which some banks send as a number; "" for anything else.
func identifierOf(raw json.RawMessage) string {
	if wholeNumber.Match(raw) {
		return string(raw)
	}
	var id string
	if json.Unmarshal(raw, &id) != nil {
		return ""
	}
	return id
}

// UsableClientID reports whether a client identifier can be a segment of a path: it is not
// empty, no dot segment, has at most 1024 bytes and no control character. RFC 6749 (appendix
// A.1) allows visible ASCII and blanks; a Client escapes them in the path, and all others.
func UsableClientID(id string) bool {
	if id == "" || len(id) > maxClientID || id == "." || id == ".." || !utf8.ValidString(id) {
		return false
	}
	return !strings.ContainsFunc(id, func(c rune) bool { return unicode.IsControl(c) || c == utf8.RuneError })
}

// instantOf reads a number of seconds since 1970. It returns the zero time for anything
// else, and for 0.
func instantOf(raw json.RawMessage) time.Time {
	var seconds int64
	if json.Unmarshal(raw, &seconds) != nil || seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
