package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// Audit is what a change says of itself for the audit trail: who asked for it, what it
// changes and why it was decided so. It holds no secret and no contact of a person at the
// TPP. The zero Audit leaves no entry.
type Audit struct {
	Actor     string // the kind of who asked: "tpp", "contact", "operator" or "bank"
	ActorName string // which one of that kind, such as the thumbprint of a certificate; "" where nobody is named
	Operation string // "create", "update", "delete" or "reprovision"
	Decision  string // what was decided, such as "done", "begun", "undone", "pending", "approved", "refused" or "expired"
	Reason    string // why, in the words of who decided; "" for none
	SSAJTI    string // jti of the statement that the change rests on; "" where it has none
	RuleSet   string // version of the rules and the policy that were in force (validate.Validator.RuleSet)
	Changes   []AuditChange
}

// AuditChange is a member of the client that a change gives another value. NewAuditEntry
// writes the values as json.Marshal does.
type AuditChange struct {
	Member string          `json:"member"`
	Before json.RawMessage `json:"before,omitempty"` // nil where the client did not have it
	After  json.RawMessage `json:"after,omitempty"`  // nil where the client has it no more
}

// IsZero reports whether the audit record says nothing, and leaves no entry.
func (a Audit) IsZero() bool { return a.Operation == "" && a.Decision == "" }

// AuditEntry is an entry of the audit trail. Nothing changes it once it is written.
type AuditEntry struct {
	ID          string    // see NewAuditEntry
	At          time.Time // when, by the store's clock: whole milliseconds, UTC
	Client      string    // Client.ID of the record; it outlives the record; "" where a note is about none
	Version     int64     // of the record after the change; of a removal, one more than that of the record; 0 in a note
	State       State     // of the record after the change; "" where the change removed it, and in a note
	ClientID    string    // as it is after the change
	Environment claims.Environment
	Issuer      string
	SoftwareID  string
	OrgID       string
	Audit
}

// Removed reports whether the change of the entry removed the record. A note (see Noter) belongs
// to no change.
func (e AuditEntry) Removed() bool { return e.State == "" && !e.IsNote() }

// IsNote reports whether the entry belongs to no change of a record, see Noter.
func (e AuditEntry) IsNote() bool { return e.Version == 0 }

// NewAuditEntry returns the entry that a store writes for a change, in the transaction of
// the change. c is the record as it is after the change. For a removal (see ForDelete, and
// ForUndo where it returns nil) removed is true and c is the record as it was. ok is false
// where the change leaves no entry.
//
// The ID is 32 lower-case hexadecimal digits: 12 of the milliseconds since 1970 of at, 20
// random ones. In the order of their bytes, IDs are in the order of time.
func NewAuditEntry(c Client, removed bool, with Change, at time.Time) (entry AuditEntry, ok bool) {
	if with.Audit.IsZero() {
		return AuditEntry{}, false
	}
	entry = AuditEntry{
		ID: newAuditID(at), At: time.UnixMilli(at.UnixMilli()).UTC(), Client: c.ID, Version: c.Version, State: c.State,
		ClientID: c.ClientID, Environment: c.Environment, Issuer: c.Issuer, SoftwareID: c.SoftwareID, OrgID: c.OrgID,
		Audit: with.Audit,
	}
	entry.Changes = compacted(with.Audit.Changes)
	if removed {
		entry.Version, entry.State = c.Version+1, ""
	}
	return entry, true
}

// compacted returns the changes with their values as json.Marshal writes them.
func compacted(changes []AuditChange) []AuditChange {
	if len(changes) == 0 {
		return nil
	}
	size := 0
	for _, change := range changes {
		size += len(change.Before) + len(change.After)
	}
	written, values := make([]AuditChange, 0, len(changes)), make([]byte, 0, size)
	for _, change := range changes {
		written = append(written, AuditChange{change.Member, compact(&values, change.Before), compact(&values, change.After)})
	}
	return written
}

// compact returns a value as json.Marshal writes it. What is no JSON becomes a string. It
// appends values that are plain to the buffer, and returns that part of it.
func compact(buffer *[]byte, value json.RawMessage) json.RawMessage {
	switch {
	case len(value) == 0:
		return nil
	case isPlain(value):
		start := len(*buffer)
		*buffer = append(*buffer, value...)
		return (*buffer)[start:len(*buffer):len(*buffer)]
	}
	written, err := json.Marshal(value)
	if err != nil {
		written, _ = json.Marshal(string(value)) // which never fails
	}
	return written
}

// isPlain reports whether a value is one of those, most of all, that json.Marshal writes as they
// are: a text, or a list of texts, without blanks between them and without characters that are
// escaped.
func isPlain(value []byte) bool {
	list := value[0] == '['
	if list {
		if value = value[1:]; len(value) == 0 || value[len(value)-1] != ']' {
			return false
		}
		value = value[:len(value)-1]
	}
	for {
		if len(value) < 2 || value[0] != '"' {
			return false
		}
		end := 1
		for end < len(value) && needsNoEscape(value[end]) {
			end++
		}
		if end == len(value) || value[end] != '"' {
			return false
		}
		if value = value[end+1:]; len(value) == 0 {
			return true
		}
		if !list || value[0] != ',' {
			return false
		}
		value = value[1:]
	}
}

