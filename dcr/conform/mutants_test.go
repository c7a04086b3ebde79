package conform_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/vectors"
	"github.com/obdcr/obdcr/validate"
)

var updateMutants = flag.Bool("update-mutants", false, "write which other cases fail for each mutant")

const mutantsTable = "testdata/mutants.txt"

// TestEachMutantIsFound: a bank with one rule or behaviour off fails the cases that are about it, and
// otherwise only those that testdata/mutants.txt names for it.
func TestEachMutantIsFound(t *testing.T) {
	t.Parallel()
	all, table := mutants(), readMutants(t)
	names := map[string]bool{}
	for i := range all {
		require.False(t, names[all[i].name], "two mutants %s", all[i].name)
		names[all[i].name] = true
		assert.NotEmpty(t, all[i].fails, "%s: no case is about it", all[i].name)
	}
	require.GreaterOrEqual(t, len(all), 150)
	some := os.Getenv("OBDCR_MUTANTS") == "" && !*updateMutants
	if some {
		t.Log("did not run: most mutants of a bank; OBDCR_MUTANTS=1 runs all")
	}
	var mutex sync.Mutex
	found := map[string][]string{}
	t.Run("all", func(t *testing.T) {
		for i := range all {
			m := &all[i]
			if some && i%70 != 0 {
				continue
			}
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				if some {
					m.play = m.fails
				}
				failed := newMutantBank(t, m).run(t)
				for _, id := range m.fails {
					require.True(t, matched(id, failed), "%s does not fail: %v", id, failed)
				}
				mutex.Lock()
				defer mutex.Unlock()
				for id, why := range failed {
					if !slices.ContainsFunc(m.fails, func(glob string) bool { return match(glob, id) }) {
						found[m.name] = append(found[m.name], id)
						if !*updateMutants {
							require.Contains(t, table[m.name], id, "%s fails too: %s", id, why)
						}
					}
				}
				if *updateMutants {
					writeMutants(t, found)
				}
			})
		}
	})
	for name := range table {
		require.True(t, names[name] || *updateMutants, "%s is no mutant", name)
	}
}

// match reports whether a glob names a case, and matched whether it names one that failed.
func match(glob, id string) bool {
	flat := func(s string) string { return strings.ReplaceAll(s, "/", "\x1f") }
	ok, err := path.Match(flat(glob), flat(id))
	return err == nil && ok
}

func matched(glob string, failed map[string]string) bool {
	for id := range failed {
		if match(glob, id) {
			return true
		}
	}
	return false
}

// readMutants reads the table: a line for each mutant, with the cases that may fail for it too.
func readMutants(t *testing.T) map[string][]string {
	t.Helper()
	table := map[string][]string{}
	file, err := os.Open(mutantsTable)
	if os.IsNotExist(err) && *updateMutants {
		return table
	}
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, cases, ok := strings.Cut(lines.Text(), ": ")
		require.True(t, ok, lines.Text())
		table[name] = strings.Fields(cases)
	}
	require.NoError(t, lines.Err())
	return table
}

func writeMutants(t *testing.T, found map[string][]string) {
	t.Helper()
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(found)) {
		slices.Sort(found[name])
		fmt.Fprintf(&text, "%s: %s\n", name, strings.Join(found[name], " "))
	}
	require.NoError(t, os.MkdirAll("testdata", 0o755))
	require.NoError(t, os.WriteFile(mutantsTable, []byte(text.String()), 0o600))
}

// mutants are all banks with something off. Each plays the cases of the groups that it is about, and some of
// every other kind.
func mutants() []mutant {
	all := slices.Concat(ruleMutants(), answerMutants(), manageMutants(), changeMutants(), tokenMutants(), grantMutants(), joseMutants(), statementMutants(), httpMutants(), tlsMutants(),
		discoveryMutants(), stateMutants())
	for i := range all {
		m := &all[i]
		if m.play != nil {
			continue
		}
		m.play = slices.Clone(life)
		for _, id := range m.fails {
			group, _, _ := strings.Cut(id, ".")
			m.play = append(m.play, group+".*")
		}
	}
	return all
}

