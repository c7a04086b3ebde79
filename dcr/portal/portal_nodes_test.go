package portal_test

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/postgres"
	"github.com/obdcr/obdcr/store/sqlite"
)

// closable is a store that a process has open.
type closable interface {
	store.Store
	Close() error
}

// node is another process of the bank, with a store of its own on the same data.
func (w *world) node(t *testing.T, s store.Store) *portal.Portal {
	t.Helper()
	config := w.config
	config.Store = s
	config.Registrar = dcrtest.NewBank(t, append(w.settings, dcrtest.WithDirectory(w.directory), dcrtest.WithStore(s))...).Server().Registrar()
	p, err := portal.New(config)
	require.NoError(t, err)
	return p
}

// keepsSessions holds a session to what it is on several nodes and after a restart.
func keepsSessions(t *testing.T, open func() closable) {
	t.Helper()
	records := open()
	w := newWorld(t, options{directory: true, store: records})
	second := open()
	nodes := []*portal.Portal{w.portal, w.node(t, second)}
	at := func(node int) { w.portal = nodes[node] }

	b := w.visitor(t)
	address := b.begin("/portal/applications")
	at(1)
	a := b.step(b.authorized(address, annaEmail))
	require.Equal(t, http.StatusSeeOther, a.status, "another node takes the directory's answer")
	session := b.cookie()
	for node := range nodes {
		at(node)
		assert.True(t, b.isIn(), "node %d", node)
	}
	require.NoError(t, records.Close())
	require.NoError(t, second.Close())
	third := open()
	defer func() { _ = third.Close() }()
	w.portal = w.node(t, third)
	assert.True(t, b.isIn(), "after a restart of all")
	fourth := open()
	defer func() { _ = fourth.Close() }()
	nodes = []*portal.Portal{w.portal, w.node(t, fourth)}
	require.Equal(t, http.StatusOK, b.post("/sign-out", nil).status)
	at(1)
	assert.False(t, b.plant(session).isIn(), "signed out on another node")
	user, err := third.(store.Users).GetUser(context.Background(), "anna@tpp.example")
	require.NoError(t, err)
	assert.Equal(t, []string{orgOne}, user.Organisations)
}

func TestSessionsAreThoseOfAllNodesOverOneSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bank.db")
	keepsSessions(t, func() closable {
		s, err := sqlite.Open(context.Background(), sqlite.Config{Path: path})
		require.NoError(t, err)
		return s
	})
}

func TestSessionsAreThoseOfAllNodesOverOnePostgreSQL(t *testing.T) {
	if !realtest.Long(t) {
		return
	}
	database, ok := realtest.SharedPostgres(t)
	if !ok {
		return
	}
	dsn := claims.NewSecret(database.DSN(database.Database(t)))
	keepsSessions(t, func() closable {
		s, err := postgres.Open(context.Background(), postgres.Config{DSN: dsn})
		require.NoError(t, err)
		return s
	})
}

// TestWhoIsTakenOffTheListIsNoOperatorAfterTheStart by it, in a session that is open.
func TestWhoIsTakenOffTheListIsNoOperatorAfterTheStart(t *testing.T) {
	w := newWorld(t, options{directory: true})
	w.account(t, ssatest.Account{Email: "otto@bank.example", Code: "123456", Claims: map[string]any{"groups": []string{"root", "obdcr-operators"}}})
	listed, claimed, contact := w.visitor(t), w.visitor(t), w.visitor(t)
	listed.signedInAt(olgaEmail, "")
	claimed.signedInAt("otto@bank.example", "")
	contact.signedInAt(annaEmail, "")
	restart := func(o portal.Operators) {
		config := w.config
		config.Operators = o
		var err error
		w.portal, err = portal.New(config)
		require.NoError(t, err)
	}
	all := w.config.Operators
	restart(portal.Operators{Emails: all.Emails})
	assert.True(t, listed.isIn())
	assert.False(t, claimed.isIn())
	restart(portal.Operators{Claim: all.Claim, Values: all.Values})
	assert.False(t, listed.isIn())
	restart(all)
	assert.False(t, listed.isIn(), "the session has ended")
	assert.True(t, contact.isIn())
}
