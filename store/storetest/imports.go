package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/store"
)

func importCases() []testCase {
	return moving([]testCase{
		{name: "the same import again writes nothing", why: "a transfer that broke off is done again from its last page, or from the beginning",
			do: func(p *probe) {
				p.filled()
				to, b := p.moved(), p.exported()
				to.imports(b, store.Imported{})
				part := store.Batch{Clients: b.Clients[:2], Reservations: b.Reservations[:3], Audit: b.Audit[:min(1, len(b.Audit))]}
				third := p.another()
				third.imports(part, sizeOf(part))
				rest := sizeOf(b)
				rest.Clients, rest.Reservations, rest.Audit = rest.Clients-2, rest.Reservations-3, rest.Audit-len(part.Audit)
				third.imports(b, rest)
				third.holding(b)
				p.imports(b, store.Imported{})
				p.holding(b)
			}},
		{name: "what is in a batch twice is written once", why: "a line of an export that is doubled is no other record",
			do: func(p *probe) {
				p.filled()
				to, b := p.another(), p.exported()
				doubled := store.Batch{
					Clients: slices.Concat(b.Clients, b.Clients), Reservations: slices.Concat(b.Reservations, b.Reservations), Audit: slices.Concat(b.Audit, b.Audit),
				}
				to.imports(doubled, sizeOf(b))
				to.holding(b)
			}},
		{name: "a record that the store has with another content is ErrExists", why: "an import that overwrites brings back what has been changed since",
			do: otherRecords},
		{name: "a reservation that the store has with another content is ErrExists", why: "a jti would become another's, and an Undo would free it or not",
			do: otherReservations},
		{name: "an entry that the store has with another content is ErrExists", why: "nothing changes an entry of the trail once it is written",
			also: []Capability{Auditor}, do: otherEntries},
		{name: "a batch takes no unique key and no client_id of another record", why: "one registration per software holds for what is imported too",
			also: []Capability{ClientIDs}, do: takenKeys},
		{name: "a record, reservation or entry that no store can have is ErrState",
			why: "what a file says is not to be trusted: such a record could never be changed again",
			do:  impossible},
	})
}

// refuses checks that the store refuses a batch, and has nothing of the rest of it: neither
// what comes before in the batch nor what comes after.
func (p *probe) refuses(what string, b store.Batch, wanted error) {
	before := p.exported()
	fresh := client("fresh")
	fresh.Version, fresh.ClientID = 1, "fresh"
	last := client("last")
	last.Version, last.ClientID = 1, "last"
	b.Clients = slices.Concat([]store.Client{fresh}, b.Clients, []store.Client{last})
	p.others++
	r := jti(fmt.Sprint("fresh ", p.others))
	first := store.HeldReservation{Key: r.Key(), Until: r.Until, Client: "fresh"}
	b.Reservations = append([]store.HeldReservation{first}, b.Reservations...)
	if p.auditor != nil {
		at := time.UnixMilli(issued.UnixMilli() + 1)
		e, _ := store.NewAuditEntry(fresh, false, by("fresh"), at)
		b.Audit = append([]store.AuditEntry{e}, b.Audit...)
	}
	b.Forgotten = farAhead.Add(time.Hour)
	_, err := p.transfer.Import(p.ctx, b)
	want("Import of "+what, err, wanted)
	p.holding(before)
	p.absent("fresh")
	p.free(r)
}

// imported makes a store with a record in a change, and returns its content too.
func (p *probe) imported() (to *probe, b store.Batch) {
	p.creates(decided(named(client("a"), "x"), "1"), audited("1", jti("1")))
	p.updates(versioned(in(client("a"), store.Updating, issued), 1), audited("2", jti("2")))
	return p.moved(), p.exported()
}

