package dcr_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// spelling is a request that a library writes in its own way, and what a bank reports.
type spelling struct {
	name  string
	token func(t *testing.T, w *world) string
	found []string // rule IDs of warnings and notices, or of the errors where the request is refused
}

// headerOf makes a request whose header has other members.
func headerOf(members map[string]any) func(*testing.T, *world) string {
	return func(t *testing.T, w *world) string {
		t.Helper()
		return w.forge(t, ssatest.Forgery{Members: members})
	}
}

// statementHeaderOf makes a request whose statement's header has other members.
func statementHeaderOf(members map[string]any) func(*testing.T, *world) string {
	return func(t *testing.T, w *world) string {
		t.Helper()
		return w.forgedStatement(t, nil, ssatest.Forgery{Members: members})
	}
}

// writing makes a request whose payload has other texts than the usual one.
func writing(texts map[string]string) func(*testing.T, *world) string {
	return func(t *testing.T, w *world) string {
		t.Helper()
		request := w.software.Request(ssatest.DefaultAudience)
		usual, err := json.Marshal(&request)
		require.NoError(t, err)
		members := map[string]json.RawMessage{}
		require.NoError(t, json.Unmarshal(usual, &members))
		for name, text := range texts {
			members[name] = json.RawMessage(text)
		}
		token, err := w.software.Sign(members)
		require.NoError(t, err)
		return token
	}
}

// statingTexts makes a request whose statement has other texts than the usual one.
func statingTexts(texts map[string]string) func(*testing.T, *world) string {
	return func(t *testing.T, w *world) string {
		t.Helper()
		changes := map[string]any{}
		for name, text := range texts {
			changes[name] = json.RawMessage(text)
		}
		return w.stating(t, w.statement(t, changes))
	}
}

func TestSpellingsThatTheStandardsAllowAreRegistered(t *testing.T) {
	digests := map[string]any{"x5t": "NT1mRdvCV0u1WgoxA7YQR0PyTL4", "x5t#S256": "nlQ0-6k5tkw-qqz2lCZ_A7wSkQzcNbgbRlTzaTdCZrA"}
	for _, c := range []spelling{
		{"typ in lower case", headerOf(map[string]any{"typ": "jwt"}), []string{validate.RuleHeaderTypSpelling}},
		{"typ with its prefix", headerOf(map[string]any{"typ": "application/jwt"}), []string{validate.RuleHeaderTypSpelling}},
		{"no typ", headerOf(map[string]any{"typ": nil}), nil},
		{"digests of a certificate", headerOf(digests), nil},
		{"a statement's typ in lower case", statementHeaderOf(map[string]any{"typ": "jwt"}), []string{validate.RuleSSAHeaderTypSpelling}},
		{"a statement's typ with its prefix", statementHeaderOf(map[string]any{"typ": "application/JWT"}), []string{validate.RuleSSAHeaderTypSpelling}},
		{"a statement without typ", statementHeaderOf(map[string]any{"typ": nil}), []string{validate.RuleSSAHeaderTypRequired}},
		{"digests in a statement", statementHeaderOf(digests), nil},
		{"whole numbers with a point", writing(map[string]string{"iat": "1790000000.0", "exp": "1790000600.00"}), nil},
		{"whole numbers with an exponent", writing(map[string]string{"iat": "1.79E9", "exp": "17900006e2"}), nil},
		{"a statement's time with a fraction", statingTexts(map[string]string{"iat": "1789999999.25", "exp": "1.7900006005e9"}), nil},
		{"null for what a statement may lack", statingTexts(map[string]string{"exp": "null", "org_name": "null", "software_version": "null"}), nil},
		{"null for org_status", statingTexts(map[string]string{"org_status": "null"}), []string{validate.RuleSSAOrgStatusRequired}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, r := newWorld(t, nil)
			registration, refusal := w.register(t, r, c.token(t, w))
			require.Nil(t, refusal)
			require.Equal(t, c.found, besides(registration.Report))
		})
	}
}

