package postgres

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

// written are the columns of a client and the ID of the change that writes them.
const written = row.Columns + ", change_id"

// values returns the values of written, but for the last. The error names a text that
// PostgreSQL cannot keep.
func values(c store.Client) ([]any, error) {
	all, err := row.Values(c)
	if err != nil {
		return nil, err
	}
	return all, kept(row.Columns, all)
}

// kept returns an error where a text among the values holds what PostgreSQL cannot keep.
func kept(columns string, values []any) error {
	for i, value := range values {
		if text, ok := value.(string); ok && !keepable(text) {
			return fmt.Errorf("%s: the text holds a NUL or is no UTF-8", strings.TrimSpace(strings.Split(columns, ",")[i]))
		}
	}
	return nil
}

func keepable(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }

// places returns the parameters from first on, as many as there are columns.
func places(first int, columns string) string {
	all := make([]string, strings.Count(columns, ",")+1)
	for i := range all {
		all[i] = "$" + strconv.Itoa(first+i)
	}
	return strings.Join(all, ", ")
}

// uniqueKeys returns the unique keys that a record holds.
func uniqueKeys(c store.Client) []string {
	var keys []string
	if c.UniqueKey != "" {
		keys = append(keys, c.UniqueKey)
	}
	if p := c.Previous; p != nil && p.UniqueKey != "" && p.UniqueKey != c.UniqueKey {
		keys = append(keys, p.UniqueKey)
	}
	return keys
}
