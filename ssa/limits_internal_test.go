package ssa

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestOperationsSayHowLongSetsAreKept: docs/operations.md has a row for each limit of
// RemoteLimits but the time of one fetch, with its default and its range.
func TestOperationsSayHowLongSetsAreKept(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	defaults, err := RemoteLimits{}.withDefaults()
	require.NoError(t, err)
	fields := reflect.TypeFor[RemoteLimits]()
	for i := range fields.NumField() {
		field := fields.Field(i)
		if field.Name == "Timeout" {
			continue
		}
		isTime := field.Type == reflect.TypeFor[time.Duration]()
		standard := reflect.ValueOf(defaults).Field(i).Int()
		row := fmt.Sprintf("| `%s` | %d |", field.Name, standard)
		if isTime {
			row = fmt.Sprintf("| `%s` | %s |", field.Name, short(time.Duration(standard)))
		}
		_, after, found := strings.Cut(string(page), row)
		require.True(t, found, row)
		for at, cell := range strings.Split(after, "|")[:2] {
			bound, ok := boundOf(strings.TrimSpace(cell), isTime)
			if !ok {
				continue // the bound is another limit
			}
			beyond := bound + []int64{-1, 1}[at]
			if beyond == 0 {
				beyond = -1 // zero stands for the default
			}
			for value, fits := range map[int64]bool{bound: true, beyond: false} {
				limits := RemoteLimits{Timeout: time.Millisecond}
				reflect.ValueOf(&limits).Elem().Field(i).SetInt(value)
				_, err := limits.withDefaults()
				require.Equal(t, fits, err == nil, "%s of %d: %v", field.Name, value, err)
			}
		}
	}
}

// boundOf reads a duration, or a number, of the page.
func boundOf(cell string, isTime bool) (bound int64, ok bool) {
	if isTime {
		d, err := time.ParseDuration(cell)
		return int64(d), err == nil
	}
	n, err := strconv.ParseInt(cell, 10, 64)
	return n, err == nil
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
