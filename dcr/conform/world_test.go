package conform_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// registrant is a software of a directory as the cases use it.
func registrant(t *testing.T, software *ssatest.EnrolledSoftware) conform.Registrant {
	t.Helper()
	statement, err := software.SSA(nil)
	require.NoError(t, err)
	return conform.Registrant{Statement: statement, Signer: software.SigningKey, KeyID: software.SigningKeyID, Certificate: software.TransportCertificate,
		Mint: func(_ context.Context, changes map[string]any) (string, error) { return software.SSA(changes) }}
}

// quickBank is a good bank whose directory signs by ES256, as its software then does: signatures by PS256 take most of the
// time of a run.
func quickBank(t *testing.T, options ...dcrtest.Option) *dcrtest.Bank {
	t.Helper()
	es256 := dcrtest.WithDirectoryOptions(func(o *ssatest.Options) { o.Algorithm = claims.ES256 })
	return dcrtest.NewBank(t, append(options, es256)...)
}

// configOf has the cases judge a bank by the bank's own policy. Its software sign as their directory does.
func configOf(t *testing.T, bank *dcrtest.Bank) conform.Config {
	t.Helper()
	metadata, err := bank.Metadata()
	require.NoError(t, err)
	policy := bank.Policy()
	alike := dcrtest.WithSoftware(func(o *ssatest.SoftwareOptions) { o.Algorithm = bank.Directory().Anchor().Algorithms[0] })
	second := registrant(t, bank.NewTPP(t, alike).Software())
	return conform.Config{Metadata: metadata, Software: registrant(t, bank.NewTPP(t, alike).Software()), Second: &second, Profile: bank.Profile(),
		Policy: &policy, Stricter: true, Roots: bank.Roots(), Request: tpp.RequestOptions{Audience: dcrtest.Audience},
		Timeout: 30 * time.Second, Clock: bank.Now, About: conform.About{Tool: "obdcr test"}}
}

func run(t *testing.T, c conform.Config) *conform.Report {
	t.Helper()
	report, err := conform.Run(t.Context(), c)
	require.NoError(t, err)
	return report
}
