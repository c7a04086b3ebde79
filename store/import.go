package store

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// ForImport returns the batch that Import writes: times are in UTC and as coarse as a store
// keeps them, and empty bytes are nil. The ClientID of an Active record that has none is its
// ID, that of an Updating one is the ClientID of its Previous. It shares memory with b. The
// error wraps ErrState, and names a record, a reservation, an entry or a subscription that no store can have.
func ForImport(b Batch) (Batch, error) {
	b.Clients, b.Reservations, b.Audit = slices.Clone(b.Clients), slices.Clone(b.Reservations), slices.Clone(b.Audit)
	b.Subscriptions = slices.Clone(b.Subscriptions)
	var err error
	for i, c := range b.Clients {
		if b.Clients[i], err = recordForImport(c); err != nil {
			return Batch{}, fmt.Errorf("%w: record %.64q", err, c.ID)
		}
	}
	for i, r := range b.Reservations {
		if r.Client == "" || r.Until.IsZero() {
			return Batch{}, fmt.Errorf("%w: reservation %x has no record or no end", ErrState, r.Key)
		}
		b.Reservations[i].Until = nextSecond(r.Until)
	}
	for i, s := range b.Subscriptions {
		if b.Subscriptions[i], err = subscription(s); err != nil || s.Client == "" {
			return Batch{}, fmt.Errorf("%w: the subscription of record %.64q to %.64q is none that a store can have", ErrState, s.Client, s.API)
		}
	}
	for i, e := range b.Audit {
		if b.Audit[i], err = entryForImport(e); err != nil {
			return Batch{}, fmt.Errorf("%w: entry %.64q of the audit trail", err, e.ID)
		}
	}
	if !b.Forgotten.IsZero() {
		b.Forgotten = nextSecond(b.Forgotten)
	}
	return b, nil
}

// previousStates are those of the Previous that a record in a state has.
var previousStates = map[State][]State{Updating: {Active, PendingDelete}, Creating: {PendingCreate}}

func recordForImport(c Client) (Client, error) {
	c, err := inState(c)
	switch {
	case err != nil:
		return Client{}, err
	case c.ID == "" || c.Version < 1:
		return Client{}, fmt.Errorf("%w: no ID or no Version", ErrState)
	case len(c.Reserved) > 0 && !c.State.IsUnfinished():
		return Client{}, fmt.Errorf("%w: it is %s and has a Reserved", ErrState, c.State)
	case c.Previous == nil && c.State == Updating:
		return Client{}, fmt.Errorf("%w: it is updating and has no Previous", ErrState)
	}
	if p := c.Previous; p != nil {
		before, err := recordForImport(*p)
		switch {
		case err != nil:
			return Client{}, fmt.Errorf("%w, as the Previous", err)
		case before.ID != c.ID || before.Version >= c.Version || before.Previous != nil || !slices.Contains(previousStates[c.State], before.State):
			return Client{}, fmt.Errorf("%w: it is %s and its Previous does not fit", ErrState, c.State)
		}
		c.Previous = &before
		if c.State == Updating {
			c.ClientID = cmp.Or(c.ClientID, before.ClientID) // an update never takes it away
		}
	}
	return withoutEmptyBytes(c), nil
}

// withoutEmptyBytes returns the record with nil in the place of empty bytes: stores do not
// tell the two apart.
func withoutEmptyBytes(c Client) Client {
	for _, b := range []*[]byte{
		(*[]byte)(&c.Metadata), &c.SecretHash, &c.SealedSecret, &c.UpstreamState, (*[]byte)(&c.UpstreamMembers), &c.Reserved,
	} {
		if len(*b) == 0 {
			*b = nil
		}
	}
	return c
}

func entryForImport(e AuditEntry) (AuditEntry, error) {
	e.At = time.UnixMilli(e.At.UnixMilli()).UTC()
	random, err := hex.DecodeString(e.ID)
	_, known := transitions[e.State]
	switch {
	case err != nil || len(random) != auditIDBytes || hex.EncodeToString(random) != e.ID || e.ID[:12] != AuditIDAt(e.At)[:12]:
		return AuditEntry{}, fmt.Errorf("%w: the ID is not one of its time", ErrState)
	case e.IsNote() && e.State != "" || !e.IsNote() && (e.Client == "" || e.Version < 1 || !known && !e.Removed()) || e.IsZero():
		return AuditEntry{}, fmt.Errorf("%w: it says nothing of a record, and is no note", ErrState)
	}
	e.Changes = compacted(e.Changes)
	return e, nil
}

// SameRecord reports whether two records have the same content, where empty and nil are the
// same, and so are times of the same second.
func SameRecord(a, b Client) bool { return reflect.DeepEqual(forComparison(a), forComparison(b)) }

func forComparison(c Client) Client {
	c = withoutEmptyBytes(c)
	c.IssuedAt, c.Since = wholeSeconds(c.IssuedAt), wholeSeconds(c.Since)
	c.Application.Attributes = slices.Clone(c.Application.Attributes)
	for i, a := range c.Application.Attributes {
		c.Application.Attributes[i].Values = append([]string{}, a.Values...)
	}
	c.Application.Attributes = append([]claims.Attribute{}, c.Application.Attributes...)
	if c.Previous != nil {
		before := forComparison(*c.Previous)
		c.Previous = &before
	}
	return c
}

// SameEntry reports whether two entries of the audit trail have the same content.
func SameEntry(a, b AuditEntry) bool {
	changes := func(x, y AuditChange) bool {
		return x.Member == y.Member && bytes.Equal(x.Before, y.Before) && bytes.Equal(x.After, y.After)
	}
	if !slices.EqualFunc(a.Changes, b.Changes, changes) || !a.At.Equal(b.At) {
		return false
	}
	a.Changes, b.Changes, a.At, b.At = nil, nil, time.Time{}, time.Time{}
	return reflect.DeepEqual(a, b)
}

// nextSecond returns the first whole second, of UTC, that is not before t.
func nextSecond(t time.Time) time.Time {
	if whole := wholeSeconds(t); whole.Before(t) {
		return whole.Add(time.Second)
	}
	return wholeSeconds(t)
}
