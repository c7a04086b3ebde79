package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// aTest is the name of a test as documents write it: package, dot, function.
var aTest = regexp.MustCompile("`([a-z0-9]+(?:/[a-z0-9]+)*)\\.((?:Test|Fuzz|Example)[A-Za-z0-9_]+)`")

// keptBy is the head of the column that names tests.
const keptBy = "kept by"

// TestPromisesNameTheTestsThatKeepThem: each row of the threat model names a test, and so
// does each section of the operations guide, but for one that promises nothing. Each row of
// a table with the column "kept by" names one, in any document.
func TestPromisesNameTheTestsThatKeepThem(t *testing.T) {
	withColumn := map[string]int{}
	for name, text := range documents(t) {
		for _, row := range rowsOf(text) {
			if strings.Contains(row.head, keptBy) {
				withColumn[name]++
				cells := strings.Split(strings.Trim(row.text, "| "), " | ")
				assert.Regexp(t, aTest, cells[len(cells)-1], "%s: no test keeps %.80q", name, row.text)
			} else if name == "docs/threat-model.md" {
				assert.Fail(t, "a table of the threat model has no column of tests", "%.80q", row.head)
			}
		}
	}
	require.GreaterOrEqual(t, withColumn["docs/threat-model.md"], 40)
	promisesNothing := map[string]bool{"Speed": true}
	sections := 0
	for _, section := range regexp.MustCompile(`(?m)^##+ `).Split(readFile(t, "docs/operations.md"), -1)[1:] {
		head, text, _ := strings.Cut(section, "\n")
		sections++
		assert.NotEqual(t, promisesNothing[head], aTest.MatchString(text), "operations.md, section %q", head)
	}
	require.Greater(t, sections, 10)
}

// TestTestsThatDocumentsNameExist: a test that was renamed or removed keeps no promise.
func TestTestsThatDocumentsNameExist(t *testing.T) {
	found := map[string]string{} // the tests' sources of a package
	names := 0
	for name, text := range documents(t) {
		for _, m := range aTest.FindAllStringSubmatch(text, -1) {
			names++
			if _, read := found[m[1]]; !read {
				found[m[1]] = testSources(t, m[1])
			}
			assert.True(t, strings.Contains(found[m[1]], "\nfunc "+m[2]+"("), "%s names %s.%s", name, m[1], m[2])
		}
	}
	require.Greater(t, names, 150)
}

// testSources returns the test files of a package as one text.
func testSources(t *testing.T, pkg string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pkg), "*_test.go"))
	require.NoError(t, err)
	var all strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		all.Write(data)
	}
	return all.String()
}

// tableRow is a row of a table of Markdown, under the first row of that table.
type tableRow struct{ head, text string }

// rowsOf returns the rows of all tables of a document, without heads and rules.
func rowsOf(document string) []tableRow {
	var rows []tableRow
	head := ""
	for line := range strings.Lines(document) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			head = ""
		case head == "":
			head = line
		case strings.HasPrefix(line, "|---"):
		default:
			rows = append(rows, tableRow{head, line})
		}
	}
	return rows
}
