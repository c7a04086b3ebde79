package postgres_test

import (
	"context"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/postgres"
)

func TestOpenSaysWhatIsWrongWithoutThePassword(t *testing.T) {
	server, ok := realtest.SharedPostgres(t)
	if !ok {
		return
	}
	const secret = "pass-w0rd"
	with := func(change func(u *url.URL)) string {
		u, err := url.Parse(server.DSN("none"))
		require.NoError(t, err)
		u.User = url.UserPassword("obdcr", secret)
		change(u)
		return u.String()
	}
	for name, c := range map[string]struct{ dsn, says string }{
		"empty":           {"", "the DSN is empty"},
		"malformed":       {"postgres://obdcr:" + secret + "@[::1:bad/name", "the DSN cannot be read"},
		"a bad value":     {with(func(u *url.URL) { u.RawQuery = "sslmode=perhaps" }), "the DSN cannot be read"},
		"a bad pooler":    {with(func(u *url.URL) { u.RawQuery = "pooler=statement" }), "neither transaction nor session"},
		"a wrong word":    {with(func(*url.URL) {}), "SQLSTATE 28P01, invalid authorization: the user or the password is wrong"},
		"nobody is there": {with(func(u *url.URL) { u.Host = "127.0.0.1:1" }), "connection refused"},
	} {
		_, err := postgres.Open(t.Context(), postgres.Config{DSN: claims.NewSecret(c.dsn)})
		if assert.ErrorContains(t, err, c.says, name) {
			assert.NotContains(t, err.Error(), secret, name)
		}
	}
	err := opened(t, server.DSN("no_such_database"), false)
	require.ErrorContains(t, err, "there is no such database")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = postgres.Open(ended, postgres.Config{DSN: claims.NewSecret(server.DSN(server.Database(t)))})
	require.ErrorIs(t, err, context.Canceled)
}

func TestAStoreThatWasClosedKnowsNothing(t *testing.T) {
	_, _, dsn, ok := scratch(t)
	if !ok {
		return
	}
	s := open(t, dsn)
	require.NoError(t, s.Create(t.Context(), registration("a"), store.Change{}))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "a second Close does nothing")
	_, err := s.Get(t.Context(), "a")
	require.Error(t, err)
	require.NotErrorIs(t, err, store.ErrNotFound)
	require.Error(t, s.Delete(t.Context(), "a", 1, store.Change{}))
	require.Error(t, s.Probe(t.Context()))
}

func TestADatabaseThatTakesNoChangesIsFoundByTheProbe(t *testing.T) {
	server, name, dsn, ok := scratch(t)
	if !ok {
		return
	}
	require.NoError(t, opened(t, dsn, false))
	server.SQL(t, name, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	s := open(t, dsn)
	for what, err := range map[string]error{
		"probe":  s.Probe(t.Context()),
		"create": s.Create(t.Context(), registration("a"), store.Change{Reservation: jtiOf("a")}),
	} {
		require.ErrorContains(t, err, "SQLSTATE 25006", what)
		require.ErrorContains(t, err, "takes no changes", what)
		assert.NotContains(t, err.Error(), "INSERT", what)
	}
	require.NoError(t, open(t, dsn+"&default_transaction_read_only=off").Probe(t.Context()))
}

func TestTextThatPostgreSQLCannotKeepIsRefused(t *testing.T) {
	_, _, dsn, ok := scratch(t)
	if !ok {
		return
	}
	s := open(t, dsn)
	for _, text := range []string{"a\x00b", "a\xffb"} {
		_, err := s.Get(t.Context(), text)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = s.GetByClientID(t.Context(), text)
		require.ErrorIs(t, err, store.ErrNotFound)
		require.ErrorIs(t, s.Delete(t.Context(), text, 1, store.Change{}), store.ErrNotFound)
		c := registration("a")
		c.OwnSubject = text
		require.ErrorContains(t, s.Create(t.Context(), c, store.Change{}), "own_subject: the text holds a NUL or is no UTF-8")
		with := noted(store.Change{})
		with.Audit.Reason = text
		require.ErrorContains(t, s.Create(t.Context(), registration("a"), with), "audit: reason: the text holds a NUL")
		_, err = s.Search(t.Context(), store.Query{OrgID: text}, store.Position{}, 1)
		require.NoError(t, err, "no record has it")
		_, err = s.List(t.Context(), text, 1)
		require.ErrorContains(t, err, "holds a NUL or is no UTF-8", "of what comes after it nothing can be said")
	}
	_, err := s.Get(t.Context(), "a")
	require.ErrorIs(t, err, store.ErrNotFound)
}

// TestAHostThatDoesNotAnswerIsNotWaitedForLong: the host takes the connection, and says nothing.
func TestAHostThatDoesNotAnswerIsNotWaitedForLong(t *testing.T) {
	if !realtest.Long(t) {
		return
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, silent.Close()) }()
	server, name, dsn, ok := scratch(t)
	if !ok {
		return
	}
	require.NoError(t, opened(t, dsn, false))
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.Host = silent.Addr().String() + "," + server.Address() + "," + server.Address() // again where the machine stands still for its second
	began := time.Now()
	s := open(t, u.String()+"&connect_timeout=1")
	require.NoError(t, s.Create(t.Context(), registration("a"), store.Change{}), "the other host answers")
	require.Less(t, time.Since(began), 20*time.Second)
	server.SQL(t, name, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	c := registration("a")
	c.Version = 1
	require.NoError(t, s.Update(t.Context(), c, store.Change{}), "connections that were ended are made anew")
}
