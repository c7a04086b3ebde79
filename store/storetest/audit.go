package storetest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/store"
)

// audited is a change that says all of itself, distinct in each by its name.
func audited(by string, r store.Reservation) store.Change {
	return store.Change{Reservation: r, Audit: store.Audit{
		Actor: "tpp", ActorName: "certificate of " + by, Operation: "update", Decision: "done", Reason: "reason of " + by,
		SSAJTI: "statement of " + by, RuleSet: "rules of " + by,
		Changes: []store.AuditChange{{Member: "client_name", Before: []byte(`"before ` + by + `"`), After: []byte(`"after ` + by + `"`)}},
	}}
}

// by is an audited change that no request asked for.
func by(name string) store.Change { return audited(name, store.Reservation{}) }

// entryOf is the entry of a change that left the record, or removed it. Its ID and its time
// are the store's, and its values are written as json.Marshal writes them.
func entryOf(c store.Client, removed bool, with store.Change) store.AuditEntry {
	e := store.AuditEntry{
		Client: c.ID, Version: c.Version, State: c.State, ClientID: c.ClientID, Environment: c.Environment,
		Issuer: c.Issuer, SoftwareID: c.SoftwareID, OrgID: c.OrgID, Audit: with.Audit,
	}
	e.Changes = slices.Clone(e.Changes)
	for i, change := range e.Changes {
		e.Changes[i].Before, e.Changes[i].After = written(change.Before), written(change.After)
	}
	if removed {
		e.Version, e.State = c.Version+1, ""
	}
	return e
}

func written(value json.RawMessage) json.RawMessage {
	if value == nil {
		return nil
	}
	text, err := json.Marshal(value)
	want("Marshal", err, nil)
	return text
}

// creates, updates, deletes and undoes make a change, and return the entry that it leaves.
func (p *probe) creates(c store.Client, with store.Change) store.AuditEntry {
	want(fmt.Sprintf("Create(%q)", c.ID), p.Create(p.ctx, c, with), nil)
	return entryOf(p.get(c.ID), false, with)
}

func (p *probe) updates(c store.Client, with store.Change) store.AuditEntry {
	want(fmt.Sprintf("Update(%q)", c.ID), p.Update(p.ctx, c, with), nil)
	return entryOf(p.get(c.ID), false, with)
}

func (p *probe) deletes(id string, with store.Change) store.AuditEntry {
	was := p.get(id)
	want(fmt.Sprintf("Delete(%q)", id), p.Delete(p.ctx, id, was.Version, with), nil)
	return entryOf(was, true, with)
}

func (p *probe) undoes(id string, with store.Change) store.AuditEntry {
	was := p.get(id)
	want(fmt.Sprintf("Undo(%q)", id), p.unfinished.Undo(p.ctx, id, was.Version, with), nil)
	c, err := p.Get(p.ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return entryOf(was, true, with)
	}
	want("Get", err, nil)
	return entryOf(c, false, with)
}

// history checks that these entries are the whole history of a record, in this order.
func (p *probe) history(id string, wanted ...store.AuditEntry) []store.AuditEntry {
	got, err := p.auditor.History(p.ctx, id, 0, math.MaxInt)
	wantEntries(fmt.Sprintf("History(%q)", id), got, err, wanted)
	return got
}

// trail returns the whole trail.
func (p *probe) trail() []store.AuditEntry {
	got, err := p.auditor.ListAudit(p.ctx, "", math.MaxInt)
	want("ListAudit", err, nil)
	return got
}

func wantEntries(what string, got []store.AuditEntry, err error, wanted []store.AuditEntry) {
	want(what, err, nil)
	if len(got) != len(wanted) {
		failf("%s: got %d entries, want %d", what, len(got), len(wanted))
	}
	for i := range got {
		if diff := entryDifference(got[i], wanted[i]); diff != "" {
			failf("%s: entry %d: %s", what, i, diff)
		}
	}
}

// entryDifference names the first member in which two entries differ. The ID and the time
// are compared where one is wanted.
func entryDifference(got, wanted store.AuditEntry) string {
	for _, member := range []struct {
		name string
		same bool
	}{
		{"ID", wanted.ID == "" || got.ID == wanted.ID}, {"At", wanted.At.IsZero() || got.At.Equal(wanted.At)},
		{"Client", got.Client == wanted.Client}, {"Version", got.Version == wanted.Version}, {"State", got.State == wanted.State},
		{"ClientID", cmp.Or(got.ClientID, got.Client) == cmp.Or(wanted.ClientID, wanted.Client)},
		{"Environment", got.Environment == wanted.Environment}, {"Issuer", got.Issuer == wanted.Issuer},
		{"SoftwareID", got.SoftwareID == wanted.SoftwareID}, {"OrgID", got.OrgID == wanted.OrgID},
		{"Actor", got.Actor == wanted.Actor}, {"ActorName", got.ActorName == wanted.ActorName},
		{"Operation", got.Operation == wanted.Operation}, {"Decision", got.Decision == wanted.Decision},
		{"Reason", got.Reason == wanted.Reason}, {"SSAJTI", got.SSAJTI == wanted.SSAJTI}, {"RuleSet", got.RuleSet == wanted.RuleSet},
		{"Changes", slices.EqualFunc(got.Changes, wanted.Changes, sameChange)},
	} {
		if !member.same {
			return member.name + " is another than was written"
		}
	}
	return ""
}

