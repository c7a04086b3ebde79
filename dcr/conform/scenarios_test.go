package conform_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
)

var updateScenarios = flag.Bool("update-scenarios", false, "write the table of scenarios in docs/conformance.md")

// scenarios are those of the OBIE tool (v1.3.1), with what each of them asserts.
var scenarios = []struct{ id, asserts string }{
	{"DCR-001", "discovery names a registration endpoint, an address without a slash at its end"},
	{"DCR-002", "a registration is answered with 201 and a `client_id`; the client gets a token and is deleted with 204"},
	{"DCR-003", "a client is deleted with 204, and GET with its token is 401 afterwards"},
	{"DCR-004", "400 with a JSON object for a request that has expired, whose `iss` is empty, not base62 or 30 characters long, or that is signed by RS256"},
	{"DCR-005", "GET is 200, and its members have the types and lengths of the data dictionary"},
	{"DCR-007", "GET with an empty token is 401"},
	{"DCR-008", "PUT of a whole request is 200"},
	{"DCR-009", "PUT of a client that was deleted is 401"},
	{"DCR-010", "GET of a client that was deleted is 401"},
	{"DCR-011", "400 for a request with the response types `id_token` and `token`"},
}

// TestTheScenariosOfTheOBIEToolAreAllThere: the table of the page names the cases that cover each scenario.
func TestTheScenariosOfTheOBIEToolAreAllThere(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString("| scenario | asserts | cases |\n|---|---|---|\n")
	known := map[string]bool{}
	for _, s := range scenarios {
		known[s.id] = true
		var ids []string
		for _, c := range conform.Cases() {
			if slices.Contains(c.OBIE, s.id) {
				ids = append(ids, "`"+c.ID+"`")
			}
		}
		require.NotEmpty(t, ids, s.id)
		fmt.Fprintf(&table, "| %s | %s | %s |\n", s.id, s.asserts, strings.Join(ids, ", "))
	}
	for _, c := range conform.Cases() {
		for _, id := range c.OBIE {
			require.True(t, known[id], "%s: %s is no scenario", c.ID, id)
		}
	}
	const page, begin, end = "../../docs/conformance.md", "<!-- scenarios -->\n", "<!-- end of scenarios -->\n"
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok)
	is, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if *updateScenarios {
		require.NoError(t, os.WriteFile(page, []byte(before+begin+table.String()+end+after), 0o600))
		return
	}
	require.Equal(t, table.String(), is, "go test ./dcr/conform -run TestTheScenarios -update-scenarios")
}
