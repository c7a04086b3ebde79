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
		e.ID, e.At.UnixMilli(), e.Client, e.Version, string(e.State), e.ClientID, string(e.Environment), e.Issuer, e.SoftwareID, e.OrgID,
		e.Actor, e.ActorName, e.Operation, e.Decision, e.Reason, e.SSAJTI, e.RuleSet, changes,
	}, nil
}

// ScanEntry reads a row that EntryValues made. The error is that of the Scanner, or names the
// entry that another program wrote.
func ScanEntry(row Scanner) (store.AuditEntry, error) {
	var (
		e       store.AuditEntry
		at      int64
		changes []byte
	)
	if err := row.Scan(&e.ID, &at, &e.Client, &e.Version, &e.State, &e.ClientID, &e.Environment, &e.Issuer, &e.SoftwareID, &e.OrgID,
		&e.Actor, &e.ActorName, &e.Operation, &e.Decision, &e.Reason, &e.SSAJTI, &e.RuleSet, &changes); err != nil {
		return store.AuditEntry{}, err
	}
	e.At = time.UnixMilli(at).UTC()
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