// life are cases that are played for every mutant of a behaviour.
var life = []string{"register.valid", "register.expired", "get.own", "update.same", "delete.own", "token.granted", "replay.same-bytes", "statement.changed", "jose.stranger"}

// ruleMutants are banks without one rule each. Its own case is a vector that breaks the rule; the bank has the
// vector's policy.
func ruleMutants() []mutant {
	known := map[string]bool{}
	for _, c := range conform.Cases() {
		known[c.ID] = true
	}
	all, err := vectors.Load()
	if err != nil {
		panic(err)
	}
	var made []mutant
	seen := map[string]bool{}
	for _, r := range validate.Rules() {
		if seen[r.ID] || r.External || untold[r.ID] != "" || notError(r) {
			continue
		}
		seen[r.ID] = true
		m := mutant{name: "without " + r.ID, without: r.ID, play: append([]string{"vector." + memberOf(r.ID) + ".*"}, core...)}
		if i := slices.IndexFunc(all, func(v vectors.Vector) bool { return v.Rule == r.ID && known["vector."+v.Name] && m.about(&v) }); i >= 0 {
			m.fails = []string{"vector." + all[i].Name}
		}
		if id := ruleCases[r.ID]; id != "" {
			m.fails = []string{id}
		}
		made = append(made, m)
	}
	return made
}

// about makes the mutant a bank with the profile and the policy of a vector that breaks the rule. It reports
// whether the vector breaks it alone in one of the profiles.
func (m *mutant) about(v *vectors.Vector) bool {
	if bytes.Contains(v.Policy, []byte(`"issuer_kinds"`)) && !bytes.Contains(v.Policy, []byte(`"software_id"`)) {
		return false // a run's iss is the software_id: this bank would refuse its plain valid request
	}
	for _, profile := range []validate.Profile{validate.OBIE33, validate.OBIE34, validate.OBIE32, validate.WSO2} {
		e, ok := v.ExpectedIn(profile)
		if !ok || e.Valid || e.Outcome != validate.OutcomeFailed || slices.ContainsFunc(e.Violations, func(f vectors.Finding) bool {
			return f.Severity == validate.SeverityError && f.Rule != m.without
		}) {
			continue
		}
		m.profile = profile
		if v.Policy != nil {
			m.rsa = bytes.Contains(v.Policy, []byte(claims.PS256)) // and not ES256
			m.policy = func(p *validate.Policy) {
				if policy, err := v.PolicyFor(profile); err == nil {
					*p = policy
				}
			}
		}
		return true
	}
	return false
}

// core are cases that are played for every mutant of a rule, beside the vectors about the same member.
var core = []string{"register.*", "get.own", "update.same", "update.bad-*", "delete.own", "statement.*"}

// memberOf is the member that a rule is about: the rule's first word, and the second for claims of the
// statement.
func memberOf(id string) string {
	part := strings.Split(id, ".")
	if part[0] == "ssa" && len(part) > 2 {
		return part[0] + "." + part[1]
	}
	return part[0]
}

// notError reports whether a rule is none that a bank refuses for.
func notError(r validate.Rule) bool {
	profile := validate.OBIE33
	if r.Profiles != nil {
		profile = r.Profiles[0]
	}
	v, err := validate.New(validate.Config{Profile: profile, Policy: validate.DefaultPolicy(profile), Rules: []validate.Rule{r}})
	return err == nil && v.Rules()[0].Severity != validate.SeverityError
}

// TestEachRuleHasAMutantOrAReason: no rule that a bank refuses for is forgotten.
func TestEachRuleHasAMutantOrAReason(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	for _, m := range ruleMutants() {
		have[m.without] = true
	}
	known := map[string]bool{}
	for _, c := range conform.Cases() {
		for _, id := range c.Rules {
			known[id] = true
		}
	}
	for _, r := range validate.Rules() {
		if notError(r) && !r.External {
			continue
		}
		require.True(t, have[r.ID] || untold[r.ID] != "" || known[r.ID], "%s: no mutant, no case, and no reason", r.ID)
	}
	for id := range untold {
		_, ok := validate.RuleByID(id)
		require.True(t, ok, id)
		require.False(t, have[id], id)
	}
}
