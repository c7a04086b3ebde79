package dcr_test

import (
	"context"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
)

// keyed is an authorization server that gives a new key with each answer, also with a
// refusal, and takes changes by the last key alone.
type keyed struct {
	key     int // the last one; 0 where there is no client
	refuses bool
}

func (k *keyed) opens(state claims.Secret) bool {
	return state.Reveal() == strconv.Itoa(k.key) || state.IsZero() && k.key == 0
}

func (k *keyed) Provision(_ context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	if !k.opens(p.State) {
		return dcr.Provisioned{}, dcr.ErrLost
	}
	k.key++
	done := dcr.Provisioned{State: claims.NewSecret(strconv.Itoa(k.key))}
	if k.refuses {
		k.refuses = false
		return done, &dcr.Refusal{Reason: "not this one"}
	}
	return done, nil
}

func (k *keyed) Deprovision(_ context.Context, d dcr.Deprovisioning) error {
	if !k.opens(d.State) {
		return dcr.ErrLost
	}
	k.key = 0
	return nil
}

// TestTheStateThatComesWithARefusalIsKept: without it the authorization server would keep a
// client that nobody can remove, or lose one that is in force.
func TestTheStateThatComesWithARefusalIsKept(t *testing.T) {
	server := &keyed{refuses: true}
	b := newOffice(t, nil, func(c *dcr.Config) { c.Provisioner = server })
	_, refusal := b.register(t, b.Registrar, b.token(t, nil))
	require.Equal(t, http.StatusBadRequest, refusal.Status)
	require.Zero(t, server.key, "the client was taken back")

	id := b.enrol(t, nil).Client.ID
	server.refuses = true
	_, err := b.Update(t.Context(), id, b.token(t, oneRedirect), b.caller(t, id))
	require.Equal(t, http.StatusBadRequest, refusalOf(t, err).Status)
	_, err = b.Update(t.Context(), id, b.token(t, oneRedirect), b.caller(t, id))
	require.NoError(t, err, "the last key is in the record")
	require.NoError(t, b.Delete(t.Context(), id, b.caller(t, id)))
	require.Zero(t, server.key)
}
