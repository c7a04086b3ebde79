package row

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/store"
)

// EntryColumns are those of an entry of the audit trail, in the order of EntryValues and
// ScanEntry: the table audit.
const EntryColumns = `id, at, record_id, version, state, client_id, environment, issuer, software_id, org_id,
	actor, actor_name, operation, decision, reason, ssa_jti, rule_set, changes`

// noteState stands in the column state for an entry that belongs to no change. A removal has ”, and
// a program that knows no notes looks for removals by that alone.
const noteState = "note"

// EntryState returns what the column state has for an entry.
func EntryState(e store.AuditEntry) string {
	if e.IsNote() {
		return noteState
	}
	return string(e.State)
}

// StateOfEntry returns the State of an entry of that version, by what the column has.
func StateOfEntry(version int64, column string) store.State {
	if version == 0 && column == noteState {
		return ""
	}
	return store.State(column)
}

// EntryValues returns the values of the EntryColumns for an entry: int64, string or []byte. The
// error names the member that has no form as JSON.
func EntryValues(e store.AuditEntry) ([]any, error) {
	var changes []byte
	if len(e.Changes) > 0 {
		var err error
		if changes, err = json.Marshal(e.Changes); err != nil {
			return nil, fmt.Errorf("changes: %w", err)
		}
	}
	return []any{
		e.ID, e.At.UnixMilli(), e.Client, e.Version, EntryState(e), e.ClientID, string(e.Environment), e.Issuer, e.SoftwareID, e.OrgID,
		e.Actor, e.ActorName, e.Operation, e.Decision, e.Reason, e.SSAJTI, e.RuleSet, changes,
	}, nil
}

// ScanEntry reads a row that EntryValues made. The error is that of the Scanner, or names the
// entry that another program wrote.
func ScanEntry(row Scanner) (store.AuditEntry, error) {
	var (
		e       store.AuditEntry
		at      int64
		state   string
		changes []byte
	)
	if err := row.Scan(&e.ID, &at, &e.Client, &e.Version, &state, &e.ClientID, &e.Environment, &e.Issuer, &e.SoftwareID, &e.OrgID,
		&e.Actor, &e.ActorName, &e.Operation, &e.Decision, &e.Reason, &e.SSAJTI, &e.RuleSet, &changes); err != nil {
		return store.AuditEntry{}, err
	}
	e.At, e.State = time.UnixMilli(at).UTC(), StateOfEntry(e.Version, state)
	if changes == nil {
		return e, nil
	}
	if err := json.Unmarshal(changes, &e.Changes); err != nil {
		return store.AuditEntry{}, fmt.Errorf("changes of audit entry %.64q: %w", e.ID, err)
	}
	return e, nil
}

// EntriesBefore returns the ID that is greater than those of all entries older than t, and of
// no others.
func EntriesBefore(t time.Time) string {
	if t.Nanosecond()%int(time.Millisecond) > 0 {
		t = t.Add(time.Millisecond)
	}
	return store.AuditIDAt(t)
}
