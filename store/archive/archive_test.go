package archive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/archive"
)

var start = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

// key is the KeyID of the bank's key; the tests never look at what it opens.
var key = archive.KeyID(claims.NewSecret(strings.Repeat("k", 32)))

// full is a store with all that a register can have.
type full interface {
	store.Store
	store.Unfinished
	store.Subscriptions
	store.Noter
	archive.Register
}

func memory() *store.Memory { return store.NewMemory(func() time.Time { return start }) }

// record is a record with all members, distinct by its number.
func record(n int) store.Client {
	id := fmt.Sprintf("client-%05d", n)
	return store.Client{
		ID: id, ClientID: "as-" + id, IssuedAt: start.Add(time.Duration(n) * time.Second), Environment: "sandbox", Issuer: "OpenBanking Ltd",
		SoftwareID: "software of " + id, OrgID: "0015800001041RHAAY", Metadata: []byte(`{"client_name": "` + id + `" , "b":1.0,"a":"\u0041 \/ <&>"}`),
		SoftwareStatement: "header." + id + ".signature", UniqueKey: "key of " + id, SecretHash: []byte("hash \x00\xff" + id),
		Application: claims.Application{Name: "App ü\u2028\u202e\x00 of " + id, ID: "software of " + id, Attributes: []claims.Attribute{
			{Name: "software_roles_sandbox", Values: []string{"AISP", "PISP"}, List: true}, {Name: "empty", Values: []string{}},
		}},
		JWKSAddress: "https://keystore.example/" + id, SubjectDN: "CN=" + id, OwnSubject: "sub of " + id,
		UpstreamMembers: []byte(`{"b" : 1.0,"a":"\u0041 \/ <&>"}`), State: store.Active, Since: start,
	}
}

// because is a change with a jti and an entry of the audit trail.
func because(n int, operation string) store.Change {
	return store.Change{
		Reservation: store.Reservation{Namespace: "request", Issuer: "software", JTI: fmt.Sprint(operation, n), Until: start.Add(time.Hour)},
		Audit: store.Audit{Actor: "tpp", ActorName: "th\u202eumb", Operation: operation, Decision: "done", Reason: "<why>", SSAJTI: fmt.Sprint("ssa", n), RuleSet: "1",
			Changes: []store.AuditChange{{Member: "redirect_uris", Before: json.RawMessage(`["a" ]`)}, {Member: "scope", After: json.RawMessage(`"<openid>"`)}}},
	}
}

// fill makes n clients, of which each state has some, and each second one something sealed.
func fill(t testing.TB, s full, n int) {
	t.Helper()
	ctx := t.Context()
	for i := range n {
		c, with := record(i), because(i, "create")
		if i%2 == 0 {
			c.SealedSecret, c.UpstreamState = []byte("sealed\x00"+c.ID), []byte("state\xff"+c.ID)
		}
		switch i % 6 {
		case 3:
			c.State = store.Creating
		case 4:
			c.State = store.PendingCreate
		}
		require.NoError(t, s.Create(ctx, c, with))
		c.Version = 1
		switch i % 6 {
		case 0:
			for j, api := range []string{"payments", "accounts <ü>"} {
				one := store.Subscription{Client: c.ID, API: api, Role: "AISP", Since: start, By: "who\u2028"}
				require.NoError(t, s.Subscribe(ctx, one, int64(1+j), store.Change{}))
			}
			require.NoError(t, s.Note(ctx, store.AuditEntry{OrgID: c.OrgID, Audit: because(i, "sign-in").Audit}))
		case 1: // under way: its jti is forgotten by an undo
			c.State = store.Updating
			require.NoError(t, s.Update(ctx, c, because(i, "update")))
		case 2:
			require.NoError(t, s.Delete(ctx, c.ID, 1, store.Change{Audit: because(i, "delete").Audit}))
		case 4:
			c.State = store.Creating
			require.NoError(t, s.Update(ctx, c, store.Change{}))
		case 5:
			c.State = store.Deleting
			require.NoError(t, s.Update(ctx, c, store.Change{Audit: because(i, "delete").Audit}))
		}
	}
}

// export exports all with the bank's key.
func export(t testing.TB, from archive.Register) []byte {
	t.Helper()
	var file bytes.Buffer
	_, err := archive.Export(t.Context(), &file, archive.ExportConfig{From: from, Source: "here", Sealing: archive.Sealing{KeyID: key}, Clock: clock})
	require.NoError(t, err)
	return file.Bytes()
}

func clock() time.Time { return start }

