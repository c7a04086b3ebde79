package dcrtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/validate"
)

func TestALifeOfAClient(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t)
	tpp := bank.NewTPP(t)
	client := tpp.MustRegister()
	read, err := client.Get()
	require.NoError(t, err)
	require.Equal(t, client.ClientID, read.ClientID)
	now, err := client.Update(dcrtest.Remove("/redirect_uris/0"))
	require.NoError(t, err)
	uris, _ := now.Metadata.RedirectURIs.Get()
	require.Equal(t, tpp.Software().RedirectURIs[1:], uris)
	require.NoError(t, client.Delete())
	_, err = client.Get()
	require.Equal(t, 401, dcrtest.RequireRefused(t, err).Status)
}

func TestARefusalHasTheRulesOfTheBank(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t)
	tpp := bank.NewTPP(t)
	_, err := tpp.Register(dcrtest.Set("/redirect_uris/0", "http://tpp.example"))
	dcrtest.RequireViolation(t, err, validate.RuleRedirectURIsHTTPS, validate.RuleRedirectURIsSubsetOfSSA)
	r := dcrtest.RequireRefused(t, err)
	require.Equal(t, 400, r.Status)
	require.NotNil(t, r.Report)
	_, err = tpp.Register(dcrtest.SignedBy(bank.Directory().ForgedKey()))
	dcrtest.RequireViolation(t, err, validate.RuleRequestSignature)
	_, err = tpp.Register(dcrtest.Statement(dcrtest.Algorithm(claims.RS256)))
	dcrtest.RequireViolation(t, err)
	_, err = tpp.Register(dcrtest.NoCertificate())
	require.Equal(t, 401, dcrtest.RequireRefused(t, err).Status)
}

func BenchmarkBank(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		b.StartTimer()
		bank := dcrtest.NewBank(b)
		bank.NewTPP(b).MustRegister()
		bank.Close()
	}
}
