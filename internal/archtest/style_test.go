package archtest

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

const (
	maxFunctionLines    = 80
	maxFileLines        = 400
	maxLineColumns      = 160
	maxInterfaceMethods = 5
)

func TestEveryExportedNameIsDocumented(t *testing.T) {
	names := 0
	for _, s := range tree(t) {
		if s.IsTest() || s.File.Name.Name == "main" {
			continue
		}
		for _, decl := range s.File.Decls {
			for name, documented := range exportedNames(decl) {
				names++
				assert.True(t, documented, "%s: %s has no comment", s.At(decl), name)
			}
		}
	}
	assert.Greater(t, names, 100, "the walk finds too few names to be right")
}

// exportedNames returns the exported names of a declaration, and whether each has
// a comment. A name in a group may do with the comment of its group.
func exportedNames(decl ast.Decl) map[string]bool {
	names := map[string]bool{}
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && receiverExported(d) {
			names[d.Name.Name] = d.Doc.Text() != ""
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					names[s.Name.Name] = documented(d.Doc, s.Doc, s.Comment)
					interfaceNames(s, names)
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() {
						names[name.Name] = documented(d.Doc, s.Doc, s.Comment)
					}
				}
			}
		}
	}
	return names
}

func interfaceNames(s *ast.TypeSpec, names map[string]bool) {
	typ, ok := s.Type.(*ast.InterfaceType)
	if !ok {
		return
	}
	single := len(typ.Methods.List) == 1 // the comment of the type is about it
	for _, method := range typ.Methods.List {
		for _, name := range method.Names {
			names[s.Name.Name+"."+name.Name] = single || documented(method.Doc, method.Comment)
		}
	}
}

func documented(comments ...*ast.CommentGroup) bool {
	for _, c := range comments {
		if c.Text() != "" {
			return true
		}
	}
	return false
}

// receiverExported tells whether callers see the function: it is no method, or one
// of an exported type.
func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	said := map[string]bool{}
	for _, s := range tree(t) {
		if !s.IsTest() {
			said[s.Dir()] = said[s.Dir()] || s.File.Doc.Text() != ""
		}
	}
	for dir, ok := range said {
		assert.True(t, ok, "%s has no package comment", dir)
	}
}

func TestNoFunctionIsTooLong(t *testing.T) {
	for _, s := range tree(t) {
		ast.Inspect(s.File, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.FuncDecl, *ast.FuncLit:
				assert.LessOrEqual(t, s.Lines(n), maxFunctionLines, "%s", s.At(n))
			}
			return true
		})
	}
}

func TestNoFileIsTooLong(t *testing.T) {
	for _, s := range tree(t) {
		if !s.IsTest() {
			lines := s.Fset.File(s.File.Pos()).LineCount()
			assert.LessOrEqual(t, lines, maxFileLines, "%s", s.Path)
		}
	}
}

// generatedIDs holds one line a rule, made from the IDs: the longest decides the columns.
const generatedIDs = "validate/rule_ids.go"

func TestNoLineIsTooWide(t *testing.T) {
	lines := 0
	for _, s := range tree(t) {
		if s.IsTest() || s.Path == generatedIDs {
			continue
		}
		for line := range strings.Lines(readFile(t, s.Path)) {
			lines++
			columns := utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))
			assert.LessOrEqual(t, columns, maxLineColumns, "%s: %s", s.Path, line)
		}
	}
	assert.Greater(t, lines, 10_000, "the walk finds too few lines to be right")
}

func TestInterfacesAreSmall(t *testing.T) {
	for _, s := range tree(t) {
		ast.Inspect(s.File, func(n ast.Node) bool {
			if i, ok := n.(*ast.InterfaceType); ok {
				assert.LessOrEqual(t, len(i.Methods.List), maxInterfaceMethods, "%s", s.At(i))
			}
			return true
		})
	}
}

// TestRulesHaveNoClock: the time is passed in, so that a verdict can be repeated.
func TestRulesHaveNoClock(t *testing.T) {
	for _, s := range tree(t) {
		if s.IsTest() || (s.Dir() != "validate" && s.Dir() != "claims") {
			continue
		}
		for _, call := range []string{"Now", "Since", "Until", "After", "Tick"} {
			assert.Empty(t, uses(s, "time", call), "asks for the time")
		}
	}
}

func TestNothingIsSkippedOrLeftForLater(t *testing.T) {
	later := regexp.MustCompile(`(?m)^(TO` + `DO|FIX` + `ME|XX` + `X)\b|\b(TO` + `DO|FIX` + `ME|XX` + `X)[:(]`)
	for _, s := range tree(t) {
		for _, tester := range []string{"t", "b"} {
			assert.Empty(t, uses(s, tester, "Skip", "Skipf", "SkipNow"), "skips a test or a benchmark")
		}
		for _, group := range s.File.Comments {
			assert.NotRegexp(t, later, group.Text(), "%s", s.At(group))
		}
	}
}

// waitsOut is a statement that waits until the caller of a handler hangs up, and what comes next, which a transport may do.
var waitsOut = regexp.MustCompile(`<-r\.Context\(\)\.Done\(\)(?:\n| \})\s*(return nil, r\.Context\(\)\.Err\(\))?`)

// TestAServerThatHangsNeverAnswers: a handler that returns when its caller has hung up answers 200, and that can still win.
// hangtest.Hang sends nothing.
func TestAServerThatHangsNeverAnswers(t *testing.T) {
	assert.Empty(t, waitsOut.FindStringSubmatch("func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }")[1])
	assert.Empty(t, waitsOut.FindStringSubmatch("\t<-r.Context().Done()\n}\n")[1])
	for _, s := range tree(t) {
		if !s.IsTest() || s.Dir() == "internal/archtest" {
			continue
		}
		for _, found := range waitsOut.FindAllStringSubmatch(readFile(t, s.Path), -1) {
			assert.NotEmpty(t, found[1], "%s: a server that hangs is hangtest.Hang", s.Path)
		}
	}
}

func TestNothingHappensOnImport(t *testing.T) {
	for _, s := range tree(t) {
		for _, decl := range s.File.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				assert.NotEqual(t, "init", f.Name.Name, "%s", s.At(f))
			}
		}
	}
}

// uses returns the places where a file selects one of the names from an identifier.
func uses(s source, from string, names ...string) []string {
	var places []string
	ast.Inspect(s.File, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && slices.Contains(names, sel.Sel.Name) {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == from {
				places = append(places, s.At(sel))
			}
		}
		return true
	})
	return places
}

// TestPathsStayInside: no string in the code points out of the module, except to
// its own root.
func TestPathsStayInside(t *testing.T) {
	for _, s := range tree(t) {
		depth := strings.Count(s.Path, "/")
		ast.Inspect(s.File, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value)
				assert.False(t, strings.HasPrefix(text, strings.Repeat("../", depth+1)), "%s: %s", s.At(lit), text)
			}
			return true
		})
	}
}