func TestSpellingsThatMeanSomethingElseAreRefused(t *testing.T) {
	for _, c := range []spelling{
		{"another kind of token", headerOf(map[string]any{"typ": "at+jwt"}), []string{validate.RuleHeaderTyp}},
		{"another kind with the prefix", headerOf(map[string]any{"typ": "application/at+jwt"}), []string{validate.RuleHeaderTyp}},
		{"a digest that is no string", headerOf(map[string]any{"x5t": 7}), []string{validate.RuleHeaderMemberType}},
		{"a digest in hexadecimal", headerOf(map[string]any{"x5t": "353d6645dbc2574bb55a0a3103b6104743f24cbe"}), []string{validate.RuleHeaderMemberType}},
		{"a digest of SHA-1 for one of SHA-256", headerOf(map[string]any{"x5t#S256": "NT1mRdvCV0u1WgoxA7YQR0PyTL4"}), []string{validate.RuleHeaderMemberType}},
		{"no digest in a statement", statementHeaderOf(map[string]any{"x5t": ""}), []string{validate.RuleSSAHeaderMemberType}},
		{"a certificate", headerOf(map[string]any{"x5c": []string{"AA=="}}), []string{validate.RuleHeaderEmbeddedKey}},
		{"the address of one", headerOf(map[string]any{"x5u": "https://a.example/"}), []string{validate.RuleHeaderEmbeddedKey}},
		{"a time with a fraction", writing(map[string]string{"iat": "1790000000.5"}), []string{validate.RuleRequestMemberType}},
		{"milliseconds", writing(map[string]string{"exp": "1.79e12"}), []string{validate.RuleExpRange}},
		{"a time that no clock shows", writing(map[string]string{"exp": "1e400"}), []string{validate.RuleRequestMemberType}},
		{"null for a time", writing(map[string]string{"exp": "null"}), []string{validate.RuleRequestMemberType}},
		{"null for what a statement must have", statingTexts(map[string]string{"org_id": "null"}), []string{validate.RuleSSAMemberType}},
		{"a statement of another kind", statementHeaderOf(map[string]any{"typ": "at+jwt"}), []string{validate.RuleSSAHeaderTyp}},
		{"a statement with a certificate", statementHeaderOf(map[string]any{"x5c": []string{"AA=="}}), []string{validate.RuleSSAHeaderEmbeddedKey}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, r := newWorld(t, nil)
			_, refusal := w.register(t, r, c.token(t, w))
			require.NotNil(t, refusal)
			require.Subset(t, ruleIDs(refusal.Report), c.found)
			require.Equal(t, "null", everything(t, w.store))
		})
	}
}

// besides returns the rule IDs of the warnings and notices of a valid report: those that
// begin as one of prefixes, or all.
func besides(report *validate.Report, prefixes ...string) []string {
	var ids []string
	for _, v := range report.Violations {
		if len(prefixes) == 0 || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(v.Rule, p) }) {
			ids = append(ids, v.Rule)
		}
	}
	return ids
}

// Members that only a response has are told by a notice to who registers, and by a warning
// to who updates (RFC 7592 section 2.2). They have no effect.
func TestAnUpdateWithMembersOfTheResponseIsWarnedOf(t *testing.T) {
	b := newOffice(t, func(p *validate.Policy) {
		p.AuthMethods = append(p.AuthMethods, claims.ClientSecretBasic)
		p.Widenings = []validate.Widening{validate.WidenClientSecretBasic}
	}, nil)
	sending := func(texts map[string]string) string {
		texts["token_endpoint_auth_method"] = `"client_secret_basic"`
		return writing(texts)(t, b.world)
	}
	made, refusal := b.register(t, b.Registrar, sending(map[string]string{"client_id_issued_at": "1", "client_secret": `"mine"`}))
	require.Nil(t, refusal)
	require.Equal(t, []string{validate.RuleRequestResponseMember, validate.RuleRequestResponseMember}, besides(made.Report, "request."))
	id, secret := made.Client.ID, made.Secret.Reveal()
	require.NotEqual(t, "mine", secret)
	for name, c := range map[string]struct {
		texts map[string]string
		found []string
	}{
		"the secret of the client": {map[string]string{"client_secret": `"` + secret + `"`}, []string{validate.RuleRequestResponseMember}},
		"another secret":           {map[string]string{"client_secret": `"mine"`}, []string{validate.RuleRequestResponseMemberUpdate}},
		"a secret that is null":    {map[string]string{"client_secret": `null`}, []string{validate.RuleRequestResponseMemberUpdate}},
		"what the server sets": {map[string]string{"client_id_issued_at": "1", "registration_client_uri": `"https://b.example"`},
			[]string{validate.RuleRequestResponseMemberUpdate, validate.RuleRequestResponseMemberUpdate}},
		"its client_id": {map[string]string{"client_id": `"` + id + `"`}, nil},
	} {
		updated, err := b.Update(t.Context(), id, sending(c.texts), b.caller(t, id))
		require.NoError(t, err, name)
		require.Equal(t, c.found, besides(updated.Report, "request.", "client_id."), name)
		require.Equal(t, made.Client.SecretHash, updated.Client.SecretHash, name)
		require.Equal(t, made.Client.IssuedAt, updated.Client.IssuedAt, name)
	}
}
