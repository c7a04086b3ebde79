package archive_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/archive"
)

// anyBatch is a batch that a store can have, with any texts, bytes and times.
func anyBatch(t *rapid.T) store.Batch {
	var b store.Batch
	text, raw := rapid.String(), rapid.SliceOfN(rapid.Byte(), 0, 40)
	for n := range rapid.IntRange(0, 40).Draw(t, "clients") {
		c := store.Client{
			ID: fmt.Sprintf("%d:%s", n, text.Draw(t, "id")), Version: rapid.Int64Range(2, 1<<40).Draw(t, "version"), State: store.Active,
			Since: anyTime(t), IssuedAt: anyTime(t), Environment: claims.Environment(text.Draw(t, "environment")), Issuer: text.Draw(t, "issuer"),
			SoftwareID: text.Draw(t, "software"), OrgID: text.Draw(t, "org"), Metadata: json.RawMessage(text.Draw(t, "metadata")),
			SoftwareStatement: text.Draw(t, "statement"), SecretHash: raw.Draw(t, "hash"), SealedSecret: raw.Draw(t, "sealed"),
			UpstreamState: raw.Draw(t, "state"), UpstreamMembers: json.RawMessage(text.Draw(t, "members")), JWKSAddress: text.Draw(t, "address"),
			SubjectDN: text.Draw(t, "subject"), OwnSubject: text.Draw(t, "own"),
			Application: claims.Application{Name: text.Draw(t, "name"), ID: text.Draw(t, "app"), Attributes: []claims.Attribute{
				{Name: text.Draw(t, "attribute"), Values: rapid.SliceOfN(text, 0, 3).Draw(t, "values"), List: rapid.Bool().Draw(t, "list")},
			}},
		}
		c.ClientID, c.UniqueKey = "as "+c.ID, "key "+c.ID
		if rapid.Bool().Draw(t, "under way") {
			before := c
			before.Version--
			c.State, c.Previous, c.Reserved = store.Updating, &before, bytes.Repeat([]byte{byte(n + 1)}, 32)
		}
		b.Clients = append(b.Clients, c)
		for i := range rapid.IntRange(0, 2).Draw(t, "subscriptions") {
			noNUL := func(what string) string { return strings.ReplaceAll(text.Draw(t, what), "\x00", "") }
			s := store.Subscription{Client: c.ID, API: fmt.Sprint(i, "\u202e<ü>"), Since: anyTime(t), Role: claims.Role(noNUL("role")), By: noNUL("by")}
			if !strings.Contains(c.ID, "\x00") {
				b.Subscriptions = append(b.Subscriptions, s)
			}
		}
	}
	for n := range rapid.IntRange(0, 40).Draw(t, "reservations") {
		r := store.HeldReservation{Until: anyTime(t), Client: "of " + text.Draw(t, "client")}
		copy(r.Key[:], fmt.Sprintf("%d:%d", n, rapid.Uint64().Draw(t, "key")))
		b.Reservations = append(b.Reservations, r)
	}
	for n := range rapid.IntRange(0, 20).Draw(t, "entries") {
		at := time.UnixMilli(rapid.Int64Range(0, 1<<44).Draw(t, "at")).UTC()
		b.Audit = append(b.Audit, store.AuditEntry{
			ID: store.AuditIDAt(at)[:12] + fmt.Sprintf("%020x", n), At: at, Client: "of " + text.Draw(t, "client"), Version: int64(n) + 1, State: store.Active,
			ClientID: text.Draw(t, "client_id"), OrgID: text.Draw(t, "org"), Audit: store.Audit{
				Actor: text.Draw(t, "actor"), ActorName: text.Draw(t, "name"), Operation: "update", Decision: text.Draw(t, "decision"), Reason: text.Draw(t, "reason"),
				Changes: []store.AuditChange{{Member: text.Draw(t, "member"), Before: json.RawMessage(text.Draw(t, "before")), After: json.RawMessage(`[1 ,"<"]`)}},
			},
		})
	}
	for i := range b.Audit {
		if rapid.IntRange(0, 3).Draw(t, "note") == 0 {
			b.Audit[i].Version, b.Audit[i].State, b.Audit[i].Client = 0, "", rapid.SampledFrom([]string{"", "a"}).Draw(t, "noted")
		}
	}
	if rapid.Bool().Draw(t, "forgotten") {
		b.Forgotten = anyTime(t)
	}
	return b
}

func anyTime(t *rapid.T) time.Time {
	return time.Unix(rapid.Int64Range(1, 1<<40).Draw(t, "time"), 0).UTC()
}

// Whatever a store can have comes back as it was.
func TestAnyRegisterComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		from, to := memory(), memory()
		_, err := from.Import(t.Context(), anyBatch(r))
		require.NoError(r, err)
		file := export(t, from)
		_, err = into(t.Context(), to, file)
		require.NoError(r, err)
		requireSame(t, read(t, from), read(t, to))
	})
}

// FuzzReader reads any file, with its checksums as they are and made right. A file is refused
// with an error of the package, or it is imported, and an export of that store is imported
// into another with the same result.
func FuzzReader(f *testing.F) {
	from := memory()
	fill(f, from, 12)
	file := string(export(f, from))
	f.Add(file)
	f.Add(string(export(f, memory())))
	for _, w := range wrongs() {
		if !strings.Contains(w.name, "too long") && !strings.Contains(w.name, "no line ends") && !strings.Contains(w.name, "check") &&
			!strings.Contains(w.name, "behind the reservations") {
			f.Add(w.make(file))
		}
	}
	f.Fuzz(func(t *testing.T, file string) {
		for _, file := range [][]byte{[]byte(file), seal(file)} {
			to := memory()
			s, err := archive.Import(t.Context(), bytes.NewReader(file), archive.ImportConfig{To: to, Sealing: archive.Sealing{LeaveOut: true}})
			got := read(t, to)
			require.Equal(t, s.Imported, sizeOf(got))
			if err != nil {
				known := errors.Is(err, archive.ErrDamaged) || errors.Is(err, archive.ErrVersion) || errors.Is(err, store.ErrState) || errors.Is(err, store.ErrExists)
				require.True(t, known, "%v", err)
				continue
			}
			second := memory()
			_, err = into(t.Context(), second, export(t, to))
			require.NoError(t, err)
			requireSame(t, got, read(t, second))
		}
	})
}
