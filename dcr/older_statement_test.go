package dcr_test

import (
	"context"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// aged returns a request with a statement of a time before or after the present.
func (b *office) aged(t *testing.T, since time.Duration, changes map[string]any) string {
	t.Helper()
	all := map[string]any{"iat": b.now.Add(since).Unix()}
	maps.Copy(all, changes)
	statement := b.statement(t, all)
	return b.token(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some(statement) })
}

// TestAnUpdateDoesNotGoBackToAnOlderStatement: an older statement can have a role that the
// directory has withdrawn since. It is refused, and the client stays as it was.
func TestAnUpdateDoesNotGoBackToAnOlderStatement(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		own, sent time.Duration // iat of the client's own statement, and of the one that is sent
		accept    bool          // the policy takes older ones
		refused   bool
	}{
		"a second older":               {own: 0, sent: -time.Second, refused: true},
		"23 hours older":               {own: 0, sent: -23 * time.Hour, refused: true},
		"of the same second":           {own: -time.Hour, sent: -time.Hour},
		"a second newer":               {own: -time.Hour, sent: -time.Hour + time.Second},
		"older, and the bank takes it": {own: 0, sent: -23 * time.Hour, accept: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newOffice(t, func(p *validate.Policy) { p.OlderStatementInUpdate = c.accept }, nil)
			registration, refusal := b.register(t, b.Registrar, b.aged(t, c.own, map[string]any{"software_roles": []string{"AISP", "PISP"}}))
			require.Nil(t, refusal)
			id := registration.Client.ID
			before := everything(t, b.records)
			updated, err := b.Update(ctx, id, b.aged(t, c.sent, map[string]any{"software_roles": []string{"AISP", "PISP", "CBPII"}}), b.caller(t, id))
			if !c.refused {
				require.NoError(t, err)
				require.Equal(t, []claims.Role{claims.CBPII}, updated.Change.RolesGained)
				return
			}
			answer := refusalOf(t, err)
			require.Equal(t, http.StatusBadRequest, answer.Status)
			require.Equal(t, validate.InvalidSoftwareStatement, answer.Code)
			require.Equal(t, []string{validate.RuleSSAIatNotOlder}, ruleIDs(answer.Report))
			for _, told := range []time.Duration{c.own, c.sent} {
				require.Contains(t, answer.Description, b.now.Add(told).UTC().Format("2006-01-02 15:04:05 UTC"))
			}
			require.Contains(t, answer.Description, "fetch a new one")
			require.Equal(t, before, everything(t, b.records))
		})
	}
}

// TestAStatementWithoutIatTakesNoUpdateBack: without iat nobody knows how old the sent one
// is. A client that was registered with one, by a bank that took it then, gets a time.
func TestAStatementWithoutIatTakesNoUpdateBack(t *testing.T) {
	b := newOffice(t, nil, nil)
	ctx := context.Background()
	id := b.enrol(t, nil).Client.ID
	for _, exp := range []any{nil, b.now.Add(time.Hour).Unix()} {
		_, err := b.Update(ctx, id, b.aged(t, 0, map[string]any{"iat": nil, "exp": exp}), b.caller(t, id))
		require.Contains(t, ruleIDs(refusalOf(t, err).Report), validate.RuleSSAIatRequired)
	}
	record, err := b.records.Get(ctx, id)
	require.NoError(t, err)
	record.SoftwareStatement = b.statement(t, map[string]any{"iat": nil})
	require.NoError(t, b.records.Update(ctx, record, store.Change{}))
	_, err = b.Update(ctx, id, b.aged(t, -23*time.Hour, nil), b.caller(t, id))
	require.NoError(t, err)
	_, err = b.Update(ctx, id, b.aged(t, -24*time.Hour, nil), b.caller(t, id))
	require.Equal(t, []string{validate.RuleSSAIatNotOlder}, ruleIDs(refusalOf(t, err).Report))
}

// TestAnOlderStatementOfAnotherSoftwareIsAboutTheSoftware: the ages of two softwares'
// statements say nothing of each other.
func TestAnOlderStatementOfAnotherSoftwareIsAboutTheSoftware(t *testing.T) {
	b := newOffice(t, nil, nil)
	id := b.enrol(t, nil).Client.ID
	stranger := b.other(t, ssatest.SoftwareOptions{})
	statement, err := stranger.SSA(map[string]any{"iat": b.now.Add(-time.Hour).Unix()})
	require.NoError(t, err)
	request := stranger.Request(ssatest.DefaultAudience)
	request.SoftwareStatement = claims.Some(statement)
	token, err := stranger.Sign(&request)
	require.NoError(t, err)
	_, err = b.Update(context.Background(), id, token, b.caller(t, id))
	require.Equal(t, []string{validate.RuleSoftwareIDUnchanged}, ruleIDs(refusalOf(t, err).Report))
}

// overtaken is a store in which another writer updates a client just before the first
// change of it.
type overtaken struct {
	records
	before func()
}

func (o *overtaken) Update(ctx context.Context, c store.Client, with store.Change) error {
	if do := o.before; do != nil {
		o.before = nil
		do()
	}
	return o.records.Update(ctx, c, with)
}

// TestAnUpdateThatLostARaceIsComparedWithTheStatementOfTheWinner: the request was judged
// against the old record first, than which its statement is newer.
func TestAnUpdateThatLostARaceIsComparedWithTheStatementOfTheWinner(t *testing.T) {
	w, _ := newWorld(t, nil)
	s := &overtaken{records: w.store}
	b := openOffice(t, w, s, func(c *dcr.Config) { c.Observer = nil })
	ctx := context.Background()
	registration, refusal := b.register(t, b.Registrar, b.aged(t, -3*time.Hour, nil))
	require.Nil(t, refusal)
	id := registration.Client.ID
	late, winner := b.aged(t, -2*time.Hour, nil), b.aged(t, -time.Hour, nil)
	var after string
	s.before = func() {
		_, err := b.Update(ctx, id, winner, b.caller(t, id))
		require.NoError(t, err)
		after = everything(t, b.records)
	}
	_, err := b.Update(ctx, id, late, b.caller(t, id))
	require.Equal(t, []string{validate.RuleSSAIatNotOlder}, ruleIDs(refusalOf(t, err).Report))
	require.Equal(t, after, everything(t, b.records))
}