func otherRecords(p *probe) {
	to, b := p.imported()
	for member, change := range map[string]func(*store.Client){
		"Version": func(c *store.Client) { c.Version++ }, "OrgID": func(c *store.Client) { c.OrgID = "other" },
		"ClientID": func(c *store.Client) { c.ClientID = "other" }, "State": func(c *store.Client) { c.State, c.Previous, c.Reserved = store.Active, nil, nil },
		"Since": func(c *store.Client) { c.Since = c.Since.Add(time.Second) }, "IssuedAt": func(c *store.Client) { c.IssuedAt = c.IssuedAt.Add(time.Second) },
		"Metadata": func(c *store.Client) { c.Metadata = []byte(`{}`) }, "UniqueKey": func(c *store.Client) { c.UniqueKey = "other" },
		"SecretHash": func(c *store.Client) { c.SecretHash = nil }, "SealedSecret": func(c *store.Client) { c.SealedSecret = []byte("other") },
		"UpstreamState": func(c *store.Client) { c.UpstreamState = []byte("other") }, "Reserved": func(c *store.Client) { c.Reserved = nil },
		"an attribute": func(c *store.Client) { c.Application.Attributes[1].Values[0] = "other" },
		"Previous": func(c *store.Client) {
			previous := c.Previous.Clone()
			previous.UpstreamState = nil
			c.Previous = &previous
		},
	} {
		c := b.Clients[0].Clone()
		change(&c)
		to.refuses("a record with another "+member, store.Batch{Clients: []store.Client{c}}, store.ErrExists)
	}
	twice := versioned(named(client("b"), "b"), 1)
	other := twice
	other.OrgID = "other"
	to.refuses("two records of one ID", store.Batch{Clients: []store.Client{twice, other}}, store.ErrExists)
	to.update(in(to.get("a"), store.Active, issued), store.Reservation{}, nil)
	to.refuses("what was changed since", store.Batch{Clients: b.Clients}, store.ErrExists)
	if c := to.get("a"); c.State != store.Active || c.Version != 3 {
		failf("a record that was changed since is %s of version %d", c.State, c.Version)
	}
}

func otherReservations(p *probe) {
	to, b := p.imported()
	for what, change := range map[string]func(*store.HeldReservation){
		"a later end": func(r *store.HeldReservation) { r.Until = r.Until.Add(time.Second) }, "another owner": func(r *store.HeldReservation) { r.Client = "b" },
		"an earlier end": func(r *store.HeldReservation) { r.Until = r.Until.Add(-time.Second) },
	} {
		r := b.Reservations[0]
		change(&r)
		to.refuses("a reservation of "+what, store.Batch{Reservations: []store.HeldReservation{r}}, store.ErrExists)
		r, other := b.Reservations[0], b.Reservations[0]
		r.Key[0], other.Key[0] = ^r.Key[0], ^r.Key[0]
		change(&other)
		to.refuses("two reservations of one key", store.Batch{Reservations: []store.HeldReservation{r, other}}, store.ErrExists)
	}
	to.underWay(jti("2"))
	to.final(jti("1"))
}

func otherEntries(p *probe) {
	to, b := p.imported()
	for member, change := range map[string]func(*store.AuditEntry){
		"Reason": func(e *store.AuditEntry) { e.Reason = "other" }, "Actor": func(e *store.AuditEntry) { e.Actor = "" },
		"Client": func(e *store.AuditEntry) { e.Client = "other" }, "Version": func(e *store.AuditEntry) { e.Version = 9 },
		"State": func(e *store.AuditEntry) { e.State = "" }, "OrgID": func(e *store.AuditEntry) { e.OrgID = "other" },
		"After": func(e *store.AuditEntry) {
			e.Changes = []store.AuditChange{{Member: "client_name", Before: e.Changes[0].Before}}
		},
		"Changes": func(e *store.AuditEntry) { e.Changes = nil },
	} {
		e := b.Audit[0]
		change(&e)
		to.refuses("an entry with another "+member, store.Batch{Audit: []store.AuditEntry{e}}, store.ErrExists)
		first, second := b.Audit[0], e
		first.ID = first.ID[:len(first.ID)-4] + map[bool]string{true: "0000", false: "ffff"}[strings.HasSuffix(first.ID, "ffff")]
		second.ID = first.ID
		to.refuses("two entries of one ID, with another "+member, store.Batch{Audit: []store.AuditEntry{first, second}}, store.ErrExists)
	}
	wantEntries("ListAudit", to.trail(), nil, b.Audit)
}

