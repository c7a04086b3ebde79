package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

// versionFive fills a file of the version that knew no portal: a client, and one that was removed.
const versionFive = `
INSERT INTO clients (id, version, state, since, issued_at, environment, issuer, software_id, org_id, software_statement, application, unique_key, client_id)
	VALUES ('%[1]s', 1, 'active', 0, 7, 'sandbox', 'i', 's', 'o', '', '{"name":"Money Map","id":"s","attributes":null}', '', '%[1]s');
INSERT INTO audit VALUES ('000000000007%020[2]d', 7, '%[1]s', 1, 'active', '%[1]s', '', '', '', '', 'tpp', '', 'create', 'done', '', '', '', NULL);
INSERT INTO audit VALUES ('000000000009%020[2]d', 9, 'gone%[2]d', 2, '', '', '', '', '', '', 'tpp', '', 'delete', 'done', '', '', '', NULL);
`

// TestAFileOfVersionFiveIsBroughtUpToDate, while a program of that version has it open: what
// either wrote is found by its name, and what that one removes takes its subscriptions along.
func TestAFileOfVersionFiveIsBroughtUpToDate(t *testing.T) {
	path := fileOfVersion(t, 5, fmt.Sprintf(versionFive, "a", 1))
	other, err := connect(path, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	s := openFile(t, path)
	_, err = other.ExecContext(t.Context(), fmt.Sprintf(versionFive, "b", 2))
	require.NoError(t, err)
	found, err := s.SearchName(t.Context(), store.Query{OrgIDs: []string{"o", "p"}}, "money", store.Position{}, 10)
	require.NoError(t, err)
	require.Len(t, found, 2)
	for _, id := range []string{"a", "b"} {
		require.NoError(t, s.Subscribe(t.Context(), store.Subscription{Client: id, API: "accounts", Since: at(1)}, 1, store.Change{}))
	}
	_, err = other.ExecContext(t.Context(), "DELETE FROM clients WHERE id = 'b'")
	require.NoError(t, err)
	left, err := s.ListSubscriptions(t.Context(), "b")
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, s.Note(t.Context(), store.AuditEntry{Client: "gone1", Audit: store.Audit{Decision: "done"}}))
	require.NoError(t, s.Note(t.Context(), store.AuditEntry{Client: "a", Audit: store.Audit{Decision: "done"}}))
	removals, err := collect(scanned[int])(other.QueryContext(t.Context(), "SELECT count(*) FROM audit WHERE state = ''"))
	require.NoError(t, err)
	require.Equal(t, []int{2}, removals, "a program of version 5 takes no note for a removal")
	purged, err := s.Purge(t.Context(), store.Purge{DeletedBefore: time.Now().Add(time.Hour), Limit: 10})
	require.NoError(t, err)
	require.Equal(t, 3, purged.Deleted, "of the two that were removed")
	plan := plan(t, s, selectRemoved, []any{"1", "1", 1})
	require.Contains(t, plan[0], "USING COVERING INDEX audit_removed", "%q", plan)
}

// TestASessionThatIsThereExactlySoIsNotWritten: a connection sees each commit of another one.
func TestASessionThatIsThereExactlySoIsNotWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clients.db")
	s := openFile(t, path)
	watch, err := connect(path, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, watch.Close()) }()
	seen := func() (version int) {
		require.NoError(t, watch.QueryRowContext(t.Context(), "PRAGMA data_version").Scan(&version))
		return version
	}
	one := store.Session{Key: "a", Data: []byte("data"), Until: at(1 << 33).Add(time.Millisecond)}
	require.NoError(t, s.PutSession(t.Context(), one))
	written := seen()
	for range 3 {
		require.NoError(t, s.PutSession(t.Context(), one))
	}
	require.Equal(t, written, seen())
	one.Until = one.Until.Add(time.Millisecond)
	require.NoError(t, s.PutSession(t.Context(), one))
	require.NotEqual(t, written, seen())
}

// TestARegistrationWaitsForFewChangesOfAPortal, however many sessions are put at the moment.
func TestARegistrationWaitsForFewChangesOfAPortal(t *testing.T) {
	s := openForTest(t)
	<-s.write.turn // as a change that waits for the disk
	var group sync.WaitGroup
	errs := make([]error, 200)
	for i := range errs {
		group.Go(func() {
			errs[i] = s.PutSession(context.Background(), store.Session{Key: fmt.Sprint(i), Until: at(1 << 33)})
		})
	}
	waiting := func() int {
		s.write.line.mu.Lock()
		defer s.write.line.mu.Unlock()
		return len(s.write.line.queue)
	}
	require.Eventually(t, func() bool { return waiting() == maxAside }, time.Minute, time.Millisecond)
	var registered error
	group.Go(func() { registered = s.Create(context.Background(), store.Client{ID: "a"}, store.Change{}) })
	require.Eventually(t, func() bool { return waiting() == maxAside+1 }, time.Minute, time.Millisecond, "it is next in the line")
	s.write.turn <- struct{}{}
	group.Wait()
	require.NoError(t, errors.Join(append(errs, registered)...))
}

// TestAChangeOfAPortalWaitsNoLongerThanAnother: not for its place beside, and not for the turn.
func TestAChangeOfAPortalWaitsNoLongerThanAnother(t *testing.T) {
	s := openForTest(t)
	<-s.write.turn
	for range maxAside {
		s.write.side <- struct{}{}
	}
	var group sync.WaitGroup
	ended, cancel := context.WithCancel(t.Context())
	group.Go(func() { cancel() })
	require.ErrorIs(t, s.EndSession(ended, "a", at(1<<33)), context.Canceled, "its wait is long yet")
	group.Wait()
	for range maxAside {
		<-s.write.side
	}
	s.write.wait = time.Second / 2
	errs := make([]error, 3*maxAside)
	for i := range errs {
		group.Go(func() {
			errs[i] = s.EndSession(context.Background(), fmt.Sprint(i), at(1<<33))
		})
	}
	group.Wait()
	for _, err := range errs {
		require.ErrorIs(t, err, errSlow)
		require.True(t, strings.Contains(err.Error(), "end session"), err)
	}
	s.write.turn <- struct{}{}
	s.write.wait = changeWait
	require.NoError(t, s.EndSession(t.Context(), "a", at(1<<33)))
}
