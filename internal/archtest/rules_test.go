package archtest

import (
	"go/ast"
	"go/token"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/validate"
)

// TestRuleIDsAreSpeltOutInOnePlace: package internal/rule holds the IDs, and a test of
// package validate that each is a row. Whoever reports a rule names it by its constant.
func TestRuleIDsAreSpeltOutInOnePlace(t *testing.T) {
	rows := map[string]bool{}
	for _, r := range validate.Rules() {
		rows[r.ID] = true
	}
	spelt := 0
	for _, s := range tree(t) {
		if s.IsTest() {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			if text, ok := stringLiteral(n); ok && rows[text] {
				if s.Dir() == "internal/rule" {
					spelt++
				} else {
					assert.Fail(t, "a rule ID is spelt out", "%s: %s", s.At(n), text)
				}
			}
			return true
		})
	}
	require.Equal(t, len(rows), spelt, "each ID once")
}

// TestReportsNameRulesByTheirConstants: no field Rule of anything, and no ID of a row,
// is given a text or put together from one.
func TestReportsNameRulesByTheirConstants(t *testing.T) {
	named := 0
	for _, s := range tree(t) {
		if s.IsTest() {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			field, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key, ok := field.Key.(*ast.Ident)
			if !ok || key.Name != "Rule" && (key.Name != "ID" || s.Dir() != "validate") {
				return true
			}
			named++
			ast.Inspect(field.Value, func(part ast.Node) bool {
				text, ok := stringLiteral(part)
				assert.False(t, ok, "%s: a rule is named by %q", s.At(field), text)
				return true
			})
			return true
		})
	}
	assert.Greater(t, named, len(validate.Rules())/2, "the walk finds too few names to be right")
}

func stringLiteral(n ast.Node) (string, bool) {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}