// sameChange tells a value that is absent from one that is null.
func sameChange(a, b store.AuditChange) bool {
	same := func(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }
	return a.Member == b.Member && same(a.Before, b.Before) && same(a.After, b.After)
}

func auditCases() []testCase {
	all := slices.Concat(entryCases(), trailCases(), auditClockCases())
	for i := range all {
		all[i].needs = Auditor
	}
	return all
}

func entryCases() []testCase {
	return []testCase{
		{name: "a change leaves its entry, which says how the record is after it",
			why: "an auditor asks what was in force when, and the record itself has moved on since",
			do: func(p *probe) {
				made := p.creates(named(client("a"), "x"), audited("1", jti("1")))
				other := client("a")
				other.Environment, other.Issuer, other.SoftwareID, other.OrgID = "other", "other issuer", "other software", "other org"
				changed := p.updates(versioned(named(other, "y"), 1), audited("2", jti("2")))
				leaving := p.updates(versioned(in(other, store.Deleting, issued), 2), by("3"))
				gone := p.deletes("a", by("4"))
				p.history("a", made, changed, leaving, gone)
				if !gone.Removed() || gone.Version != 4 || leaving.Removed() {
					failf("the entry of a removal has version %d and state %q", gone.Version, gone.State)
				}
			}},
		{name: "a change that is undone leaves an entry of either", also: []Capability{Unfinished},
			why: "the register was never silently changed back: who took it back, and when, is on the record",
			do: func(p *probe) {
				made := p.creates(client("a"), audited("1", jti("1")))
				begun := p.updates(versioned(in(client("a"), store.Updating, issued), 1), audited("2", jti("2")))
				undone := p.undoes("a", by("3"))
				p.history("a", made, begun, undone)
				p.history("b")
				p.history("b", p.creates(in(client("b"), store.Creating, issued), audited("4", jti("4"))), p.undoes("b", by("5")))
				p.absent("b")
			}},
		{name: "a change that is refused leaves no entry",
			why: "an entry without its change says that something happened which did not", do: refusedLeaveNone},
		{name: "a change without an audit record leaves no entry",
			why: "the zero Audit says nothing, and a store that writes it fills the trail with entries about nothing",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				said := p.updates(versioned(client("a"), 1), by("2"))
				p.update(versioned(client("a"), 2), jti("3"), nil)
				p.updates(versioned(client("a"), 3), store.Change{Audit: store.Audit{Actor: "bank", Reason: "neither an operation nor a decision"}})
				p.delete("a", 4, nil)
				p.history("a", said)
			}},
		{name: "an entry comes back as it was written",
			why: "a trail is compared byte for byte when it is moved, and what somebody wrote is evidence as they wrote it",
			do:  writtenEntries},
		{name: "an entry that comes in or out is the caller's", why: "a caller that changes its slice must not change what happened",
			do: func(p *probe) {
				with := by("1")
				wanted := p.creates(client("a"), by("1"))
				p.creates(client("b"), with)
				spoilChanges(with.Audit.Changes)
				for range 2 {
					got := append(p.history("a", wanted), p.trail()...)
					for _, e := range got {
						spoilChanges(e.Changes)
					}
				}
				p.history("b", entryOf(p.get("b"), false, by("1")))
			}},
		{name: "each entry has an ID of its own that begins with its time",
			why: "a walk goes on after an ID: with one ID for two entries it misses one",
			do:  entriesHaveIDs},
	}
}

// spoilChanges changes everything that an entry points at.
func spoilChanges(changes []store.AuditChange) {
	for i := range changes {
		for _, value := range [][]byte{changes[i].Before, changes[i].After} {
			for j := range value {
				value[j] = 'x'
			}
		}
		changes[i].Member = "spoilt"
	}
}

