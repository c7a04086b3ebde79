package dcrtest_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/validate"
)

func TestAnAuthorizationServerHasTheClients(t *testing.T) {
	t.Parallel()
	as := dcrtest.NewAuthorizationServer(t)
	bank := dcrtest.NewBank(t, dcrtest.WithProvisioner(as))
	client := bank.NewTPP(t).MustRegister()
	require.Equal(t, []string{client.ClientID}, as.ClientIDs())
	record, ok := as.Client(client.ClientID)
	require.True(t, ok)
	require.Equal(t, client.ClientID, record.ClientID)
	require.NoError(t, client.Delete())
	require.Empty(t, as.ClientIDs())
	require.Equal(t, 2, as.Calls())
}

func TestAnAuthorizationServerMisbehaves(t *testing.T) {
	t.Parallel()
	out := errors.New("out of order")
	for name, c := range map[string]struct {
		fault  dcrtest.ProvisionFault
		status int
	}{
		"it fails":                {dcrtest.ProvisionFault{Err: out}, http.StatusServiceUnavailable},
		"its answer is lost":      {dcrtest.ProvisionFault{Err: out, AndYet: true}, http.StatusServiceUnavailable},
		"it hangs":                {dcrtest.ProvisionFault{Hang: true}, http.StatusServiceUnavailable},
		"it hangs, and has it":    {dcrtest.ProvisionFault{Hang: true, AndYet: true}, http.StatusServiceUnavailable},
		"it refuses":              {dcrtest.ProvisionFault{Err: &dcr.Refusal{Code: validate.InvalidClientMetadata, Reason: "no"}}, http.StatusBadRequest},
		"it is late, and refuses": {dcrtest.ProvisionFault{Delay: time.Millisecond, Err: &dcr.Refusal{Reason: "no"}}, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			as := dcrtest.NewAuthorizationServer(t)
			bank := dcrtest.NewBank(t, dcrtest.WithProvisioner(as), dcrtest.WithServerConfig(func(c *server.Config) { c.ChangeTimeout = 5 * time.Second }))
			tpp := bank.NewTPP(t)
			c.fault.Times = 1
			as.OnProvision(c.fault)
			_, err := tpp.Register()
			require.Equal(t, c.status, dcrtest.RequireRefused(t, err).Status)
			require.Empty(t, as.ClientIDs(), "what it has made is taken back")
			tpp.MustRegister()
		})
	}
}

func TestAnAuthorizationServerFailsToRemove(t *testing.T) {
	t.Parallel()
	as := dcrtest.NewAuthorizationServer(t)
	bank := dcrtest.NewBank(t, dcrtest.WithProvisioner(as))
	client := bank.NewTPP(t).MustRegister()
	as.OnDeprovision(dcrtest.ProvisionFault{Err: errors.New("out of order")})
	require.NoError(t, client.Delete(), "the bank ends it later")
	require.Equal(t, []string{client.ClientID}, as.ClientIDs())
}

func TestALateAuthorizationServerIsWaitedFor(t *testing.T) {
	t.Parallel()
	as := dcrtest.NewAuthorizationServer(t)
	as.OnProvision(dcrtest.ProvisionFault{Delay: 20 * time.Millisecond})
	dcrtest.NewBank(t, dcrtest.WithProvisioner(as)).NewTPP(t).MustRegister()
}
