package nodes

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/postgres"
)

// records returns all records of a database, as another program of the bank would read them.
func records(t *testing.T, dsn string) []store.Client {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{DSN: claims.NewSecret(dsn)})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	var all []store.Client
	for after := ""; ; after = all[len(all)-1].ID {
		page, err := s.List(t.Context(), after, 500)
		require.NoError(t, err)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
	}
}

// registered registers a client at a node.
func registered(t *testing.T, n *node) *tpp.ClientInformation {
	t.Helper()
	by := n.client(t)
	request, _, err := n.world.request(by)
	require.NoError(t, err)
	made, err := by.Register(t.Context(), request)
	require.NoError(t, err)
	return made
}

// accessTo gets an access token of a client from a node.
func accessTo(t *testing.T, by *tpp.Client, clientID string) tpp.BearerToken {
	t.Helper()
	access, err := by.AccessToken(t.Context(), tpp.Credentials{ClientID: clientID, Method: claims.PrivateKeyJWT})
	require.NoError(t, err)
	return access
}

// requireRefused asks that a bank refuses with a status.
func requireRefused(t *testing.T, err error, status int) {
	t.Helper()
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, status, refused.Status, "%v", err)
}

// TestAClientThatOneNodeDeletesIsDeadOnAll: so are its access tokens, and it gets no other one.
func TestAClientThatOneNodeDeletesIsDeadOnAll(t *testing.T) {
	if !realtest.Long(t) {
		return
	}
	pg, ok := realtest.SharedPostgres(t)
	if !ok {
		return
	}
	w := newWorld(t)
	nodes := w.nodes(t, pg.DSN(pg.Database(t)))
	for round := range fulltest.Rounds(6) {
		made := registered(t, nodes[round%3])
		access := accessTo(t, nodes[(round+1)%3].client(t), made.ClientID)
		for _, n := range nodes {
			_, err := n.client(t).Get(t.Context(), made.ClientID, access)
			require.NoError(t, err)
		}
		require.NoError(t, nodes[(round+2)%3].client(t).Delete(t.Context(), made.ClientID, access))
		for _, n := range nodes {
			by := n.client(t)
			_, err := by.Get(t.Context(), made.ClientID, access)
			requireRefused(t, err, http.StatusUnauthorized)
			requireRefused(t, by.Delete(t.Context(), made.ClientID, access), http.StatusUnauthorized)
			_, err = by.AccessToken(t.Context(), made.Credentials())
			requireRefused(t, err, http.StatusUnauthorized)
		}
	}
}

// TestNoUpdateIsLostAmongNodes: updates at once through all nodes come one after another, each
// upon what the one before has left, and all nodes show the last one.
func TestNoUpdateIsLostAmongNodes(t *testing.T) {
	if !realtest.Long(t) {
		return
	}
	pg, ok := realtest.SharedPostgres(t)
	if !ok {
		return
	}
	dsn := pg.DSN(pg.Database(t))
	w := newWorld(t)
	nodes := w.nodes(t, dsn)
	made := registered(t, nodes[0])
	access := accessTo(t, nodes[0].client(t), made.ClientID)
	kept, err := postgres.Open(t.Context(), postgres.Config{DSN: claims.NewSecret(dsn)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, kept.Close()) })
	for range fulltest.Rounds(6) {
		require.Equal(t, 2, updated(t, nodes, 2, kept, made.ClientID, access), "of two both are taken, one after the other")
	}
	for range fulltest.Rounds(3) {
		updated(t, nodes, 9, kept, made.ClientID, access)
	}
}

// updated sends updates at once and holds what is there afterwards against what was accepted.
func updated(t *testing.T, nodes []*node, count int, kept *postgres.Store, clientID string, access tpp.BearerToken) (accepted int) {
	t.Helper()
	before, err := kept.Get(t.Context(), clientID)
	require.NoError(t, err)
	accepted = updatesAtOnce(t, nodes, count, clientID, access)
	after, err := kept.Get(t.Context(), clientID)
	require.NoError(t, err)
	require.Equal(t, before.Version+int64(accepted), after.Version, "each accepted update is a version")
	requireUnbroken(t, kept, after)
	shown := map[string]bool{}
	for _, n := range nodes {
		got, err := n.client(t).Get(t.Context(), clientID, access)
		require.NoError(t, err)
		text, err := json.Marshal(got)
		require.NoError(t, err)
		shown[string(text)] = true
	}
	require.Len(t, shown, 1, "all nodes show the same")
	return accepted
}

// requireUnbroken asks that the trail of a record has each version, and that what a change has
// before it is what the one before has left.
func requireUnbroken(t *testing.T, kept store.Auditor, c store.Client) {
	t.Helper()
	history, err := kept.History(t.Context(), c.ID, 0, 10_000)
	require.NoError(t, err)
	require.Len(t, history, int(c.Version))
	left := map[string]string{}
	for _, entry := range history {
		for _, change := range entry.Changes {
			if was, ok := left[change.Member]; ok {
				require.Equal(t, was, string(change.Before), "version %d, %s", entry.Version, change.Member)
			}
			left[change.Member] = string(change.After)
		}
	}
}

// updatesAtOnce sends updates through the nodes in turn, all at one moment and returns how many were accepted.
// Others may be an outage for the moment, and nothing else.
func updatesAtOnce(t *testing.T, nodes []*node, count int, clientID string, access tpp.BearerToken) (accepted int) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	gate := make(chan struct{})
	statement, err := nodes[0].world.software.SSA(nil) // one, so that none is older than another
	require.NoError(t, err)
	for n := range count {
		to := nodes[n%len(nodes)]
		by := to.client(t)
		uris := to.world.software.RedirectURIs
		request, err := by.BuildUpdate(clientID, statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience,
			Lifetime: 5 * time.Minute, RedirectURIs: uris[:1+n%2]})
		require.NoError(t, err)
		all.Go(func() {
			<-gate
			_, err := by.Update(t.Context(), clientID, request, access)
			mu.Lock()
			defer mu.Unlock()
			var refused *tpp.ResponseError
			switch {
			case err == nil:
				accepted++
			case !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable:
				t.Errorf("an update: %v", err)
			}
		})
	}
	close(gate)
	all.Wait()
	require.Positive(t, accepted)
	return accepted
}
