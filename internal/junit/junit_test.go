package junit_test

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/junit"
)

func TestSuitesAreReadBackAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	s := junit.NewSuite("suite", "package", time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC))
	s.Cases = []junit.Case{{Name: "passed"}, {Name: "failed", Failure: &junit.Fault{Message: "m", Type: "t", Text: "one\n  two <>&\n"}},
		{Name: "error", Error: &junit.Fault{Message: "m", Type: "t"}}, {Name: "skipped", Skipped: &junit.Skipped{Message: "why"}}}
	var b strings.Builder
	w := junit.NewWriter(&b)
	require.NoError(t, w.Add(s))
	require.NoError(t, w.Add(junit.NewSuite("empty", "package", time.Time{})))
	require.NoError(t, w.End())
	var read struct {
		Suites []junit.Suite `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal([]byte(b.String()), &read))
	require.Len(t, read.Suites, 2)
	got := read.Suites[0]
	require.Equal(t, []int{4, 1, 1, 1}, []int{got.Tests, got.Failures, got.Errors, got.Skipped})
	require.Equal(t, s.Cases, got.Cases)
	require.Equal(t, 1, read.Suites[1].ID)
}

func TestNoSuiteIsADocumentToo(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	require.NoError(t, junit.NewWriter(&b).End())
	require.NoError(t, xml.Unmarshal([]byte(b.String()), new(struct{})))
}
