package dcr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// wholeTrail returns all entries of a store by record, in the order of their versions.
func wholeTrail(t *testing.T, s store.Auditor) map[string][]store.AuditEntry {
	t.Helper()
	all := map[string][]store.AuditEntry{}
	for after := ""; ; {
		page, err := s.ListAudit(context.Background(), after, 100)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			after = e.ID
			all[e.Client] = nil
		}
	}
	for id := range all {
		var err error
		all[id], err = s.History(context.Background(), id, 0, 1000)
		require.NoError(t, err)
	}
	return all
}

// requireTrail requires that the trail of a store tells what its records are: whoever makes
// the changes of the entries of a record one after the other has the record, each change begins
// where the one before ended, and what was removed is gone. So no entry lacks its change, and no
// change its entry.
func requireTrail(t *testing.T, s *store.Memory, where string) {
	t.Helper()
	records, err := s.List(context.Background(), "", 1000)
	require.NoError(t, err)
	left := map[string]store.Client{}
	for _, c := range records {
		left[c.ID] = c
	}
	for id, entries := range wholeTrail(t, s) {
		told := map[string]string{}
		version := int64(0)
		for _, e := range entries {
			place := fmt.Sprintf("%s\nversion %d, %s %s", where, e.Version, e.Operation, e.Decision)
			require.Greater(t, e.Version, version, place)
			version = e.Version
			require.Contains(t, dcr.AuditDecisions(), dcr.AuditDecision(e.Decision), place)
			require.NotEmpty(t, e.Actor, place)
			require.NotEmpty(t, e.RuleSet, place)
			require.NotEmpty(t, e.SSAJTI, place)
			for _, c := range e.Changes {
				require.Equal(t, told[c.Member], string(c.Before), "%s: %s", place, c.Member)
				require.NotEqual(t, string(c.Before), string(c.After), "%s: %s", place, c.Member)
				if told[c.Member] = string(c.After); c.After == nil {
					delete(told, c.Member)
				}
			}
			if e.Removed() {
				delete(told, "subscriptions") // they end with the record
			}
			require.Equal(t, e.Removed(), len(told) == 0, place)
			if !e.Removed() {
				require.Equal(t, `"`+string(e.State)+`"`, told["state"], place)
			}
		}
		record, there := left[id]
		require.Equal(t, there, len(told) > 0, where)
		if there {
			requireTold(t, record, told, where)
		}
		delete(left, id)
	}
	require.Empty(t, left, "%s: records without a trail", where)
}

// requireTold compares what the trail tells of a record with the record.
func requireTold(t *testing.T, c store.Client, told map[string]string, where string) {
	t.Helper()
	want := map[string]string{"state": string(c.State), "client_id": c.ClientID, "software_jwks_endpoint": c.JWKSAddress, "certificate_subject_dn": c.SubjectDN}
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(c.Metadata, &members))
	for name, value := range want {
		var text string
		if told[name] != "" {
			require.NoError(t, json.Unmarshal([]byte(told[name]), &text), where)
		}
		require.Equal(t, value, text, "%s: %s", where, name)
	}
	require.Equal(t, fmt.Sprint(c.IssuedAt.Unix()), told["client_id_issued_at"], where)
	for name, value := range members {
		if name != "software_statement" {
			require.JSONEq(t, string(value), told[name], "%s: %s", where, name)
		}
	}
}

// story is the history of a record: for each entry its version, state, operation, decision,
// actor and reason, and what differs in the record beside its state.
func (b *office) story(t *testing.T, id string) []string {
	t.Helper()
	requireTrail(t, b.store, id)
	entries, err := b.store.History(context.Background(), id, 0, 100)
	require.NoError(t, err)
	var lines []string
	for _, e := range entries {
		state := string(e.State)
		if e.Removed() {
			state = "gone"
		}
		actor := e.Actor
		if e.ActorName != "" && e.Actor != string(dcr.ActorTPP) {
			actor += " " + e.ActorName
		}
		line := fmt.Sprintf("%d %s: %s %s by %s", e.Version, state, e.Operation, e.Decision, actor)
		if e.Reason != "" {
			line += ", " + e.Reason
		}
		lines = append(lines, line+differs(e))
	}
	return lines
}

// differs names what an entry changes beside the state. "+" and "-" stand for all members of a
// record that comes or goes.
func differs(e store.AuditEntry) string {
	var names []string
	all := map[bool]bool{}
	for _, c := range e.Changes {
		all[c.Before == nil], all[c.After != nil] = true, true
		if c.Member != "state" {
			names = append(names, c.Member)
		}
	}
	switch gone := e.Removed(); {
	case len(names) > 10 && maps.Equal(all, map[bool]bool{true: true}):
		return " +"
	case len(names) > 10 && gone:
		return " -"
	case len(names) == 0:
		return ""
	}
	return " [" + strings.Join(names, " ") + "]"
}

// down makes an authorization server fail at each call of the verbs.
func down(verbs ...string) func(string) error {
	return func(verb string) error {
		if slices.Contains(verbs, verb) {
			return errOut
		}
		return nil
	}
}

func requireFailed(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	require.False(t, errors.Is(err, store.ErrNotFound), err)
}