func refusedLeaveNone(p *probe) {
	made := p.creates(client("a"), audited("1", jti("1")))
	ended, cancel := context.WithCancel(p.ctx)
	cancel()
	taken, stateless := client("b"), in(client("b"), store.Updating, issued)
	taken.UniqueKey = "key of a"
	for what, refused := range map[string]struct{ got, wanted error }{
		"a replay":                {p.Create(p.ctx, client("b"), audited("2", jti("1"))), store.ErrReplayed},
		"an ID that is taken":     {p.Create(p.ctx, client("a"), audited("3", jti("3"))), store.ErrExists},
		"a key that is taken":     {p.Create(p.ctx, taken, audited("4", jti("3"))), store.ErrExists},
		"a state that none has":   {p.Create(p.ctx, stateless, audited("5", jti("3"))), store.ErrState},
		"an end of its context":   {p.Create(ended, client("b"), audited("6", jti("3"))), context.Canceled},
		"an update by a replay":   {p.Update(p.ctx, versioned(client("a"), 1), audited("7", jti("1"))), store.ErrReplayed},
		"a stale update":          {p.Update(p.ctx, versioned(client("a"), 2), audited("8", jti("3"))), store.ErrConflict},
		"an update of none":       {p.Update(p.ctx, versioned(client("b"), 1), audited("9", jti("3"))), store.ErrNotFound},
		"an update out of turn":   {p.Update(p.ctx, versioned(in(client("a"), store.Creating, issued), 1), by("10")), store.ErrState},
		"a stale deletion":        {p.Delete(p.ctx, "a", 2, by("11")), store.ErrConflict},
		"a deletion of none":      {p.Delete(p.ctx, "b", 1, by("12")), store.ErrNotFound},
		"a deletion in a context": {p.Delete(ended, "a", 1, by("13")), context.Canceled},
	} {
		want(what, refused.got, refused.wanted)
	}
	if p.unfinished != nil {
		want("an undo of nothing", p.unfinished.Undo(p.ctx, "a", 1, by("14")), store.ErrState)
		want("a stale undo", p.unfinished.Undo(p.ctx, "a", 2, by("15")), store.ErrConflict)
		want("an undo of none", p.unfinished.Undo(p.ctx, "b", 1, by("16")), store.ErrNotFound)
	}
	if err := p.Delete(p.ctx, "a", 1, audited("17", jti("3"))); err == nil {
		failf("Delete with a reservation: got no error")
	}
	p.history("a", made)
	p.history("b")
	wantEntries("ListAudit", p.trail(), nil, []store.AuditEntry{made})
}

func writtenEntries(p *probe) {
	long, unicode := by("a"), by("b")
	long.Audit.Reason = strings.Repeat("weil \u00e4\u20ac\U0001f512 ", 4000)
	long.Audit.Changes = []store.AuditChange{{Member: "metadata", After: []byte(`"` + strings.Repeat("x", 1<<17) + `"`)}}
	unicode.Audit.Actor, unicode.Audit.ActorName, unicode.Audit.Decision = "operator", "\u00c4nne <a@b> \u202e 'x' \"y\"\n\t\\ %s", "\u2713"
	unicode.Audit.Changes = []store.AuditChange{
		{Member: "added", After: []byte(`{"b" : 1.0,"a":"\u0041 \/ <&>"}`)}, {Member: "removed", Before: []byte(`[ 1e400 , null ]`)},
		{Member: "to null", Before: []byte(`""`), After: []byte(`null`)}, {Member: "from null", Before: []byte(`null`), After: []byte(`{}`)},
		{Member: "neither"}, {Member: "\u00e4 & <b>"}, {},
	}
	var wanted []store.AuditEntry
	for _, with := range []store.Change{
		long, unicode, {Audit: store.Audit{Operation: "create"}}, {Audit: store.Audit{Decision: "done"}},
	} {
		c := client("a")
		if len(wanted) == 0 {
			wanted = append(wanted, p.creates(c, with))
			continue
		}
		wanted = append(wanted, p.updates(versioned(c, int64(len(wanted))), with))
	}
	for i, e := range p.history("a", wanted...) {
		wanted[i].ID, wanted[i].At = e.ID, e.At
	}
	got := p.trail()
	slices.SortFunc(got, func(a, b store.AuditEntry) int { return cmp.Compare(a.Version, b.Version) })
	wantEntries("ListAudit", got, nil, wanted)
}

var entryID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func entriesHaveIDs(p *probe) {
	const entries = 60
	p.creates(client("a"), by("0"))
	for i := range entries - 1 {
		p.updates(versioned(client("a"), int64(i+1)), by("1"))
	}
	seen := map[string]bool{}
	for _, e := range p.trail() {
		if !entryID.MatchString(e.ID) || e.ID[:12] != store.AuditIDAt(e.At)[:12] {
			failf("the entry of %s has the ID %q", e.At, e.ID)
		}
		if !e.At.Equal(e.At.Truncate(time.Millisecond)) || e.At.Location() != time.UTC {
			failf("an entry is of %s, want whole milliseconds of UTC", e.At)
		}
		seen[e.ID] = true
	}
	if len(seen) != entries {
		failf("%d entries have %d IDs", entries, len(seen))
	}
}
