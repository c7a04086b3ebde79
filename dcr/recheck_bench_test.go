package dcr_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// BenchmarkRecheck is what a client costs in a run whose key sets are there, in memory, beside
// the signature of its statement and the judgement of the same claims by the rules.
func BenchmarkRecheck(b *testing.B) {
	n := newNight(b, nil)
	k := quick(b, n.registrar(b))
	found, err := k.Client(context.Background(), n.client)
	require.NoError(b, err)
	require.Equal(b, dcr.Admitted, found.Admission)
	b.Run("client", func(b *testing.B) {
		for b.Loop() {
			_, _ = k.Client(context.Background(), n.client)
		}
	})
	b.Run("walk", func(b *testing.B) {
		ctx := context.Background()
		for i := range 999 {
			c := n.client.Clone()
			c.ID, c.ClientID = "c"+string(rune('a'+i%26))+string(rune('a'+i/26)), ""
			require.NoError(b, n.records.Create(ctx, c, store.Change{}))
		}
		met := 0
		for b.Loop() {
			require.NoError(b, k.Walk(ctx, "", func(dcr.Rechecked) error { met++; return nil }))
		}
		b.ReportMetric(float64(met)/b.Elapsed().Seconds(), "clients/s")
	})
	statement, err := n.config.Statements.RereadUnsafe(n.client.SoftwareStatement, n.client.Environment)
	require.NoError(b, err)
	b.Run("signature", func(b *testing.B) {
		for b.Loop() {
			_ = n.config.Statements.Reverify(context.Background(), statement, nil)
		}
	})
	request, err := n.client.Request()
	require.NoError(b, err)
	input := &validate.Input{Request: request, SSA: statement.Claims(), Environment: n.client.Environment, Now: n.now}
	b.Run("judgement", func(b *testing.B) {
		for b.Loop() {
			_ = n.config.Validator.Judge(input)
		}
	})
}
