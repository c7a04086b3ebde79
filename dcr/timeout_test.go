package dcr_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
)

// slowServer is a Provisioner that answers when its context ends.
type slowServer struct{ took []time.Duration }

func (s *slowServer) wait(ctx context.Context) error {
	began := time.Now()
	<-ctx.Done()
	s.took = append(s.took, time.Since(began))
	return ctx.Err()
}

func (s *slowServer) Provision(ctx context.Context, _ dcr.Provisioning) (dcr.Provisioned, error) {
	return dcr.Provisioned{}, s.wait(ctx)
}

func (s *slowServer) Deprovision(context.Context, dcr.Deprovisioning) error { return nil }

func TestAChangeEndsWhenItsTimeDoes(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{0: dcr.ChangeTimeout, time.Second: time.Second, 10 * time.Minute: 10 * time.Minute} {
		slow := &slowServer{}
		b := newOffice(t, nil, func(c *dcr.Config) { c.Provisioner, c.ChangeTimeout = slow, given })
		require.Equal(t, want, b.ChangeTimeout())
		token, leaf := b.token(t, nil), b.certificate(t, b.software)
		synctest.Test(t, func(t *testing.T) {
			_, err := b.Register(t.Context(), dcr.RegisterInput{Token: claims.NewSecret(token), Certificate: leaf})
			require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
		})
		require.Equal(t, []time.Duration{want}, slow.took)
	}
	w, _ := newWorld(t, nil)
	for _, given := range []time.Duration{-1, time.Millisecond, 11 * time.Minute} {
		config := w.config
		config.ChangeTimeout = given
		_, err := dcr.NewRegistrar(config)
		require.ErrorContains(t, err, "ChangeTimeout")
	}
}
