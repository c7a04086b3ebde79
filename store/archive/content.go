package archive

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// isEmpty reports whether a store has nothing that a file could have.
func isEmpty(ctx context.Context, of Register) (bool, error) {
	clients, err := of.List(ctx, "", 1)
	if err != nil || len(clients) > 0 {
		return false, err
	}
	reservations, err := of.ListReservations(ctx, nil, 1)
	if err != nil || len(reservations) > 0 {
		return false, err
	}
	entries, err := of.ListAudit(ctx, "", 1)
	return len(entries) == 0, err
}

// span is a piece of the walk over one section: what comes after one name and up to another.
type span struct {
	after, upTo string
	open        bool            // no end: the batch is the last one with records of the section
	known       map[string]bool // the names that the batch has
}

// spans returns the pieces that a batch is of each section.
func spans(r *reader, b *batch) (clients, keys, entries span) {
	open := func(section int) bool { return b.before.kind <= section && (r.at.kind > section || b.ended) }
	clients = span{b.before.client, r.at.client, open(0), map[string]bool{}}
	for _, c := range b.Clients {
		clients.known[c.ID] = true
	}
	keys = span{string(b.before.key), string(r.at.key), open(1), map[string]bool{}}
	for _, k := range b.Reservations {
		keys.known[string(k.Key[:])] = true
	}
	entries = span{b.before.audit, r.at.audit, open(2), map[string]bool{}}
	for _, e := range b.Audit {
		entries.known[e.ID] = true
	}
	return clients, keys, entries
}

// The names of what a store lists.
func clientName(c store.Client) string       { return c.ID }
func keyName(h store.HeldReservation) string { return string(h.Key[:]) }
func entryName(e store.AuditEntry) string    { return e.ID }
func (i *importer) listKeys(ctx context.Context, after string, limit int) ([]store.HeldReservation, error) {
	return i.To.ListReservations(ctx, []byte(after), limit)
}

// has demands that the store has all that is in the batch, by its names. It writes nothing.
func (i *importer) has(ctx context.Context, r *reader, b *batch) error {
	clients, keys, entries := spans(r, b)
	lacks, err := lacking(ctx, clients, i.To.List, clientName)
	if !lacks && err == nil {
		lacks, err = lacking(ctx, keys, i.listKeys, keyName)
	}
	if !lacks && err == nil {
		lacks, err = lacking(ctx, entries, i.To.ListAudit, entryName)
	}
	if lacks && err == nil {
		return because(ErrCheckpoint, "the store lacks what was imported before: import the whole file")
	}
	return err
}

// lacking reports whether the store is without a name that the batch has.
func lacking[T any](ctx context.Context, s span, list func(context.Context, string, int) ([]T, error), name func(T) string) (bool, error) {
	left := len(s.known)
	for after := s.after; left > 0; {
		page, err := list(ctx, after, pageSize)
		if err != nil || len(page) == 0 {
			return true, err
		}
		for _, one := range page {
			if after = name(one); s.known[after] {
				left--
			}
		}
		if after >= s.upTo {
			return left > 0, nil
		}
	}
	return false, nil
}

// foreign demands that the store has nothing in the span of the batch that is not in it.
func (i *importer) foreign(ctx context.Context, r *reader, b *batch) error {
	clients, keys, entries := spans(r, b)
	if id, found, err := stranger(ctx, clients, i.To.List, clientName); found || err != nil {
		return strange(err, "client %s", text.Quote(id))
	}
	if key, found, err := stranger(ctx, keys, i.listKeys, keyName); found || err != nil {
		return strange(err, "reservation %s", hex.EncodeToString([]byte(key)))
	}
	id, found, err := stranger(ctx, entries, i.To.ListAudit, entryName)
	if found || err != nil {
		return strange(err, "audit entry %s", text.Quote(id))
	}
	return i.foreignSubscription(ctx, b)
}

// foreignSubscription demands that the clients of the batch, where the store has them already,
// have no subscription that is not in it.
func (i *importer) foreignSubscription(ctx context.Context, b *batch) error {
	type name struct{ client, api string }
	ours := map[name]bool{}
	for _, s := range b.Subscriptions {
		ours[name{s.Client, s.API}] = true
	}
	for n, c := range b.Clients {
		if i.subs == nil {
			return nil
		}
		held, err := i.subs.ListSubscriptions(ctx, c.ID)
		if err != nil {
			return err
		}
		for _, s := range held {
			if !ours[name{s.Client, s.API}] {
				err := because(ErrForeign, "the subscription of client %s to %s is not in the file", text.Quote(s.Client), text.Quote(s.API))
				return &LineError{First: b.lines[n], Last: b.lines[n], Err: err}
			}
		}
	}
	return nil
}

// strange returns the error of the store, or else an ErrForeign about what was found.
func strange(err error, format, name string) error {
	if err != nil {
		return err
	}
	return because(ErrForeign, format+" is not in the file", name)
}

// stranger returns the first name of a span that the batch does not have.
func stranger[T any](ctx context.Context, s span, list func(context.Context, string, int) ([]T, error), name func(T) string) (string, bool, error) {
	for after := s.after; s.open || after < s.upTo; {
		page, err := list(ctx, after, pageSize)
		if err != nil || len(page) == 0 {
			return "", false, err
		}
		for _, one := range page {
			after = name(one)
			if !s.open && after > s.upTo {
				return "", false, nil
			}
			if !s.known[after] {
				return after, true, nil
			}
		}
	}
	return "", false, nil
}

// clash says which record of a batch the store has with another content, as far as that is
// one of the same ID; else it returns the error as it is.
func (i *importer) clash(ctx context.Context, b *batch, cause error) error {
	place := map[string]int{}
	for n, c := range b.Clients {
		place[c.ID] = n
	}
	for after := b.before.client; len(b.Clients) > 0; {
		page, err := i.To.List(ctx, after, pageSize)
		if err != nil || len(page) == 0 {
			return cause
		}
		for _, has := range page {
			after = has.ID
			if after > b.Clients[len(b.Clients)-1].ID {
				return cause
			}
			n, ours := place[after]
			if ours && !store.SameRecord(has, b.Clients[n]) {
				return &LineError{First: b.lines[n], Last: b.lines[n], Err: fmt.Errorf("client %s is in the store with another content: %w", text.Quote(after), cause)}
			}
		}
	}
	return cause
}
