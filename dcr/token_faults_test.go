package dcr_test

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
)

// panicking are tokens whose methods panic where they are told to.
type panicking struct {
	token.Tokens
	introspect, revoke bool
	revoked            int
}

func (p *panicking) Introspect(ctx context.Context, access claims.Secret) (token.AccessToken, error) {
	if p.introspect {
		panic("out of bounds\nsecond line")
	}
	return p.Tokens.Introspect(ctx, access)
}

func (p *panicking) Revoke(ctx context.Context, r token.Revocation) (token.Revoked, error) {
	p.revoked++
	if p.revoke {
		panic("out of bounds\nsecond line")
	}
	return p.Tokens.Revoke(ctx, r)
}

// TestAPanicAboutATokenOpensNothing: the bank's own code is called at each of the places.
func TestAPanicAboutATokenOpensNothing(t *testing.T) {
	for name, c := range map[string]struct {
		clientToken bool
		tokens      panicking
		path        string // "" is the client's own
		status      int
		outcome     dcr.EventOutcome
		logged      string
	}{
		"Config.ClientToken": {clientToken: true, status: 401, outcome: dcr.OutcomeUnauthorized, logged: "Config.ClientToken failed"},
		"Tokens.Introspect":  {tokens: panicking{introspect: true}, status: 503, outcome: dcr.OutcomeUnavailable, logged: "a request failed"},
		"Tokens.Revoke":      {tokens: panicking{revoke: true}, path: "another", status: 401, outcome: dcr.OutcomeUnauthorized, logged: "is not revoked"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newOffice(t, nil, nil)
			tokens := c.tokens
			o, log := b.beside(t, nil, func(config *dcr.Config) {
				tokens.Tokens, config.Tokens = config.Tokens, &tokens
				if c.clientToken {
					config.ClientToken = func(token.AccessToken) bool { panic("out of bounds\nsecond line") }
				}
			})
			client := b.enrol(t, nil).Client
			by := o.caller(t, client.ClientID)
			before := everything(t, b.records)
			for verb, ask := range o.verbs(t) {
				o.newEvents()
				refusal := refusalOf(t, ask(cmp.Or(c.path, client.ClientID), by))
				require.Equal(t, c.status, refusal.Status, verb)
				require.NotContains(t, refusal.Description, "bounds", verb)
				events := o.newEvents()
				require.Len(t, events, 1, verb)
				require.Equal(t, c.outcome, events[0].Outcome, verb)
			}
			require.Equal(t, before, everything(t, b.records))
			requireLogged(t, log, slog.LevelError, c.logged, dcr.ErrPanic.Error(), "out of bounds")
			require.Contains(t, log.String(), "stack=\"goroutine", "whose fault it is")
			require.NotContains(t, log.String(), by.Token.Reveal())
		})
	}
}

// TestATokenAtTheIDThatA202ToldIsRefusedAndStaysValid: the TPP cannot know that the server
// chose another client_id.
func TestATokenAtTheIDThatA202ToldIsRefusedAndStaysValid(t *testing.T) {
	w, _ := newWorld(t, bothPending)
	server := newChooser()
	b := openOffice(t, w, w.store, nil)
	tokens := &panicking{}
	o, _ := b.beside(t, server, func(c *dcr.Config) { tokens.Tokens, c.Tokens = c.Tokens, tokens })
	told := o.apply(t, nil).ID
	registration, err := o.ApprovePending(context.Background(), told)
	require.NoError(t, err)
	id := registration.Client.ClientID
	require.NotEqual(t, told, id)
	by := o.caller(t, id)
	for verb, ask := range o.verbs(t) {
		require.Equal(t, http.StatusUnauthorized, refusalOf(t, ask(told, by)).Status, verb)
	}
	require.Zero(t, tokens.revoked)
	require.True(t, o.alive(by.Token))
	_, err = o.Get(context.Background(), id, by)
	require.NoError(t, err)

	_, err = o.Get(context.Background(), "another", by)
	require.Equal(t, http.StatusUnauthorized, refusalOf(t, err).Status)
	require.Equal(t, 1, tokens.revoked)
	require.False(t, o.alive(by.Token), "elsewhere it is misused")
}
