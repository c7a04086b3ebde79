package dcr_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

func TestAContactsChangeIsJudgedAgainWhereTheRecordMoved(t *testing.T) {
	for name, c := range map[string]struct {
		moves int // how often another writer comes first
		ok    bool
	}{"once": {1, true}, "again and again": {9, false}} {
		var b *office
		var id string
		left := 0
		b = newCounter(t, nil, func(config *dcr.Config) {
			config.Hooks.Approve = func(_ context.Context, change dcr.Change) error {
				if left > 0 && change.Operation != dcr.OpCreate {
					left--
					record := b.stored(t, id)
					return b.store.Update(context.Background(), record, store.Change{})
				}
				return nil
			}
		})
		for operation, do := range map[string]func() error{
			"update": func() error {
				_, err := b.UpdateManual(context.Background(), id, b.manual(t, nil))
				return err
			},
			"delete": func() error { return b.DeleteManual(context.Background(), id, b.own()) },
		} {
			id = b.walkIn(t, b.manual(t, nil)).Client.ID
			left = c.moves
			err := do()
			if c.ok {
				require.NoError(t, err, "%s, %s", name, operation)
				continue
			}
			require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status, "%s, %s", name, operation)
			require.Equal(t, 7, left, "%s, %s: it tries twice", name, operation)
			left = 0
		}
	}
}

func TestAChangeUnderWayIsNotCrossedByAContact(t *testing.T) {
	b := newCounter(t, nil, nil)
	client := b.walkIn(t, b.manual(t, nil)).Client
	client.State, client.Since = store.Updating, b.now
	require.NoError(t, b.store.Update(context.Background(), client, store.Change{}))
	before := everything(t, b.records)
	_, err := b.UpdateManual(context.Background(), client.ID, b.manual(t, nil))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, b.DeleteManual(context.Background(), client.ID, b.own())).Status)
	require.Equal(t, before, everything(t, b.records))
}

func TestASoftwareIsRegisteredOnceByHandToo(t *testing.T) {
	b := newCounter(t, func(p *validate.Policy) { p.Registrations = validate.RegistrationsOnePerSoftware }, nil)
	b.enrol(t, nil)
	m := b.manual(t, nil)
	m.Once = "form"
	_, err := b.RegisterManual(context.Background(), m)
	require.ErrorIs(t, err, store.ErrExists)
	require.Equal(t, http.StatusBadRequest, refusalOf(t, err).Status)
	_, err = b.RegisterManual(context.Background(), m)
	require.ErrorIs(t, err, store.ErrExists, "the form is unused")
}

func TestAClientOfADirectoryThatIsTrustedNoMoreIsDeletedAndNotRenewed(t *testing.T) {
	good := newCounter(t, nil, nil)
	client := good.walkIn(t, good.manual(t, nil)).Client
	anchor := good.directory.Anchor()
	anchor.Issuer = "Elsewhere"
	b := openCounter(t, good.world, good.store, func(c *dcr.Config) {
		var err error
		c.Statements, err = ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{anchor}, Clock: c.Clock})
		require.NoError(t, err)
	})
	_, err := b.UpdateManual(context.Background(), client.ID, b.manual(t, nil))
	require.Equal(t, http.StatusForbidden, refusalOf(t, err).Status)
	p, err := b.PreviewManual(context.Background(), client.ID, b.manual(t, nil))
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, p.Refusal.Status)
	require.NoError(t, b.DeleteManual(context.Background(), client.ID, b.own()))
	require.Empty(t, inForce(t, b.records))
}

func TestThePolicyIsACopy(t *testing.T) {
	b := newCounter(t, nil, nil)
	p := b.Policy()
	p.AuthMethods[0] = claims.ClientSecretBasic
	require.NotEqual(t, p.AuthMethods[0], b.Policy().AuthMethods[0])
}
