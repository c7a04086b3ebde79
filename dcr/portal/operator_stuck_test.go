package portal_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/store"
)

// awayServer is an authorization server that makes no clients, or removes none, while it is
// away.
type awayServer struct{ makes, removes atomic.Bool } // which of them it does not

var errAway = errors.New("the authorization server is away")

func (s *awayServer) Provision(context.Context, dcr.Provisioning) (dcr.Provisioned, error) {
	if s.makes.Load() {
		return dcr.Provisioned{}, errAway
	}
	return dcr.Provisioned{}, nil
}

func (s *awayServer) Deprovision(context.Context, dcr.Deprovisioning) error {
	if s.removes.Load() {
		return errAway
	}
	return nil
}

func newAwayWorld(t *testing.T, o options) (*world, *awayServer, *browser) {
	t.Helper()
	s := &awayServer{}
	o.bank = func(c *server.Config) { c.Provisioner = s }
	w := newWorld(t, o)
	w.operator("olga")
	return w, s, w.as(t, "olga")
}

func TestAnOperatorIsToldWhatTheAuthorizationServerDoesNotKnowYet(t *testing.T) {
	t.Parallel()
	w, away, b := newAwayWorld(t, options{})
	c := w.asked(t, orgOne, "App")
	away.removes.Store(true)
	form := url.Values{"reason": {"lost its licence"}, "typed": {c.SoftwareID}}
	a := b.post("/applications/"+c.ID+"/remove", form)
	assert.Equal(t, http.StatusOK, a.status)
	assert.Contains(t, a.body, "The authorization server could not be told yet")
	require.Equal(t, store.Deleting, w.record(t, c.ID).State)

	page := b.get("/applications/" + c.ID + "/remove")
	assert.Contains(t, page.body, "could not be completed")
	assert.Contains(t, page.body, `name="forget"`)
	a = b.post("/applications/"+c.ID+"/remove", form)
	assert.Contains(t, a.body, "The authorization server could not be told yet", "it was tried again")
	form.Set("forget", "yes")
	a = b.post("/applications/"+c.ID+"/remove", form)
	assert.Contains(t, a.body, "Its record is forgotten")
	_, err := w.store.Get(context.Background(), c.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	assert.Contains(t, strings.Join(w.entries(t, c.ID), "\n"), "delete forgotten by operator olga@bank.example, lost its licence")
}

// TestForgettingIsForDeletionsThatAreStuck: the field does nothing to another application.
func TestForgettingIsForDeletionsThatAreStuck(t *testing.T) {
	t.Parallel()
	w, _, b := newAwayWorld(t, options{})
	c := w.asked(t, orgOne, "App")
	assert.NotContains(t, b.get("/applications/"+c.ID+"/remove").body, `name="forget"`)
	a := b.post("/applications/"+c.ID+"/remove", url.Values{"reason": {"x"}, "typed": {c.SoftwareID}, "forget": {"yes"}})
	assert.Contains(t, a.body, "its tokens have ended")
	assert.NotContains(t, strings.Join(w.entries(t, c.ID), "\n"), "forgotten")
}

func TestAnApprovalThatCannotBeCarriedOutLeavesWhatWaits(t *testing.T) {
	t.Parallel()
	w, away, b := newAwayWorld(t, options{policy: waitingPolicy})
	c := w.asked(t, orgOne, "App")
	away.makes.Store(true)
	a := b.decideOn(c.ID, "approve", "")
	assert.Equal(t, http.StatusServiceUnavailable, a.status)
	assert.Contains(t, a.body, "This does not work at the moment")
	assert.NotContains(t, a.body, errAway.Error())
	assert.Equal(t, store.PendingCreate, w.record(t, c.ID).State)
	away.makes.Store(false)
	assert.Equal(t, http.StatusOK, b.decideOn(c.ID, "approve", "").status)

	record := w.record(t, c.ID)
	record.State = store.PendingDelete
	require.NoError(t, w.store.Update(context.Background(), record, store.Change{}))
	away.removes.Store(true)
	a = b.decideOn(c.ID, "approve", "")
	assert.Equal(t, http.StatusOK, a.status)
	assert.Contains(t, a.body, "The authorization server could not be told yet")
	assert.Equal(t, store.Deleting, w.record(t, c.ID).State)
}
