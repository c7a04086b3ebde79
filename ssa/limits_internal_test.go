package ssa

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestOperationsSayHowLongSetsAreKept: docs/operations.md has a row for each duration of
// RemoteLimits but that of one fetch, with its default and its range.
func TestOperationsSayHowLongSetsAreKept(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	defaults, err := RemoteLimits{}.withDefaults()
	require.NoError(t, err)
	fields := reflect.TypeFor[RemoteLimits]()
	for i := range fields.NumField() {
		field := fields.Field(i)
		if field.Type != reflect.TypeFor[time.Duration]() || field.Name == "Timeout" {
			continue
		}
		row := fmt.Sprintf("| `%s` | %s |", field.Name, short(time.Duration(reflect.ValueOf(defaults).Field(i).Int())))
		_, after, found := strings.Cut(string(page), row)
		require.True(t, found, row)
		for at, cell := range strings.Split(after, "|")[:2] {
			bound, err := time.ParseDuration(strings.TrimSpace(cell))
			if err != nil {
				continue // the bound is another limit
			}
			beyond := bound + []time.Duration{-time.Nanosecond, time.Nanosecond}[at]
			for value, fits := range map[time.Duration]bool{bound: true, beyond: false} {
				limits := RemoteLimits{Timeout: time.Millisecond}
				reflect.ValueOf(&limits).Elem().Field(i).SetInt(int64(value))
				_, err := limits.withDefaults()
				require.Equal(t, fits, err == nil, "%s of %s: %v", field.Name, value, err)
			}
		}
	}
}

// short writes a duration without zeros at its end.
func short(d time.Duration) string {
	text := d.String()
	for _, end := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, end) {
			text = text[:len(text)-2]
		}
	}
	return text
}
