package conform_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/internal/fulltest"
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
