package dcr_test

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// The bad example of a rule that a step outside of the table judges is refused by that
// rule alone. The good one is not refused by it.
func TestEachExampleOfAStepIsWhatItClaimsToBe(t *testing.T) {
	for _, r := range validate.Rules() {
		if !r.External {
			continue
		}
		t.Run(r.ID, func(t *testing.T) {
			try, ok := exampleSteps[r.ID]
			require.True(t, ok, "show here what a bank answers to the examples")
			require.Equal(t, []string{r.ID}, try(newExampleBank(t), r.Bad), "bad: %s", r.Bad)
			require.NotContains(t, try(newExampleBank(t), r.Good), r.ID, "good: %s", r.Good)
		})
	}
	for id := range exampleSteps {
		row, ok := validate.RuleByID(id)
		require.True(t, ok && row.External, id)
	}
}

// exampleBank is a bank that examples are tried at. What examples call by a name of
// their own is one of the names map.
type exampleBank struct {
	*office
	t     *testing.T
	names *strings.Replacer
}

func newExampleBank(t *testing.T) *exampleBank {
	t.Helper()
	b := newOffice(t, nil, nil)
	return &exampleBank{b, t, strings.NewReplacer(
		"hcgex1mTXPpA8QBZkqLRMv7WFY0", b.software.SigningKeyID, "withdrawn", b.software.SigningKeyID,
		"Hza9v5bgDJcOnhcUZ7BMwbSL", b.directory.KeyID(),
		"https://keystore.example.org.uk/keys.jwks", b.software.JWKSURL(),
	)}
}

// fragment returns the changes that an example makes to a document: values, and nil for
// what is absent.
func (b *exampleBank) fragment(e validate.Example) map[string]any {
	members, without, ok := e.Fragment()
	require.True(b.t, ok, e)
	changes := map[string]any{}
	if members != "" {
		require.NoError(b.t, json.Unmarshal([]byte(b.names.Replace(members)), &changes))
	}
	for _, name := range without {
		changes[name] = nil
	}
	return changes
}

// request returns the claims of a request with the changes of an example.
func (b *exampleBank) request(e validate.Example) map[string]any {
	request := b.software.Request(ssatest.DefaultAudience)
	text, err := json.Marshal(&request)
	require.NoError(b.t, err)
	var members map[string]any
	require.NoError(b.t, json.Unmarshal(text, &members))
	maps.Copy(members, b.fragment(e))
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	return members
}

func (b *exampleBank) sign(payload any, f ssatest.Forgery) string {
	token, err := b.software.SignWith(payload, f)
	require.NoError(b.t, err)
	return token
}

// of returns a request that holds a statement.
func (b *exampleBank) of(statement string, err error) string {
	require.NoError(b.t, err)
	return b.token(b.t, func(c *claims.Request) { c.SoftwareStatement = claims.Some(statement) })
}

// tried registers a request, and returns the rules that refuse it.
func (b *exampleBank) tried(token string) []string {
	if _, refusal := b.register(b.t, b.Registrar, token); refusal != nil {
		return ruleIDs(refusal.Report)
	}
	return nil
}

// updated registers a client, updates it with a request, and returns the rules that refuse
// that.
func (b *exampleBank) updated(token string) []string {
	id := b.enrol(b.t, nil).Client.ID
	if _, err := b.Update(context.Background(), id, token, b.caller(b.t, id)); err != nil {
		return ruleIDs(refusalOf(b.t, err).Report)
	}
	return nil
}

// trusts lets the bank trust another directory too. It returns a request of software there
// that has the identifiers of this one's.
func (b *exampleBank) trusts(o ssatest.Options) string {
	o.Clock = b.config.Clock
	second, err := ssatest.New(o)
	require.NoError(b.t, err)
	b.t.Cleanup(second.Close)
	same, err := second.NewSoftware(ssatest.SoftwareOptions{SoftwareID: b.software.SoftwareID, OrgID: b.software.OrgID})
	require.NoError(b.t, err)
	b.office = openOffice(b.t, b.world, b.records, func(c *dcr.Config) {
		c.Statements, err = ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{b.directory.Anchor(), second.Anchor()}, Clock: c.Clock, Skew: time.Minute})
		require.NoError(b.t, err)
		c.SoftwareKeys = either{b.directory.Resolver(), second.Resolver()}
	})
	return requestOf(b.t, same)
}

// inWords does what an example says. An example that says something else is not known.
func (b *exampleBank) inWords(e validate.Example, says map[validate.Example]func() []string) []string {
	do, ok := says[e]
	require.True(b.t, ok, "nothing here does what the example says: %s", e)
	return do()
}

