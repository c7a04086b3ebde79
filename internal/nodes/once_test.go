package nodes

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/realtest"
)

// contenders is how many requests run against each other.
const contenders = 64

// atOnce sends requests to the nodes in turn, all at one moment, and returns how often each
// status came, and what the bodies say.
func atOnce(t *testing.T, nodes []*node, request func(n int) string) (statuses map[int]int, bodies []string) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	statuses = map[int]int{}
	gate := make(chan struct{})
	for n := range contenders {
		text, to := request(n), nodes[n%len(nodes)]
		all.Go(func() {
			<-gate
			status, _, body := to.world.post(t.Context(), to.address, text)
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
			if status != http.StatusCreated {
				bodies = append(bodies, body)
			}
		})
	}
	close(gate)
	all.Wait()
	return statuses, bodies
}

// ways returns the DSNs of databases: as it is, with the strictest isolation, and through
// PgBouncer.
func ways(t *testing.T, pg *realtest.Postgres) map[string]string {
	t.Helper()
	database, strict := pg.Database(t), pg.Database(t)
	pg.SQL(t, strict, "ALTER DATABASE "+strict+" SET default_transaction_isolation = 'serializable'")
	dsns := map[string]string{"over PostgreSQL": pg.DSN(database), "over PostgreSQL, serializable": pg.DSN(strict)}
	if pooler, ok := realtest.StartPgBouncer(t, pg, "transaction"); ok {
		dsns["over PgBouncer"] = pooler.DSN(database) + "&pooler=transaction"
	}
	return dsns
}

func TestARequestIsAcceptedOnceByAllNodesTogether(t *testing.T) {
	if !realtest.Long(t) {
		return
	}
	pg, ok := realtest.SharedPostgres(t)
	if !ok {
		return
	}
	for name, dsn := range ways(t, pg) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			nodes := w.nodes(t, dsn)
			by := nodes[0].client(t)
			before := len(records(t, dsn))
			rounds, began := fulltest.Rounds(20), time.Now()
			for range rounds {
				request, _, err := w.request(by)
				require.NoError(t, err)
				statuses, bodies := atOnce(t, nodes, func(int) string { return request })
				require.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusBadRequest: contenders - 1}, statuses, "%.300q", bodies)
				for _, body := range bodies {
					require.Contains(t, body, "jti", "refused as a replay, and for nothing else")
				}
			}
			require.Len(t, records(t, dsn), before+rounds)
			t.Logf("%d rounds of %d requests in %v: one winner each", rounds, contenders, time.Since(began).Round(time.Millisecond))
		})
	}
}

func TestASoftwareIsRegisteredOnceByAllNodesTogether(t *testing.T) {
	if !realtest.Long(t) {
		return
	}
	pg, ok := realtest.SharedPostgres(t)
	if !ok {
		return
	}
	w := newWorld(t)
	w.policy = map[string]any{"registrations": "one_per_software"}
	database := pg.Database(t)
	nodes := w.nodes(t, pg.DSN(database))
	by := nodes[0].client(t)
	for range fulltest.Rounds(3) {
		statuses, bodies := atOnce(t, nodes, func(int) string {
			request, _, err := w.request(by)
			require.NoError(t, err)
			return request
		})
		require.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusBadRequest: contenders - 1}, statuses, "%.300q", bodies)
		held := records(t, pg.DSN(database))
		require.Len(t, held, 1)
		access := accessTo(t, nodes[1].client(t), held[0].ClientID)
		require.NoError(t, nodes[2].client(t).Delete(t.Context(), held[0].ClientID, access), "the next round has a free software")
	}
}

// TestAReplayIsRefusedByEachNode: also by those that have not seen the request.
func TestAReplayIsRefusedByEachNode(t *testing.T) {
	if !realtest.Long(t) {
		return
	}
	pg, ok := realtest.SharedPostgres(t)
	if !ok {
		return
	}
	w := newWorld(t)
	nodes := w.nodes(t, pg.DSN(pg.Database(t)))
	request, _, err := w.request(nodes[0].client(t))
	require.NoError(t, err)
	for n, to := range nodes {
		status, _, body := w.post(t.Context(), to.address, request)
		if n == 0 {
			require.Equal(t, http.StatusCreated, status, body)
			continue
		}
		require.Equal(t, http.StatusBadRequest, status, body)
		require.True(t, strings.Contains(body, "jti"), body)
	}
}
