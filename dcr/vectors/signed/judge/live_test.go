package judge_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// What the bank's own software and directory put in the place of a vector's, as the README
// of the vectors says.
var (
	ownInRequest = []string{"iss", "iat", "exp", "nbf", "aud", "jti", "software_id", "software_statement"}
	ownInSSA     = []string{
		"iss", "iat", "exp", "nbf", "jti", "software_environment", "software_mode", "software_id", "software_client_id", "org_id",
		"software_jwks_endpoint", "software_jwks_revoked_endpoint", "org_jwks_endpoint", "org_jwks_revoked_endpoint",
	}
)

// as makes the members of a document those of a vector, but for the bank's own.
func as(document json.RawMessage, own []string) dcrtest.Mutation {
	return dcrtest.Edit(func(members map[string]any) {
		var wanted map[string]json.RawMessage
		if err := json.Unmarshal(document, &wanted); err != nil {
			panic(err) // the vector was read
		}
		for name := range members {
			if !slices.Contains(own, name) {
				delete(members, name)
			}
		}
		for name, value := range wanted {
			if !slices.Contains(own, name) {
				members[name] = value
			}
		}
	})
}

// A live vector shows the same when another software sends it to another bank, now.
func TestALiveVectorShowsTheSameWhoeverSendsIt(t *testing.T) {
	t.Parallel()
	d, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	tpp := dcrtest.NewBank(t, dcrtest.WithDirectory(d)).NewTPP(t)
	groups := byBank(t, func(v *signed.Vector) bool { return v.Live })
	require.Greater(t, len(groups), 10, "policies")
	for _, group := range groups {
		t.Run(group[0].Name, func(t *testing.T) {
			t.Parallel()
			playLive(t, d, tpp, group)
		})
	}
}

// playLive plays live vectors at one bank.
func playLive(t *testing.T, d *ssatest.Directory, tpp *dcrtest.TPP, group []*signed.Vector) {
	t.Helper()
	records := &memory{}
	policy, err := group[0].BankPolicy()
	require.NoError(t, err)
	policy.Audiences = []string{dcrtest.Audience}
	bank := dcrtest.NewBank(t, dcrtest.WithProfile(group[0].Profile), dcrtest.WithDirectory(d), dcrtest.WithStore(records),
		dcrtest.WithServerConfig(func(c *server.Config) {
			c.Policy = &policy
			c.Logger = slog.New(slog.DiscardHandler)
		}))
	here := tpp.At(bank)
	for _, v := range group {
		records.Memory = store.NewMemory(time.Now)
		_, err := here.Register(dcrtest.Statement(as(v.Documents.SSA, ownInSSA)), as(v.Documents.Request, ownInRequest))
		refusal, refused := errors.AsType[*dcrtest.Refusal](err)
		switch {
		case refused:
			a := answer{status: refusal.Status, code: validate.Code(refusal.Code), rules: refusal.Rules}
			assert.Empty(t, differ(v, a), "%s: %s", v.Name, v.Comment)
		case err != nil:
			assert.NoError(t, err, "%s: %s", v.Name, v.Comment)
		default:
			assert.True(t, v.Expect.Valid, "%s: %s: the bank registers it", v.Name, v.Comment)
		}
	}
}
