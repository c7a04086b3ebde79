package dcr_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// Orders of a child, as a TPP's contact gives them. Their Request is a software statement.
const (
	opRegisterManual dcr.Operation = "register manual"
	opUpdateManual   dcr.Operation = "update manual"
	opDeleteManual   dcr.Operation = "delete manual"
)

// manual is what the contact of a kill test asks for.
func (o *order) manual() dcr.Manual {
	return dcr.Manual{Statement: o.Request, Reach: dcr.Reach{All: true}, Once: "form"}
}

// obeyManual carries out the order of a contact.
func (o *order) obeyManual(ctx context.Context, r *dcr.Registrar) (err error) {
	switch o.Operation {
	case opRegisterManual:
		_, err = r.RegisterManual(ctx, o.manual())
	case opUpdateManual:
		_, err = r.UpdateManual(ctx, o.ClientID, o.manual())
	case opDeleteManual:
		err = r.DeleteManual(ctx, o.ClientID, dcr.Reach{All: true})
	}
	return err
}

func TestAContactsChangeThatIsKilledAtAnyPointEndsAsBeforeOrAsAsked(t *testing.T) {
	const asBefore, asAsked = true, false
	for _, c := range []struct {
		op     dcr.Operation
		points []string
		before bool
	}{
		{opRegisterManual, []string{"create.approved", "create.begun", "create.provisioned"}, asBefore},
		{opRegisterManual, []string{"create.ended"}, asAsked},
		{opUpdateManual, []string{"update.approved", "update.begun", "update.provisioned"}, asBefore},
		{opUpdateManual, []string{"update.ended"}, asAsked},
		{opDeleteManual, []string{"delete.approved"}, asBefore},
		{opDeleteManual, []string{"delete.begun", "delete.revoked", "delete.deprovisioned", "delete.ended"}, asAsked},
	} {
		for _, point := range c.points {
			t.Run(string(c.op)+" "+point, func(t *testing.T) {
				k := newKillTest(t, c.op)
				k.order.Point, k.order.ClientID = point, k.before.ID
				k.order.Request = k.world.statement(t, map[string]any{"software_redirect_uris": []string{"https://tpp.example/new"}})
				k.kill(t, k.order)
				k.reconciled(t, func(r *dcr.Registrar, s *sqlite.Store) { k.repeatManual(t, r, s, c.before) })
			})
		}
	}
}

// repeatManual requires that the change ended as before, or as the contact asked, and asks again.
func (k *killTest) repeatManual(t *testing.T, r *dcr.Registrar, s *sqlite.Store, before bool) {
	t.Helper()
	shown := inForce(t, s)
	clients := map[dcr.Operation]int{opRegisterManual: 2, opUpdateManual: 1, opDeleteManual: 0}[k.order.Operation]
	if before {
		clients = 1
		require.Equal(t, map[string]string{k.before.ID: string(k.before.Metadata)}, shown)
	} else if k.order.Operation == opUpdateManual {
		require.NotEqual(t, string(k.before.Metadata), shown[k.before.ID])
	}
	require.Len(t, shown, clients)
	err := k.order.obeyManual(context.Background(), r)
	switch {
	case before:
		require.NoError(t, err, "whoever had no answer may ask again")
	case k.order.Operation == opDeleteManual:
		require.ErrorIs(t, err, store.ErrNotFound)
	default:
		require.ErrorIs(t, err, store.ErrReplayed, "the same form does nothing more")
	}
}
