package dcrtest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// TestADirectoryMisbehaves: what a bank cannot read is an outage for the sender, and it is over
// when the fault is.
func TestADirectoryMisbehaves(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]ssatest.KeySetFault{
		"a status":           {Status: http.StatusInternalServerError},
		"a page":             {ContentType: "text/html", Body: []byte("<html>we are down</html>")},
		"a redirect":         {Redirect: "https://directory.example/keys.jwks"},
		"no answer":          {Hang: true},
		"a reset":            {Reset: true},
		"an empty set":       {Body: []byte(`{"keys":[]}`)},
		"nothing":            {Body: []byte{}},
		"without end":        {Body: []byte(`{"keys":[]}    `), Repeat: 1 << 18},
		"later than allowed": {Delay: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bank := dcrtest.NewBank(t, dcrtest.WithServerConfig(func(c *server.Config) { c.Keys.Limits.Timeout = 3 * time.Second }))
			tpp := bank.NewTPP(t)
			bank.Directory().Misbehave("/keys.jwks", fault)
			_, err := tpp.Register()
			require.Equal(t, http.StatusServiceUnavailable, dcrtest.RequireRefused(t, err).Status)
			require.Positive(t, bank.Directory().Fetches("/keys.jwks"))
		})
	}
}

func TestAFaultOfADirectoryIsOver(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*ssatest.Directory){
		"by the zero fault": func(d *ssatest.Directory) { d.Misbehave(ssatest.EveryPath, ssatest.KeySetFault{}) },
		"by Behave":         (*ssatest.Directory).Behave,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := dcrtest.NewBank(t)
			first.Directory().Misbehave(ssatest.EveryPath, ssatest.KeySetFault{Status: http.StatusBadGateway})
			tpp := first.NewTPP(t)
			_, err := tpp.Register()
			require.Equal(t, http.StatusServiceUnavailable, dcrtest.RequireRefused(t, err).Status)
			end(first.Directory())
			tpp.At(dcrtest.NewBank(t, dcrtest.WithDirectory(first.Directory()))).MustRegister()
		})
	}
}

func TestALateKeySetIsWaitedFor(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t)
	bank.Directory().Misbehave("/keys.jwks", ssatest.KeySetFault{Delay: 50 * time.Millisecond, Times: 1})
	bank.NewTPP(t).MustRegister()
}

func TestKeysCountAtOnceWhereAskedFor(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t, dcrtest.WithKeysAtOnce())
	bank.Directory().Misbehave(ssatest.EveryPath, ssatest.KeySetFault{Status: http.StatusBadGateway})
	tpp := bank.NewTPP(t)
	tpp.MustRegister()
	tpp.Software().Withdraw()
	_, err := tpp.Register()
	dcrtest.RequireViolation(t, err)
}

func TestAFaultHasItsTimes(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t)
	bank.Directory().Misbehave("/keys.jwks", ssatest.KeySetFault{Status: http.StatusTeapot, Times: 2})
	var got []int
	for range 3 {
		answer, err := bank.NewTPP(t).HTTP().Get(bank.Directory().URL() + "/keys.jwks")
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		got = append(got, answer.StatusCode)
	}
	require.Equal(t, []int{http.StatusTeapot, http.StatusTeapot, http.StatusOK}, got)
}

func TestTheKeysOfASoftwareAreMissingOrWithdrawn(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t)
	withdrawn := bank.NewTPP(t)
	withdrawn.Software().Withdraw()
	_, err := withdrawn.Register()
	dcrtest.RequireViolation(t, err, validate.RuleRequestKeyRevoked)

	broken := bank.NewTPP(t)
	bank.Directory().Misbehave(broken.Software().JWKSURL(), ssatest.KeySetFault{Status: http.StatusServiceUnavailable})
	_, err = broken.Register()
	require.Equal(t, http.StatusServiceUnavailable, dcrtest.RequireRefused(t, err).Status)
	require.Positive(t, bank.Directory().Fetches(broken.Software().JWKSURL()))
}
