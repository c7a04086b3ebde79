package validate

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	ruleNames = "../internal/rule/rule.go"
	ruleIDs   = "rule_ids.go"
)

// constant is one name of a block of constants and, of a string, its value.
type constant struct{ name, value string }

// constantBlocks reads the blocks of constants in a file, each under its comment.
func constantBlocks(t *testing.T, file string) (comments []string, blocks [][]constant) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	require.NoError(t, err)
	for _, decl := range parsed.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST {
			continue
		}
		var block []constant
		for _, spec := range d.Specs {
			s := spec.(*ast.ValueSpec)
			require.Len(t, s.Names, 1, "%s: one constant a line", file)
			value := ""
			if lit, ok := s.Values[0].(*ast.BasicLit); ok {
				value, err = strconv.Unquote(lit.Value)
				require.NoError(t, err)
			}
			block = append(block, constant{s.Names[0].Name, value})
		}
		comments, blocks = append(comments, d.Doc.Text()), append(blocks, block)
	}
	require.NotEmpty(t, blocks)
	return comments, blocks
}

// initials are the words of an ID that a Go name writes in its own way.
var initials = map[string]string{
	"uri": "URI", "uris": "URIs", "id": "ID", "ssa": "SSA", "jwks": "JWKS", "jws": "JWS", "jwt": "JWT", "jti": "JTI", "kid": "KID",
	"tls": "TLS", "dn": "DN", "cn": "CN", "ciba": "CIBA", "fapi": "FAPI", "uuid": "UUID", "v4": "v4", "https": "HTTPS", "ip": "IP",
	"tos": "ToS", "ob": "OB", "openid": "OpenID",
}

// nameOf makes the name of a rule's constant from its ID.
func nameOf(id string) string {
	var name strings.Builder
	for word := range strings.FieldsFuncSeq(id, func(c rune) bool { return c == '.' || c == '_' }) {
		if special, ok := initials[word]; ok {
			name.WriteString(special)
			continue
		}
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return name.String()
}

func TestEachRuleHasItsConstantAndEachConstantItsRule(t *testing.T) {
	_, blocks := constantBlocks(t, ruleNames)
	var ids, rows []string
	for _, c := range slices.Concat(blocks...) {
		assert.Equal(t, nameOf(c.value), c.name, "the constant of %s", c.value)
		ids = append(ids, c.value)
	}
	for _, r := range Rules() {
		if !slices.Contains(rows, r.ID) { // an ID may have a row for each profile
			rows = append(rows, r.ID)
		}
	}
	assert.ElementsMatch(t, rows, ids)
}

func TestEachRuleIDIsExported(t *testing.T) {
	var b strings.Builder
	b.WriteString("package validate\n\nimport \"github.com/obdcr/obdcr/internal/rule\"\n")
	comments, blocks := constantBlocks(t, ruleNames)
	for i, block := range blocks {
		fmt.Fprintf(&b, "\n// The IDs of the r%sconst (\n", strings.TrimPrefix(comments[i], "R"))
		for _, c := range block {
			fmt.Fprintf(&b, "\tRule%s = rule.%s // %s\n", c.name, c.name, c.value)
		}
		b.WriteString(")\n")
	}
	want, err := format.Source([]byte(b.String()))
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(ruleIDs, want, 0o644))
	}
	got, err := os.ReadFile(ruleIDs)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "run go test ./validate -run TestEachRuleIDIsExported -update")
}
