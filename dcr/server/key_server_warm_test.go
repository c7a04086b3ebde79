package server_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// known is a bank with clients of a software whose keys it has read, and what asks there.
type known struct {
	*world
	passed  atomic.Int64 // by the clock of the keys, in seconds
	address string
	own     *http.Client
	tpp     *tpp.Client
	other   *ssatest.EnrolledSoftware
	strange *http.Client
	clients map[claims.AuthMethod]*tpp.ClientInformation
	access  tpp.BearerToken
}

// newKnown registers clients, and has their keys read. A read may take as long as the timeout.
func newKnown(t *testing.T, timeout time.Duration) *known {
	t.Helper()
	k := &known{world: newWorld(t), clients: map[claims.AuthMethod]*tpp.ClientInformation{}}
	start := time.Now()
	keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{Clock: func() time.Time { return start.Add(time.Duration(k.passed.Load()) * time.Second) },
		Limits: ssa.RemoteLimits{Timeout: timeout}, Sources: []ssa.RemoteSource{k.directory.RemoteSource()}})
	require.NoError(t, err)
	t.Cleanup(keys.Close)
	k.config.Keys.Resolver = keys
	k.tpp, k.own, k.address = k.serve(t, k.bank(t))
	k.other, k.strange = k.stranger(t)
	for _, method := range []claims.AuthMethod{claims.TLSClientAuth, claims.PrivateKeyJWT} {
		k.clients[method] = k.register(t, k.tpp, method)
	}
	k.access, err = k.tpp.AccessToken(t.Context(), k.clients[claims.TLSClientAuth].Credentials())
	require.NoError(t, err)
	return k
}

// tokens asks for a token of each client. A stranger is told the same of them as of none.
func (k *known) tokens(t *testing.T) (status int) {
	t.Helper()
	for method, client := range k.clients {
		form, basic := tries(t, k.software, client.ClientID, claims.Secret{})[method]()
		answer := ask(t, k.own, k.address, form, basic)
		if status = answer.status; status != http.StatusOK {
			requireRefused(t, answer, status, map[int]string{401: "invalid_client", 503: "temporarily_unavailable"}[status])
		}
		form, basic = tries(t, k.other, client.ClientID, claims.Secret{})[method]()
		theirs := ask(t, k.strange, k.address, form, basic)
		form, basic = tries(t, k.other, "unknown-client-of-nobody", claims.Secret{})[method]()
		require.Equal(t, ask(t, k.strange, k.address, form, basic), theirs, "%s: a stranger learns that the client is there", method)
	}
	return status
}

// manages reads the client with the token that the bank gave before.
func (k *known) manages(t *testing.T) int {
	t.Helper()
	_, err := k.tpp.Get(t.Context(), k.clients[claims.TLSClientAuth].ClientID, k.access)
	return statusOf(t, err)
}

// registers sends another registration.
func (k *known) registers(t *testing.T) int {
	t.Helper()
	statement, err := k.software.SSA(nil)
	require.NoError(t, err)
	request, err := k.tpp.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: claims.TLSClientAuth})
	require.NoError(t, err)
	_, err = k.tpp.Register(t.Context(), request)
	return statusOf(t, err)
}

func statusOf(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return http.StatusOK
	}
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	return refused.Status
}

// At a bank that has read the keys of a software, the key server answers otherwise from some
// time on. Each door then says the same thing: what is withdrawn is refused, for what cannot be
// read the old keys are used until they are stale, and then all wait. A stranger learns nothing.
func TestADoorToABankThatKnowsTheKeysSaysWhatTheOthersSay(t *testing.T) {
	t.Parallel()
	fine := [3]int{200, 200, 200} // token, GET, registration
	refused := [3]int{401, 401, 400}
	out := [3]int{503, 503, 503}
	for name, c := range map[string]struct {
		fault               ssatest.KeySetFault
		first, again, stale [3]int // by the first read, one 6 s later, and one after two hours
	}{
		"an empty set": {ssatest.KeySetFault{Body: []byte(`{"keys":[]}`)}, refused, refused, refused},
		"410":          {ssatest.KeySetFault{Status: 410}, refused, refused, refused},
		"404":          {ssatest.KeySetFault{Status: 404}, fine, refused, refused},
		"a page":       {ssatest.KeySetFault{Body: []byte("<html>"), ContentType: "text/html"}, fine, fine, out},
		"301":          {ssatest.KeySetFault{Status: 301, Redirect: "/keys.jwks"}, fine, fine, out},
		"500":          {ssatest.KeySetFault{Status: 500}, fine, fine, out},
		"503":          {ssatest.KeySetFault{Status: 503}, fine, fine, out},
		"nothing":      {ssatest.KeySetFault{Hang: true}, fine, fine, out},
		"a reset":      {ssatest.KeySetFault{Reset: true}, fine, fine, out},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timeout := 5 * time.Second
			if c.fault.Hang {
				timeout = 3 * time.Second // the test waits for it twice
			}
			k := newKnown(t, timeout)
			k.directory.Misbehave(k.software.JWKSURL(), c.fault)
			for _, at := range []struct {
				passed int64
				want   [3]int
			}{{600, c.first}, {606, c.again}, {600 + 2*3600, c.stale}} {
				k.passed.Store(at.passed)
				require.Equal(t, at.want, [3]int{k.tokens(t), k.manages(t), k.registers(t)}, "after %d s", at.passed)
			}
		})
	}
}
