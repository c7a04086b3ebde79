package dcr

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// auditedMembers are the registered members that the audit trail has. It has no others: what
// another program wrote into a record may be a secret or a contact. It lacks software_statement,
// which holds the contacts of the software; facts stands for it.
var auditedMembers = []string{
	"application_type", "backchannel_authentication_request_signing_alg", "backchannel_client_notification_endpoint", "backchannel_token_delivery_mode",
	"backchannel_user_code_parameter_supported", "grant_types", "id_token_signed_response_alg", "redirect_uris", "request_object_signing_alg",
	"response_types", "scope", "software_id", "tls_client_auth_subject_dn", "token_endpoint_auth_method", "token_endpoint_auth_signing_alg",
}

// The names of what the trail has of a record beside its registered members.
const (
	memberClientID   = "client_id"
	memberIssuedAt   = "client_id_issued_at"
	memberSubject    = "certificate_subject_dn" // of the certificate that sent the request
	memberState      = "state"
	memberKeySet     = "software_jwks_endpoint"
	memberRoles      = "software_roles"
	memberStatement  = "software_statement.jti"
	memberStatements = "software_statement.iat"
)

// changes returns what differs between two records, sorted by the names. nil stands for no
// record.
func (t *trail) changes(before, after *store.Client) []store.AuditChange {
	content := before == nil || after == nil || before.SoftwareStatement != after.SoftwareStatement || !bytes.Equal(before.Metadata, after.Metadata)
	old, current := t.audited(before, content), t.audited(after, content)
	changes := make([]store.AuditChange, 0, max(len(old), len(current)))
	values := make(valueBuffer, 0, sizeOf(old)+sizeOf(current))
	for len(old) > 0 || len(current) > 0 {
		switch {
		case len(current) == 0 || len(old) > 0 && old[0].name < current[0].name:
			changes, old = append(changes, store.AuditChange{Member: old[0].name, Before: values.add(old[0])}), old[1:]
		case len(old) == 0 || current[0].name < old[0].name:
			changes, current = append(changes, store.AuditChange{Member: current[0].name, After: values.add(current[0])}), current[1:]
		default:
			if old[0].value != current[0].value {
				changes = append(changes, store.AuditChange{Member: old[0].name, Before: values.add(old[0]), After: values.add(current[0])})
			}
			old, current = old[1:], current[1:]
		}
	}
	return changes
}

// audited returns what the trail has of a record, sorted by the names. content says whether
// what follows from Metadata and SoftwareStatement is wanted.
func (t *trail) audited(c *store.Client, content bool) []member {
	if c == nil {
		return nil
	}
	members := make([]member, 0, len(auditedMembers)+8)
	if content {
		members = t.appendContent(members, c)
	}
	members = append(members, member{memberState, quoted(string(c.State))}, member{memberIssuedAt, strconv.FormatInt(c.IssuedAt.Unix(), 10)})
	for _, m := range [...]member{{memberClientID, c.ClientID}, {memberSubject, c.SubjectDN}, {memberKeySet, c.JWKSAddress}} {
		if m.value != "" {
			members = append(members, member{m.name, quoted(m.value)})
		}
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return members
}

// appendContent appends what follows from Metadata and SoftwareStatement. A record whose
// metadata is no JSON has no members: another program wrote it into the store.
func (t *trail) appendContent(members []member, c *store.Client) []member {
	registered, err := appendMembers(members, string(c.Metadata), func(name string) bool { return slices.Contains(auditedMembers, name) })
	if err == nil {
		members = registered
	}
	for i, m := range members { // an entry must not keep the whole metadata in memory for a name
		members[i].name = auditedMembers[slices.Index(auditedMembers, m.name)]
	}
	statement := t.facts(c)
	if len(statement.roles) > 0 {
		roles, _ := json.Marshal(statement.roles) // of strings, which never fails
		members = append(members, member{memberRoles, string(roles)})
	}
	if statement.jti != "" {
		members = append(members, member{memberStatement, quoted(statement.jti)})
	}
	if at, ok := statement.issuedAt.Get(); ok {
		members = append(members, member{memberStatements, strconv.FormatInt(at, 10)})
	}
	return members
}

// abridged stands for a value in the trail.
type abridged struct {
	Begins string `json:"begins,omitempty"`
	Bytes  int    `json:"bytes"` // of the JSON
	SHA256 string `json:"sha256"`
}

// valueBuffer holds the values of an entry in one piece of memory.
type valueBuffer []byte

func sizeOf(members []member) (size int) {
	for _, m := range members {
		size += min(len(m.value), 2*maxAuditValue)
	}
	return size
}

// add returns a value as the trail has it: as it is, or the beginning and the hash of one that
// is long, or the hash of a name that holds the address of a person.
func (b *valueBuffer) add(m member) json.RawMessage {
	address := (m.name == memberSubject || m.name == "tls_client_auth_subject_dn") && holdsAddress(m.value)
	if len(m.value) <= maxAuditValue && !address {
		start := len(*b)
		*b = append(*b, m.value...)
		return json.RawMessage((*b)[start:len(*b):len(*b)])
	}
	sum := sha256.Sum256([]byte(m.value))
	short := abridged{Bytes: len(m.value), SHA256: hex.EncodeToString(sum[:])}
	if !address {
		short.Begins = text.Clip(m.value, maxAuditValue)
	}
	written, _ := json.Marshal(short) // which never fails
	return written
}

// holdsAddress reports whether a subject has an e-mail address: as text, or as emailAddress of
// PKCS #9, whose value RFC 4514 may write in hexadecimal digits.
func holdsAddress(subject string) bool {
	return strings.Contains(subject, "@") || strings.Contains(subject, "1.2.840.113549.1.9.1=") || strings.Contains(strings.ToLower(subject), "emailaddress=")
}
