package archtest

import (
	"go/ast"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// handMade are the tests that put a bank together themselves, by folder or file, and why. All
// others take one of dcr/dcrtest.
var handMade = map[string]string{
	"dcr/conform/mutants_world_test.go": "the banks have a rule or a part off",
	"dcr":                               "the registrar is what is tested, with parts that fail on purpose",
	"dcr/server":                        "the assembly is what is tested",
	"dcr/tpp/client_example_test.go":    "an example has no testing.TB",
	"dcr/upstream/real_world_test.go":   "the banks are processes of their own, which the tests kill",
	"internal/bench":                    "what is measured is the bank alone",
}

// assemblers make a bank of parts or of a configuration, by package.
var assemblers = map[string]string{module + "/dcr/server": "New", module + "/dcr": "NewRegistrar"}

// TestBanksOfTestsAreThoseOfDcrtest: a test that makes its own repeats directory, certificates,
// listener and clean-up, and shows nothing when it fails.
func TestBanksOfTestsAreThoseOfDcrtest(t *testing.T) {
	needed := map[string]bool{}
	for _, s := range tree(t) {
		if !s.IsTest() {
			continue
		}
		for _, call := range assemblies(s.File) {
			reason := ""
			for where := range handMade {
				if s.Path == where || s.Dir() == where {
					reason, needed[where] = where, true
				}
			}
			assert.NotEmpty(t, reason, "%s makes a bank by hand: take dcrtest.NewBank, or give the reason in handMade", s.At(call))
		}
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(handMade)), slices.Collect(maps.Keys(needed)), "a reason that nobody needs")
}

// assemblies are the calls in a file that make a bank.
func assemblies(file *ast.File) []ast.Node {
	names := map[string]string{} // of the function, by that of the package here
	for _, i := range file.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		function, ok := assemblers[path]
		if !ok {
			continue
		}
		name := path[strings.LastIndexByte(path, '/')+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		names[name] = function
	}
	var calls []ast.Node
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if of, ok := s.X.(*ast.Ident); ok && names[of.Name] != "" && names[of.Name] == s.Sel.Name {
				calls = append(calls, s)
			}
		}
		return true
	})
	return calls
}
