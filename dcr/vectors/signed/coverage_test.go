package signed_test

import (
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/validate"
)

var loadOnce = sync.OnceValues(signed.Load)

// load returns the vectors of the process: do not change them.
func load(t testing.TB) []signed.Vector {
	t.Helper()
	all, err := loadOnce()
	require.NoError(t, err)
	return all
}

// breaks reports whether a vector breaks a rule, as an error or a warning.
func breaks(v *signed.Vector, id string) bool {
	return slices.Contains(v.Expect.Rules, id) || slices.Contains(v.Expect.Warnings, id)
}

// Each rule has a vector that breaks it, and one about it that is accepted.
func TestEachRuleHasAVectorThatBreaksItAndOneThatKeepsIt(t *testing.T) {
	t.Parallel()
	broken, kept, accepted := map[string]bool{}, map[string]bool{}, map[string]bool{}
	all := load(t)
	for i := range all {
		v := &all[i]
		accepted[v.Name] = v.Expect.Valid
		for _, id := range slices.Concat(v.Expect.Rules, v.Expect.Warnings) {
			broken[id] = true
		}
		if about, _, _ := strings.Cut(v.Name, "/"); v.Expect.Valid && !breaks(v, about) {
			kept[about] = true
		}
	}
	for _, row := range validate.Rules() {
		if row.Severity == validate.SeverityNotice || row.Basis == validate.BasisNotice {
			assert.False(t, broken[row.ID], "%s: notices are not told", row.ID)
			continue
		}
		reason, excepted := notPlayed[row.ID]
		assert.NotEqual(t, excepted, broken[row.ID], "%s: no vector breaks it, and no reason is stated, or it is broken and there is one: %s", row.ID, reason)
		if elsewhere := keptElsewhere[row.ID]; elsewhere != "" {
			assert.True(t, accepted[elsewhere], "%s: %s", row.ID, elsewhere)
		} else if !excepted {
			assert.True(t, kept[row.ID], "%s: no accepted vector is about it", row.ID)
		}
	}
}

// Each rule about a member has the member's edges, and each with a limit the limit and what
// is beyond it.
func TestEachRuleHasItsEdges(t *testing.T) {
	t.Parallel()
	all := load(t)
	by := map[string]*signed.Vector{}
	for i := range all {
		by[all[i].Name] = &all[i]
	}
	for _, row := range validate.Rules() {
		if names := elsewhere(row.ID); names != nil {
			for _, name := range names {
				assert.NotNil(t, by[name], "%s: %s", row.ID, name)
			}
			continue
		}
		topic, member := memberOf(row.ID, by)
		if noMember[row.ID] != "" || notPlayed[row.ID] != "" {
			continue
		}
		if !assert.NotEmpty(t, member, "%s: no member of its name has edges", row.ID) {
			continue
		}
		for _, edge := range []string{"absent", "null", "empty", "wrong"} {
			assert.NotNil(t, by[topic+"/"+member+"-"+edge], "%s: %s of %s", row.ID, edge, member)
		}
	}
	for id, l := range limits {
		at, beyond := by[l.at], by[l.beyond]
		if assert.NotNil(t, at, "%s: %s", id, l.at) && assert.NotNil(t, beyond, "%s: %s", id, l.beyond) {
			assert.False(t, breaks(at, id), "%s: the limit is admitted: %s", id, l.at)
			assert.True(t, breaks(beyond, id), "%s: what is beyond is not: %s", id, l.beyond)
		}
	}
}

// memberOf returns the member that a rule is about, by the longest one of which its ID begins
// with the name.
func memberOf(id string, by map[string]*signed.Vector) (topic, member string) {
	topic = "edges_request"
	if member = memberOfRule[id]; member != "" {
		return "edges_statement", member
	}
	if rest, ok := strings.CutPrefix(id, "ssa."); ok {
		topic, id = "edges_statement", rest
	}
	for name := range by {
		candidate, absent := strings.CutSuffix(strings.TrimPrefix(name, topic+"/"), "-absent")
		if absent && strings.HasPrefix(id, candidate+".") && len(candidate) > len(member) {
			member = candidate
		}
	}
	return topic, member
}

// elsewhere returns the names of the edges of a rule whose member is not in the tables.
func elsewhere(id string) []string {
	id, statement := strings.CutPrefix(id, "ssa.")
	for member, names := range edgesElsewhere {
		if id != member && !strings.HasPrefix(id, member+".") {
			continue
		}
		names = slices.Clone(names)
		for i := range names {
			if statement && strings.HasPrefix(names[i], "jose_") {
				names[i] += ".statement"
			} else if statement {
				names[i] = "ssa." + names[i]
			}
		}
		return names
	}
	return nil
}

// A comment says what its vector alone shows.
func TestEachVectorHasACommentOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, v := range load(t) {
		assert.Empty(t, seen[v.Comment], "%s: %s", v.Name, v.Comment)
		seen[v.Comment] = v.Name
		assert.True(t, strings.HasSuffix(v.Comment, "."), "%s: %s", v.Name, v.Comment)
	}
	assert.Greater(t, len(seen), 1000)
}

// Files that a vector names are there, and each file of keys is named.
func TestEachFileOfKeysIsNamed(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	for _, v := range load(t) {
		for _, name := range []string{v.Keys.Directory, v.Keys.Software, v.Keys.Revoked, v.Keys.Certificate, v.Keys.Authorities} {
			named[name] = true
		}
	}
	names, err := fs.Glob(signed.Files(), "keys/*")
	require.NoError(t, err)
	for _, name := range names {
		assert.True(t, named[name], "%s: no vector names it", name)
		delete(named, name)
	}
	delete(named, "")
	assert.Empty(t, named, "files that are not there")
}
