package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// needed are the fields that each literal of a type has. Of "a|b" one is enough: a function
// that dials by itself has the settings of TLS and ends with the request.
var needed = map[string][]string{
	"http.Server":    {"ReadHeaderTimeout", "ReadTimeout", "WriteTimeout", "IdleTimeout", "MaxHeaderBytes", "ErrorLog"},
	"http.Transport": {"TLSClientConfig|DialTLSContext", "MaxResponseHeaderBytes", "TLSHandshakeTimeout|DisableKeepAlives|DialTLSContext", "IdleConnTimeout|DisableKeepAlives"},
	"http.Client":    {"Transport"},
	"tls.Config":     {"MinVersion", "CipherSuites"},
}

// defaults are names of net/http that bring its own transport or a server without limits.
var defaults = []string{"DefaultTransport", "DefaultClient", "Get", "Head", "Post", "PostForm", "Serve", "ServeTLS", "ListenAndServe", "ListenAndServeTLS"}

// TestEachServerAndClientHasLimitsAndTheSuitesOfFAPI looks at the module but for tests.
func TestEachServerAndClientHasLimitsAndTheSuitesOfFAPI(t *testing.T) {
	servers, configs := 0, 0
	for _, s := range tree(t) {
		if s.IsTest() {
			continue
		}
		for _, gap := range gaps(s.File) {
			assert.Fail(t, "without limits", "%s: %s", s.At(gap.node), gap.says)
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			switch literalOf(n) {
			case "http.Server":
				servers++
			case "tls.Config":
				configs++
			}
			return true
		})
	}
	require.GreaterOrEqual(t, servers, 3, "the literals are read wrongly")
	require.GreaterOrEqual(t, configs, 5)
}

func TestAServerOrClientWithoutLimitsIsFound(t *testing.T) {
	const complete = "ReadHeaderTimeout: 1, ReadTimeout: 1, WriteTimeout: 1, IdleTimeout: 1, MaxHeaderBytes: 1, ErrorLog: l"
	for body, found := range map[string]int{
		"_ = &http.Server{" + complete + "}":                                              0,
		"_ = &http.Server{Handler: h}":                                                    6,
		"_ = http.Server{" + strings.Replace(complete, "WriteTimeout: 1, ", "", 1) + "}":  1,
		"_ = &tls.Config{MinVersion: tls.VersionTLS12}":                                   1,
		"_ = &http.Transport{DisableKeepAlives: true, TLSClientConfig: c}":                1,
		"_ = &http.Transport{IdleConnTimeout: 1, DialTLSContext: d}":                      1,
		"_ = &http.Client{Timeout: 1}":                                                    1,
		"_ = http.DefaultClient":                                                          1,
		"_, _ = http.Get(address)":                                                        1,
		"_ = new(http.Client)":                                                            1,
		"var c tls.Config; _ = &c":                                                        1,
		"_ = &http.Client{Transport: t}; _ = &tls.Config{MinVersion: 1, CipherSuites: s}": 0,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "p.go", "package p\nfunc f() { "+body+" }", 0)
		require.NoError(t, err)
		assert.Len(t, gaps(file), found, body)
	}
}

type gap struct {
	node ast.Node
	says string
}

// gaps returns what lacks limits in a file: literals without the fields that are needed,
// zero values of these types, and the defaults of net/http.
func gaps(file *ast.File) []gap {
	var all []gap
	ast.Inspect(file, func(n ast.Node) bool {
		switch v := n.(type) {
		case *ast.CompositeLit:
			kind := literalOf(v)
			for _, want := range needed[kind] {
				if !sets(v, strings.Split(want, "|")) {
					all = append(all, gap{v, kind + " has no " + want})
				}
			}
		case *ast.CallExpr:
			if f, ok := v.Fun.(*ast.Ident); ok && f.Name == "new" && len(v.Args) == 1 && needed[selected(v.Args[0])] != nil {
				all = append(all, gap{v, "the zero value of " + selected(v.Args[0])})
			}
		case *ast.ValueSpec:
			if v.Type != nil && needed[selected(v.Type)] != nil {
				all = append(all, gap{v, "the zero value of " + selected(v.Type)})
			}
		case *ast.SelectorExpr:
			for _, name := range defaults {
				if selected(v) == "http."+name {
					all = append(all, gap{v, "http." + name})
				}
			}
		}
		return true
	})
	return all
}

func literalOf(n ast.Node) string {
	if literal, ok := n.(*ast.CompositeLit); ok {
		return selected(literal.Type)
	}
	return ""
}

// selected returns an expression of the form package.Name as it is written, or "".
func selected(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if from, ok := s.X.(*ast.Ident); ok {
			return from.Name + "." + s.Sel.Name
		}
	}
	return ""
}

func sets(literal *ast.CompositeLit, names []string) bool {
	for _, element := range literal.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			for _, name := range names {
				if key, ok := pair.Key.(*ast.Ident); ok && key.Name == name {
					return true
				}
			}
		}
	}
	return false
}
