package dcr_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
	"github.com/obdcr/obdcr/validate"
)

// crowd is how many act at once: an ordinary run has half as many as a full one.
var crowd = map[bool]int{false: 32, true: 64}[fulltest.Asked()]

// ofACrowd is how many rounds of a race a crowd runs: an ordinary run has half as many as a race of two, since each of its
// rounds is as many attempts as there are in the crowd.
func ofACrowd(rounds int) int {
	if fulltest.Asked() {
		return rounds
	}
	return (rounds + 1) / 2
}

// onEachStore runs a race on every store, alone and with an authorization server.
func onEachStore(t *testing.T, policy func(*validate.Policy), race func(t *testing.T, rounds int, b *office, server *authorizationServer)) {
	for name, open := range map[string]func(t *testing.T, w *world) records{
		"memory": func(_ *testing.T, w *world) records { return w.store },
		"sqlite": func(t *testing.T, w *world) records {
			s, err := sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(fastDir(t), "clients.db"), Clock: w.config.Clock})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			return s
		},
	} {
		for _, provisioned := range []bool{false, true} {
			kind := name
			if provisioned {
				kind = name + ", provisioned"
			}
			t.Run(kind, func(t *testing.T) {
				w, _ := newWorld(t, policy)
				server := newAuthorizationServer()
				race(t, fulltest.Rounds(20), openOffice(t, w, open(t, w), func(c *dcr.Config) {
					c.Observer = nil
					if provisioned {
						c.Provisioner = server
					}
				}), server)
				if !provisioned {
					require.Empty(t, server.holds())
				}
			})
		}
	}
}

// atOnce makes all calls at the same time and returns their results.
func atOnce(calls ...func() error) []error {
	results := make([]error, len(calls))
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i, call := range calls {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			results[i] = call()
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return results
}

func repeated(n int, call func(i int) error) []func() error {
	calls := make([]func() error, n)
	for i := range calls {
		calls[i] = func() error { return call(i) }
	}
	return calls
}

// winners counts the calls without an error. All others must have one of the statuses.
func winners(t *testing.T, results []error, statuses ...int) int {
	t.Helper()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
			continue
		}
		require.Contains(t, statuses, refusalOf(t, err).Status)
	}
	return won
}

// settled requires that both systems have the same clients, and that no change is under
// way.
func (b *office) settled(t *testing.T, server *authorizationServer) map[string]string {
	t.Helper()
	shown := inForce(t, b.records)
	all, err := b.records.List(context.Background(), "", 1000)
	require.NoError(t, err)
	require.Len(t, all, len(shown))
	if held := server.holds(); len(held) > 0 || len(server.clients) > 0 {
		require.Equal(t, shown, held)
	}
	return shown
}

// clear deletes all clients, in the bank and in the authorization server.
func (b *office) clear(t *testing.T, server *authorizationServer) {
	t.Helper()
	require.NoError(t, deleteOthers(b, ""))
	for id := range server.holds() {
		require.NoError(t, server.Deprovision(context.Background(), dcr.Deprovisioning{ClientID: id}))
	}
}

// post makes the call that registers a request.
func (b *office) post(t *testing.T, token string) func() error {
	leaf := b.certificate(t, b.software)
	return func() error {
		_, err := b.Register(context.Background(), dcr.RegisterInput{Token: claims.NewSecret(token), Certificate: leaf})
		return err
	}
}

func TestOfManyIdenticalRequestsOneRegisters(t *testing.T) {
	onEachStore(t, nil, func(t *testing.T, rounds int, b *office, server *authorizationServer) {
		for range ofACrowd(rounds) {
			call := b.post(t, b.token(t, nil))
			results := atOnce(repeated(crowd, func(int) error { return call() })...)
			require.Equal(t, 1, winners(t, results, 400, 503)) // 503: while the winner is not done
			require.Len(t, b.settled(t, server), 1)
			require.Equal(t, 400, refusalOf(t, call()).Status)
			b.clear(t, server)
		}
	})
}

func TestOfManyRequestsOfOneSoftwareOneRegisters(t *testing.T) {
	one := func(p *validate.Policy) { p.Registrations = validate.RegistrationsOnePerSoftware }
	onEachStore(t, one, func(t *testing.T, rounds int, b *office, server *authorizationServer) {
		calls := make([]func() error, crowd)
		for i := range calls {
			calls[i] = b.post(t, b.token(t, nil))
		}
		for range ofACrowd(rounds) {
			results := atOnce(calls...)
			require.Equal(t, 1, winners(t, results, 400, 503)) // 503: the winner may still be undone
			require.Len(t, b.settled(t, server), 1)
			for i, err := range results {
				if err == nil { // the others' jti are free still
					calls[i] = b.post(t, b.token(t, nil))
				}
			}
			b.clear(t, server)
		}
	})
}

// mixed are two requests that share no value in the members they change.
func (w *world) mixed(t *testing.T) [2]string {
	t.Helper()
	return [2]string{
		w.token(t, func(c *claims.Request) {
			c.RedirectURIs = claims.Some(w.software.RedirectURIs[:1])
			c.Scope = claims.Some(claims.Scope{Words: []string{"openid", "accounts"}})
		}),
		w.token(t, func(c *claims.Request) {
			c.RedirectURIs = claims.Some(w.software.RedirectURIs[1:])
			c.Scope = claims.Some(claims.Scope{Words: []string{"openid", "payments"}})
		}),
	}
}

// isOneOf requires that a record is one of two updates as a whole, and returns which.
func isOneOf(t *testing.T, b *office, c store.Client) int {
	t.Helper()
	registered, err := claims.ParseRequest(c.Metadata)
	require.NoError(t, err)
	which := 0
	if registered.Scope.Or(claims.Scope{}).Has("payments") {
		which = 1
	}
	require.Equal(t, b.software.RedirectURIs[which:which+1], redirects(t, c), "half of one, half of the other")
	return which
}

