package server_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// changing is a key server whose answers change from time to time.
type changing struct{ now atomic.Pointer[keyServer] }

func (c *changing) RoundTrip(r *http.Request) (*http.Response, error) {
	return c.now.Load().RoundTrip(r)
}

// known is a bank with clients of a software whose keys it has read, and what asks there.
type known struct {
	*world
	server  *changing
	passed  atomic.Int64 // by the clock of the keys, in seconds
	address string
	own     *http.Client
	tpp     *tpp.Client
	other   *ssatest.EnrolledSoftware
	strange *http.Client
	clients map[claims.AuthMethod]*tpp.ClientInformation
	access  tpp.BearerToken
}

// newKnown registers clients, and has their keys read.
func newKnown(t *testing.T) *known {
	t.Helper()
	k := &known{world: newWorld(t), server: &changing{}, clients: map[claims.AuthMethod]*tpp.ClientInformation{}}
	start := time.Now()
	k.server.now.Store(&keyServer{path: "none of them", next: k.directory.Client().Transport})
	keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{Transport: k.server, Clock: func() time.Time { return start.Add(time.Duration(k.passed.Load()) * time.Second) },
		Sources: []ssa.RemoteSource{{Hosts: k.directory.RemoteSource().Hosts}}})
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

// answers makes the key server of the software answer so from now on.
func (k *known) answers(server keyServer) {
	server.path, server.next = strings.TrimPrefix(k.software.JWKSURL(), k.directory.URL()), k.directory.Client().Transport
	if server.media == "" {
		server.media = "application/json"
	}
	k.server.now.Store(&server)
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
		server              keyServer
		first, again, stale [3]int // by the first read, one 6 s later, and one after two hours
	}{
		"an empty set": {keyServer{status: 200, body: `{"keys":[]}`}, refused, refused, refused},
		"410":          {keyServer{status: 410}, refused, refused, refused},
		"404":          {keyServer{status: 404}, fine, refused, refused},
		"a page":       {keyServer{status: 200, body: "<html>", media: "text/html"}, fine, fine, out},
		"301":          {keyServer{status: 301}, fine, fine, out},
		"500":          {keyServer{status: 500}, fine, fine, out},
		"503":          {keyServer{status: 503}, fine, fine, out},
		"nothing":      {keyServer{err: context.DeadlineExceeded}, fine, fine, out},
		"a reset":      {keyServer{err: syscall.ECONNRESET}, fine, fine, out},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKnown(t)
			k.answers(c.server)
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
