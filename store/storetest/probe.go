package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

var (
	issued   = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	farAhead = time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	longAgo  = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
)

// breach is what a case panics with where the contract does not hold.
type breach struct{ error }

// caught runs a case and returns its breach.
func caught(do func()) (err error) {
	defer func() {
		if found := recover(); found != nil {
			b, ok := found.(breach)
			if !ok {
				panic(found)
			}
			err = b.error
		}
	}()
	do()
	return nil
}

func failf(format string, args ...any) { panic(breach{fmt.Errorf(format, args...)}) }

// want checks an answer: the error wanted, or nil for none.
func want(what string, err, wanted error) {
	if !errors.Is(err, wanted) {
		failf("%s: got error %v, want %v", what, err, wanted)
	}
}

// wantFinal checks that an answer is ErrReplayed and will stay so.
func wantFinal(what string, err error) {
	if want(what, err, store.ErrReplayed); errors.Is(err, store.ErrUnderWay) {
		failf("%s: got error %v, and no change is under way", what, err)
	}
}

// probe asks a store, and ends the case if the answer is wrong. Only the goroutine of
// the case may call its methods.
type probe struct {
	store.Store
	ctx        context.Context
	unfinished store.Unfinished
	lister     store.Lister
	clientIDs  store.ClientIDs
	pending    store.Pending
	auditor    store.Auditor
	searcher   store.Searcher
	purger     store.Purger
	transfer   store.Transfer
	users      store.Users
	sessions   store.Sessions
	names      store.NameSearcher
	subs       store.Subscriptions
	noter      store.Noter
	another    func() *probe // of another store, that is empty
	clock      *turned       // of the store, in a case that turns it
	others     int           // how many other clients it has made meanwhile
	rounds     int           // how often each race is run
}

func newProbe(ctx context.Context, open func() store.Store, clock *turned, rounds int) *probe {
	s := open()
	p := &probe{ctx: ctx, Store: s, clock: clock, rounds: rounds}
	p.unfinished, _ = capable[store.Unfinished](s)
	p.lister, _ = capable[store.Lister](s)
	p.clientIDs, _ = capable[store.ClientIDs](s)
	p.pending, _ = capable[store.Pending](s)
	p.auditor, _ = capable[store.Auditor](s)
	p.searcher, _ = capable[store.Searcher](s)
	p.purger, _ = capable[store.Purger](s)
	p.transfer, _ = capable[store.Transfer](s)
	p.users, _ = capable[store.Users](s)
	p.sessions, _ = capable[store.Sessions](s)
	p.names, _ = capable[store.NameSearcher](s)
	p.subs, _ = capable[store.Subscriptions](s)
	p.noter, _ = capable[store.Noter](s)
	p.another = func() *probe { return newProbe(ctx, open, clock, rounds) }
	return p
}

func (p *probe) create(c store.Client, r store.Reservation, wanted error) {
	want(fmt.Sprintf("Create(%q)", c.ID), p.Create(p.ctx, c, store.Change{Reservation: r}), wanted)
}

func (p *probe) update(c store.Client, r store.Reservation, wanted error) {
	want(fmt.Sprintf("Update(%q, version %d)", c.ID, c.Version), p.Update(p.ctx, c, store.Change{Reservation: r}), wanted)
}

func (p *probe) delete(id string, version int64, wanted error) {
	want(fmt.Sprintf("Delete(%q, %d)", id, version), p.Delete(p.ctx, id, version, store.Change{}), wanted)
}

func (p *probe) undo(id string, version int64, wanted error) {
	want(fmt.Sprintf("Undo(%q, %d)", id, version), p.unfinished.Undo(p.ctx, id, version, store.Change{}), wanted)
}

func (p *probe) get(id string) store.Client {
	c, err := p.Get(p.ctx, id)
	want(fmt.Sprintf("Get(%q)", id), err, nil)
	return c
}

func (p *probe) absent(id string) {
	_, err := p.Get(p.ctx, id)
	want(fmt.Sprintf("Get(%q)", id), err, store.ErrNotFound)
}

// same checks that the record is the wanted one, in all members.
func (p *probe) same(wanted store.Client) {
	if diff := difference(p.get(wanted.ID), wanted); diff != "" {
		failf("record %q: %s", wanted.ID, diff)
	}
}

// burnt checks that the store refuses the jti, underWay that it does so for a change that
// has not ended, and free that it does not. free removes the record that it makes.
func (p *probe) burnt(r store.Reservation) {
	p.create(store.Client{ID: "burnt?"}, r, store.ErrReplayed)
}

func (p *probe) underWay(r store.Reservation) {
	p.create(store.Client{ID: "under way?"}, r, store.ErrUnderWay)
}

func (p *probe) free(r store.Reservation) {
	p.create(store.Client{ID: "free?"}, r, nil)
	p.delete("free?", 1, nil)
}

// holds checks that a unique key is taken, and vacant that it is not.
func (p *probe) holds(key string) {
	p.create(store.Client{ID: "holds?", UniqueKey: key}, store.Reservation{}, store.ErrExists)
}

func (p *probe) vacant(key string) {
	p.create(store.Client{ID: "vacant?", UniqueKey: key}, store.Reservation{}, nil)
	p.delete("vacant?", 1, nil)
}

