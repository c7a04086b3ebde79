package archtest

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/dcr/server"
	bearer "github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store/postgres"
)

// marker is a secret that must never be printed.
const marker = "4f1cc1b1a9b84f77-marker"

// secretTypes are the exported types of public packages that reach a claims.Secret, in
// exported fields or others.
func secretTypes() []any {
	return []any{
		new(claims.Secret),
		new(dcr.Config), new(dcr.RegisterInput), new(dcr.Registration), new(dcr.Caller),
		new(dcr.Provisioning), new(dcr.Provisioned), new(dcr.Deprovisioning),
		new(server.Bank), new(server.Config), new(postgres.Config),
		new(bearer.Introspection), new(bearer.IntrospectionConfig), new(bearer.Revocation), new(bearer.Authentication),
		new(signin.Config), new(signin.SignIn), new(signin.EndUser),
		new(ssatest.Directory), new(ssatest.EnrolledSoftware), new(ssatest.Provider), new(ssatest.ProviderClient),
		new(tpp.Credentials), new(tpp.BearerToken), new(tpp.ClientInformation), new(tpp.NoAnswerError), new(tpp.PendingError),
		new(dcrtest.Bank), new(dcrtest.TPP), new(dcrtest.Client),
		new(portal.Config), new(portal.Portal),
	}
}

// typeName returns the name of the type that a pointer points to, as edges has it.
func typeName(pointer any) string {
	typ := reflect.TypeOf(pointer).Elem()
	return strings.TrimPrefix(typ.PkgPath(), module+"/") + "." + typ.Name()
}

func TestNoSecretIsPrintedLoggedOrEncoded(t *testing.T) {
	for _, holder := range secretTypes() {
		t.Run(typeName(holder), func(t *testing.T) {
			value := reflect.ValueOf(holder).Elem()
			require.Positive(t, mark(value, nil), "it holds no secret")
			// A value in a map is as in an any: fmt cannot take its address.
			for _, v := range []any{holder, value.Interface()} {
				requireHidden(t, shown(v), marker)
			}
		})
	}
}

// mark sets each claims.Secret that a value reaches, and returns how many there are. It
// makes what pointers, slices and maps lead to. inside are the types around the value: a
// type within itself is left as it is.
func mark(v reflect.Value, inside []reflect.Type) int {
	if v.Type() == reflect.TypeFor[claims.Secret]() {
		v.Set(reflect.ValueOf(claims.NewSecret(marker)))
		return 1
	}
	if slices.Contains(inside, v.Type()) {
		return 0
	}
	inside = append(slices.Clone(inside), v.Type())
	marked := 0
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			// Unexported fields cannot be set, but for their addresses.
			marked += mark(reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem(), inside)
		}
	case reflect.Array:
		for i := range v.Len() {
			marked += mark(v.Index(i), inside)
		}
	case reflect.Pointer:
		to := reflect.New(v.Type().Elem())
		if marked = mark(to.Elem(), inside); marked > 0 {
			v.Set(to)
		}
	case reflect.Slice:
		list := reflect.MakeSlice(v.Type(), 1, 1)
		if marked = mark(list.Index(0), inside); marked > 0 {
			v.Set(list)
		}
	case reflect.Map: // a claims.Secret is no key
		entry := reflect.New(v.Type().Elem()).Elem()
		if marked = mark(entry, inside); marked > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(reflect.Zero(v.Type().Key()), entry)
		}
	}
	return marked
}

// TestMarkReachesEveryDepth: a secret that mark misses would pass the test above.
func TestMarkReachesEveryDepth(t *testing.T) {
	type leaf struct{ hidden claims.Secret }
	type node struct {
		leaf
		Direct claims.Secret
		List   []*leaf
		Named  map[string][]leaf
		Two    [2]leaf
		Next   *node
		None   func()
	}
	var n node
	require.Equal(t, 6, mark(reflect.ValueOf(&n).Elem(), nil))
	for _, s := range []claims.Secret{n.hidden, n.Direct, n.List[0].hidden, n.Named[""][0].hidden, n.Two[0].hidden, n.Two[1].hidden} {
		require.Equal(t, marker, s.Reveal())
	}
	require.Nil(t, n.Next)
}

// TestAnAnswerOfABankShowsItsSecretsByRevealAlone: members that the specification
// does not name are kept raw, but for these.
func TestAnAnswerOfABankShowsItsSecretsByRevealAlone(t *testing.T) {
	document := `{"client_id": "x", "client_secret": "` + marker + `", "registration_access_token": "` + marker + `",
		"token_endpoint_auth_method": "client_secret_basic", "bank_note": "kept"}`
	i, err := tpp.ParseClientInformation([]byte(document))
	require.NoError(t, err)
	for _, value := range []any{i, *i, i.Metadata, *i.Metadata, i.Credentials()} {
		requireHidden(t, shown(value), marker)
	}
	require.Equal(t, marker, i.Secret.Reveal())
	require.Equal(t, document, i.Document.Reveal())
	require.Equal(t, []claims.Member{{Name: "bank_note", Raw: []byte(`"kept"`)}}, i.Metadata.Unknown)
}

