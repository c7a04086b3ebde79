package archtest

import (
	"go/ast"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// secretName is a name that says that the field holds a secret.
var secretName = regexp.MustCompile(`Secret|Token|Bearer|Password|Passphrase|Credential|Assertion|(Sealing|Private|Signing)Key$`)

// noSecrets are the fields whose names say so although they hold none, with the reason.
var noSecrets = map[string]string{
	"dcr.Error.BearerError":                 "a code of RFC 6750",
	"dcr/server.Paths.Token":                "a path",
	"dcr.Discovery.TokenEndpoint":           "an address, which is published",
	"dcr/conform.Config.TokenScopes":        "scopes, which are no secret",
	"dcr/tpp.Config.TokenScopes":            "scopes, which are no secret",
	"dcr/tpp.Metadata.TokenEndpoint":        "an address, which is published",
	"dcr/tpp.Metadata.TokenAudience":        "an address, which is published",
	"dcr/tpp.DirectoryConfig.TokenEndpoint": "an address, which is published",
	"dcr/tpp.DirectoryConfig.TokenAudience": "an address, which is published",
	"dcr/tpp.Overrides.TokenEndpoint":       "an address, which is published",
	"dcr/tpp.Overrides.TokenAudience":       "an address, which is published",
	"validate/dialect.Dialect.TokenScopes":  "scopes, which are no secret",
	"ssa/ssatest.Account.Password":          "of an account that a test makes up",
	"ssa/ssatest.Forgery.Secret":            "the key of a forger, which a test makes up",
	"store.Client.SecretHash":               "a hash, of which the secret cannot be found again",
	"store.Client.SealedSecret":             "encrypted by the bank's key",
}

// TestSecretsHideThemselves: a text whose name says that it is a secret is a
// claims.Secret, which cannot be printed, logged or encoded by accident.
func TestSecretsHideThemselves(t *testing.T) {
	excused := map[string]bool{}
	for _, s := range tree(t) {
		if s.IsTest() || !public(s) {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || !spec.Name.IsExported() {
				return true
			}
			for _, field := range plainSecrets(spec) {
				name := s.Dir() + "." + spec.Name.Name + "." + field.Name
				if _, ok := noSecrets[name]; ok {
					excused[name] = true
					continue
				}
				assert.Fail(t, "a secret in the clear", "%s: %s is to be a claims.Secret", s.At(field), name)
			}
			return true
		})
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(noSecrets)), slices.Collect(maps.Keys(excused)), "an excuse that nobody needs")
}

// public tells whether others can import the package of a file.
func public(s source) bool {
	return s.File.Name.Name != "main" && !strings.Contains("/"+s.Dir()+"/", "/internal/")
}

// plainSecrets returns the exported fields of a struct that are texts, or lists of
// them, and have a name that says secret.
func plainSecrets(spec *ast.TypeSpec) []*ast.Ident {
	structure, ok := spec.Type.(*ast.StructType)
	if !ok {
		return nil
	}
	var found []*ast.Ident
	for _, field := range structure.Fields.List {
		if !isText(field.Type) {
			continue
		}
		for _, name := range field.Names {
			if name.IsExported() && secretName.MatchString(name.Name) {
				found = append(found, name)
			}
		}
	}
	return found
}

// isText tells whether a type is string, []byte, or a pointer to or a list of these.
func isText(typ ast.Expr) bool {
	switch x := typ.(type) {
	case *ast.Ident:
		return x.Name == "string" || x.Name == "byte"
	case *ast.ArrayType:
		return isText(x.Elt)
	case *ast.StarExpr:
		return isText(x.X)
	}
	return false
}
