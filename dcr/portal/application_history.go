package portal

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// historyRow is an entry of the audit trail.
type historyRow struct {
	At      time.Time
	What    string
	Who     string
	Reason  string
	Changes []memberChange
}

// memberChange is a member that a change gave another value.
type memberChange struct{ Member, Before, After string }

const (
	historySize    = 15 // entries on a page
	historyWindows = 9  // how often a page reads on for them; each window is twice as wide as the one before
)

// historyOf reads the entries of a record, the newest first. Versions that left no entry are
// passed over. older is the address of the page with those before.
func (v *visit) historyOf(record store.Client) (rows []historyRow, older string, err error) {
	last := record.Version
	if before, err := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64); err == nil && before > 0 && before <= last {
		last = before - 1
	}
	var found []store.AuditEntry
	first := last
	for width, i := int64(2*historySize), 0; i < historyWindows && first > 0 && len(found) <= historySize; width, i = 2*width, i+1 {
		from := max(0, first-width)
		entries, err := v.records.history(v.ctx(), record.ID, from, int(width))
		if err != nil {
			return nil, "", dcr.Unavailable(err, "the application's history cannot be read at the moment")
		}
		entries = slices.DeleteFunc(entries, func(e store.AuditEntry) bool { return e.Version > first })
		found, first = append(entries, found...), from
	}
	if len(found) > historySize {
		found = found[len(found)-historySize:]
		first = found[0].Version - 1
	}
	if first > 0 {
		older = v.path("applications", record.ID) + "?before=" + strconv.FormatInt(first+1, 10) + "#history"
	}
	for _, e := range slices.Backward(found) {
		rows = append(rows, v.historyRow(e))
	}
	return rows, older, nil
}

// historyRow is what a page shows of an entry. An operator's reason is for operators: the TPP is
// not told (RefusePending).
func (v *visit) historyRow(e store.AuditEntry) historyRow {
	row := historyRow{At: e.At, What: operationText(e.Operation) + decisionText(e.Decision), Who: v.actorShown(e.Audit)}
	if v.person.Operator || e.Actor != string(dcr.ActorOperator) {
		row.Reason = e.Reason
	}
	for _, c := range e.Changes {
		row.Changes = append(row.Changes, memberChange{c.Member, valueText(c.Member, c.Before), valueText(c.Member, c.After)})
	}
	return row
}

// actorShown is who did something. A contact is known by a hash alone.
func (v *visit) actorShown(a store.Audit) string {
	switch dcr.ActorKind(a.Actor) {
	case dcr.ActorTPP:
		return "the software, over the API"
	case dcr.ActorContact:
		if a.ActorName == hashed(v.person.Email) {
			return "you"
		}
		return "a contact"
	case dcr.ActorOperator:
		switch {
		case a.ActorName == v.person.Email:
			return "you"
		case v.person.Operator && a.ActorName != "":
			return a.ActorName
		}
	}
	return "the bank"
}

// operationText names an operation as people do.
func operationText(operation string) string {
	known := map[string]string{"create": "Registration", "update": "Change", "delete": "Deletion", "reprovision": "New client ID",
		"subscribe": "Subscription", "unsubscribe": "End of a subscription"}
	if named, ok := known[operation]; ok {
		return named
	}
	return operation
}

// decisionText says what was decided; "" where it was simply done.
func decisionText(decision string) string {
	if decision == string(dcr.DecisionDone) {
		return ""
	}
	known := map[dcr.AuditDecision]string{dcr.DecisionBegun: "begun", dcr.DecisionUndone: "taken back", dcr.DecisionKept: "noted",
		dcr.DecisionPending:  "waits for the bank",
		dcr.DecisionApproved: "approved", dcr.DecisionRefused: "refused", dcr.DecisionExpired: "expired", dcr.DecisionForgotten: "given up"}
	if named, ok := known[dcr.AuditDecision(decision)]; ok {
		return ": " + named
	}
	return ": " + decision
}

// moments are the members of the trail that are seconds since 1970.
var moments = []string{"client_id_issued_at", "software_statement.iat"}

// valueText writes a value of the trail for people: a text without its quotation marks, a time as
// a date, all else as JSON.
func valueText(member string, value json.RawMessage) string {
	var s string
	var list []string
	var seconds int64
	switch {
	case len(value) == 0:
		return ""
	case slices.Contains(moments, member) && json.Unmarshal(value, &seconds) == nil:
		return dateText(time.Unix(seconds, 0))
	case json.Unmarshal(value, &s) == nil:
		return s
	case json.Unmarshal(value, &list) == nil:
		return text.List(list)
	}
	var compact bytes.Buffer
	if json.Compact(&compact, value) != nil {
		return string(value)
	}
	return compact.String()
}
