package server_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// A TPP registers as often as it may, and the bank stores what its rate says: the burst, and
// then one client for each interval. What one client takes is bounded too.
func TestTheRateBoundsWhatACertificateStores(t *testing.T) {
	const burst, minutes = 5, 20
	w := newWorld(t)
	now := time.Now()
	limiter, err := server.NewLimiter(server.Rate{PerSecond: 1.0 / 60, Burst: burst}, func() time.Time { return now })
	require.NoError(t, err)
	w.config.Limiter = limiter
	client, _, _ := w.serve(t, w.bank(t))
	statement, err := w.software.SSA(nil)
	require.NoError(t, err)
	try := func() int {
		request, err := client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: claims.PrivateKeyJWT})
		require.NoError(t, err)
		_, err = client.Register(t.Context(), request)
		var refused *tpp.ResponseError
		if errors.As(err, &refused) {
			return refused.Status
		}
		require.NoError(t, err)
		return http.StatusCreated
	}
	answers := map[int]int{}
	for range burst + 1 {
		answers[try()]++
	}
	for range minutes {
		now = now.Add(time.Minute + time.Millisecond)
		answers[try()]++
		answers[try()]++
	}
	require.Equal(t, map[int]int{http.StatusCreated: burst + minutes, http.StatusTooManyRequests: minutes + 1}, answers)
	stored, err := w.store.List(t.Context(), "", 1000)
	require.NoError(t, err)
	require.Len(t, stored, burst+minutes)
	for i := range stored {
		c := &stored[i]
		require.Less(t, len(c.Metadata)+len(c.SoftwareStatement)+len(c.SubjectDN)+len(c.JWKSAddress), 8<<10)
	}
}
