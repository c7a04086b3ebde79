package ssa_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa"
)

func TestSecondReadsThatAreDoneMakeRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{says: answer{status: 404}}
		keys := remote(t, s)
		for i := range 2000 {
			if i%1000 == 0 {
				time.Sleep(5 * time.Second)
				synctest.Wait()
			}
			_, err := keys.ResolveKeys(context.Background(), ssa.KeyRef{URL: fmt.Sprintf("https://%s/%d", keystore, i), Software: true})
			requireUnavailable(t, err, 5*time.Second)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Equal(t, 4000, s.fetches())
	})
}

// closing is a transport under which RemoteKeys is closed before the answer is there.
type closing struct {
	*source
	keys *ssa.RemoteKeys
}

func (c *closing) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := c.source.RoundTrip(r)
	c.keys.Close()
	return answer, err
}

func TestA404ThatComesWithCloseIsNotReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &closing{source: &source{says: answer{status: 404}}}
		s.keys = remote(t, s.source, func(c *ssa.RemoteConfig) { c.Transport = s })
		requireUnavailable(t, own(s.keys, "a", ""), 5*time.Second)
		require.Contains(t, s.kinds(), ssa.KeysMissing)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Empty(t, s.kinds(), "nothing is attempted any more")
	})
}

func TestTheEventOfAWithdrawalSaysHowManyKeysWereKept(t *testing.T) {
	for name, gone := range map[string]answer{"an empty set": emptySet, "410": {status: 410}} {
		synctest.Test(t, func(t *testing.T) {
			s := &source{says: good("a", "b")}
			keys := remote(t, s)
			require.NoError(t, own(keys, "a", ""))
			s.say(gone)
			require.ErrorIs(t, own(keys, "x", ""), ssa.ErrNoKeyPublished)
			synctest.Wait()
			withdrawn := 0
			for _, e := range s.told() {
				if e.Kind == ssa.KeysWithdrawn {
					withdrawn++
					require.Equal(t, 2, e.Keys, name)
					require.Equal(t, jwks, e.Address)
				}
			}
			require.Equal(t, 1, withdrawn, name)
		})
	}
}
