package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/agree"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// turned is a clock that a test sets.
type turned struct{ seconds atomic.Int64 }

func (c *turned) now() time.Time { return time.Unix(1_800_000_000+c.seconds.Load(), 0).UTC() }

func (c *turned) turn(by time.Duration) { c.seconds.Add(int64(by / time.Second)) }

// use makes a client by a request that ends so long after the time of the clock.
func (c *turned) use(t *testing.T, s store.Store, name string, ends time.Duration) error {
	t.Helper()
	r := store.Reservation{Namespace: "request", Issuer: "tpp", JTI: name, Until: c.now().Add(ends)}
	return s.Create(t.Context(), store.Client{ID: fmt.Sprint(name, " ", rand.Uint64())}, store.Change{Reservation: r})
}

// The mark is in the file: a restart while the clock is ahead, or after it is mended, frees no
// jti, and neither does another process.
func TestAJTIStaysBurntThoughTheClockWasAheadAndTheFileWasOpenedAgain(t *testing.T) {
	var clock turned
	path := file(t)
	first := openAt(t, path, clock.now)
	other := openAt(t, path, clock.now)
	require.NoError(t, clock.use(t, first, "used", 5*time.Minute))
	clock.turn(24 * time.Hour)
	for i := range 3 {
		require.NoError(t, clock.use(t, first, fmt.Sprint("ahead ", i), time.Hour))
	}
	require.NoError(t, first.Close())
	first = openAt(t, path, clock.now)
	clock.turn(-24 * time.Hour)
	for _, s := range []*sqlite.Store{first, other, openAt(t, path, clock.now)} {
		require.ErrorIs(t, clock.use(t, s, "used", 5*time.Minute), store.ErrForgotten)
		require.NoError(t, clock.use(t, s, fmt.Sprint("later ", rand.Uint64()), 5*time.Minute+time.Second))
	}
}

// TestNoJTIIsTakenTwiceWhereverTheClockGoes: the clock goes anywhere, changes are made and
// undone, and the file is opened again. No request is taken that ends no later than one with
// its jti that was taken and not undone. One that ends later than all others, with a jti of its
// own, is always taken.
func TestNoJTIIsTakenTwiceWhereverTheClockGoes(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		var clock turned
		anyClock(t, random, 150, store.NewMemory(clock.now), &clock, nil)
	}
	var clock turned
	path := file(t)
	s := openAt(t, path, clock.now)
	anyClock(t, random, 1000, s, &clock, func(s agree.Store) agree.Store {
		require.NoError(t, s.(*sqlite.Store).Close())
		return openAt(t, path, clock.now)
	})
}

func anyClock(t *testing.T, random *rand.Rand, steps int, s agree.Store, clock *turned, again func(agree.Store) agree.Store) {
	t.Helper()
	taken := map[string]map[string]time.Time{} // by jti and by ID of the record
	latest := clock.now()
	turns := []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour}
	var open []string // records that are Creating, with their jti
	jtis := map[string]string{}
	create := func(id, jti string, until time.Time, state store.State) error {
		r := store.Reservation{Namespace: "request", JTI: jti, Until: until}
		return s.Create(t.Context(), store.Client{ID: id, State: state, Since: clock.now()}, store.Change{Reservation: r})
	}
	for step := range steps {
		id := fmt.Sprint("client ", step)
		switch random.IntN(8) {
		case 0:
			clock.turn(turns[random.IntN(len(turns))] * time.Duration(random.IntN(3)-1))
		case 1:
			if len(open) > 0 {
				require.NoError(t, s.Undo(t.Context(), open[0], 1, store.Change{}))
				delete(taken[jtis[open[0]]], open[0])
				open = open[1:]
			}
		case 2:
			if again != nil && random.IntN(10) == 0 {
				s = again(s)
			}
		case 3:
			latest = latest.Add(time.Second)
			require.NoError(t, create(id, id, latest, store.Active), "it ends after all others")
		default:
			jti := fmt.Sprint(random.IntN(4))
			until := clock.now().Add(turns[random.IntN(len(turns))])
			state := []store.State{store.Active, store.Creating}[random.IntN(2)]
			err := create(id, jti, until, state)
			if err != nil {
				require.ErrorIs(t, err, store.ErrReplayed)
				continue
			}
			for other, end := range taken[jti] {
				require.True(t, until.After(end), "step %d: the jti of %s was taken again", step, other)
			}
			if taken[jti] == nil {
				taken[jti] = map[string]time.Time{}
			}
			taken[jti][id], jtis[id] = until, jti
			if until.After(latest) {
				latest = until
			}
			if state == store.Creating {
				open = append(open, id)
			}
		}
	}
}
