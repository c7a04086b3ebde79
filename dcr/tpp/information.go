package tpp

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// maxClientID is the longest client identifier that is taken from a bank. OBIE DCR
// has 36.
const maxClientID = 256

// secretMembers of an answer stand in Document alone, and the first in Secret too.
var secretMembers = []string{"client_secret", "registration_access_token"}

// ClientInformation is a bank's description of a registered client (RFC 7591 section
// 3.2.1).
type ClientInformation struct {
	ClientID        string
	IssuedAt        time.Time       // client_id_issued_at; zero where it is not said
	Secret          claims.Secret   // client_secret, which a bank shows once; zero where there is none
	SecretExpiresAt time.Time       // zero for never
	Metadata        *claims.Request // what is registered, without secrets; nil where the answer is no strict JSON
	Faults          []claims.Fault  // members of the wrong type, which are invalid in Metadata
	Document        claims.Secret   // the answer as sent, the secret in it: a JSON object
}

// Credentials are what the client authenticates with at the token endpoint.
func (i *ClientInformation) Credentials() Credentials {
	c := Credentials{ClientID: i.ClientID, Secret: i.Secret}
	if i.Metadata != nil {
		c.Method = i.Metadata.TokenEndpointAuthMethod.Or("")
	}
	return c
}

// ParseClientInformation reads a bank's answer to a registration, or one that was
// kept. It is lenient beside client_id: whoever has been registered must learn under
// which name, whatever else is wrong with the answer. An answer without a usable
// client_id is an error, which repeats nothing of it.
func ParseClientInformation(document []byte) (*ClientInformation, error) {
	members := map[string]json.RawMessage{} // a struct would match names in any case
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, errAnswer("it is no JSON object")
	}
	var id, secret string
	if json.Unmarshal(members["client_id"], &id) != nil || !usableClientID(id) {
		return nil, errAnswer("it has no usable client_id")
	}
	if raw, sent := members["client_secret"]; sent && json.Unmarshal(raw, &secret) != nil {
		return nil, errAnswer("its client_secret is no string")
	}
	i := &ClientInformation{ClientID: id, Secret: claims.NewSecret(secret), IssuedAt: instantOf(members["client_id_issued_at"]),
		SecretExpiresAt: instantOf(members["client_secret_expires_at"]), Document: claims.NewSecret(string(document))}
	if c, faults, err := claims.DecodeRequest(document); err == nil {
		c.Unknown = slices.DeleteFunc(c.Unknown, func(m claims.Member) bool { return slices.Contains(secretMembers, m.Name) })
		i.Metadata, i.Faults = c, faults
	}
	return i, nil
}

// errAnswer says what is wrong with an answer.
type errAnswer string

func (e errAnswer) Error() string { return "tpp: the bank's answer cannot be used: " + string(e) }

// usableClientID tells whether an identifier can be a segment of a path: visible
// ASCII, and no step up or down.
func usableClientID(id string) bool {
	if id == "" || len(id) > maxClientID || id == "." || id == ".." {
		return false
	}
	for i := 0; i < len(id); i++ {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// instantOf reads seconds since 1970; zero is no time.
func instantOf(raw json.RawMessage) time.Time {
	var seconds int64
	if json.Unmarshal(raw, &seconds) != nil || seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