// needsNoEscape reports whether json.Marshal writes a byte of a text as it is.
func needsNoEscape(b byte) bool {
	return ' ' <= b && b <= '~' && b != '"' && b != '\\' && b != '<' && b != '>' && b != '&'
}

// Clone returns a copy that shares no memory with e.
func (e AuditEntry) Clone() AuditEntry {
	e.Changes = slices.Clone(e.Changes)
	for i, change := range e.Changes {
		e.Changes[i].Before, e.Changes[i].After = bytes.Clone(change.Before), bytes.Clone(change.After)
	}
	return e
}

// auditIDBytes is the length of an ID of an entry before it is written in hexadecimal: six
// bytes are the time.
const auditIDBytes = 16

func newAuditID(at time.Time) string {
	var b [2 + auditIDBytes]byte
	binary.BigEndian.PutUint64(b[:], uint64(max(at.UnixMilli(), 0)))
	_, _ = rand.Read(b[8:]) // which never fails
	return hex.EncodeToString(b[2:])
}

// AuditIDAt returns the least ID that an entry of that time, or a later one, can have.
func AuditIDAt(at time.Time) string {
	return fmt.Sprintf("%012x%020d", max(at.UnixMilli(), 0), 0)
}

// Auditor reads the audit trail. A store that has it writes an entry for each Change that
// has an Audit, in the transaction of the change: neither exists without the other.
type Auditor interface {
	// History returns at most limit entries of a record, the ID of which is id, whose Version
	// is greater than after, in the order of their Versions. A walk begins with 0. The history
	// of a record outlives it. Notes about it (see Noter) are not in it. It returns none where limit is below 1. Where an ID was used
	// again, which no registrar does, entries of one Version are in the order of their IDs.
	History(ctx context.Context, id string, after int64, limit int) ([]AuditEntry, error)
	// ListAudit returns at most limit entries whose ID is greater than after, in the order of
	// the bytes of their IDs. A walk begins with "", or with AuditIDAt of a time. An entry that
	// another process writes at the moment may come to lie before the end of the walk.
	ListAudit(ctx context.Context, after string, limit int) ([]AuditEntry, error)
	// AuditedAs returns the ID of the record that had a client_id last which is not its ID, but
	// one that the authorization server chose: the Client of the newest entry whose ClientID is
	// clientID, and whose Client is not; a note is none of them. Without such an entry the error is ErrNotFound. AuditedID
	// looks up any client_id. An index of the entries whose ClientID is neither "" nor the Client
	// is enough for it, and empty at most banks.
	AuditedAs(ctx context.Context, clientID string) (id string, err error)
}

// AuditedID returns the ID of the record that has a client_id or had it, for its History: also
// where the record was removed, where its client_id was another one later, and where it is
// still waiting for approval. ErrNotFound says that the trail does not know the client_id.
func AuditedID(ctx context.Context, a Auditor, clientID string) (string, error) {
	id, err := a.AuditedAs(ctx, clientID)
	if !errors.Is(err, ErrNotFound) {
		return id, err
	}
	found, err := a.History(ctx, clientID, 0, 1)
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", ErrNotFound
	}
	return clientID, nil
}

// Noter writes entries of the audit trail that belong to no change of a record, such as a
// sign-in at a portal, or a registration that was refused. A store has it beside Auditor.
type Noter interface {
	// Note writes the entry with an ID and a time of the store's own. Its Version is 0 and its
	// State "". The Client may be that of a record, or "": History does not return the entry,
	// AuditedAs does not go by it, ListAudit returns it, and a Purger forgets it by its age, or
	// together with the entries about that record. NewNote says what is written, and what is
	// refused.
	Note(ctx context.Context, e AuditEntry) error
}

// NewNote returns the entry that Note writes for e: with an ID of the time, as NewAuditEntry has
// it, Version 0 and State "". An error means an entry that says nothing, or one with a text that
// has a NUL or is no UTF-8.
func NewNote(e AuditEntry, at time.Time) (AuditEntry, error) {
	if e.Audit.IsZero() {
		return AuditEntry{}, errors.New("store: a note says nothing: it has no Operation and no Decision")
	}
	texts := []string{
		e.Client, e.ClientID, string(e.Environment), e.Issuer, e.SoftwareID, e.OrgID,
		e.Actor, e.ActorName, e.Operation, e.Decision, e.Reason, e.SSAJTI, e.RuleSet,
	}
	for _, change := range e.Changes {
		texts = append(texts, change.Member)
	}
	if slices.ContainsFunc(texts, func(text string) bool { return !isText(text) }) {
		return AuditEntry{}, errors.New("store: a text of the note has a NUL or is no UTF-8")
	}
	e.ID, e.At, e.Version, e.State = newAuditID(at), time.UnixMilli(at.UnixMilli()).UTC(), 0, ""
	e.Changes = compacted(e.Changes)
	return e, nil
}
