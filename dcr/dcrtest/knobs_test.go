package dcrtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryKnobHasATest: each function that makes an Option, a TPPOption or a Mutation is called
// by a test of this package.
func TestEveryKnobHasATest(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	knobs, called := []string{}, map[string]bool{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		require.NoError(t, err)
		if !strings.HasSuffix(entry.Name(), "_test.go") {
			knobs = append(knobs, knobsOf(file)...)
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				called[s.Sel.Name] = true
			}
			return true
		})
	}
	require.Greater(t, len(knobs), 30)
	for _, name := range knobs {
		require.True(t, called[name], "no test calls %s", name)
	}
}

// knobsOf are the functions of a file that others call and that return something of a knob.
func knobsOf(file *ast.File) []string {
	var names []string
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !f.Name.IsExported() || f.Type.Results == nil {
			continue
		}
		switch made, _ := f.Type.Results.List[0].Type.(*ast.Ident); {
		case made == nil:
		case made.Name == "Option", made.Name == "TPPOption", made.Name == "Mutation":
			names = append(names, f.Name.Name)
		}
	}
	return names
}
