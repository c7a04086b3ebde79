package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/postgres"
)

// TestALostCommitOfAPortalIsMadeOnce: who signed in for the first time is told so, a note stands
// once, and what was to go is gone.
func TestALostCommitOfAPortalIsMadeOnce(t *testing.T) {
	h, ok := homeOf(t, "")
	if !ok {
		return
	}
	for _, where := range []cut{beforeCommit, afterCommit} {
		t.Run(fmt.Sprint(where), func(t *testing.T) {
			ctx := t.Context()
			direct, s, p := h.seatWithProxy(t)
			lose := func() { p.where.Store(int32(where)) }
			u := store.User{Email: "a@tpp.example", SeenAt: time.Now()}
			lose()
			_, first, err := s.SignIn(ctx, u)
			require.NoError(t, err)
			require.True(t, first)
			lose()
			_, first, err = s.SignIn(ctx, u)
			require.NoError(t, err)
			require.False(t, first)
			lose()
			require.NoError(t, s.ForgetUser(ctx, u.Email))
			require.ErrorIs(t, direct.ForgetUser(ctx, u.Email), store.ErrNotFound)
			one := store.Session{Key: "a", Until: time.Now().Add(time.Hour)}
			lose()
			require.NoError(t, s.PutSession(ctx, one))
			_, err = direct.GetSession(ctx, "a")
			require.NoError(t, err)
			lose()
			require.NoError(t, s.EndSession(ctx, "a", one.Until))
			require.ErrorIs(t, direct.PutSession(ctx, one), store.ErrState)
			lose()
			require.NoError(t, s.Note(ctx, store.AuditEntry{Audit: store.Audit{Operation: "sign-in", Decision: "done"}}))
			require.EqualValues(t, 6, p.cuts.Load())
			entries, err := direct.ListAudit(ctx, "", 10)
			require.NoError(t, err)
			require.Len(t, entries, 1)
		})
	}
}

// TestTablesOfTheFirstVersionAreBroughtUpToDate, with what is in them, while a program of that
// version goes on beside: it does not know the new tables, and what it removes takes its
// subscriptions along.
func TestTablesOfTheFirstVersionAreBroughtUpToDate(t *testing.T) {
	_, _, dsn, ok := scratch(t)
	if !ok {
		return
	}
	script, err := postgres.Script(0)
	require.NoError(t, err)
	first, _, found := strings.Cut(script, "\n-- 00002_")
	require.True(t, found)
	run(t, dsn, first)
	const row = `INSERT INTO clients (id, version, state, since, issued_at, environment, issuer, software_id, org_id, software_statement, application,
			unique_key, client_id, jwks_address, subject_dn, own_subject, change_id)
		VALUES ('%[1]s', 1, 'active', 0, 7, 'sandbox', 'i', 's', 'o', '', '{"name":"Money Map","id":"s","attributes":null}', '', '%[1]s', '', '', '', '');
		INSERT INTO audit VALUES ('000000000007%020[2]d', 7, '%[1]s', 1, 'active', '%[1]s', '', '', '', '', 'tpp', '', 'create', 'done', '', '', '', 'null')`
	run(t, dsn, fmt.Sprintf(row, "a", 1))
	run(t, dsn, `INSERT INTO audit VALUES ('00000000000900000000000000000002', 9, 'gone', 2, '', '', '', '', '', '', 'tpp', '', 'delete', 'done', '', '', '', 'null')`)
	status, err := postgres.Status(t.Context(), claims.NewSecret(dsn))
	require.NoError(t, err)
	require.EqualValues(t, 1, status.Version)
	require.ErrorIs(t, opened(t, dsn, true), postgres.ErrOlder)

	s := open(t, dsn)
	status, err = postgres.Status(t.Context(), claims.NewSecret(dsn))
	require.NoError(t, err)
	require.Equal(t, postgres.Schema{Version: 2, Known: 2, Oldest: 1}, status, "a program of the first version may go on")
	run(t, dsn, fmt.Sprintf(row, "b", 3))
	records, err := s.SearchName(t.Context(), store.Query{OrgIDs: []string{"o", "p"}}, "money", store.Position{}, 10)
	require.NoError(t, err)
	require.Len(t, records, 2, "what was there before is found by its name")
	for _, id := range []string{"a", "b"} {
		require.NoError(t, s.Subscribe(t.Context(), subscriptionOf(id), 1, noted(store.Change{})))
	}
	run(t, dsn, "DELETE FROM clients WHERE id = 'b'")
	left, err := s.ListSubscriptions(t.Context(), "b")
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, s.Note(t.Context(), store.AuditEntry{Client: "gone", Audit: store.Audit{Operation: "look", Decision: "done"}}))
	run(t, dsn, "DO $$ BEGIN ASSERT (SELECT count(*) FROM audit WHERE state = '') = 1, 'a program of the first version takes a note for a removal'; END $$")
	purged, err := s.Purge(t.Context(), store.Purge{DeletedBefore: time.Now().Add(time.Hour), Limit: 10})
	require.NoError(t, err)
	require.Equal(t, 2, purged.Deleted, "of the record that was removed before")
	history, err := s.History(t.Context(), "a", 0, 10)
	require.NoError(t, err)
	require.Len(t, history, 2)
}
