package archtest

import (
	"go/ast"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sharedNames lists the exported types that more than one package may have, and why.
// All others are unique: two types that meet in one program do not share a name.
//
// Error, Config, ConfigError, Client, Store and Memory are words for one role that each
// package has: whoever knows the word in one package knows what it is in the next. Change
// is the exception: a bank's Hooks get a dcr.Change, which names what changed between two
// registrations, and a bank's own Store gets a store.Change, which has what is committed
// beside a record. Both names are part of contracts that code outside of this module
// implements, and no function takes both.
var sharedNames = map[string]string{
	"Error":       "a package's one error",
	"Config":      "what a package's constructor takes",
	"ConfigError": "the error of what a package's constructor takes",
	"Client":      "a record, and the TPP's side of HTTP",
	"Store":       "the interface, and a store that fulfils it",
	"Bank":        "that an assembly makes of a configuration, and one for tests, which has it inside",
	"Refusal":     "of a bank: by its authorization server, and as a test sees it",
	"Memory":      "the implementation of a package's interface that keeps all in memory: records, tokens",
	"Vector":      "decoded, and the same signed: a test that takes both tells them by the package",
	"Change":      "of a client: what a hook is told, and what is committed with a record",
	"Case":        "what is judged: a request by a rule, a bank by the conformance cases",
	"Exchange":    "a request and its answer, as a test and as a report shows it",
	"Report":      "what judging has found: of a request, of a bank",
}

func TestExportedTypesHaveNamesOfTheirOwn(t *testing.T) {
	homes := map[string]map[string]bool{}
	for _, s := range tree(t) {
		if s.IsTest() || s.File.Name.Name == "main" || strings.Contains("/"+s.Path, "/internal/") {
			continue
		}
		for _, decl := range s.File.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range group.Specs {
				if typ, ok := spec.(*ast.TypeSpec); ok && typ.Name.IsExported() {
					if homes[typ.Name.Name] == nil {
						homes[typ.Name.Name] = map[string]bool{}
					}
					homes[typ.Name.Name][s.Dir()] = true
				}
			}
		}
	}
	for _, name := range []string{"Report", "Profile", "Policy", "Request", "Verified"} {
		require.NotEmpty(t, homes[name], "the walk finds too few types to be right")
	}
	for name, rooms := range homes {
		if len(rooms) > 1 {
			assert.Contains(t, sharedNames, name, "it is a type of %v", slices.Sorted(maps.Keys(rooms)))
		}
	}
	for name := range sharedNames {
		assert.Greater(t, len(homes[name]), 1, "%s is shared no more", name)
	}
}

// TestFilesSayWhatIsInThem: a drawer for the rest of things says nothing.
func TestFilesSayWhatIsInThem(t *testing.T) {
	vague := regexp.MustCompile(`^(utils?|common|misc|helpers?|stuff|members|hidden|asked|known|reread|before|after|guarded|moved)(_[a-z]+)*\.go$`)
	for _, s := range tree(t) {
		assert.NotRegexp(t, vague, filepath.Base(s.Path), "%s", s.Path)
	}
}

// TestRulesLieInFilesOfTheirName: rows of the rule table are in rule_*.go.
func TestRulesLieInFilesOfTheirName(t *testing.T) {
	files := map[string]bool{}
	for _, s := range tree(t) {
		if s.Dir() != "validate" || s.IsTest() {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			if table, ok := n.(*ast.CompositeLit); ok {
				if list, ok := table.Type.(*ast.ArrayType); ok && len(table.Elts) > 0 {
					if of, ok := list.Elt.(*ast.Ident); ok && of.Name == "Rule" {
						files[filepath.Base(s.Path)] = true
					}
				}
			}
			return true
		})
	}
	assert.Greater(t, len(files), 10, "this test looks for tables that nobody has any more")
	for name := range files {
		assert.Regexp(t, `^rule_[a-z_]+\.go$`, name, "it has rows of the rule table")
	}
}

// TestSourcesAreCalledByTheirName: a vendor's document is named, with a link.
func TestSourcesAreCalledByTheirName(t *testing.T) {
	nickname := regexp.MustCompile(`[Ss]eeds|\b[Tt]he seed\b|\bSeed's\b`)
	for name, text := range documents(t) {
		assert.NotRegexp(t, nickname, text, "%s", name)
	}
	for _, s := range tree(t) {
		if s.Dir() == "internal/archtest" {
			continue // which has the words to look for
		}
		text := readFile(t, s.Path)
		if !slices.ContainsFunc([]string{"seeds", "Seeds", "he seed", "Seed's"}, func(part string) bool { return strings.Contains(text, part) }) {
			continue // no match is without one of these, and the expression is slow in a thousand files
		}
		for _, at := range nickname.FindAllStringIndex(text, -1) {
			assert.Fail(t, "a source by its nickname", "%s:%d: %s", s.Path, 1+strings.Count(text[:at[0]], "\n"), text[at[0]:at[1]])
		}
	}
}
