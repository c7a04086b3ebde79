package archtest

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module = "github.com/obdcr/obdcr"
	root   = "../.."
)

// source is one Go file of the main module.
type source struct {
	Path string // from the root of the module, with slashes
	File *ast.File
	Fset *token.FileSet
}

func (s source) Dir() string  { return filepath.ToSlash(filepath.Dir(s.Path)) }
func (s source) IsTest() bool { return strings.HasSuffix(s.Path, "_test.go") }

// Lines returns how many lines the node takes, from its first to its last.
func (s source) Lines(n ast.Node) int {
	return s.Fset.Position(n.End()).Line - s.Fset.Position(n.Pos()).Line + 1
}

func (s source) At(n ast.Node) string {
	return s.Path + ":" + s.Fset.Position(n.Pos()).String()[len(s.Fset.Position(n.Pos()).Filename)+1:]
}

var parseTree = sync.OnceValues(func() ([]source, error) {
	var all []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(path, d.Name())
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		all = append(all, source{Path: filepath.ToSlash(rel), File: file, Fset: fset})
		return err
	})
	return all, err
})

// skipDir leaves out what is not code of the main module.
func skipDir(path, name string) error {
	if path == root {
		return nil
	}
	nested, err := filepath.Glob(filepath.Join(path, "go.mod"))
	if err != nil {
		return err
	}
	if len(nested) > 0 || name == "testdata" || strings.HasPrefix(name, ".") {
		return filepath.SkipDir
	}
	return nil
}

// tree returns every Go file of the main module.
func tree(t *testing.T) []source {
	t.Helper()
	all, err := parseTree()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// goPackage is what go list says about a package.
type goPackage struct {
	ImportPath   string
	Name         string
	Standard     bool
	Imports      []string
	Deps         []string
	TestImports  []string
	XTestImports []string
	Module       *struct{ Path string }
}

// Ours tells whether the package belongs to the main module.
func (p goPackage) Ours() bool { return p.Module != nil && p.Module.Path == module }

// Room is the path below the module, "." for its root.
func (p goPackage) Room() string {
	if p.ImportPath == module {
		return "."
	}
	return strings.TrimPrefix(p.ImportPath, module+"/")
}

var listPackages = sync.OnceValues(func() (map[string]goPackage, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Name,Standard,Imports,Deps,TestImports,XTestImports,Module", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return nil, errors.New("go list: " + string(exit.Stderr))
	}
	if err != nil {
		return nil, err
	}
	all := map[string]goPackage{}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all[p.ImportPath] = p
	}
})

// packages returns the packages of the main module and all that they depend on,
// by import path. The files are read first, so that a cached result of these tests
// is not used again once a file has changed.
func packages(t *testing.T) map[string]goPackage {
	t.Helper()
	tree(t)
	all, err := listPackages()
	require.NoError(t, err)
	return all
}

// nestedModules returns the folders below the root that are modules of their own.
func nestedModules(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "go.mod" && filepath.Dir(path) != root {
			rel, relErr := filepath.Rel(root, filepath.Dir(path))
			require.NoError(t, relErr)
			all = append(all, filepath.ToSlash(rel))
		}
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}
