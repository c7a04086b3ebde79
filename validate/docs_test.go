package validate

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/rules.md from the rule table")

const rulesDoc = "../docs/rules.md"

func TestRulesDocIsRenderedFromTheTable(t *testing.T) {
	var want bytes.Buffer
	require.NoError(t, writeRulesDoc(&want))
	if *update {
		require.NoError(t, os.WriteFile(rulesDoc, want.Bytes(), 0o644))
	}
	got, err := os.ReadFile(rulesDoc)
	require.NoError(t, err)
	assert.Equal(t, want.String(), string(got), "run go test ./validate -run TestRulesDoc -update")
}