// jti is a reservation that does not end while the test runs.
func jti(id string) store.Reservation {
	return store.Reservation{Namespace: "request", Issuer: "software", JTI: id, Until: farAhead}
}

// request is a change that a request with that jti asked for.
func request(id string) store.Change { return store.Change{Reservation: jti(id)} }

// client is a record with all members, distinct in each by its ID.
func client(id string) store.Client {
	return store.Client{
		ID: id, IssuedAt: issued, Environment: "sandbox", Issuer: "issuer of " + id, SoftwareID: "software of " + id, OrgID: "org of " + id,
		Metadata:          []byte(`{"client_name": "` + id + `" , "b":1.0,"a":"\u0041 \/ <&>"}`),
		SoftwareStatement: "header." + id + ".signature",
		Application: claims.Application{Name: "App of " + id, ID: "software of " + id, Attributes: []claims.Attribute{
			{Name: "software_id_sandbox", Values: []string{id}},
			{Name: "software_roles_sandbox", Values: []string{"AISP", "PISP"}, List: true},
		}},
		UniqueKey: "key of " + id, SecretHash: []byte("hash of " + id + "\x00\xff"), SealedSecret: []byte("sealed " + id + "\x00\xfe"),
		State: store.Active, Since: issued,
	}
}

// decided returns the record with what an authorization server decides, the client_id
// excepted.
func decided(c store.Client, by string) store.Client {
	c.OwnSubject, c.UpstreamState = "subject of "+by, []byte("state of "+by+"\x00\xff")
	c.UpstreamMembers = []byte(`{"b" : 1.0,"a":"\u0041 \/ <&>","by":"` + by + `"}`)
	return c
}

// named returns the record with a client_id.
func named(c store.Client, clientID string) store.Client {
	c.ClientID = clientID
	return c
}

// in returns the record in another state, with that Since.
func in(c store.Client, s store.State, since time.Time) store.Client {
	c.State, c.Since = s, since
	return c
}

// versioned returns the record with the version.
func versioned(c store.Client, version int64) store.Client {
	c.Version = version
	return c
}

// clientIDOf returns the client_id of a record. The ID stands for none, except in a record
// that was never Active.
func clientIDOf(c store.Client) string {
	if c.State == store.Creating || c.State == store.PendingCreate {
		return c.ClientID
	}
	return cmp.Or(c.ClientID, c.ID)
}

// difference names the first member in which two records differ. Bytes and lists
// that are empty count as none.
func difference(got, wanted store.Client) string {
	if got.Previous != nil && wanted.Previous != nil {
		if diff := difference(*got.Previous, *wanted.Previous); diff != "" {
			return "Previous: " + diff
		}
	}
	for _, member := range []struct {
		name string
		same bool
	}{
		{"ID", got.ID == wanted.ID}, {"ClientID", clientIDOf(got) == clientIDOf(wanted)},
		{"Version", got.Version == wanted.Version}, {"State", got.State == wanted.State},
		{"Since", got.Since.Equal(wanted.Since)}, {"IssuedAt", got.IssuedAt.Equal(wanted.IssuedAt)},
		{"Environment", got.Environment == wanted.Environment}, {"Issuer", got.Issuer == wanted.Issuer}, {"SoftwareID", got.SoftwareID == wanted.SoftwareID},
		{"OrgID", got.OrgID == wanted.OrgID}, {"Metadata", bytes.Equal(got.Metadata, wanted.Metadata)},
		{"SoftwareStatement", got.SoftwareStatement == wanted.SoftwareStatement},
		{"Application", sameApplication(got.Application, wanted.Application)}, {"UniqueKey", got.UniqueKey == wanted.UniqueKey},
		{"SecretHash", bytes.Equal(got.SecretHash, wanted.SecretHash)}, {"SealedSecret", bytes.Equal(got.SealedSecret, wanted.SealedSecret)},
		{"JWKSAddress", got.JWKSAddress == wanted.JWKSAddress}, {"SubjectDN", got.SubjectDN == wanted.SubjectDN},
		{"OwnSubject", got.OwnSubject == wanted.OwnSubject},
		{"UpstreamState", bytes.Equal(got.UpstreamState, wanted.UpstreamState)},
		{"UpstreamMembers", bytes.Equal(got.UpstreamMembers, wanted.UpstreamMembers)},
		{"Previous", (got.Previous == nil) == (wanted.Previous == nil)}, {"Reserved", bytes.Equal(got.Reserved, wanted.Reserved)},
	} {
		if !member.same {
			return member.name + " is another than was written"
		}
	}
	return ""
}

func sameApplication(a, b claims.Application) bool {
	return a.Name == b.Name && a.ID == b.ID && slices.EqualFunc(a.Attributes, b.Attributes, func(a, b claims.Attribute) bool {
		return a.Name == b.Name && a.List == b.List && slices.Equal(a.Values, b.Values)
	})
}

// together runs do n times at once and returns the errors by place.
func together(n int, do func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// winner checks that exactly one got no error, and each other one of the losers.
func winner(errs []error, losers ...error) int {
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			failf("two of %d succeeded, want one", len(errs))
		case err == nil:
			won = i
		case !slices.ContainsFunc(losers, func(loser error) bool { return errors.Is(err, loser) }):
			failf("a loser got error %v, want one of %v", err, losers)
		}
	}
	if won < 0 {
		failf("none of %d succeeded, want one", len(errs))
	}
	return won
}
