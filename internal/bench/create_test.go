package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/bench/bare"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// creates is how many records one turn of BenchmarkCreate writes.
const creates = 64

// creating writes a record: Create of a store, or its floor.
type creating func(ctx context.Context, c store.Client, with store.Change) error

// createRatios measures a store against its floor, in turns, with one writer and then with
// eight. of-floor-1 and of-floor-8 are the throughput as a part of the floor's: the medians of
// the ratios of the turns. Other work on the machine spoils some turns, and neither of the two
// alone.
func createRatios(b *testing.B, create, floor creating) {
	b.Helper()
	for _, writers := range []int{1, 8} {
		var ratios, processor, took, least []float64
		for done := 0; done < b.N; done += creates {
			ours, used := createTurn(b, writers, create)
			bare, bareUsed := createTurn(b, writers, floor)
			took, least = append(took, ours), append(least, bare)
			ratios, processor = append(ratios, bare/ours), append(processor, bareUsed/used)
		}
		report := func(name string, value float64) { b.ReportMetric(value, fmt.Sprint(name, "-", writers)) }
		report("of-floor", quantile(ratios, 0.5))
		report("of-floor-q1", quantile(ratios, 0.25))
		report("of-floor-q3", quantile(ratios, 0.75))
		report("of-floor-cpu", quantile(processor, 0.5))
		report("us", quantile(took, 0.5))
		report("floor-us", quantile(least, 0.5))
	}
	b.ReportMetric(0, "ns/op") // the two together mean nothing
}

// createTurn writes some records, and returns the microseconds that each took, by the clock
// and of the processor.
func createTurn(b *testing.B, writers int, create creating) (took, processor float64) {
	b.Helper()
	records := make([]kept, creates)
	for i := range records {
		records[i] = sample(rand.Text(), time.Now())
	}
	used := processorTime()
	clock := timed(writers, creates, func(i int) {
		if err := create(b.Context(), records[i].client, records[i].with); err != nil {
			b.Error(err)
		}
	})
	return float64(clock.Microseconds()) / creates, float64((processorTime() - used).Microseconds()) / creates
}

// sample is a record of the usual size, its reservation and its entry in the audit trail.
func sample(id string, issuedAt time.Time) kept {
	software, org := "software"+id[:12], "org"+id[:8]
	return kept{store.Client{
		ID: id, IssuedAt: issuedAt, Environment: "sandbox", Issuer: "OpenBanking Ltd", SoftwareID: software, OrgID: org,
		Metadata: []byte(`"` + strings.Repeat("m", 1200) + `"`), SoftwareStatement: strings.Repeat("s", 2300),
		Application: claims.Application{Name: "Sample", ID: software, Attributes: []claims.Attribute{
			{Name: "software_id_sandbox", Values: []string{software}},
			{Name: "software_roles_sandbox", Values: []string{"AISP", "PISP"}, List: true},
		}},
		SecretHash: make([]byte, 32), Since: issuedAt, JWKSAddress: "https://keystore.openbanking.example/" + org + "/" + software + ".jwks",
		SubjectDN: "CN=" + software + ",OU=" + org + ",O=OpenBanking,C=GB",
	}, store.Change{
		Reservation: store.Reservation{Namespace: "request", Issuer: software, JTI: id, Until: issuedAt.Add(time.Hour)},
		Audit: store.Audit{
			Actor: "tpp", ActorName: "9Jk0wqv7dM3pXQ2bYc8tZ5nRfLh1sVgEuKaOiWjTxBD", Operation: "create", Decision: "done", SSAJTI: id, RuleSet: "obie-3.3 2026-11",
			Changes: []store.AuditChange{
				{Member: "redirect_uris", After: []byte(`["https://tpp.example/callback","https://tpp.example/other"]`)},
				{Member: "scope", After: []byte(`"openid accounts payments"`)},
				{Member: "token_endpoint_auth_method", After: []byte(`"private_key_jwt"`)},
			},
		},
	}}
}

// BenchmarkCreate measures Create of the store in SQLite against a bare transaction with the
// same rows on the same file system: into tables as those of the store, with the indexes that
// its searches need, and into tables that have primary keys alone.
func BenchmarkCreate(b *testing.B) {
	same, err := sqlite.Script(0)
	if err != nil {
		b.Fatal(err)
	}
	for name, tables := range map[string]string{"same-tables": same, "bare-tables": bare.Tables} {
		b.Run(name, func(b *testing.B) {
			clients, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "clients.db")})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				if err := clients.Close(); err != nil {
					b.Error(err)
				}
			})
			createRatios(b, clients.Create, bare.Open(b, tables).Write)
		})
	}
}
