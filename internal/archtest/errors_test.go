package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// cutters are the functions of package strings that take a part out of a text.
var cutters = []string{
	"Cut", "CutPrefix", "CutSuffix", "Replace", "ReplaceAll", "Split", "SplitAfterN", "SplitN", "TrimLeft", "TrimPrefix", "TrimSuffix",
}

// An error with a Detail gives its text without the name of its package. To cut the name
// off a text goes wrong unnoticed when a package is renamed or wraps one error more.
func TestNoTextIsCutOutOfAnError(t *testing.T) {
	for _, s := range tree(t) {
		if s.IsTest() {
			continue
		}
		for _, call := range cutsOfErrors(s.File) {
			assert.Fail(t, "a text is cut out of an error: ask it for its Detail (internal/text)", "%s", s.At(call))
		}
	}
}

func TestACutErrorIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		cuts int
	}{
		"at once":                  {`_ = strings.TrimPrefix(err.Error(), "json: ")`, 1},
		"by a variable":            {`said := err.Error(); said = strings.TrimPrefix(said, "json: "); _ = said`, 1},
		"inside another call":      {`_, _, _ = strings.Cut(strings.ToLower(err.Error()), ": ")`, 1},
		"not: another text":        {`_ = strings.TrimPrefix("json: a", "json: ")`, 0},
		"not: an error in a text":  {`_ = strings.ToUpper(err.Error())`, 0},
		"not: an error as the cut": {`_ = strings.TrimPrefix("a", err.Error())`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			source := "package p\nimport \"strings\"\nfunc f(err error) { " + c.body + " }"
			file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
			require.NoError(t, err)
			assert.Len(t, cutsOfErrors(file), c.cuts)
		})
	}
}

// cutsOfErrors finds the calls that cut the text of an error, or a variable of the same
// function that was set to such a text.
func cutsOfErrors(file *ast.File) []*ast.CallExpr {
	var found []*ast.CallExpr
	for _, decl := range file.Decls {
		texts := map[string]bool{}
		ast.Inspect(decl, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i, right := range n.Rhs {
					if name, ok := n.Lhs[min(i, len(n.Lhs)-1)].(*ast.Ident); ok && isErrorText(right) {
						texts[name.Name] = true
					}
				}
			case *ast.CallExpr:
				if isCutter(n.Fun) && holdsErrorText(n.Args[0], texts) {
					found = append(found, n)
				}
			}
			return true
		})
	}
	return found
}

// isErrorText reports whether an expression is x.Error().
func isErrorText(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) > 0 {
		return false
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	return ok && method.Sel.Name == "Error"
}

func isCutter(f ast.Expr) bool {
	function, ok := f.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, ok := function.X.(*ast.Ident)
	return ok && from.Name == "strings" && slices.Contains(cutters, function.Sel.Name)
}

func holdsErrorText(n ast.Node, texts map[string]bool) (holds bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		name, ok := n.(*ast.Ident)
		holds = holds || isErrorText(n) || ok && texts[name.Name]
		return true
	})
	return holds
}
