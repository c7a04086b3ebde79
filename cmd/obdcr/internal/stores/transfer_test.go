package stores_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/archive"
)

var start = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

// key is the KeyID of both ends.
var key = archive.Sealing{KeyID: "both ends"}

func open(t testing.TB, name string) stores.Opened {
	t.Helper()
	s, err := stores.Open(t.Context(), claims.NewSecret(name), stores.Options{Clock: func() time.Time { return start }})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func file(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "clients.db")
}

// record is a record of the usual size, with texts that a database may take for something
// else.
func record(n int) store.Client {
	id := fmt.Sprintf("client-%05d", n)
	return store.Client{
		ID: id, ClientID: "as-" + id, IssuedAt: start.Add(time.Duration(n) * time.Second), Environment: claims.Sandbox, Issuer: "OpenBanking Ltd",
		SoftwareID: "software of " + id, OrgID: "0015800001041RHAAY", Metadata: []byte(`{"client_name": "` + id + `" , "b":1.0,"a":"\u0041 \/ <&>"}`),
		SoftwareStatement: "header." + strings.Repeat("s", 2300) + ".signature", UniqueKey: "key of " + id, SecretHash: []byte("hash \x00\xff" + id),
		Application: claims.Application{Name: "App ü\u2028\u202e'\"\\ of " + id, ID: id, Attributes: []claims.Attribute{
			{Name: "software_roles_sandbox", Values: []string{"AISP", "PISP"}, List: true},
		}},
		JWKSAddress: "https://keystore.example/" + id, SubjectDN: "CN=" + id, UpstreamMembers: []byte(`{"b" : 1.0}`), UpstreamState: []byte("state\xff"),
		State: store.Active, Since: start,
	}
}

func change(n int, operation string) store.Change {
	return store.Change{
		Reservation: store.Reservation{Namespace: "request", Issuer: "software", JTI: fmt.Sprint(operation, n), Until: start.Add(time.Hour)},
		Audit: store.Audit{Actor: "tpp", ActorName: "ab\u202e12", Operation: operation, Decision: "done", Reason: "<why>", SSAJTI: fmt.Sprint("ssa", n), RuleSet: "1",
			Changes: []store.AuditChange{{Member: "scope", After: []byte(`"<openid>"`)}}},
	}
}

// fill makes clients in each state, one of them removed, and forgets the reservations of the
// first ones.
func fill(t testing.TB, s store.Store, n int) {
	t.Helper()
	ctx := t.Context()
	for i := range n {
		c := record(i)
		switch i % 6 {
		case 3:
			c.State = store.Creating
		case 4:
			c.State = store.PendingCreate
		}
		require.NoError(t, s.Create(ctx, c, change(i, "create")))
		c.Version = 1
		switch i % 6 {
		case 0:
			s := s.(interface {
				store.Subscriptions
				store.Noter
			})
			for j, api := range []string{"payments", "accounts \u202e'%"} {
				one := store.Subscription{Client: c.ID, API: api, Role: "AISP", Since: start, By: "<who>"}
				require.NoError(t, s.Subscribe(ctx, one, int64(1+j), store.Change{}))
			}
			require.NoError(t, s.Note(ctx, store.AuditEntry{OrgID: c.OrgID, Audit: change(i, "sign-in").Audit}))
		case 1:
			c.State = store.Updating
			require.NoError(t, s.Update(ctx, c, change(i, "update")))
		case 2:
			require.NoError(t, s.Delete(ctx, c.ID, 1, store.Change{Audit: change(i, "delete").Audit}))
		case 5:
			c.State = store.Deleting
			require.NoError(t, s.Update(ctx, c, store.Change{Audit: change(i, "delete").Audit}))
		}
	}
}

// exported returns the register as a file, but for the line that says when it was made.
func exported(t testing.TB, from archive.Register) string {
	t.Helper()
	var out bytes.Buffer
	_, err := archive.Export(t.Context(), &out, archive.ExportConfig{From: from, Sealing: key, Clock: func() time.Time { return start }})
	require.NoError(t, err)
	return out.String()
}

func imported(t testing.TB, to archive.Register, content string) archive.Summary {
	t.Helper()
	s, err := archive.Import(t.Context(), strings.NewReader(content), archive.ImportConfig{To: to, Sealing: key})
	require.NoError(t, err)
	return s
}

