package store_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

// asMarshalled is what the trail has to hold of a value.
func asMarshalled(t testing.TB, value json.RawMessage) string {
	t.Helper()
	if len(value) == 0 {
		return ""
	}
	written, err := json.Marshal(value)
	if err != nil {
		written, err = json.Marshal(string(value))
		require.NoError(t, err)
	}
	return string(written)
}

var auditValues = []string{``, `"a"`, `""`, `"a b"`, `["a","b c"]`, `[]`, `[ ]`, `["a", "b"]`, `["a",]`, `["a"`, `"a`, `a`, `"a"]`, `["a"]]`, `[["a"]]`, `"a","b"`,
	`"a<b"`, `"a&b"`, `"a>b"`, `"\u2028"`, "\"\u2028\"", `"é"`, `"a\"b"`, `"\\"`, `17`, `-1.5e3`, `null`, `true`, `{"b": 1, "a": [ 2 ]}`, "\"a\x00b\"", "\"\x7f\"", "\xff", `[`, `]`, `"`}

func TestTheTrailHoldsValuesAsMarshalWritesThem(t *testing.T) {
	for _, value := range auditValues {
		given := json.RawMessage(value)
		got := store.Compact(given)
		require.Equal(t, asMarshalled(t, given), string(got), "%q", value)
		require.Equal(t, string(got), string(store.Compact(got)), "%q", value)
		require.Equal(t, value, string(given))
	}
}

// FuzzAuditValue: no value is written otherwise than json.Marshal writes it.
func FuzzAuditValue(f *testing.F) {
	for _, value := range auditValues {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		require.Equal(t, asMarshalled(t, json.RawMessage(value)), string(store.Compact(json.RawMessage(value))), "%q", value)
	})
}

func TestEntriesShareNoMemoryWithTheChange(t *testing.T) {
	given := []store.AuditChange{{Member: "a", Before: json.RawMessage(`"x"`), After: json.RawMessage(`["y"]`)}, {Member: "b", After: json.RawMessage(`"z"`)}}
	entry, ok := store.NewAuditEntry(store.Client{ID: "1"}, false, store.Change{Audit: store.Audit{Operation: "create", Decision: "done", Changes: given}}, time.Unix(1_790_000_000, 0))
	require.True(t, ok)
	for _, c := range given {
		copy(c.Before, "!!!")
		copy(c.After, "!!!")
	}
	require.Equal(t, `"x" ["y"] "z"`, strings.Join([]string{string(entry.Changes[0].Before), string(entry.Changes[0].After), string(entry.Changes[1].After)}, " "))
	_ = append(entry.Changes[0].Before, "!!!!"...)
	require.Equal(t, `["y"]`, string(entry.Changes[0].After))
}
