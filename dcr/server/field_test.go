package server_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// sent is a request of a TPP in the field: what is other than in a good one.
type sent struct {
	header    ssatest.Forgery // of the request
	members   map[string]any  // of the request; nil removes one
	ofSSA     ssatest.Forgery // header of the statement
	statement map[string]any  // members of the statement; nil removes one
	behind    string          // stands behind the last character
}

// token writes the request.
func (s sent) token(t *testing.T, w *world) string {
	t.Helper()
	statement, err := w.software.SSAWith(s.statement, s.ofSSA)
	require.NoError(t, err)
	request := w.software.Request(ssatest.DefaultAudience)
	request.SoftwareStatement = claims.Some(statement)
	usual, err := json.Marshal(&request)
	require.NoError(t, err)
	members := map[string]any{}
	require.NoError(t, json.Unmarshal(usual, &members))
	maps.Copy(members, s.members)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	token, err := w.software.SignWith(members, s.header)
	require.NoError(t, err)
	return token + s.behind
}

// post sends a body as it is, and returns the answer with what its description names.
func post(t *testing.T, client *http.Client, bank, body string) *tpp.ResponseError {
	t.Helper()
	response, err := client.Post(bank+"/register", "application/jwt", strings.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	e := &tpp.ResponseError{Status: response.StatusCode, Body: answer}
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(answer, &said) == nil {
		e.Code, e.Description = said.Error, said.Description
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

func header(members map[string]any) ssatest.Forgery { return ssatest.Forgery{Members: members} }

// What TPPs, libraries and directories send, and what a bank answers.
func TestRequestsOfTheField(t *testing.T) {
	digests := map[string]any{"x5t": "NT1mRdvCV0u1WgoxA7YQR0PyTL4", "x5t#S256": "nlQ0-6k5tkw-qqz2lCZ_A7wSkQzcNbgbRlTzaTdCZrA"}
	now := time.Now().Unix()
	w := newWorld(t)
	_, client, bank := w.serve(t, w.bank(t))
	for name, c := range map[string]struct {
		sent   sent
		status int
		broken []string
	}{
		"x5t beside kid is a digest, not a key":                {sent{header: header(digests)}, 201, nil},
		"x5t in the statement's header is a digest, not a key": {sent{ofSSA: header(digests)}, 201, nil},
		"x5c is a key":                                                 {sent{header: header(map[string]any{"x5c": []string{"AA=="}})}, 400, []string{validate.RuleHeaderEmbeddedKey}},
		"x5u is the address of a key":                                  {sent{header: header(map[string]any{"x5u": "https://tpp.example/c"})}, 400, []string{validate.RuleHeaderEmbeddedKey}},
		"typ may be in lower case":                                     {sent{header: header(map[string]any{"typ": "jwt"})}, 201, nil},
		"typ may have its prefix":                                      {sent{header: header(map[string]any{"typ": "application/jwt"})}, 201, nil},
		"typ of the statement may be in lower case":                    {sent{ofSSA: header(map[string]any{"typ": "jwt"})}, 201, nil},
		"typ of the statement may have its prefix":                     {sent{ofSSA: header(map[string]any{"typ": "application/jwt"})}, 201, nil},
		"typ of an access token is another kind of token":              {sent{header: header(map[string]any{"typ": "at+jwt"})}, 400, []string{validate.RuleHeaderTyp}},
		"typ of an access token is no statement's":                     {sent{ofSSA: header(map[string]any{"typ": "at+jwt"})}, 400, []string{validate.RuleSSAHeaderTyp}},
		"a whole number may have a point":                              {sent{members: map[string]any{"iat": json.RawMessage(number(now) + ".0")}}, 201, nil},
		"a whole number may have an exponent":                          {sent{members: map[string]any{"iat": json.RawMessage(exponent(now))}}, 201, nil},
		"a time of the request has no fraction":                        {sent{members: map[string]any{"iat": json.RawMessage(number(now) + ".5")}}, 400, []string{validate.RuleRequestMemberType}},
		"a time of the statement may have a fraction":                  {sent{statement: map[string]any{"iat": json.RawMessage(number(now) + ".25")}}, 201, nil},
		"a line end behind the request is no part of a JWT":            {sent{behind: "\n"}, 400, []string{validate.RuleRequestJWS}},
		"more than 64 KiB are not read":                                {sent{members: map[string]any{"note": strings.Repeat("x", 64<<10)}}, 413, nil},
		"a further member of 40 KiB is let be":                         {sent{members: map[string]any{"note": strings.Repeat("x", 40<<10)}}, 201, nil},
		"scope as an array is of the wrong type":                       {sent{members: map[string]any{"scope": []string{"openid"}}}, 400, []string{validate.RuleScopeString}},
		"a member that OBIE does not know, as subject_type, is let be": {sent{members: map[string]any{"subject_type": "pairwise"}}, 201, nil},
		"a statement with the names of another directory lacks ours": {sent{statement: map[string]any{"software_roles": nil, "software_statement_roles": []any{}}}, 400,
			[]string{validate.RuleSSASoftwareRolesRequired}},
	} {
		t.Run(name, func(t *testing.T) {
			answer := post(t, client, bank, c.sent.token(t, w))
			require.Equal(t, c.status, answer.Status, "%s", answer.Body)
			require.Equal(t, c.broken, rules(answer))
			if c.sent.behind != "" {
				require.Contains(t, answer.Description, "line break", "the sender cannot see it")
			}
		})
	}
}

// number writes seconds, and exponent the same as 1.795690842E9.
func number(seconds int64) string { return strconv.FormatInt(seconds, 10) }

func exponent(seconds int64) string {
	digits := number(seconds)
	return digits[:1] + "." + digits[1:] + "E9"
}

// A TPP that lost the answer cannot name the client: the advice does without its id.
func TestWhoLostTheAnswerIsAdvisedWithoutAClientID(t *testing.T) {
	for name, c := range map[string]struct {
		mode   validate.Registrations
		again  func(t *testing.T, w *world, first string) string
		broken string
	}{
		"the same request again": {validate.RegistrationsMany, func(_ *testing.T, _ *world, first string) string { return first }, validate.RuleRequestJTIReplayed},
		"a new request where a software registers once": {validate.RegistrationsOnePerSoftware,
			func(t *testing.T, w *world, _ string) string { return sent{}.token(t, w) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.policy(func(p *validate.Policy) { p.Registrations = c.mode })
			_, client, bank := w.serve(t, w.bank(t))
			first := sent{}.token(t, w)
			require.Equal(t, http.StatusCreated, post(t, client, bank, first).Status)
			answer := post(t, client, bank, c.again(t, w, first))
			advice := []string{answer.Description}
			for _, row := range answer.Rules() {
				require.Equal(t, c.broken, row.ID)
				advice = append(advice, row.Fix)
			}
			for _, a := range advice {
				require.NotContains(t, a, "GET", "it takes the client_id that was lost")
				require.Regexp(t, "(?i)ask (the|this) bank", a)
			}
		})
	}
}

// A bank that tells everything also tells what it would have taken.
func TestATellingBankNamesWhatItWants(t *testing.T) {
	many := make([]string, 51)
	for i := range many {
		many[i] = "https://tpp.example/" + number(int64(i))
	}
	past := time.Now().Add(-2 * time.Hour)
	w := newWorld(t)
	w.policy(func(p *validate.Policy) { p.ErrorDetail = validate.DetailAll })
	_, client, bank := w.serve(t, w.bank(t))
	for name, c := range map[string]struct {
		sent   sent
		broken string
		wants  string
	}{
		"too many redirect URIs":      {sent{members: map[string]any{"redirect_uris": many}, statement: map[string]any{"software_redirect_uris": many}}, validate.RuleRedirectURIsCount, "50"},
		"a kid that is too long":      {sent{header: ssatest.Forgery{KeyID: strings.Repeat("k", 129)}}, validate.RuleHeaderKIDFormat, "128"},
		"a time that is a text":       {sent{members: map[string]any{"iat": number(past.Unix())}}, validate.RuleRequestMemberType, "integer"},
		"an application of a desktop": {sent{members: map[string]any{"application_type": "desktop"}}, validate.RuleApplicationTypeWebOrMobile, "web, mobile"},
		"a request of the past":       {sent{members: map[string]any{"iat": past.Unix(), "exp": past.Add(time.Minute).Unix()}}, validate.RuleExpPast, "later than 2"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := post(t, client, bank, c.sent.token(t, w))
			require.Contains(t, rules(answer), c.broken)
			require.Contains(t, answer.Description, c.wants)
		})
	}
}

// A bank that names the claims of another directory registers by its statements.
func TestABankMapsTheNamesOfADirectory(t *testing.T) {
	w := newWorld(t)
	foreign := sent{statement: map[string]any{"software_jwks_endpoint": nil, "software_jwks_uri": w.software.JWKSURL(),
		"software_roles": nil, "software_statement_roles": []any{
			map[string]string{"role": "AISP", "status": "Active"}, map[string]string{"role": "PISP", "status": "Active"},
			map[string]string{"role": "CBPII", "status": "Inactive"}}}}
	_, client, bank := w.serve(t, w.bank(t))
	require.Equal(t, []string{validate.RuleSSASoftwareRolesRequired}, rules(post(t, client, bank, foreign.token(t, w))))
	w.policy(func(p *validate.Policy) {
		p.ClaimNames = map[string]string{"software_jwks_endpoint": "software_jwks_uri", "software_roles": "software_statement_roles"}
	})
	_, client, bank = w.serve(t, w.bank(t))
	answer := post(t, client, bank, foreign.token(t, w))
	require.Equal(t, http.StatusCreated, answer.Status, "%s", answer.Body)
	foreign.members = map[string]any{"scope": "openid fundsconfirmations"}
	require.Equal(t, []string{validate.RuleScopeWithinRoles}, rules(post(t, client, bank, foreign.token(t, w))))
}