// A register goes from memory to SQLite and PostgreSQL and back to SQLite, and each export of
// it is the same, byte for byte: records in any state, jti under way, trail and mark.
func TestARegisterMovesBetweenAllStores(t *testing.T) {
	t.Parallel()
	first := store.NewMemory(func() time.Time { return start })
	fill(t, first, 330)
	want := exported(t, first)
	require.Contains(t, want, `"state":"updating"`)
	require.Contains(t, want, `"subscriptions":[{"api":"accounts`)
	require.Contains(t, want, `"client":"","version":0`)
	targets := map[string]archive.Register{"memory": store.NewMemory(func() time.Time { return start }), "sqlite": open(t, file(t))}
	if server, ok := realtest.SharedPostgres(t); ok {
		targets["postgres"] = open(t, server.DSN(server.Database(t)))
	}
	for name, to := range targets {
		s := imported(t, to, want)
		assert.Equal(t, s.Clients, s.Imported.Clients, name)
		assert.Equal(t, want, exported(t, to), name)
		assert.Equal(t, store.Imported{}, imported(t, to, want).Imported, "%s: once more", name)
		back := open(t, file(t))
		imported(t, back, exported(t, to))
		assert.Equal(t, want, exported(t, back), "%s and back", name)
		// A change that was under way can be undone, and frees its jti; another stays used.
		require.ErrorIs(t, back.Create(t.Context(), record(70000), change(0, "create")), store.ErrReplayed)
		require.ErrorIs(t, back.Create(t.Context(), record(70000), change(1, "update")), store.ErrUnderWay)
		require.NoError(t, back.(store.Unfinished).Undo(t.Context(), "client-00001", 2, store.Change{}))
		require.NoError(t, back.Create(t.Context(), record(70000), change(1, "update")))
	}
}

// An export beside registrations is no snapshot. Each record of it is whole, it can be
// imported, and the jti of each of its clients is used in it.
func TestAnExportBesideRegistrationsIsWhole(t *testing.T) {
	names := []string{file(t)}
	if server, ok := realtest.SharedPostgres(t); ok {
		names = append(names, server.DSN(server.Database(t)))
	}
	for _, name := range names {
		from, filled := open(t, name), store.NewMemory(func() time.Time { return start })
		fill(t, filled, 300)
		imported(t, from, exported(t, filled))
		const beside = 100
		var wg sync.WaitGroup
		for worker := range 2 {
			wg.Go(func() {
				for i := range beside * fulltest.Rounds(1) {
					n := 1000 + 2*i + worker
					if !assert.NoError(t, from.Create(t.Context(), record(n), change(n, "create"))) {
						return
					}
				}
			})
		}
		content := exported(t, from)
		wg.Wait()
		to := store.NewMemory(func() time.Time { return start })
		imported(t, to, content)
		clients, err := to.List(t.Context(), "client-01", 1<<20)
		require.NoError(t, err)
		for _, c := range clients {
			var n int
			_, err := fmt.Sscanf(c.ID, "client-%d", &n)
			require.NoError(t, err)
			require.True(t, store.SameRecord(c, withVersion(record(n))), c.ID)
			require.ErrorIs(t, to.Create(t.Context(), record(n+90_000), change(n, "create")), store.ErrReplayed, c.ID)
		}
	}
}

func withVersion(c store.Client) store.Client {
	c.Version = 1
	return c
}

func TestTheAddressOfADatabaseIsShownWithoutItsPassword(t *testing.T) {
	for name, shown := range map[string]string{
		"clients.db": "clients.db",
		"postgres://obdcr:s3cret@db.example:5432/obdcr?password=s3cret": "postgres://db.example:5432/obdcr",
		"postgresql://u:p@a,b/x": "postgresql://a,b/x",
		"postgres://":            "postgres://",
	} {
		assert.Equal(t, shown, stores.Shown(name))
	}
	_, err := stores.Open(t.Context(), claims.NewSecret("postgres://obdcr:s3cret@127.0.0.1:1/obdcr"), stores.Options{})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "s3cret")
	assert.Contains(t, err.Error(), "postgres://127.0.0.1:1/obdcr")
}

// The tables of either store are told, made and written as SQL by one set of functions.
func TestTablesAreToldOfEitherStore(t *testing.T) {
	names := []string{file(t)}
	if server, ok := realtest.SharedPostgres(t); ok {
		names = append(names, server.DSN(server.Database(t)))
	}
	for _, plain := range names {
		name := claims.NewSecret(plain)
		v, err := stores.Tables(t.Context(), name)
		require.NoError(t, err)
		assert.Zero(t, v.Version)
		require.NoError(t, stores.Migrate(t.Context(), name, nil))
		v, err = stores.Tables(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, v.Known, v.Version)
		assert.True(t, v.Usable)
		_, known, err := stores.Script(name, 0)
		require.NoError(t, err)
		assert.Equal(t, v.Known, known)
	}
	_, err := stores.Open(t.Context(), claims.NewSecret(file(t)), stores.Options{Existing: true})
	require.Error(t, err)
}

// Moving 1 million clients is a matter of minutes; the rates are logged.
func TestTheRatesOfMovingARegister(t *testing.T) {
	from := store.NewMemory(func() time.Time { return start })
	n := 20 * fulltest.Rounds(10)
	fill(t, from, n)
	content := exported(t, from)
	targets := map[string]string{"sqlite": file(t)}
	if server, ok := realtest.SharedPostgres(t); ok {
		targets["postgres"] = server.DSN(server.Database(t))
	}
	for name, where := range targets {
		to := open(t, where)
		began := time.Now()
		s := imported(t, to, content)
		took := time.Since(began)
		began = time.Now()
		exported(t, to)
		t.Logf("%s: %d clients, imported %.0f/s, exported %.0f/s", name, s.Clients, float64(s.Clients)/took.Seconds(), float64(s.Clients)/time.Since(began).Seconds())
	}
}
