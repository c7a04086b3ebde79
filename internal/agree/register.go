package agree

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// anyAudit draws what a change says of itself, which may be nothing. No text of it has a NUL.
func anyAudit(t *rapid.T) store.Audit {
	if rapid.IntRange(0, 3).Draw(t, "audit") == 0 {
		return store.Audit{}
	}
	value := rapid.SampledFrom([]string{"", "null", `"<\u00e4>"`, `{ "a" : 1.0 }`, "no JSON"})
	a := store.Audit{Actor: "tpp", Operation: "update", Decision: "done", Reason: strings.ReplaceAll(rapid.String().Draw(t, "reason"), "\x00", "")}
	for i := range rapid.IntRange(0, 2).Draw(t, "changes") {
		change := store.AuditChange{Member: fmt.Sprint("member ", i), Before: []byte(value.Draw(t, "before")), After: []byte(value.Draw(t, "after"))}
		a.Changes = append(a.Changes, change)
	}
	return a
}

// anyQuery draws what to search for.
func anyQuery(t *rapid.T, now time.Time) store.Query {
	half := func(what string) time.Time {
		if n := rapid.IntRange(-8, 8).Draw(t, what); n != 0 {
			return now.Add(time.Duration(n) * time.Second / 2)
		}
		return time.Time{}
	}
	return store.Query{
		OrgID:       rapid.SampledFrom([]string{"", "", "", fmt.Sprint(now.Unix())}).Draw(t, "org"),
		SoftwareID:  rapid.SampledFrom([]string{"", "", "s", "S"}).Draw(t, "software"),
		Environment: rapid.SampledFrom([]claims.Environment{"", "", "e", "E"}).Draw(t, "environment"),
		State:       rapid.SampledFrom([]store.State{"", "", store.Active, store.Updating, store.Creating}).Draw(t, "state"),
		OrgIDs: rapid.SampledFrom([][]string{
			nil, nil, nil, {}, {fmt.Sprint(now.Unix()), fmt.Sprint(now.Unix() - 1)}, {fmt.Sprint(now.Unix() - 1), "", fmt.Sprint(now.Unix() - 3), "none"},
		}).Draw(t, "orgs"),
		Issuers:    rapid.SampledFrom([][]string{nil, nil, nil, {"i"}, {"i", "I", ""}}).Draw(t, "issuers"),
		IssuedFrom: half("from"), IssuedBefore: half("before"), Newest: rapid.Bool().Draw(t, "newest"),
	}
}

// anyRegisterStep draws a purge, an export that is kept for later, an import of what was
// kept, or one of what no export ever was.
func anyRegisterStep(t *rapid.T, now time.Time, kept map[Store]store.Batch, tidy bool) func(Store) string {
	ctx := context.Background()
	ago := func(what string) time.Time {
		if n := rapid.IntRange(0, 8).Draw(t, what); n > 0 {
			return now.Add(-time.Duration(n) * time.Second)
		}
		return time.Time{}
	}
	imported := func(s Store, b store.Batch) string {
		done, err := s.Import(ctx, b)
		return fmt.Sprint(done, err == nil, errors.Is(err, store.ErrExists), errors.Is(err, store.ErrState), errors.Is(err, store.ErrNotFound))
	}
	switch rapid.IntRange(0, 3).Draw(t, "register") {
	case 0:
		what := store.Purge{AuditBefore: ago("audit"), DeletedBefore: ago("deleted"), Limit: rapid.SampledFrom([]int{-1, 0, 100}).Draw(t, "limit")}
		return func(s Store) string {
			done, err := s.Purge(ctx, what)
			done.Reservations = 0 // some may be forgotten already
			return fmt.Sprint(done, err)
		}
	case 1:
		return func(s Store) string {
			kept[s] = exported(s, tidy)
			return fmt.Sprint(len(kept[s].Clients), len(kept[s].Audit))
		}
	case 2:
		return func(s Store) string { return imported(s, kept[s]) }
	}
	b := anyBatch(t, now)
	if !tidy {
		b.Reservations = nil // one that has ended may be there or be forgotten
	}
	return func(s Store) string { return imported(s, b) }
}

