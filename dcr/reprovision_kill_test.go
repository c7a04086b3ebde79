package dcr_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// TestARepairThatIsKilledChangesNothingOfTheRecord: the client stays in force, and one whose
// deletion waits goes on to wait from the same day.
func TestARepairThatIsKilledChangesNothingOfTheRecord(t *testing.T) {
	for _, state := range []store.State{store.Active, store.PendingDelete} {
		for _, points := range [][]string{ // the second and later ones kill Reconcile
			{"reprovision.begun"}, {"reprovision.provisioned"}, {"reprovision.provisioned", "reconcile.taken", "undo.reverted"},
		} {
			t.Run(string(state)+", "+strings.Join(points, ", "), func(t *testing.T) {
				k := newPendingKillTest(t, dcr.OpReprovision, false)
				if state == store.PendingDelete {
					k.leave(t)
				}
				var before store.Client
				k.open(t, func(_ *dcr.Registrar, s *sqlite.Store) {
					var err error
					before, err = s.Get(context.Background(), k.before.ID)
					require.NoError(t, err)
					require.Equal(t, state, before.State)
				})
				require.NoError(t, k.server.drop("client-"+k.before.ID), "the server was restored from an old backup")
				k.later()
				for i, point := range points {
					o := k.order
					if o.Point = point; i > 0 {
						o.Operation = dcr.OpReconcile
					}
					k.kill(t, o)
				}
				k.later()
				k.reconciled(t, func(r *dcr.Registrar, s *sqlite.Store) {
					ctx := context.Background()
					after, err := s.Get(ctx, before.ID)
					require.NoError(t, err)
					after.Version = before.Version
					require.Equal(t, before, after)
					require.Equal(t, state == store.PendingDelete, len(waits(t, r)) == 1)
					report, err := r.Reprovision(ctx, dcr.ReprovisionOptions{})
					require.NoError(t, err)
					require.Equal(t, dcr.ReprovisionReport{Done: 1, Complete: true}, report)
					if state == store.Active {
						return
					}
					_, err = r.ApprovePending(ctx, before.ID)
					require.NoError(t, err)
					require.Empty(t, inForce(t, s))
				})
			})
		}
	}
}

// TestAKilledRepairThatMadeAClientAnewIsLogged: the server may hold a client whose id reached
// nobody, beside the one that the next repair makes.
func TestAKilledRepairThatMadeAClientAnewIsLogged(t *testing.T) {
	for point, made := range map[string]int{"reprovision.begun": 0, "reprovision.provisioned": 1} {
		t.Run(point, func(t *testing.T) {
			k, server := newChoosingKillTest(t, dcr.OpReprovision)
			require.NoError(t, server.drop("chosen-"+k.before.ClientID))
			k.order.Point = point
			k.kill(t, k.order)
			require.Len(t, server.chosenClients(t), made)
			log := &bytes.Buffer{}
			k.openLogging(t, log, func(r *dcr.Registrar, s *sqlite.Store) {
				ctx := context.Background()
				report, err := r.Reconcile(ctx, 0)
				require.NoError(t, err)
				require.Equal(t, dcr.ReconcileReport{Undone: 1}, report)
				requireLogged(t, log, slog.LevelError, "may hold a second client", k.before.ID)
				after, err := s.Get(ctx, k.before.ID)
				require.NoError(t, err)
				after.Version = k.before.Version
				require.Equal(t, k.before, after)
				repaired, err := r.Reprovision(ctx, dcr.ReprovisionOptions{})
				require.NoError(t, err)
				require.Len(t, repaired.Moved, 1)
				held, shown := server.chosenClients(t), inForce(t, s)
				require.Equal(t, shown[repaired.Moved[0].After], held[repaired.Moved[0].After])
				require.Len(t, held, len(shown)+made)
			})
		})
	}
}
