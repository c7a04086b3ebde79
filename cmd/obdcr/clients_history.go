package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

func (a *app) clientsHistoryCommand() *cobra.Command {
	var o registerFlags
	var output string
	cmd := &cobra.Command{
		Use:   "history CLIENT_ID",
		Short: "Show who changed a client, when, what and why",
		Long: `history writes the audit trail of a client, the oldest entry first, also of a client
that was removed: by its client_id, one that it had before, or the ID of its record. Each
entry has who asked, what was decided and why, the statement and the version of the rules
that the change rests on, and each member with what it was and is. CSV has a row for each
member.`,
		Example: `  obdcr clients history 0e1f7a52 --config bank.yaml
  obdcr clients history 0e1f7a52 --store clients.db -o csv > history.csv`,
		Args:              oneClient,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(clientForms, output) {
				return unlisted("-o", output, clientForms)
			}
			return a.withRegister(c.Context(), &o, func(s stores.Opened, _ *service.Config) error {
				entries, err := historyOf(c.Context(), s, args[0])
				if err != nil {
					return err
				}
				if len(entries) == 0 {
					a.note("the audit trail has nothing of this client: it is older than the trail, or what was written of it is purged")
				}
				return writeHistory(c.OutOrStdout(), entries, output)
			})
		},
	}
	o.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format: "+text.List(clientForms))
	complete(cmd, "output", clientForms)
	return cmd
}

// historyPage is how many entries historyOf reads at once.
const historyPage = 500

// historyOf returns the whole trail of a client. A client without one, which was registered
// before there was a trail, is no error.
func historyOf(ctx context.Context, s stores.Opened, id string) ([]store.AuditEntry, error) {
	record, err := findClient(ctx, s, id)
	found := record.ID
	if err != nil {
		known, lookup := store.AuditedID(ctx, s, id)
		switch {
		case errors.Is(lookup, store.ErrNotFound):
			return nil, err
		case lookup != nil:
			return nil, lookup
		}
		found = known
	}
	var all []store.AuditEntry
	for after := int64(0); ; {
		page, err := s.History(ctx, found, after, historyPage)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all = append(all, page...)
		after = page[len(page)-1].Version
	}
}

// jsonEntry is an entry as history -o json writes it.
type jsonEntry struct {
	ID        string              `json:"id"`
	At        time.Time           `json:"at"`
	Record    string              `json:"record_id"`
	ClientID  string              `json:"client_id,omitempty"`
	Version   int64               `json:"version"`
	Status    string              `json:"status"` // "removed" after a removal
	Operation string              `json:"operation"`
	Decision  string              `json:"decision"`
	Reason    string              `json:"reason,omitempty"`
	Actor     string              `json:"actor"`
	ActorName string              `json:"actor_name,omitempty"`
	SSAJTI    string              `json:"software_statement_jti,omitempty"`
	RuleSet   string              `json:"rule_set,omitempty"`
	Changes   []store.AuditChange `json:"changes"`
}

func entryOf(e *store.AuditEntry) jsonEntry {
	entry := jsonEntry{
		ID: e.ID, At: e.At.UTC(), Record: e.Client, ClientID: e.ClientID, Version: e.Version, Status: string(e.State), Operation: e.Operation,
		Decision: e.Decision, Reason: e.Reason, Actor: e.Actor, ActorName: e.ActorName, SSAJTI: e.SSAJTI, RuleSet: e.RuleSet,
		Changes: append([]store.AuditChange{}, e.Changes...),
	}
	if e.Removed() {
		entry.Status = "removed"
	}
	return entry
}

func writeHistory(out io.Writer, entries []store.AuditEntry, form string) error {
	switch form {
	case "json":
		document := make([]jsonEntry, 0, len(entries))
		for i := range entries {
			document = append(document, entryOf(&entries[i]))
		}
		return writeVisibleJSON(out, document)
	case "csv":
		rows := [][]string{entryColumns}
		for i := range entries {
			rows = append(rows, entryRows(&entries[i])...)
		}
		return writeCSV(out, rows)
	}
	for i := range entries {
		showEntry(out, &entries[i])
	}
	return nil
}

