package vectors_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/vectors"
	"github.com/obdcr/obdcr/validate"
)

// alongside names the rules that the bad example of a rule breaks too.
var alongside = map[string][]string{
	"redirect_uris.absolute":                       {"redirect_uris.subset_of_ssa"}, // whose statement lists good ones
	"redirect_uris.characters":                     {"redirect_uris.subset_of_ssa"},
	"redirect_uris.dot_segments":                   {"redirect_uris.subset_of_ssa"},
	"redirect_uris.fragment":                       {"redirect_uris.subset_of_ssa"},
	"redirect_uris.host":                           {"redirect_uris.subset_of_ssa"},
	"redirect_uris.https":                          {"redirect_uris.subset_of_ssa"},
	"redirect_uris.ip":                             {"redirect_uris.subset_of_ssa"},
	"redirect_uris.length":                         {"redirect_uris.subset_of_ssa"},
	"redirect_uris.localhost":                      {"redirect_uris.subset_of_ssa"},
	"redirect_uris.port":                           {"redirect_uris.subset_of_ssa"},
	"redirect_uris.punycode":                       {"redirect_uris.subset_of_ssa"},
	"redirect_uris.userinfo":                       {"redirect_uris.subset_of_ssa"},
	"redirect_uris.wildcard":                       {"redirect_uris.subset_of_ssa"},
	"scope.length":                                 {"scope.supported"},
	"ssa.denied.software":                          {"iss.is_software_id", "software_id.matches_ssa", "ssa.software_client_id.differs"},
	"ssa.software_client_id.format":                {"ssa.software_client_id.differs"},
	"ssa.software_id.format":                       {"iss.is_software_id", "software_id.matches_ssa", "ssa.software_client_id.differs"},
	"ssa.software_redirect_uris.usable":            {"redirect_uris.default"},
	"ssa.software_roles.served":                    {"scope.within_roles", "ssa.competent_authority.roles"},
	"token_endpoint_auth_signing_alg.not_enforced": {"token_endpoint_auth_method.fapi"},
}

// exampleBase is the good request that fragments are merged into.
type exampleBase struct {
	Clock     time.Time                  `json:"clock"`
	Header    map[string]json.RawMessage `json:"header"`
	Request   map[string]json.RawMessage `json:"request"`
	SSAHeader map[string]json.RawMessage `json:"ssa_header"`
	SSA       map[string]json.RawMessage `json:"ssa"`
}

// example makes the vector of an example: the base, what is given, the fragment.
func example(t *testing.T, r *validate.Rule, of validate.Example) *vectors.Vector {
	t.Helper()
	var base exampleBase
	text, err := fs.ReadFile(vectors.Files(), "base.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &base))
	merge(t, r.ID, base.Request, r.Given.Request)
	merge(t, r.ID, map[validate.Document]map[string]json.RawMessage{
		validate.DocHeader: base.Header, validate.DocRequest: base.Request,
		validate.DocSSAHeader: base.SSAHeader, validate.DocSSA: base.SSA,
	}[r.Document], of)
	encoded := func(document map[string]json.RawMessage) []byte {
		text, err := json.Marshal(document)
		require.NoError(t, err, r.ID)
		return text
	}
	v := &vectors.Vector{
		Name: r.ID, Rule: r.ID, Clock: base.Clock, Environment: r.Given.Environment,
		Header: encoded(base.Header), Request: encoded(base.Request), SSAHeader: encoded(base.SSAHeader), SSA: encoded(base.SSA),
	}
	if r.Given.Policy != "" {
		v.Policy = []byte(r.Given.Policy)
	}
	if r.Given.Update {
		v.Update = &validate.Update{}
	}
	if r.Given.Certificate != "" {
		v.Certificate = subject(t, r.Given.Certificate)
	}
	return v
}

// merge puts the members of an example into a document, and takes away those that it
// lacks.
func merge(t *testing.T, id string, document map[string]json.RawMessage, of validate.Example) {
	t.Helper()
	if of == "" {
		return
	}
	members, without, ok := of.Fragment()
	require.True(t, ok, "%s: an example that members can show is not told in words", id)
	if members != "" {
		var fragment map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(members), &fragment), id)
		maps.Copy(document, fragment)
	}
	for _, name := range without {
		assert.NotContains(t, members, `"`+name+`":`, id)
		delete(document, name)
	}
}

// subject returns a subject that some vector has.
func subject(t *testing.T, text string) *vectors.CertificateSubject {
	t.Helper()
	for _, v := range load(t) {
		if v.Certificate != nil && v.Certificate.Subject == text {
			return v.Certificate
		}
	}
	t.Fatalf("no vector has the subject %s", text)
	return nil
}

// The bad example of a rule breaks that rule, and no other that alongside does not name.
// The good one keeps it, in a request that is valid and breaks no other rule either.
func TestEachExampleIsWhatItClaimsToBe(t *testing.T) {
	own := newBench(nil)
	for _, r := range validate.Rules() {
		if r.External {
			continue // TestEachExampleOfAStepIsWhatItClaimsToBe has these
		}
		also := map[string]bool{}
		tried := 0
		for _, p := range validate.Profiles() {
			if r.Profiles != nil && !slices.Contains(r.Profiles, p) || r.Given.Profile != "" && r.Given.Profile != p {
				continue
			}
			tried++
			bad, err := own.judge(example(t, &r, r.Bad), p)
			require.NoError(t, err, r.ID)
			assert.Equal(t, validate.OutcomeFailed, bad.Outcome, "%s, bad, in %s", r.ID, p)
			good, err := own.judge(example(t, &r, r.Good), p)
			require.NoError(t, err, r.ID)
			assert.Equal(t, validate.OutcomePassed, good.Outcome, "%s, good, in %s", r.ID, p)
			assert.True(t, good.Valid, "%s, good, in %s: %v", r.ID, p, good.Violations)
			for _, v := range append(bad.Violations, good.Violations...) {
				if v.Rule != r.ID {
					also[v.Rule] = true
				}
			}
		}
		assert.NotZero(t, tried, r.ID)
		assert.ElementsMatch(t, alongside[r.ID], slices.Collect(maps.Keys(also)), "%s: what else its examples break", r.ID)
	}
}
