package conform_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/validate"
)

// TestAGoodBankPassesAllAndKeepsNoClient: nothing of a run is left at the bank.
func TestAGoodBankPassesAllAndKeepsNoClient(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t)
	c := configOf(t, bank)
	c.Parallel = 4
	if !fulltest.Asked() {
		c.Filter = []string{"discovery.*", "register.*", "get.*", "replay.*", "race.*", "certificate.*", "tls.*", "vector.redirect_uris.*"}
	}
	report := run(t, c)
	for _, r := range report.Results {
		require.Contains(t, []conform.Verdict{conform.Passed, conform.NotOffered, conform.NotRun}, r.Verdict, "%s: %s %s %+v", r.ID, r.Reason, r.Expected, r.Exchanges)
	}
	require.Empty(t, report.Left)
}

// TestWhatABankOffersIsPlayed: at a bank that has each verb and announces each method no case is not offered, whatever its
// policy, its profile and the run's method are. What these leave out is not run.
func TestWhatABankOffersIsPlayed(t *testing.T) {
	t.Parallel()
	bank := quickBank(t, dcrtest.WithPolicy(func(p *validate.Policy) {
		p.AuthMethods = claims.AuthMethods()
		for _, m := range p.AuthMethods {
			if m.NeedsSecret() {
				p.Widenings = append(p.Widenings, validate.Widening(m))
			}
		}
	}))
	c := configOf(t, bank)
	c.Parallel, c.Filter = 4, []string{"method.*", "answer.client-secrets-differ", "token.*", "discovery.*", "register.*", "update.method", "get.own", "vector.a*"}
	report := run(t, c)
	for _, r := range report.Results {
		require.NotEqual(t, conform.NotOffered, r.Verdict, "%s: %s", r.ID, r.Reason)
	}
	require.NotZero(t, report.Counts[conform.NotRun])
}
