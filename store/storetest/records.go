package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

func recordCases() []testCase {
	return []testCase{
		{name: "a record comes back as it was written",
			why: "the bank answers the TPP from it, and keeps statement and metadata as evidence: byte for byte",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.same(versioned(client("a"), 1))
			}},
		{name: "subject and address of the key set come back as they were written",
			why: "an authorization server that gets the client anew is told the certificate's subject, and where the keys are",
			do: func(p *probe) {
				c := client("a")
				c.SubjectDN, c.JWKSAddress = `CN=a\, b\+c,O=\E9 \u00e9,C=GB`, "https://keystore.example/a%20b.jwks?x=y&z"
				p.create(c, jti("1"), nil)
				p.same(versioned(c, 1))
				c.SubjectDN, c.JWKSAddress = "CN=d", "https://keystore.example/d.jwks"
				p.update(versioned(c, 1), jti("2"), nil)
				p.same(versioned(c, 2))
			}},
		{name: "a record of an ID alone comes back",
			why: "an empty member is no fault; an empty State is written as Active",
			do: func(p *probe) {
				p.create(store.Client{ID: "a"}, store.Reservation{}, nil)
				p.same(store.Client{ID: "a", Version: 1, State: store.Active})
			}},
		{name: "an empty ID is refused",
			why: "nobody could be given such a client",
			do: func(p *probe) {
				if p.Create(p.ctx, store.Client{}, request("1")) == nil {
					failf("Create without an ID succeeded")
				}
				p.free(jti("1"))
			}},
		{name: "Create writes Version 1 whatever the caller says",
			why: "the store sets the version, and compares by it",
			do: func(p *probe) {
				p.create(versioned(client("a"), 7), jti("1"), nil)
				p.same(versioned(client("a"), 1))
			}},
		{name: "times are kept in whole seconds of UTC",
			why: "client_id_issued_at is a number of seconds, and a record must be the same before and after it was stored",
			do: func(p *probe) {
				c := client("a")
				c.IssuedAt = issued.Add(999 * time.Millisecond).In(time.FixedZone("", 3600))
				c.Since = c.IssuedAt
				p.create(c, jti("1"), nil)
				p.same(versioned(client("a"), 1))
				if got := p.get("a"); got.IssuedAt.Location() != time.UTC || got.Since.Location() != time.UTC {
					failf("IssuedAt is in %v and Since in %v, want UTC", got.IssuedAt.Location(), got.Since.Location())
				}
			}},
		{name: "a large record comes back whole",
			why: "a request may have 64 KiB, and a statement that is cut off cannot be verified again",
			do: func(p *probe) {
				c := client("a")
				c.SoftwareStatement = strings.Repeat("0123456789abcdef", 1<<14)
				c.Metadata = []byte(`"` + strings.Repeat("\u00e9", 1<<17) + `"`)
				p.create(c, jti("1"), nil)
				p.same(versioned(c, 1))
			}},
	}
}

func valueCases() []testCase {
	return []testCase{
		{name: "values of 1,000 bytes are held and found", why: "an index that takes less makes the store fail for this software", do: longValues},
		{name: "texts come back whatever characters they have",
			why: "a directory may write anything into a name, and a store that refuses it is down for this client",
			do: func(p *probe) {
				c := client("a")
				c.Application.Name = "nul \x00, \u2028 \u202e <b>&amp; ' \" \\ % \U0001f512 \u00e4 a\u0308 \ufffd"
				c.Application.Attributes[0].Values = []string{"\x00", "", "\t\r\n\x7f"}
				c.OrgID, c.SoftwareID, c.Issuer = "' OR 1=1 --", "\\ \u202e", "\t \U0010ffff"
				p.create(c, jti("1"), nil)
				p.same(versioned(c, 1))
			}},
		{name: "a record that goes in is copied", why: "values, not live pointers: a caller that changes its record later must not change the store",
			do: func(p *probe) {
				c := client("a")
				p.create(c, jti("1"), nil)
				spoil(c)
				p.same(versioned(client("a"), 1))
				c = versioned(client("a"), 1)
				p.update(c, jti("2"), nil)
				spoil(c)
				p.same(versioned(client("a"), 2))
			}},
		{name: "a record that comes out is the caller's", why: "values, not live pointers: no caller may see what another does to its record",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				spoil(p.get("a"))
				p.same(versioned(client("a"), 1))
			}},
		{name: "client IDs are compared byte by byte", why: "a store that folds case or trims gives one client the record of another",
			do: func(p *probe) {
				for i, id := range []string{"abc", "ABC", "abc ", "ab\u00e7", "abc%", "ab_"} {
					p.create(client(id), jti(fmt.Sprint(i)), nil)
				}
				p.delete("abc", 1, nil)
				p.absent("abc")
				p.same(versioned(client("ABC"), 1))
				p.same(versioned(client("abc "), 1))
			}},
		{name: "an unknown client is ErrNotFound", why: "the bank answers an unknown client with 401 and an outage of the store with 503",
			do: func(p *probe) {
				p.absent("a")
				p.update(versioned(client("a"), 1), jti("1"), store.ErrNotFound)
				p.delete("a", 1, store.ErrNotFound)
				p.free(jti("1"))
			}},
		{name: "a context that has ended changes nothing",
			why: "the caller has given up, and its sender was answered: a record that appears later belongs to nobody",
			do:  endedContext},
	}
}