// shown returns every form in which a value is printed, alone and inside of others.
func shown(value any) string {
	var out bytes.Buffer
	type inside struct{ V any }
	for _, v := range []any{value, []any{value}, map[string]any{"k": value}, inside{value}, &inside{value}, asError(value)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t", "%e", "%08b", "% x"} {
			fmt.Fprintf(&out, verb, v)
		}
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("x", "value", v, slog.Group("g", "value", v))
		}
		if text, err := json.Marshal(v); err == nil { // a Config has functions, which no encoding can hold
			out.Write(text)
		}
		if text, err := xml.Marshal(v); err == nil {
			out.Write(text)
		}
	}
	_ = gob.NewEncoder(&out).Encode(value)
	return out.String()
}

// asError wraps a value as the text of an error.
func asError(value any) error { return fmt.Errorf("x: %v", value) }

// requireHidden looks for a secret as text, in hexadecimal and as decimal bytes.
func requireHidden(t *testing.T, text, secret string) {
	t.Helper()
	for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprintf("% x", secret),
		strings.Trim(fmt.Sprint([]byte(secret)), "[]")} {
		require.NotContains(t, text, form)
	}
}

// TestEveryTypeThatReachesASecretIsTried reads the code, so that no type is forgotten
// above.
func TestEveryTypeThatReachesASecretIsTried(t *testing.T) {
	var tried, found []string
	for _, holder := range secretTypes() {
		tried = append(tried, typeName(holder))
	}
	reach, exported := reachingSecrets(tree(t))
	for name := range reach {
		if exported[name] {
			found = append(found, name)
		}
	}
	// claims.Secret is an alias: its type has the name that the leaf gives it.
	found = append(found, secretType)
	assert.ElementsMatch(t, tried, slices.DeleteFunc(found, func(name string) bool { return name == "claims.Secret" }))
}

// secretType is the type whose alias is claims.Secret.
const secretType = "internal/secret.Text"

// reachingSecrets returns the types of the module from which fields, elements and pointers
// lead to a secret, and the types that others can name. A name is folder.Type. A function or
// an interface is no way: what it leads to has a type of its own.
func reachingSecrets(files []source) (reach, exported map[string]bool) {
	edges := map[string][]string{}
	exported, reach = map[string]bool{}, map[string]bool{secretType: true}
	for _, s := range files {
		if s.IsTest() {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				name := s.Dir() + "." + spec.Name.Name
				exported[name] = exported[name] || public(s) && spec.Name.IsExported()
				edges[name] = append(edges[name], typesIn(s, spec.Type)...) // a function may have a type of the same name
			}
			return true
		})
	}
	for grown := true; grown; {
		grown = false
		for name, parts := range edges {
			if !reach[name] && slices.ContainsFunc(parts, func(part string) bool { return reach[part] }) {
				reach[name], grown = true, true
			}
		}
	}
	return reach, exported
}

// typesIn returns the named types of which the values of a type are made.
func typesIn(s source, typ ast.Node) []string {
	var found []string
	ast.Inspect(typ, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.FuncType, *ast.InterfaceType:
			return false
		case *ast.Field:
			found = append(found, typesIn(s, x.Type)...) // without its name
			return false
		case *ast.SelectorExpr:
			if from, ok := x.X.(*ast.Ident); ok {
				found = append(found, importedAs(s, from.Name)+"."+x.Sel.Name)
			}
			return false
		case *ast.Ident:
			found = append(found, s.Dir()+"."+x.Name)
		}
		return true
	})
	return found
}

// importedAs returns the folder of the module that a file knows by a name.
func importedAs(s source, name string) string {
	for _, i := range s.File.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		if i.Name != nil && i.Name.Name == name || i.Name == nil && path[strings.LastIndex(path, "/")+1:] == name {
			return strings.TrimPrefix(path, module+"/")
		}
	}
	return ""
}

// TestTheWayToASecretIsFound: through lists, maps, pointers, embedded types and types of
// other packages, but not through a function.
func TestTheWayToASecretIsFound(t *testing.T) {
	file := func(path, text string) source {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, text, 0)
		require.NoError(t, err)
		return source{Path: path, File: file, Fset: fset}
	}
	reach, exported := reachingSecrets([]source{
		file("claims/a.go", `package claims; import "`+module+`/internal/secret"; type Secret = secret.Text`),
		file("x/a.go", `package x; import c "`+module+`/claims"
			type ( inner struct{ s c.Secret }; List []inner; Map map[string]*List; Embedded struct{ Map }
			Twice struct { s c.Secret }
			Local struct { T struct { A [2]inner } }; Call struct { inner func(inner) c.Secret }; Name struct { inner int } )
			func f() { type Twice int }`),
		file("y/a.go", `package y; import "`+module+`/x"; type ( Far struct { X x.Embedded }; Not struct { X x.Call } )`),
	})
	assert.Equal(t, map[string]bool{secretType: true, "claims.Secret": true, "x.inner": true, "x.List": true, "x.Map": true,
		"x.Embedded": true, "x.Local": true, "x.Twice": true, "y.Far": true}, reach)
	assert.True(t, exported["x.List"] && !exported["x.inner"])
}
