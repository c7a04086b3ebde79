package sqlite_test

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// sample is a record of the usual size under a random name, and its request.
func sample() (store.Client, store.Change) {
	id := rand.Text()
	return store.Client{
			ID: id, IssuedAt: time.Unix(1_700_000_000, 0), Environment: "sandbox", SoftwareID: "4fHuZ6Fy1pLcTLdsTDYvGF", OrgID: "0015800001041RHAAY",
			Metadata: []byte(`"` + strings.Repeat("m", 1200) + `"`), SoftwareStatement: strings.Repeat("s", 3500),
			Application: claims.Application{Name: "Sample", ID: "4fHuZ6Fy1pLcTLdsTDYvGF", Attributes: []claims.Attribute{
				{Name: "software_id_sandbox", Values: []string{"4fHuZ6Fy1pLcTLdsTDYvGF"}},
				{Name: "software_roles_sandbox", Values: []string{"AISP", "PISP"}, List: true},
			}},
			SecretHash: make([]byte, 32), Since: time.Unix(1_700_000_000, 0),
		}, store.Change{
			Reservation: store.Reservation{Namespace: "request", Issuer: "4fHuZ6Fy1pLcTLdsTDYvGF", JTI: id, Until: time.Now().Add(time.Hour)},
			Audit: store.Audit{
				Actor: "tpp", ActorName: "9Jk0wqv7dM3pXQ2bYc8tZ5nRfLh1sVgEuKaOiWjTxBD", Operation: "create", Decision: "done", SSAJTI: id, RuleSet: "obie-3.3 2026-11",
				Changes: []store.AuditChange{
					{Member: "redirect_uris", After: []byte(`["https://tpp.example/callback","https://tpp.example/other"]`)},
					{Member: "scope", After: []byte(`"openid accounts payments"`)},
					{Member: "token_endpoint_auth_method", After: []byte(`"private_key_jwt"`)},
					{Member: "software_id", After: []byte(`"4fHuZ6Fy1pLcTLdsTDYvGF"`)},
				},
			},
		}
}

// timed writes n records by some writers and returns how long that took.
func timed(b *testing.B, writers, n int, write func(context.Context, store.Client, store.Change) error) time.Duration {
	b.Helper()
	clients, requests := make([]store.Client, n), make([]store.Change, n)
	for i := range n {
		clients[i], requests[i] = sample()
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, writers)
	began := time.Now()
	for w := range writers {
		wg.Go(func() {
			for errs[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				errs[w] = write(b.Context(), clients[i], requests[i])
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	for _, err := range errs {
		require.NoError(b, err)
	}
	return took
}

// BenchmarkGet reads one of a thousand records.
func BenchmarkGet(b *testing.B) {
	s, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "clients.db"), Clock: time.Now})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	ids := make([]string, 1000)
	for i := range ids {
		c, with := sample()
		require.NoError(b, s.Create(b.Context(), c, with))
		ids[i] = c.ID
	}
	for i := 0; b.Loop(); i++ {
		if _, err := s.Get(b.Context(), ids[i%len(ids)]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPurge measures creates that forget ended reservations against creates that have
// none to forget, in turns, on two files of 200,000 reservations. ratio is the median of the
// first as a multiple of the median of the second. rows is how many one create forgets.
func BenchmarkPurge(b *testing.B) {
	const many = 200_000
	ended, none := purgeFile(b, many, 1), purgeFile(b, many, time.Now().Add(time.Hour).Unix())
	raw, err := rawOpen(ended.path)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, raw.Close()) })
	gone := func() (n int) {
		require.NoError(b, raw.QueryRow("SELECT min(ends_at) - 1 FROM reservations").Scan(&n)) // they end one by one
		return n
	}
	var purging, plain []time.Duration
	began := gone()
	for before := began; b.Loop(); {
		took := timed(b, 1, 1, ended.store.Create)
		after := gone()
		require.Less(b, after, many, "nothing is left to forget")
		if after > before {
			purging = append(purging, took)
		}
		before = after
		plain = append(plain, timed(b, 1, 1, none.store.Create))
	}
	slices.Sort(purging)
	slices.Sort(plain)
	if len(purging) > 0 {
		b.ReportMetric(float64(purging[len(purging)/2])/float64(plain[len(plain)/2]), "ratio")
		b.ReportMetric(float64(gone()-began)/float64(len(purging)), "rows")
	}
	b.ReportMetric(float64(plain[len(plain)/2].Nanoseconds()), "plain-ns")
}

// purgeable is a store and its file.
type purgeable struct {
	store *sqlite.Store
	path  string
}

// purgeFile makes a file with so many reservations, the first of which ends then and each
// other one a second after the one before.
func purgeFile(b *testing.B, many int, first int64) purgeable {
	b.Helper()
	p := purgeable{path: file(b)}
	p.store = open(b, p.path)
	raw, err := rawOpen(p.path)
	require.NoError(b, err)
	defer func() { require.NoError(b, raw.Close()) }()
	_, err = raw.Exec(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
		INSERT INTO reservations SELECT randomblob(32), ? + i, hex(randomblob(13)) FROM n`, many, first)
	require.NoError(b, err)
	return p
}