// spoil changes everything that a record points at.
func spoil(c store.Client) {
	for _, bytes := range [][]byte{c.Metadata, c.SecretHash, c.SealedSecret, c.UpstreamState, c.UpstreamMembers} {
		for i := range bytes {
			bytes[i] = 'x'
		}
	}
	for i, a := range c.Application.Attributes {
		for j := range a.Values {
			a.Values[j] = "spoilt"
		}
		c.Application.Attributes[i].Name = "spoilt"
	}
}

func endedContext(p *probe) {
	p.create(client("a"), jti("1"), nil)
	ended, cancel := context.WithCancel(p.ctx)
	cancel()
	other := versioned(client("a"), 1)
	other.OrgID = "other"
	_, got := p.Get(ended, "a")
	answers := map[string]error{
		"Create": p.Create(ended, client("b"), request("2")), "Update": p.Update(ended, other, request("3")),
		"Delete": p.Delete(ended, "a", 1, store.Change{}), "Get": got,
	}
	if p.unfinished != nil {
		p.create(in(client("c"), store.Creating, issued), jti("4"), nil)
		answers["Undo"] = p.unfinished.Undo(ended, "c", 1, store.Change{})
		_, answers["ListUnfinished"] = p.unfinished.ListUnfinished(ended, farAhead, 10)
		p.burnt(jti("4"))
	}
	if p.lister != nil {
		_, answers["List"] = p.lister.List(ended, "", 10)
	}
	if p.clientIDs != nil {
		_, answers["GetByClientID"] = p.clientIDs.GetByClientID(ended, "a")
	}
	if p.pending != nil {
		_, answers["ListPending"] = p.pending.ListPending(ended, "", 10)
	}
	for verb, err := range answers {
		if !errors.Is(err, context.Canceled) {
			failf("%s: got error %v, want %v", verb, err, context.Canceled)
		}
	}
	p.absent("b")
	p.same(versioned(client("a"), 1))
	p.free(jti("2"))
	p.free(jti("3"))
}

func longValues(p *probe) {
	long := func(of string) string { // which does not shrink when it is compressed
		var text strings.Builder
		for i := 0; text.Len() < 1000; i++ {
			sum := sha256.Sum256([]byte(fmt.Sprint(of, i)))
			text.WriteString(hex.EncodeToString(sum[:]))
		}
		return text.String()[:1000]
	}
	c := client(long("ID"))
	c.OrgID, c.SoftwareID, c.UniqueKey, c.ClientID = long("org"), long("software"), long("key"), long("client_id")
	c.Environment, c.SubjectDN = claims.Environment(long("environment")), strings.Repeat(long("subject"), 64)
	p.create(c, jti("1"), nil)
	p.same(versioned(c, 1))
	p.holds(c.UniqueKey)
	p.vacant(c.UniqueKey[:999] + "-")
	p.vacant(c.UniqueKey[:999])
	if p.searcher != nil {
		all := store.Query{OrgID: c.OrgID, SoftwareID: c.SoftwareID, Environment: c.Environment}
		wantIDs("Search", p.searched(all, 3), nil, []string{c.ID})
		wantIDs("Search", p.searched(store.Query{OrgID: c.OrgID[:999]}, 3), nil, nil)
	}
}