// into imports a file as it comes, with the bank's key.
func into(ctx context.Context, to archive.Register, file []byte) (archive.Summary, error) {
	return archive.Import(ctx, bytes.NewReader(file), archive.ImportConfig{To: to, Sealing: archive.Sealing{KeyID: key}})
}

// contents is all that a register has.
type contents struct {
	clients      []store.Client
	reservations []store.HeldReservation
	audit        []store.AuditEntry
	subscribed   []store.Subscription
	mark         time.Time
	forgotten    bool
}

func read(t testing.TB, s archive.Register) contents {
	t.Helper()
	var all contents
	var err error
	all.clients, err = s.List(t.Context(), "", 1<<20)
	require.NoError(t, err)
	for _, c := range all.clients {
		of, err := s.(store.Subscriptions).ListSubscriptions(t.Context(), c.ID)
		require.NoError(t, err)
		all.subscribed = append(all.subscribed, of...)
	}
	all.reservations, err = s.ListReservations(t.Context(), nil, 1<<20)
	require.NoError(t, err)
	all.audit, err = s.ListAudit(t.Context(), "", 1<<20)
	require.NoError(t, err)
	all.mark, all.forgotten, err = s.Forgotten(t.Context())
	require.NoError(t, err)
	return all
}

// sizeOf is what an import of all of it into an empty store writes.
func sizeOf(c contents) store.Imported {
	return store.Imported{Clients: len(c.clients), Subscriptions: len(c.subscribed), Reservations: len(c.reservations), Audit: len(c.audit)}
}

// requireSame demands that two registers have the same.
func requireSame(t testing.TB, want, got contents) {
	t.Helper()
	require.Equal(t, len(want.clients), len(got.clients))
	for i := range want.clients {
		require.True(t, store.SameRecord(want.clients[i], got.clients[i]), "%s\nis\n%+v\nnot\n%+v", want.clients[i].ID, got.clients[i], want.clients[i])
	}
	require.True(t, slices.Equal(want.reservations, got.reservations))
	require.Equal(t, want.subscribed, got.subscribed)
	require.Equal(t, len(want.audit), len(got.audit))
	for i := range want.audit {
		require.True(t, store.SameEntry(want.audit[i], got.audit[i]), "%+v", got.audit[i])
	}
	require.Equal(t, want.forgotten, got.forgotten)
	require.True(t, want.mark.Equal(got.mark))
}

// seal puts the sums of a file right that was changed.
func seal(file string) []byte {
	var out bytes.Buffer
	sum := sha256.New()
	n := 0
	for line := range strings.Lines(file) {
		var l map[string]any
		may := strings.Contains(line, `"check"`) || strings.Contains(line, `"end"`) // the others are many
		if may && json.Unmarshal([]byte(line), &l) == nil && (l["kind"] == "check" || l["kind"] == "end") {
			l["lines"], l["sha256"] = n, hex.EncodeToString(sum.Sum(nil))
			written, _ := json.Marshal(l)
			line = string(written) + "\n"
		}
		n++
		sum.Write([]byte(line))
		out.WriteString(line)
	}
	return out.Bytes()
}

func TestARegisterComesBackAsItWas(t *testing.T) {
	from, to := memory(), memory()
	fill(t, from, 1300)
	file := export(t, from)
	s, err := into(t.Context(), to, file)
	require.NoError(t, err)
	want := read(t, from)
	requireSame(t, want, read(t, to))
	require.NotEmpty(t, want.subscribed)
	assert.Equal(t, sizeOf(want), s.Imported)
	assert.Equal(t, len(want.subscribed), s.Subscriptions)
	assert.Equal(t, len(want.clients), s.Clients)
	assert.Equal(t, file, export(t, to), "the same register gives the same file")

	// A change that was under way goes on: it can be undone, and frees its jti.
	under := want.clients[0]
	for _, c := range want.clients {
		if c.State == store.Updating {
			under = c
		}
	}
	require.NotNil(t, under.Reserved)
	require.NoError(t, to.Undo(t.Context(), under.ID, under.Version, store.Change{}))
	before, err := to.Get(t.Context(), under.ID)
	require.NoError(t, err)
	require.Equal(t, store.Active, before.State)
	// A jti that was used is used in the new store too.
	again := record(70000)
	require.ErrorIs(t, to.Create(t.Context(), again, because(0, "create")), store.ErrReplayed)
}

func TestAnEmptyRegisterIsAFileToo(t *testing.T) {
	file := export(t, memory())
	s, err := into(t.Context(), memory(), file)
	require.NoError(t, err)
	assert.Equal(t, archive.Summary{}, s)
	assert.Equal(t, 2, bytes.Count(file, []byte("\n")))
}

