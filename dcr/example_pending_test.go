package dcr_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// decideAll shows a person each change that waits. person returns why it refuses a change, or
// "" to approve it. handOver gives the TPP its client_id, and its secret if it has one.
func decideAll(ctx context.Context, r *dcr.Registrar, name string, person func(store.Client) string, handOver func(*dcr.Registration)) error {
	ctx = dcr.WithActor(ctx, dcr.Actor{Kind: dcr.ActorOperator, Name: name})
	for after := ""; ; {
		waiting, err := r.ListPending(ctx, after, 100)
		if err != nil || len(waiting) == 0 {
			return err
		}
		for _, c := range waiting { // c.State tells a registration from a deletion, c.Since how long it has waited
			after = c.ID
			if reason := person(c); reason != "" {
				err = r.RefusePending(ctx, c.ID, reason)
			} else if registration, failed := r.ApprovePending(ctx, c.ID); registration != nil {
				handOver(registration)
			} else {
				err = failed // nil for a deletion
			}
			if err != nil && !errors.Is(err, dcr.ErrNotPending) && !errors.Is(err, store.ErrNotFound) {
				return err // the change still waits; the other two say that somebody else has decided
			}
		}
	}
}

// TestTheSampleOfAnOperatorDecides holds the sample of docs/operations.md to what it says.
func TestTheSampleOfAnOperatorDecides(t *testing.T) {
	b := newWaitingRoom(t, nil)
	_, by := b.leaving(t)
	for _, id := range []string{"waits-1", "waits-2"} {
		b.place(t, id, store.PendingCreate)
	}
	var handed []string
	decide := func() error {
		return decideAll(context.Background(), b.Registrar, "ada", func(c store.Client) string {
			if c.ID == "waits-1" {
				require.NoError(t, b.RefusePending(context.Background(), c.ID, "somebody else was faster"))
			}
			if c.ID == "waits-2" {
				return "nobody knows them"
			}
			return ""
		}, func(r *dcr.Registration) { handed = append(handed, r.Client.ClientID) })
	}
	require.NoError(t, decide())
	require.Equal(t, "null", everything(t, b.records))
	require.False(t, b.alive(by.Token))
	require.Empty(t, handed)
	id := b.apply(t, nil).ID
	b.server.fail = failOnce("provision")
	require.Equal(t, 503, refusalOf(t, decide()).Status)
	require.NoError(t, decide())
	require.Equal(t, []string{id}, handed)
	require.Equal(t, inForce(t, b.records), b.server.holds())
}
