package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/obdcr/obdcr/store"
)

func undoCases() []testCase {
	all := []testCase{
		{name: "Undo of a Creating record leaves nothing", why: "the registration never happened: its sender may send the same request again",
			do: func(p *probe) {
				p.create(in(client("a"), store.Creating, issued), jti("1"), nil)
				p.undo("a", 1, nil)
				p.absent("a")
				p.vacant("key of a")
				p.free(jti("1"))
			}},
		{name: "Undo of an Updating record leaves what was before",
			why: "the record is as before but for Version, which never goes back; the undone request may be sent again, the request that made the client may not",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				changing(p, "a", jti("2"))
				p.undo("a", 2, nil)
				p.same(versioned(client("a"), 3))
				p.holds("key of a")
				p.vacant("new key of a")
				p.burnt(jti("1"))
				p.free(jti("2"))
			}},
		{name: "Undo of a change without a request frees no jti", why: "the reservation that the client was made with does not belong to the change",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				changing(p, "a", store.Reservation{})
				p.undo("a", 2, nil)
				p.same(versioned(client("a"), 3))
				p.burnt(jti("1"))
			}},
		{name: "a change that was taken up again can still be undone",
			why: "a reconciler writes a new Since when it tries; the change and its reservation stay the same",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				changed := changing(p, "a", jti("2"))
				p.update(in(changed, store.Updating, issued.Add(time.Hour)), store.Reservation{}, nil)
				wanted := versioned(in(changed, store.Updating, issued.Add(time.Hour)), 3)
				p.same(wanted)
				p.undo("a", 3, nil)
				p.same(versioned(client("a"), 4))
				p.free(jti("2"))
			}},
		{name: "Undo needs a change to undo", why: "an Active record is finished, and a deletion is not taken back",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.undo("a", 1, store.ErrState)
				p.update(versioned(in(client("a"), store.Deleting, issued), 1), store.Reservation{}, nil)
				p.undo("a", 2, store.ErrState)
				p.same(versioned(in(client("a"), store.Deleting, issued), 2))
				p.burnt(jti("1"))
			}},
		{name: "Undo of a stale version is ErrConflict", why: "the change may have been finished meanwhile",
			do: func(p *probe) {
				p.undo("a", 1, store.ErrNotFound)
				p.create(client("a"), jti("1"), nil)
				changed := changing(p, "a", jti("2"))
				p.undo("a", 1, store.ErrConflict)
				p.undo("a", 3, store.ErrConflict)
				p.same(changed)
				p.burnt(jti("2"))
			}},
		{name: "Undo forgets its own reservation alone", why: "a jti may be used again once it has ended, and then belongs to the record that used it",
			do: func(p *probe) {
				ended := jti("1")
				ended.Until = longAgo
				p.create(in(client("a"), store.Creating, issued), ended, nil)
				p.create(client("b"), jti("1"), nil)
				p.undo("a", 1, nil)
				p.burnt(jti("1"))
			}},
		{name: "ListUnfinished finds what stopped half-way, oldest first",
			why: "a reconciler has nothing else to go by, and must leave changes alone that have just begun",
			do:  listUnfinished},
	}
	for i := range all {
		all[i].needs = Unfinished
	}
	return all
}

func listUnfinished(p *probe) {
	at := func(minutes int) time.Time { return issued.Add(time.Duration(minutes) * time.Minute) }
	p.create(client("active"), jti("1"), nil)
	p.create(in(client("d"), store.Creating, at(4)), jti("2"), nil)
	p.create(in(client("c"), store.Creating, at(1)), jti("3"), nil)
	p.create(client("b"), jti("4"), nil)
	p.update(versioned(in(client("b"), store.Updating, at(1)), 1), jti("5"), nil)
	p.create(client("a"), jti("6"), nil)
	p.update(versioned(in(client("a"), store.Deleting, at(3)), 1), store.Reservation{}, nil)
	for _, asked := range []struct {
		before time.Time
		limit  int
		wanted []string
	}{
		{at(60), 10, []string{"b", "c", "a", "d"}}, {at(60), 2, []string{"b", "c"}}, {at(60), 0, nil}, {at(60), -1, nil},
		{at(4), 10, []string{"b", "c", "a"}}, {at(4).Add(time.Millisecond), 10, []string{"b", "c", "a", "d"}}, {at(0), 10, nil},
	} {
		found, err := p.unfinished.ListUnfinished(p.ctx, asked.before, asked.limit)
		wantIDs(fmt.Sprintf("ListUnfinished(%s, %d)", asked.before, asked.limit), found, err, asked.wanted)
	}
	found, err := p.unfinished.ListUnfinished(p.ctx, at(2), 1)
	wantIDs("ListUnfinished", found, err, []string{"b"})
	if diff := difference(found[0], p.get("b")); diff != "" {
		failf("a record that is listed is not that of Get: %s", diff)
	}
}

func wantIDs(what string, found []store.Client, err error, wanted []string) {
	want(what, err, nil)
	if ids := idsOf(found); !slices.Equal(ids, wanted) {
		failf("%s: got %q, want %q", what, ids, wanted)
	}
}

func idsOf(found []store.Client) []string {
	var ids []string
	for _, c := range found {
		ids = append(ids, c.ID)
	}
	return ids
}

func listCases() []testCase {
	return []testCase{
		{name: "List walks over all records", needs: Lister,
			why: "a portal shows each record once, in the order of the bytes of the IDs, in any state and for any page size",
			do: func(p *probe) {
				wanted := []string{"A", "B-", "Ba", "a", "a ", "ab", "b", "\u00e4"}
				for i := range wanted {
					p.create(client(wanted[(i*5)%len(wanted)]), jti(fmt.Sprint(i)), nil)
				}
				p.update(versioned(in(client("b"), store.Deleting, issued), 1), store.Reservation{}, nil)
				p.walk("List", p.lister.List, wanted)
			}},
		{name: "List gives whole records", needs: Lister, why: "a listed record is the one that Get returns, and belongs to the caller",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				found, err := p.lister.List(p.ctx, "", 5)
				wantIDs("List", found, err, []string{"a"})
				if diff := difference(found[0], versioned(client("a"), 1)); diff != "" {
					failf("record \"a\": %s", diff)
				}
				spoil(found[0])
				p.same(versioned(client("a"), 1))
			}},
	}
}

// walk checks that pages of any size hold the records wanted, in this order.
func (p *probe) walk(verb string, list func(ctx context.Context, after string, limit int) ([]store.Client, error), wanted []string) {
	for size := 1; size <= len(wanted)+1; size++ {
		var all []store.Client
		after := ""
		for {
			page, err := list(p.ctx, after, size)
			want(verb, err, nil)
			if len(page) > size {
				failf("%s gave %d records of at most %d", verb, len(page), size)
			}
			if len(page) == 0 {
				break
			}
			if all, after = append(all, page...), page[len(page)-1].ID; len(all) > len(wanted) {
				break
			}
		}
		wantIDs(fmt.Sprintf("%s in pages of %d", verb, size), all, nil, wanted)
	}
	for _, limit := range []int{0, -1} {
		none, err := list(p.ctx, "", limit)
		wantIDs(verb+" of none", none, err, nil)
	}
}