func takenKeys(p *probe) {
	to, _ := p.imported()
	record := func(id, clientID, key string) store.Client {
		return store.Client{ID: id, ClientID: clientID, Version: 1, State: store.Active, IssuedAt: issued, UniqueKey: key}
	}
	updating := func(id, key, before string) store.Client {
		c, previous := in(record(id, "", key), store.Updating, issued), record(id, "", before)
		c.Version, c.Previous = 2, &previous
		return c
	}
	changed := versioned(in(client("a"), store.Updating, issued), 3)
	to.update(versioned(in(client("a"), store.Active, issued), 2), store.Reservation{}, nil)
	changed.UniqueKey = "new key of a"
	to.update(changed, store.Reservation{}, nil)
	for what, records := range map[string][]store.Client{
		"a client_id that is taken": {record("b", "x", "")}, "a unique key that is taken": {record("b", "b", "new key of a")},
		"a unique key that an Undo returns to": {record("b", "b", "key of a")}, "a key to return to that is taken": {updating("b", "k", "key of a")},
		"two records with one client_id":             {record("b", "y", ""), record("c", "y", "")},
		"two records with one unique key":            {record("b", "b", "k"), record("c", "c", "k")},
		"a key that another of the batch returns to": {updating("b", "l", "k"), record("c", "c", "k")},
	} {
		to.refuses(what, store.Batch{Clients: records}, store.ErrExists)
	}
	two := []store.Client{record("b", "y", "k"), updating("c", "l", "m"), record("d", "", ""), record("e", "", "")}
	to.imports(store.Batch{Clients: two}, store.Imported{Clients: len(two)})
	for _, key := range []string{"k", "l", "m"} {
		to.holds(key)
	}
	to.found("y", "b")
}

func impossible(p *probe) {
	to, b := p.imported()
	updating, active := b.Clients[0], versioned(named(client("b"), "b"), 1)
	record := func(c store.Client, change func(*store.Client)) store.Batch {
		c = c.Clone()
		c.ID, c.ClientID, c.UniqueKey = "b", "b", "b"
		if c.Previous != nil {
			c.Previous.ID, c.Previous.ClientID, c.Previous.UniqueKey = "b", "b", "b"
		}
		change(&c)
		return store.Batch{Clients: []store.Client{c}}
	}
	held := b.Reservations[0]
	held.Key[0] = ^held.Key[0]
	for what, batch := range map[string]store.Batch{
		"no ID":               record(active, func(c *store.Client) { c.ID = "" }),
		"no version":          record(active, func(c *store.Client) { c.Version = 0 }),
		"a version below 1":   record(active, func(c *store.Client) { c.Version = -1 }),
		"an unknown state":    record(active, func(c *store.Client) { c.State = "sleeping" }),
		"no Since":            record(updating, func(c *store.Client) { c.Since = time.Time{} }),
		"nothing to undo to":  record(updating, func(c *store.Client) { c.Previous = nil }),
		"another's Previous":  record(updating, func(c *store.Client) { c.Previous.ID = "c" }),
		"a later Previous":    record(updating, func(c *store.Client) { c.Previous.Version = c.Version }),
		"an Active Previous":  record(active, func(c *store.Client) { c.Version, c.Previous = 2, updating.Previous }),
		"a Deleting Previous": record(updating, func(c *store.Client) { c.Previous.State, c.Previous.Since = store.Deleting, issued }),
		"Reserved at rest":    record(active, func(c *store.Client) { c.Reserved = held.Key[:] }),
		"a reservation of nobody": {
			Reservations: []store.HeldReservation{{Key: held.Key, Until: held.Until}}},
		"a reservation without end": {Reservations: []store.HeldReservation{{Key: held.Key, Client: "b"}}},
	} {
		to.refuses(what, batch, store.ErrState)
	}
	if to.auditor == nil {
		return
	}
	for what, change := range map[string]func(*store.AuditEntry){
		"no ID": func(e *store.AuditEntry) { e.ID = "" }, "an ID in upper case": func(e *store.AuditEntry) { e.ID = strings.Repeat("A", len(e.ID)) },
		"an ID that is too long": func(e *store.AuditEntry) { e.ID += "0" }, "an ID of another time": func(e *store.AuditEntry) { e.At = e.At.Add(time.Second) },
		"an entry of nobody": func(e *store.AuditEntry) { e.Client = "" }, "an entry of no version": func(e *store.AuditEntry) { e.Version = 0 },
		"an entry of no state":       func(e *store.AuditEntry) { e.State = "sleeping" },
		"an entry that says nothing": func(e *store.AuditEntry) { e.Audit = store.Audit{} },
	} {
		e := b.Audit[0]
		e.ID = e.ID[:12] + strings.Repeat("0", len(e.ID)-12)
		change(&e)
		to.refuses(what, store.Batch{Audit: []store.AuditEntry{e}}, store.ErrState)
	}
}