var exampleSteps = map[string]func(b *exampleBank, e validate.Example) []string{
	"validate.input": func(b *exampleBank, e validate.Example) []string {
		judged := func(in *validate.Input) func() []string {
			return func() []string { return ruleIDs(b.config.Validator.Judge(in)) }
		}
		request := b.software.Request(ssatest.DefaultAudience)
		return b.inWords(e, map[validate.Example]func() []string{
			"neither a request nor a statement": judged(&validate.Input{Now: b.now}), "a request": judged(&validate.Input{Request: &request, Now: b.now}),
		})
	},
	"request.size": linted, "input.encoding": linted, "certificate.validity": linted, "certificate.purpose": linted, "certificate.chain": linted,
	"certificate.key.revoked": linted, "certificate.binding": linted, "certificate.subject": linted,
	"request.jws":       func(b *exampleBank, e validate.Example) []string { return b.tried(string(e)) },
	"request.key.found": triedHeader,
	"request.key.revoked": func(b *exampleBank, e validate.Example) []string {
		if strings.Contains(string(e), "withdrawn") {
			b.directory.Publish(b.revokedPaths()["software"], b.software.JWKS())
		}
		return triedHeader(b, e)
	},
	"request.signature": func(b *exampleBank, e validate.Example) []string {
		return b.inWords(e, map[validate.Example]func() []string{
			"a request that another key signed": func() []string {
				return b.tried(b.sign(b.request("{}"), ssatest.Forgery{Key: b.directory.ForgedKey()}))
			},
			"a request that the key of its kid signed": func() []string { return b.tried(b.token(b.t, nil)) },
		})
	},
	"request.jti.replayed": func(b *exampleBank, e validate.Example) []string {
		earlier := b.token(b.t, nil)
		require.Empty(b.t, b.tried(earlier))
		return b.inWords(e, map[validate.Example]func() []string{
			"the jti of an earlier request": func() []string { return b.tried(earlier) },
			"a fresh jti":                   func() []string { return b.tried(b.token(b.t, nil)) },
		})
	},
	"client_id.matches": func(b *exampleBank, e validate.Example) []string {
		return b.updated(b.sign(b.request(e), ssatest.Forgery{}))
	},
	"software_id.unchanged": func(b *exampleBank, e validate.Example) []string {
		return b.inWords(e, map[validate.Example]func() []string{
			"a statement of another software":      func() []string { return b.updated(requestOf(b.t, b.other(b.t, ssatest.SoftwareOptions{}))) },
			"a new statement of the same software": func() []string { return b.updated(b.token(b.t, nil)) },
		})
	},
	"ssa.org_id.unchanged": func(b *exampleBank, e validate.Example) []string {
		return b.inWords(e, map[validate.Example]func() []string{
			"a statement of another organisation": func() []string {
				return b.updated(requestOf(b.t, b.other(b.t, ssatest.SoftwareOptions{SoftwareID: b.software.SoftwareID, OrgID: "0015800000TestOrgB"})))
			},
			"a new statement of the same organisation": func() []string { return b.updated(b.token(b.t, nil)) },
		})
	},
	"ssa.environment.unchanged": func(b *exampleBank, e validate.Example) []string {
		return b.inWords(e, map[validate.Example]func() []string{
			"a statement of the other environment":    func() []string { return b.updated(b.trusts(ssatest.Options{Environment: claims.Production})) },
			"a new statement of the same environment": func() []string { return b.updated(b.token(b.t, nil)) },
		})
	},
	"ssa.issuer.unchanged": func(b *exampleBank, e validate.Example) []string {
		return b.inWords(e, map[validate.Example]func() []string{
			"a statement of another directory that the bank trusts": func() []string { return b.updated(b.trusts(ssatest.Options{Issuer: "Another Ltd"})) },
			"a new statement of the same directory":                 func() []string { return b.updated(b.token(b.t, nil)) },
		})
	},
	"ssa.recheck.age": func(b *exampleBank, e validate.Example) []string {
		return b.inWords(e, map[validate.Example]func() []string{
			"a client whose statement is older than a year": func() []string { return b.rechecked(366 * 24 * time.Hour) },
			"a client whose statement is of this month":     func() []string { return b.rechecked(20 * 24 * time.Hour) },
		})
	},
	"ssa.iat.not_older": func(b *exampleBank, e validate.Example) []string {
		return b.inWords(e, map[validate.Example]func() []string{
			"a statement from before the client's own": func() []string {
				return b.updated(b.of(b.software.SSA(map[string]any{"iat": b.now.Add(-time.Hour).Unix()})))
			},
			"a new statement of the same software": func() []string { return b.updated(b.token(b.t, nil)) },
		})
	},
	"ssa.jws": func(b *exampleBank, e validate.Example) []string {
		return b.tried(b.sign(b.request(e), ssatest.Forgery{}))
	},
	"ssa.issuer.trusted":     triedStatement,
	"ssa.jwks_endpoint.host": triedStatement,
	"ssa.key.found": func(b *exampleBank, e validate.Example) []string {
		return b.tried(b.of(b.software.SSAWith(nil, ssatest.Forgery{Members: b.fragment(e)})))
	},
	"ssa.signature": func(b *exampleBank, e validate.Example) []string {
		return b.inWords(e, map[validate.Example]func() []string{
			"a statement that the TPP signed": func() []string {
				return b.tried(b.of(b.software.SSAWith(nil, ssatest.Forgery{Key: b.software.SigningKey})))
			},
			"a statement that the directory signed": func() []string { return b.tried(b.of(b.software.SSA(nil))) },
		})
	},
}

// triedHeader tries a request with the header of an example.
func triedHeader(b *exampleBank, e validate.Example) []string {
	return b.tried(b.sign(b.request("{}"), ssatest.Forgery{Members: b.fragment(e)}))
}

// triedStatement tries a request with the statement of an example.
func triedStatement(b *exampleBank, e validate.Example) []string {
	return b.tried(b.of(b.software.SSA(b.fragment(e))))
}
