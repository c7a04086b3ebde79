// Package steps reads the migrations of a store as plain SQL, for who runs them by hand.
package steps

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// The lines of goose that part a migration.
const (
	up   = "-- +goose Up\n"
	down = "-- +goose Down"
)

// Step is one migration.
type Step struct {
	Version int64
	Name    string // of the file
	Up      string // the SQL that makes it
}

// Read returns the migrations of a folder in the order of their versions, without what takes
// them back. The error names a file whose name does not begin with a version.
func Read(files fs.FS) ([]Step, error) {
	names, err := fs.Glob(files, "*.sql") // sorted, and all numbers are as long
	if err != nil {
		return nil, err
	}
	var all []Step
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		made, _, _ := strings.Cut(string(content), down)
		all = append(all, Step{Version: version, Name: name, Up: strings.TrimSpace(strings.TrimPrefix(made, up)) + "\n"})
	}
	return all, nil
}
