package validate

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/rules.md from the rule table")

const rulesDoc = "../docs/rules.md"

// TestDeviationsDocListsTheStricterRules: docs/deviations.md has each rule that is stricter
// than its text, between two marks.
func TestDeviationsDocListsTheStricterRules(t *testing.T) {
	const page, begin, end = "../docs/deviations.md", "<!-- rendered: go test ./validate -run TestDeviationsDoc -update -->\n", "<!-- end -->\n"
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	head, rest, found := strings.Cut(string(got), begin)
	_, tail, ends := strings.Cut(rest, end)
	require.True(t, found && ends)
	want := head + begin
	for _, r := range Rules() {
		if r.Basis == BasisStricter {
			want += "- `" + r.ID + "`: " + r.Summary + " The text: " + r.Stricter + " Why: " + r.Reason + "\n"
		}
	}
	want += end + tail
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o644))
	}
	got, err = os.ReadFile(page)
	require.NoError(t, err)
	assert.Equal(t, want, string(got), "run go test ./validate -run TestDeviationsDoc -update")
}

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