// exported returns what is in a store. What it remembers of jti is of no use to another one
// unless both have forgotten the same.
func exported(s Store, tidy bool) store.Batch {
	ctx := context.Background()
	var b store.Batch
	b.Clients, _ = s.List(ctx, "", math.MaxInt)
	b.Audit, _ = s.ListAudit(ctx, "", math.MaxInt)
	for _, c := range b.Clients {
		of, _ := s.ListSubscriptions(ctx, c.ID)
		b.Subscriptions = append(b.Subscriptions, of...)
	}
	if tidy {
		b.Reservations, _ = s.ListReservations(ctx, nil, math.MaxInt)
		b.Forgotten, _, _ = s.Forgotten(ctx)
	}
	return b
}

// anyBatch draws a record, a reservation and an entry that a store can have, or cannot.
func anyBatch(t *rapid.T, now time.Time) store.Batch {
	var b store.Batch
	ids := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	for i := range rapid.IntRange(0, 2).Draw(t, "records") {
		c := store.Client{
			ID: ids.Draw(t, "imported"), ClientID: rapid.SampledFrom([]string{"", "a", "x", "y", "z"}).Draw(t, "client_id"),
			UniqueKey: rapid.SampledFrom([]string{"", "", "k", "l"}).Draw(t, "key"), Version: rapid.Int64Range(0, 4).Draw(t, "version"),
			State: rapid.SampledFrom([]store.State{"", store.Active, store.Creating, store.Updating, store.Deleting, store.PendingCreate}).Draw(t, "state"),
			Since: now, IssuedAt: now, OrgID: fmt.Sprint(i),
		}
		if rapid.Bool().Draw(t, "previous") {
			c.Previous = &store.Client{ID: c.ID, ClientID: c.ClientID, Version: 1, State: store.Active, UniqueKey: "k"}
		}
		b.Clients = append(b.Clients, c)
		if e, ok := store.NewAuditEntry(c, rapid.Bool().Draw(t, "removed"), store.Change{Audit: anyAudit(t)}, now); ok {
			e.ID = store.AuditIDAt(now)[:31] + fmt.Sprint(i)
			b.Audit = append(b.Audit, e)
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "imports a subscription") == 0 {
		b.Subscriptions = append(b.Subscriptions, anySubscription(t, ids.Draw(t, "subscriber"), now))
	}
	if jti := rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "jti"); jti != "" {
		until := now.Truncate(time.Second).Add(time.Duration(rapid.IntRange(1, 4).Draw(t, "until")) * time.Second)
		held := store.Reservation{Namespace: "request", JTI: jti}
		b.Reservations = append(b.Reservations, store.HeldReservation{Key: held.Key(), Until: until, Client: ids.Draw(t, "owner")})
	}
	return b
}

// register is what is to be found in a register, besides its records. The random part of an
// entry's ID is another in each store.
func register(t *rapid.T, s Store, q store.Query, tidy bool) string {
	ctx := context.Background()
	trail, err := s.ListAudit(ctx, "", math.MaxInt)
	require.NoError(t, err)
	text := ""
	for _, id := range []string{"", "a", "b", "c", "d", "x", "y", "z"} {
		history, err := s.History(ctx, id, 0, math.MaxInt)
		require.NoError(t, err)
		trail = append(trail, history...)
		as, err := s.AuditedAs(ctx, id)
		text += fmt.Sprintln(id, "was", as, err)
	}
	for _, e := range trail {
		e.ID = e.ID[:12]
		text += fmt.Sprintf("%+v\n", e)
	}
	text += walked(t, func(after store.Position) ([]store.Client, error) { return s.Search(ctx, q, after, 2) })
	for _, name := range []string{"one", "%", "b"} {
		text += name + walked(t, func(after store.Position) ([]store.Client, error) { return s.SearchName(ctx, q, name, after, 2) })
	}
	if tidy {
		held, err := s.ListReservations(ctx, nil, math.MaxInt)
		require.NoError(t, err)
		mark, ok, err := s.Forgotten(ctx)
		require.NoError(t, err)
		text += fmt.Sprintln(held, mark.Unix(), ok)
	}
	return text
}

// walked is what a walk of a search finds.
func walked(t *rapid.T, search func(store.Position) ([]store.Client, error)) (text string) {
	for after := (store.Position{}); ; {
		page, err := search(after)
		require.NoError(t, err)
		if len(page) == 0 {
			return text
		}
		for _, c := range page {
			text += fmt.Sprintln("found", c.ID, c.Version)
		}
		after = page[len(page)-1].Position()
	}
}

// tidied forgets all reservations that have ended before it does what it has to do.
func tidied(do func(Store) string) func(Store) string {
	return func(s Store) string {
		_, err := s.Purge(context.Background(), store.Purge{Limit: math.MaxInt})
		return fmt.Sprint(err) + do(s)
	}
}