func reservationCases() []testCase {
	return []testCase{
		{name: "a jti is used once",
			why: "RFC 7519 section 4.1.7 and OBIE: an eavesdropper must not register again with the same request",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.create(client("b"), jti("1"), store.ErrReplayed)
				p.absent("b")
				p.vacant("key of b")
			}},
		{name: "a jti that made a client does not change one", why: "POST and PUT share the namespace: the token of one must not do for the other",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				other := versioned(client("a"), 1)
				other.OrgID = "other"
				p.update(other, jti("1"), store.ErrReplayed)
				p.same(versioned(client("a"), 1))
				p.update(other, jti("2"), nil)
				p.burnt(jti("2"))
			}},
		{name: "a jti is compared in lower case", why: "OBIE jti are UUIDs, which are the same in upper and lower case",
			do: func(p *probe) {
				p.create(client("a"), jti("00AA-bb"), nil)
				p.burnt(jti("00aa-BB"))
				p.free(jti("00aa-bc"))
			}},
		{name: "a jti counts within its namespace and issuer",
			why: "each issuer chooses its own jti, and two pairs of issuer and jti must not run together into one key",
			do: func(p *probe) {
				p.create(client("a"), store.Reservation{Namespace: "request", Issuer: "ab", JTI: "c", Until: farAhead}, nil)
				for _, r := range []store.Reservation{
					{Namespace: "request", Issuer: "a", JTI: "bc", Until: farAhead},
					{Namespace: "request", Issuer: "AB", JTI: "c", Until: farAhead},
					{Namespace: "requesta", Issuer: "b", JTI: "c", Until: farAhead},
					{Namespace: "client assertion", Issuer: "ab", JTI: "c", Until: farAhead},
				} {
					p.free(r)
				}
			}},
		{name: "a refused record burns no jti", why: "record and reservation are one transaction: the sender of a refused request may correct it and send it again",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.create(client("a"), jti("2"), store.ErrExists)
				taken := client("b")
				taken.UniqueKey = "key of a"
				p.create(taken, jti("2"), store.ErrExists)
				p.update(versioned(client("a"), 9), jti("2"), store.ErrConflict)
				p.free(jti("2"))
			}},
		{name: "a replay is said before a record that exists",
			why: "the same request sent twice is a replay: the sender is told to look for its own client, and not that another has the key",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				wantFinal("Create", p.Create(p.ctx, client("a"), request("1")))
			}},
		{name: "a reservation that has ended is no obstacle",
			why: "the store keeps a jti until exp and the skew have passed; later the bank refuses the token for its age",
			do: func(p *probe) {
				ended := jti("1")
				ended.Until = longAgo
				p.create(client("a"), ended, nil)
				p.create(client("b"), jti("1"), nil)
				p.burnt(jti("1"))
			}},
	}
}

func forgettingCases() []testCase {
	return []testCase{
		{name: "the zero reservation reserves nothing", why: "changes by the bank itself come without a token, and there may be any number of them",
			do: func(p *probe) {
				p.create(client("a"), store.Reservation{}, nil)
				p.create(client("b"), store.Reservation{}, nil)
				p.update(versioned(client("a"), 1), store.Reservation{}, nil)
			}},
		{name: "a jti outlives its client", why: "a replay of a deleted client's request would register it again",
			do: func(p *probe) {
				p.create(client("a"), jti("1"), nil)
				p.delete("a", 1, nil)
				p.burnt(jti("1"))
				p.create(in(client("b"), store.Creating, issued), jti("2"), nil)
				p.delete("b", 1, nil)
				p.burnt(jti("2"))
			}},
		{name: "forgetting what has ended forgets nothing else", why: "a store that purges by age or by number lets replays through",
			do: func(p *probe) {
				for i := range 60 {
					r := jti(fmt.Sprint(i))
					if i%3 != 0 {
						r.Until = longAgo.Add(time.Duration(i) * time.Second) // each later than those forgotten
					}
					p.create(store.Client{ID: fmt.Sprint("c", i)}, r, nil)
				}
				for i := 0; i < 60; i += 3 {
					p.burnt(jti(fmt.Sprint(i)))
				}
			}},
		{name: "Reserved is the key of the reservation, and the store's",
			why: "Undo forgets that reservation, so no caller may choose it: it would free another's jti",
			do: func(p *probe) {
				c := in(client("a"), store.Creating, issued)
				c.Reserved = []byte("of another")
				p.create(c, jti("1"), nil)
				key := jti("1").Key()
				if got := p.get("a").Reserved; !bytes.Equal(got, key[:]) {
					failf("Reserved is %x, want %x", got, key)
				}
				p.create(in(client("b"), store.Creating, issued), store.Reservation{}, nil)
				if got := p.get("b").Reserved; len(got) > 0 {
					failf("Reserved is %x, want none", got)
				}
			}},
	}
}
