package dcr_test

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
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	bearer "github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// marker is a secret that must never be printed.
const marker = "4f1cc1b1a9b84f77-marker"

// holders are the types of dcr, dcr/token and dcr/tpp that hold a claims.Secret.
func holders() map[string]any {
	return map[string]any{
		"dcr.Config":                new(dcr.Config),
		"dcr.RegisterInput":         new(dcr.RegisterInput),
		"dcr.Registration":          new(dcr.Registration),
		"dcr.Caller":                new(dcr.Caller),
		"dcr.Provisioning":          new(dcr.Provisioning),
		"token.IntrospectionConfig": new(bearer.IntrospectionConfig),
		"token.Revocation":          new(bearer.Revocation),
		"tpp.Credentials":           new(tpp.Credentials),
		"tpp.BearerToken":           new(tpp.BearerToken),
		"tpp.ClientInformation":     new(tpp.ClientInformation),
	}
}

// mark sets each exported claims.Secret of a struct.
func mark(t *testing.T, holder any) {
	t.Helper()
	fields, marked := reflect.ValueOf(holder).Elem(), 0
	for i := range fields.NumField() {
		if f := fields.Field(i); f.CanSet() && f.Type() == reflect.TypeFor[claims.Secret]() {
			f.Set(reflect.ValueOf(claims.NewSecret(marker)))
			marked++
		}
	}
	require.Positive(t, marked, "%T holds no secret", holder)
}

func TestNoSecretIsPrintedLoggedOrEncoded(t *testing.T) {
	for name, holder := range holders() {
		t.Run(name, func(t *testing.T) {
			mark(t, holder)
			for _, value := range []any{holder, reflect.ValueOf(holder).Elem().Interface()} {
				requireHidden(t, shown(value), marker)
				assert.Contains(t, fmt.Sprintf("%+v", value), "[hidden]")
			}
		})
	}
}

// TestNoSecretInUnexportedFieldsIsShown: package fmt calls no methods of unexported fields.
func TestNoSecretInUnexportedFieldsIsShown(t *testing.T) {
	introspection, err := bearer.NewIntrospection(bearer.IntrospectionConfig{IntrospectionURL: "https://as.example/i",
		RevocationURL: "https://as.example/r", ClientID: "bank", ClientSecret: claims.NewSecret(marker)})
	require.NoError(t, err)
	requireHidden(t, shown(introspection), marker)

	b, _ := provisioned(t)
	registration := b.enrol(t, secretJWT)
	require.False(t, registration.Secret.IsZero())
	for _, value := range []any{registration, *registration} {
		text := shown(value)
		requireHidden(t, text, registration.Secret.Reveal())
		assert.NotContains(t, text, "client_secret_expires_at", "the answer that will be sent")
	}
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

// TestEveryTypeThatHoldsASecretIsTried reads the three packages, so that no new type
// is forgotten above.
func TestEveryTypeThatHoldsASecretIsTried(t *testing.T) {
	found := map[string]bool{}
	for _, dir := range []string{".", "token", "tpp"} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.TypeSpec); ok && s.Name.IsExported() && holdsSecret(s.Type) {
					found[file.Name.Name+"."+s.Name.Name] = true
				}
				return true
			})
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(holders())), slices.Collect(maps.Keys(found)))
}

// holdsSecret reports whether a struct has a field of type claims.Secret.
func holdsSecret(typ ast.Expr) bool {
	s, ok := typ.(*ast.StructType)
	return ok && slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool {
		sel, ok := f.Type.(*ast.SelectorExpr)
		return ok && fmt.Sprint(sel.X) == "claims" && sel.Sel.Name == "Secret"
	})
}