func TestTheMarkOfForgottenReservationsIsMoved(t *testing.T) {
	now := start
	from := store.NewMemory(func() time.Time { return now })
	fill(t, from, 4)
	now = start.Add(2 * time.Hour)
	_, err := from.Purge(t.Context(), store.Purge{Limit: 100})
	require.NoError(t, err)
	to := memory()
	_, err = into(t.Context(), to, export(t, from))
	require.NoError(t, err)
	require.True(t, read(t, to).forgotten)
	requireSame(t, read(t, from), read(t, to))
	require.ErrorIs(t, to.Create(t.Context(), record(70000), because(0, "create")), store.ErrForgotten)
}

func TestAnImportMayBeRepeated(t *testing.T) {
	from, to := memory(), memory()
	fill(t, from, 600)
	file := export(t, from)
	_, err := into(t.Context(), to, file)
	require.NoError(t, err)
	s, err := into(t.Context(), to, file)
	require.NoError(t, err)
	assert.Equal(t, store.Imported{}, s.Imported)
	requireSame(t, read(t, from), read(t, to))
}

func TestAFileHasNoSecretInTheClear(t *testing.T) {
	from := memory()
	fill(t, from, 10)
	for line := range strings.Lines(string(export(t, from))) {
		var members map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &members))
		for name := range members {
			assert.NotEqual(t, "client_secret", name)
		}
	}
	assert.NotContains(t, key, strings.Repeat("k", 32))
	assert.Len(t, key, 64)
	assert.Empty(t, archive.KeyID(claims.Secret{}))
}

// failing ends each call after the first few.
type failing struct {
	*store.Memory
	calls int
}

var errDown = errors.New("the database is down")

func (f *failing) List(ctx context.Context, after string, limit int) ([]store.Client, error) {
	if f.calls--; f.calls < 0 {
		return nil, errDown
	}
	return f.Memory.List(ctx, after, limit)
}

func (f *failing) ListAudit(ctx context.Context, after string, limit int) ([]store.AuditEntry, error) {
	if f.calls--; f.calls < 0 {
		return nil, errDown
	}
	return f.Memory.ListAudit(ctx, after, limit)
}

// An export that stopped at any page is gone on with, and the file is as if it had not
// stopped.
func TestAnExportGoesOnWhereItStopped(t *testing.T) {
	from := memory()
	clients, calls := 300, 7 // two pages of clients, some of the trail, a check among the reservations
	if fulltest.Asked() {
		clients, calls = 600, 10
	}
	fill(t, from, clients)
	want := export(t, from)
	for calls := range calls {
		for _, torn := range []int{0, 40} { // bytes that the file lost besides
			f, err := os.Create(filepath.Join(t.TempDir(), "file"))
			require.NoError(t, err)
			c := archive.ExportConfig{From: &failing{from, calls}, Source: "here", Sealing: archive.Sealing{KeyID: key}, Clock: clock}
			_, err = archive.Export(t.Context(), f, c)
			require.ErrorIs(t, err, errDown)
			info, err := f.Stat()
			require.NoError(t, err)
			require.NoError(t, f.Truncate(max(0, info.Size()-int64(torn))))
			_, err = archive.Verify(t.Context(), bytes.NewReader(contentOf(t, f)), nil)
			require.ErrorIs(t, err, archive.ErrCut)

			c.From = from
			s, err := archive.ResumeExport(t.Context(), f, c)
			require.NoError(t, err)
			require.Equal(t, string(want), string(contentOf(t, f)), "after %d calls", calls)
			again, err := archive.ResumeExport(t.Context(), f, c)
			require.NoError(t, err)
			require.Equal(t, s, again, "a file that is complete stays")
			require.Equal(t, want, contentOf(t, f))
			require.NoError(t, f.Close())
		}
	}
}

func contentOf(t testing.TB, f *os.File) []byte {
	t.Helper()
	content, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	return content
}

func TestAPartialExportThatIsDamagedIsLeftAsItIs(t *testing.T) {
	from := memory()
	fill(t, from, 1300)
	file := export(t, from)
	file[bytes.Index(file, []byte("redirect"))-4000] ^= 1
	for _, broken := range [][]byte{file, []byte("something else\n")} {
		f, err := os.Create(filepath.Join(t.TempDir(), "file"))
		require.NoError(t, err)
		_, err = f.Write(broken)
		require.NoError(t, err)
		_, err = archive.ResumeExport(t.Context(), f, archive.ExportConfig{From: from, Sealing: archive.Sealing{KeyID: key}})
		require.ErrorIs(t, err, archive.ErrDamaged)
		require.Equal(t, broken, contentOf(t, f))
		require.NoError(t, f.Close())
	}
}
