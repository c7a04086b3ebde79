package dcr_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// Further orders of a child.
const (
	opApprove dcr.Operation = "approve"
	opRemove  dcr.Operation = "remove"
)

// newPendingKillTest is a bank whose changes wait. It has one client from before.
func newPendingKillTest(t *testing.T, op dcr.Operation, replay bool) *killTest {
	t.Helper()
	k := newKillTest(t, op)
	k.order.Pending = true
	if replay {
		k.order.Replay = t.TempDir()
	}
	return k
}

// apply makes a registration wait, and makes it the one that the order is about.
func (k *killTest) apply(t *testing.T) store.Client {
	t.Helper()
	var record store.Client
	k.open(t, func(r *dcr.Registrar, s *sqlite.Store) {
		registration, refusal := k.world.register(t, r, k.world.token(t, nil))
		require.Nil(t, refusal)
		var err error
		record, err = s.Get(context.Background(), registration.Client.ID)
		require.NoError(t, err)
	})
	k.order.ClientID = record.ID
	return record
}

// leave makes the deletion of the first client wait.
func (k *killTest) leave(t *testing.T) {
	t.Helper()
	k.open(t, func(r *dcr.Registrar, _ *sqlite.Store) {
		by := dcr.Caller{Token: k.access(t), Certificate: k.world.certificate(t, k.world.software)}
		require.ErrorIs(t, r.Delete(context.Background(), k.before.ID, by), dcr.ErrPending)
	})
}

// later lets the leases of a Replay end.
func (k *killTest) later() {
	k.order.Now = k.order.Now.Add(2 * dcr.ChangeTimeout)
	k.world.now = k.order.Now
	k.server.clock = k.world.config.Clock
}

// reconciled opens the bank after the kill and reconciles. Nothing that the TPP sees may
// change by that.
func (k *killTest) reconciled(t *testing.T, use func(*dcr.Registrar, *sqlite.Store)) {
	t.Helper()
	k.open(t, func(r *dcr.Registrar, s *sqlite.Store) {
		shown := inForce(t, s)
		_, err := r.Reconcile(context.Background(), 0)
		require.NoError(t, err)
		require.Equal(t, shown, inForce(t, s))
		require.Equal(t, shown, k.server.holds(t), "both systems say the same")
		left, err := s.ListUnfinished(context.Background(), k.world.now.Add(time.Hour), 10)
		require.NoError(t, err)
		require.Empty(t, left)
		use(r, s)
		require.Equal(t, inForce(t, s), k.server.holds(t))
	})
}

// waits are the records that wait for a person.
func waits(t *testing.T, r *dcr.Registrar) []store.Client {
	t.Helper()
	found, err := r.ListPending(context.Background(), "", 10)
	require.NoError(t, err)
	return found
}

func TestARegistrationThatIsKilledBeforeItWaitsEndsAsBeforeOrAsAsked(t *testing.T) {
	for _, c := range []struct {
		name, point string
		replay      bool
		end         end
	}{
		{"approved", "create.approved", false, asBefore},
		{"pending", "create.pending", false, asAsked},
		{"begun, with a Replay", "create.begun", true, asBefore},
		{"confirmed, with a Replay", "create.confirmed", true, burnt},
		{"pending, with a Replay", "create.pending", true, asAsked},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newPendingKillTest(t, dcr.OpCreate, c.replay)
			k.order.Point = c.point
			k.kill(t, k.order)
			k.later()
			k.reconciled(t, func(r *dcr.Registrar, s *sqlite.Store) {
				require.Equal(t, map[string]string{k.before.ID: string(k.before.Metadata)}, inForce(t, s))
				require.Equal(t, c.end == asAsked, len(waits(t, r)) == 1)
				registration, err := r.Register(context.Background(), dcr.RegisterInput{Token: claims.NewSecret(k.order.Request),
					Certificate: k.world.certificate(t, k.world.software)})
				if c.end == asBefore {
					require.NoError(t, err)
					require.True(t, registration.Pending)
				} else {
					require.Equal(t, []string{"request.jti.replayed"}, ruleIDs(refusalOf(t, err).Report))
				}
				for _, record := range waits(t, r) {
					_, err := r.ApprovePending(context.Background(), record.ID)
					require.NoError(t, err)
				}
			})
		})
	}
}

func TestAnApprovalThatIsKilledLeavesTheRegistrationWaitingOrApproved(t *testing.T) {
	for _, c := range []struct {
		name   string
		points []string // the second and later ones kill Reconcile
		replay bool
		end    end
	}{
		{"begun", []string{"approve.begun"}, false, asBefore},
		{"provisioned", []string{"approve.provisioned"}, false, asBefore},
		{"provisioned, with a Replay", []string{"approve.provisioned"}, true, asBefore},
		{"confirmed, with a Replay", []string{"approve.confirmed"}, true, asBefore},
		{"provisioned, and killed again", []string{"approve.provisioned", "reconcile.taken", "undo.reverted"}, false, asBefore},
		{"ended", []string{"create.ended"}, false, asAsked},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newPendingKillTest(t, opApprove, c.replay)
			before := k.apply(t)
			for i, point := range c.points {
				o := k.order
				if o.Point = point; i > 0 {
					o.Operation = dcr.OpReconcile
				}
				k.kill(t, o)
			}
			k.later()
			k.reconciled(t, func(r *dcr.Registrar, s *sqlite.Store) {
				after, err := s.Get(context.Background(), before.ID)
				require.NoError(t, err)
				_, err = r.ApprovePending(context.Background(), before.ID)
				if c.end == asAsked {
					require.Equal(t, store.Active, after.State)
					require.ErrorIs(t, err, dcr.ErrNotPending)
					return
				}
				require.NoError(t, err)
				after.Version = before.Version
				require.Equal(t, before, after)
				require.Len(t, inForce(t, s), 2)
			})
		})
	}
}

func TestADeletionThatIsKilledWaitsOrIsCompleted(t *testing.T) {
	for _, c := range []struct {
		name  string
		op    dcr.Operation
		point string
		end   end
	}{
		{"asked for, approved by the hook", dcr.OpDelete, "delete.approved", asBefore},
		{"asked for, waiting", dcr.OpDelete, "delete.pending", asAsked},
		{"approved, begun", opApprove, "delete.begun", asAsked},
		{"approved, revoked", opApprove, "delete.revoked", asAsked},
		{"approved, deprovisioned", opApprove, "delete.deprovisioned", asAsked},
		{"approved, ended", opApprove, "delete.ended", asAsked},
		{"removed, begun", opRemove, "delete.begun", asAsked},
		{"removed, deprovisioned", opRemove, "delete.deprovisioned", asAsked},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newPendingKillTest(t, c.op, false)
			if c.op != dcr.OpDelete {
				k.leave(t)
			}
			k.order.Point = c.point
			k.kill(t, k.order)
			k.open(t, func(r *dcr.Registrar, s *sqlite.Store) {
				_, err := r.Reconcile(context.Background(), 0)
				require.NoError(t, err)
				require.Equal(t, inForce(t, s), k.server.holds(t))
				if c.op != dcr.OpDelete {
					require.Empty(t, inForce(t, s))
					require.Empty(t, waits(t, r))
					return
				}
				require.Len(t, inForce(t, s), 1)
				require.Equal(t, c.end == asAsked, len(waits(t, r)) == 1)
				by := dcr.Caller{Token: k.access(t), Certificate: k.world.certificate(t, k.world.software)}
				require.ErrorIs(t, r.Delete(context.Background(), k.before.ID, by), dcr.ErrPending)
				require.Len(t, waits(t, r), 1)
			})
		})
	}
}