func TestTwoUpdatesDoNotMix(t *testing.T) {
	onEachStore(t, nil, func(t *testing.T, rounds int, b *office, server *authorizationServer) {
		ctx := context.Background()
		id := b.enrol(t, nil).Client.ID
		by := b.caller(t, id)
		before, err := b.records.Get(ctx, id)
		require.NoError(t, err)
		for range rounds {
			tokens := b.mixed(t)
			after := [2]*dcr.Registration{}
			results := atOnce(repeated(2, func(i int) (err error) {
				after[i], err = b.Update(ctx, id, tokens[i], by)
				return err
			})...)
			won := winners(t, results, 503)
			require.Positive(t, won)
			stored, err := b.records.Get(ctx, id)
			require.NoError(t, err)
			last := isOneOf(t, b, stored)
			require.NoError(t, results[last], "what is stored was acknowledged")
			require.Equal(t, after[last].Client, stored)
			if won == 2 {
				first := after[1-last]
				require.Equal(t, *first.Change.After, *after[last].Change.Before, "the second was judged against the first")
				require.Equal(t, before, *first.Change.Before)
			}
			b.settled(t, server)
			before = stored
		}
	})
}

func TestAnUpdateAndADeletionLeaveTheOneOrTheOther(t *testing.T) {
	onEachStore(t, nil, func(t *testing.T, rounds int, b *office, server *authorizationServer) {
		ctx := context.Background()
		deleted := 0
		for range rounds {
			id := b.enrol(t, nil).Client.ID
			token, put, del := b.token(t, oneRedirect), b.caller(t, id), b.caller(t, id)
			results := atOnce(
				func() error { _, err := b.Update(ctx, id, token, put); return err },
				func() error { return b.Delete(ctx, id, del) })
			winners(t, results[:1], 401, 503)
			winners(t, results[1:], 503)
			shown := b.settled(t, server)
			late := b.caller(t, id)
			_, err := b.Get(ctx, id, late)
			if results[1] == nil {
				deleted++
				require.Empty(t, shown, "nothing rises again")
				require.Empty(t, server.holds())
				require.Equal(t, 401, refusalOf(t, err).Status)
				require.False(t, b.alive(del.Token))
				require.False(t, b.alive(put.Token) && results[0] == nil)
				continue
			}
			require.NoError(t, results[0], "the deletion met an update that won")
			require.NoError(t, err)
			b.clear(t, server)
		}
		require.Positive(t, deleted)
	})
}

func TestOfManyDeletionsOneIsTheLast(t *testing.T) {
	onEachStore(t, nil, func(t *testing.T, rounds int, b *office, server *authorizationServer) {
		for range rounds {
			id := b.enrol(t, nil).Client.ID
			by := b.caller(t, id)
			results := atOnce(repeated(16, func(int) error { return b.Delete(context.Background(), id, by) })...)
			require.Equal(t, 1, winners(t, results, 401))
			require.Empty(t, b.settled(t, server))
			require.Empty(t, server.holds())
			require.False(t, b.alive(by.Token))
		}
	})
}

// sent passes a request to the handler of the bank, without a connection.
func (b *office) sent(t *testing.T) func(method, path, body, access string) (status int) {
	t.Helper()
	h, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: b.Registrar, Path: "/register", Certificate: presents(b.certificate(t, b.software))})
	require.NoError(t, err)
	return func(method, path, body, access string) int {
		r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/jwt")
		r.Header.Set("Authorization", "Bearer "+access)
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		return answer.Code
	}
}

func TestOfManyIdenticalPOSTsOneIsAnsweredWith201(t *testing.T) {
	onEachStore(t, nil, func(t *testing.T, rounds int, b *office, server *authorizationServer) {
		send := b.sent(t)
		for range ofACrowd(rounds) {
			token, statuses := b.token(t, nil), make([]int, crowd)
			atOnce(repeated(crowd, func(i int) error {
				statuses[i] = send(http.MethodPost, "/register", token, "")
				return nil
			})...)
			slices.Sort(statuses)
			require.Equal(t, 201, statuses[0])
			require.NotContains(t, statuses[1:], 201)
			require.Subset(t, []int{201, 400, 503}, statuses, "503 is for those that come before the winner is done")
			require.Equal(t, 400, send(http.MethodPost, "/register", token, ""))
			require.Len(t, b.settled(t, server), 1)
			b.clear(t, server)
		}
	})
}

func TestAPUTAndADELETELeaveTheOneOrTheOther(t *testing.T) {
	onEachStore(t, nil, func(t *testing.T, rounds int, b *office, server *authorizationServer) {
		send := b.sent(t)
		for range rounds {
			id := b.enrol(t, nil).Client.ID
			token, access := b.token(t, oneRedirect), b.caller(t, id).Token.Reveal()
			var put, del int
			atOnce(func() error { put = send(http.MethodPut, "/register/"+id, token, access); return nil },
				func() error { del = send(http.MethodDelete, "/register/"+id, "", access); return nil })
			shown := b.settled(t, server)
			if del == http.StatusNoContent {
				require.Contains(t, []int{200, 401, 503}, put)
				require.Empty(t, shown, "nothing rises again")
				require.Empty(t, server.holds())
				require.Equal(t, 401, send(http.MethodGet, "/register/"+id, "", access))
				continue
			}
			require.Equal(t, [2]int{200, 503}, [2]int{put, del}, "the deletion met an update that won")
			require.Len(t, shown, 1)
			b.clear(t, server)
		}
	})
}