func importRaces() []testCase {
	all := []testCase{
		{name: "what 16 import at once is written once", why: "somebody starts a transfer again before the first has ended", do: importedTogether},
		race("of 16 that import or create one record one wins", "a registration during a transfer is not overwritten, and overwrites none", Transfer,
			func(p *probe, round string) {
				won := winner(together(few, func(i int) error {
					if i%2 == 0 {
						return p.Create(p.ctx, store.Client{ID: round, OrgID: name(round, i)}, store.Change{})
					}
					c := store.Client{ID: round, ClientID: round, OrgID: name(round, i), Version: 1, State: store.Active}
					_, err := p.transfer.Import(p.ctx, store.Batch{Clients: []store.Client{c}})
					return err
				}), store.ErrExists)
				p.same(store.Client{ID: round, OrgID: name(round, won), Version: 1, State: store.Active})
			}),
		race("of 16 that import or use one jti one wins", "an import of reservations and a registration look into one table", Transfer,
			func(p *probe, round string) {
				won := winner(together(few, func(i int) error {
					if i%2 == 0 {
						return p.Create(p.ctx, store.Client{ID: name(round, i)}, request(round))
					}
					held := store.HeldReservation{Key: jti(round).Key(), Until: farAhead, Client: name(round, i)}
					c := store.Client{ID: name(round, i), ClientID: name(round, i), Version: 1, State: store.Active}
					_, err := p.transfer.Import(p.ctx, store.Batch{Clients: []store.Client{c}, Reservations: []store.HeldReservation{held}})
					return err
				}), store.ErrExists, store.ErrReplayed)
				p.only(round, few, won)
				p.final(jti(round))
			}),
		race("of 16 that import or create one unique key one wins", "the unique index decides for imports too", Transfer,
			func(p *probe, round string) {
				won := winner(together(few, func(i int) error {
					if i%2 == 0 {
						return p.Create(p.ctx, store.Client{ID: name(round, i), UniqueKey: round}, store.Change{})
					}
					c := store.Client{ID: name(round, i), ClientID: name(round, i), UniqueKey: round, Version: 1, State: store.Active}
					_, err := p.transfer.Import(p.ctx, store.Batch{Clients: []store.Client{c}})
					return err
				}), store.ErrExists)
				p.only(round, few, won)
			}),
	}
	return moving(all)
}

func importedTogether(p *probe) {
	p.filled()
	b, to := p.exported(), p.another()
	var written [few]store.Imported
	errs := together(few, func(i int) error {
		var err error
		written[i], err = to.transfer.Import(to.ctx, b)
		return err
	})
	want("importing together", errors.Join(errs...), nil)
	var sum store.Imported
	for _, one := range written {
		sum.Clients, sum.Reservations, sum.Audit = sum.Clients+one.Clients, sum.Reservations+one.Reservations, sum.Audit+one.Audit
	}
	if sum != sizeOf(b) {
		failf("imports at once have written %s in all, want %s", fmt.Sprintf("%+v", sum), fmt.Sprintf("%+v", sizeOf(b)))
	}
	to.holding(b)
}
