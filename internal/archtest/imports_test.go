package archtest

import (
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// core is what a bank imports.
var core = []string{"claims", "validate", "ssa", "cert", "dcr", "dcr/token", "dcr/tpp", "dcr/roles", "dcr/server", "dcr/upstream", "store"}

// thirdParty are jwx and the modules it brings. Nothing else may reach a bank's
// binary through the core packages.
var thirdParty = []string{
	"github.com/lestrrat-go/",
	"github.com/goccy/go-json",
	"github.com/segmentio/asm",
	"github.com/decred/dcrd/dcrec/secp256k1",
	"golang.org/x/crypto",
	"golang.org/x/sys",
}

// never lists the rooms that a core package must not depend on, through others either,
// whatever the drawing shows.
var never = map[string][]string{
	"claims":       {"validate", "ssa", "cert", "store", "dcr", "internal/jose", "internal/fetch"},
	"validate":     {"ssa", "cert", "store", "dcr", "internal/jose", "internal/fetch"},
	"ssa":          {"validate", "cert", "store", "dcr"},
	"cert":         {"validate", "store", "dcr"},
	"store":        {"validate", "ssa", "cert", "dcr", "internal/jose", "internal/fetch"},
	"dcr":          {"dcr/tpp", "dcr/roles", "dcr/server"},
	"dcr/token":    {"validate", "cert", "store", "dcr"},
	"dcr/tpp":      {"dcr", "dcr/token", "dcr/roles", "dcr/server", "dcr/upstream", "store"},
	"dcr/roles":    {"dcr/tpp", "dcr/server"},
	"dcr/upstream": {"dcr/tpp", "dcr/server"},
	"dcr/server":   {"dcr/tpp", "store/sqlite", "cmd/obdcr/internal/sandbox"},
}

func room(t *testing.T, name string) goPackage {
	t.Helper()
	p, ok := packages(t)[module+"/"+name]
	require.True(t, ok, "there is no package %s", name)
	return p
}

func TestCoreDependsOnTheStandardLibraryAndJWXAlone(t *testing.T) {
	all := packages(t)
	for _, name := range core {
		for _, dep := range room(t, name).Deps {
			d := all[dep]
			known := d.Standard || d.Ours() || slices.ContainsFunc(thirdParty, func(prefix string) bool {
				return strings.HasPrefix(dep, prefix)
			})
			assert.True(t, known, "%s depends on %s", name, dep)
		}
	}
}

func TestCorePackagesKeepTheirDistance(t *testing.T) {
	require.ElementsMatch(t, core, slices.Collect(maps.Keys(never)))
	for name, others := range never {
		for _, other := range others {
			assert.NotContains(t, room(t, name).Deps, module+"/"+other, "%s depends on it", name)
		}
	}
}

func TestValidateNeverSeesTheNetworkOrTokens(t *testing.T) {
	for _, name := range []string{"claims", "validate"} {
		for _, dep := range room(t, name).Deps {
			assert.NotContains(t, []string{"net/http", "crypto/tls", "os/exec", "database/sql"}, dep, "%s depends on it", name)
			assert.False(t, strings.HasPrefix(dep, "github.com/"+"lestrrat-go/"), "%s depends on %s", name, dep)
		}
	}
}

func TestCoreCarriesNoTestCode(t *testing.T) {
	for _, name := range core {
		for _, dep := range []string{"testing", "net/http/httptest", module + "/ssa/ssatest", module + "/dcr/token/tokentest", module + "/dcr/dcrtest"} {
			assert.NotContains(t, room(t, name).Deps, dep, "%s depends on it", name)
		}
	}
}

func TestOnlyInternalJoseImportsTheLibrary(t *testing.T) {
	found := false
	for _, p := range packages(t) {
		if !p.Ours() {
			continue
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if strings.HasPrefix(imported, "github.com/lestrrat-go/") {
				found = true
				assert.Equal(t, "internal/jose", p.Room(), "the package or its tests import %s", imported)
			}
		}
	}
	assert.True(t, found, "this test looks for an import that nobody has any more")
}

// TestOnlyTheStoresInSQLImportTheirLibraries: who does not use them does not carry a
// database. Tests and benchmarks may use the driver that they measure or attack with.
func TestOnlyTheStoresInSQLImportTheirLibraries(t *testing.T) {
	homes := map[string][]string{
		"modernc.org/":             {"store/sqlite"},
		"github.com/pressly/goose": {"store/sqlite", "store/postgres"},
		"github.com/jackc/":        {"store/postgres"},
	}
	found := map[string]bool{}
	for _, p := range packages(t) {
		if !p.Ours() {
			continue
		}
		for _, imported := range p.Imports {
			for library, rooms := range homes {
				if strings.HasPrefix(imported, library) {
					found[library] = true
					assert.Contains(t, rooms, p.Room(), "imports %s", imported)
				}
			}
		}
	}
	assert.Len(t, found, len(homes), "this test looks for imports that nobody has any more")
}

// TestOnlyOnePackageDrivesABrowser: tests of pages say what a person does.
func TestOnlyOnePackageDrivesABrowser(t *testing.T) {
	found := false
	for _, p := range packages(t) {
		if !p.Ours() {
			continue
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if strings.HasPrefix(imported, "github.com/chromedp/") {
				found = true
				assert.Equal(t, "internal/browser", p.Room(), "the package or its tests import %s", imported)
			}
		}
	}
	assert.True(t, found, "this test looks for an import that nobody has any more")
}

// TestPublicAPIShowsNoInternalTypes: a caller could not name such a type, and the
// JOSE library would come back through it.
func TestPublicAPIShowsNoInternalTypes(t *testing.T) {
	for _, s := range tree(t) {
		if s.IsTest() || s.File.Name.Name == "main" || strings.HasPrefix(s.Path, "internal/") {
			continue
		}
		hidden := hiddenImports(s.File)
		for _, node := range exposed(s.File) {
			ast.Inspect(node, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok {
					if pkg, ok := sel.X.(*ast.Ident); ok {
						assert.NotContains(t, hidden, pkg.Name, "%s shows %s.%s", s.At(sel), pkg.Name, sel.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// hiddenImports returns the names under which a file knows internal packages and
// the JOSE library.
func hiddenImports(file *ast.File) []string {
	names := []string{}
	for _, imported := range file.Imports {
		path, _ := strconv.Unquote(imported.Path.Value)
		if !strings.HasPrefix(path, module+"/internal/") && !strings.Contains(path, "/jwx/") {
			continue
		}
		name := path[strings.LastIndexByte(path, '/')+1:]
		if imported.Name != nil {
			name = imported.Name.Name
		}
		names = append(names, name)
	}
	return names
}

// exposed returns the parts of a file's declarations that callers see: signatures
// of exported functions, exported fields and methods of exported types, the types
// of exported variables and constants.
func exposed(file *ast.File) []ast.Node {
	var nodes []ast.Node
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && receiverExported(d) {
				nodes = append(nodes, d.Type)
			}
		case *ast.GenDecl:
			if d.Tok != token.IMPORT {
				nodes = append(nodes, exposedSpecs(d)...)
			}
		}
	}
	return nodes
}

func exposedSpecs(d *ast.GenDecl) []ast.Node {
	var nodes []ast.Node
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.ValueSpec:
			if s.Type != nil && slices.ContainsFunc(s.Names, (*ast.Ident).IsExported) {
				nodes = append(nodes, s.Type)
			}
		case *ast.TypeSpec:
			if !s.Name.IsExported() || s.Assign.IsValid() { // an alias gives an internal type its public name
				continue
			}
			structure, ok := s.Type.(*ast.StructType)
			if !ok {
				nodes = append(nodes, s.Type)
				continue
			}
			for _, field := range structure.Fields.List {
				if len(field.Names) == 0 || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported) {
					nodes = append(nodes, field.Type)
				}
			}
		}
	}
	return nodes
}