// entryColumns are the columns of history -o csv.
var entryColumns = []string{"at", "record_id", "client_id", "version", "status", "operation", "decision", "reason", "actor", "actor_name",
	"software_statement_jti", "rule_set", "member", "before", "after"}

// entryRows are a row for each member that an entry changes, and one for an entry without.
func entryRows(e *store.AuditEntry) (rows [][]string) {
	j := entryOf(e)
	changes := e.Changes
	if len(changes) == 0 {
		changes = []store.AuditChange{{}}
	}
	for _, c := range changes {
		rows = append(rows, []string{
			j.At.Format("2006-01-02T15:04:05.000Z"), j.Record, j.ClientID, strconv.FormatInt(j.Version, 10), j.Status, j.Operation, j.Decision,
			j.Reason, j.Actor, j.ActorName, j.SSAJTI, j.RuleSet, c.Member, string(c.Before), string(c.After),
		})
	}
	return rows
}

// showEntry writes an entry for people. Of a creation it lists the members, of a removal only
// which client it was: what that had stands in the entries before.
func showEntry(out io.Writer, e *store.AuditEntry) {
	j := entryOf(e)
	say := func(name, value string) { sayValue(out, indented+indented, name, text.Visible(value)) }
	head := fmt.Sprintf("%s %s %s by %s", text.UTC(j.At.Unix()), j.Operation, j.Decision, j.Actor)
	if j.Actor == string(dcr.ActorOperator) && j.ActorName != "" {
		head += " " + j.ActorName
	}
	hang(out, "", indented+indented, text.Visible(fmt.Sprintf("%s: version %d, %s", head, j.Version, j.Status)))
	for _, said := range [][2]string{{"reason", j.Reason}, {hashedName(j.Actor), j.ActorName}, {"statement", j.SSAJTI}, {"rules", j.RuleSet}} {
		if said[0] != "" && said[1] != "" {
			say(said[0], said[1])
		}
	}
	made := slices.ContainsFunc(e.Changes, func(c store.AuditChange) bool { return c.Member == "state" && c.Before == nil })
	for _, c := range e.Changes {
		before, after := auditValue(c.Member, c.Before), auditValue(c.Member, c.After)
		switch {
		case made && c.Member == "state": // which the first line has
		case made:
			say(c.Member, after)
		case e.Removed() && slices.Contains(membersOfRemoved, c.Member):
			say(c.Member, before)
		case e.Removed():
		case c.Before == nil:
			say(c.Member, "now "+after)
		case c.After == nil:
			say(c.Member, "no more; was "+before)
		default:
			say(c.Member, before+" -> "+after)
		}
	}
}

// membersOfRemoved are what showEntry has of a client that was removed.
var membersOfRemoved = []string{"client_id", "client_id_issued_at", "software_id"}

// hashedName says what the name of an actor is the SHA-256 of; "" for one that is no hash.
func hashedName(actor string) string {
	switch dcr.ActorKind(actor) {
	case dcr.ActorTPP:
		return "certificate (SHA-256)"
	case dcr.ActorContact:
		return "contact (SHA-256)"
	default:
		return ""
	}
}

// auditValue writes a value of the trail for people.
func auditValue(member string, value json.RawMessage) string {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return string(value)
	}
	switch seconds, isNumber := v.(float64); {
	case v == "":
		return `""`
	case isNumber && slices.Contains(timesOfTrail, member):
		return text.UTC(int64(seconds))
	}
	return strings.TrimSpace(valueText(v))
}

// timesOfTrail are the members of the trail that are seconds since 1970.
var timesOfTrail = []string{"client_id_issued_at", "software_statement.iat"}
