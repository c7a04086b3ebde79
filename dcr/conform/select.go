package conform

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Select returns the cases whose ID or group one of the globs matches; all cases for no glob. A glob
// that matches nothing is an error.
func Select(globs ...string) ([]Case, error) {
	all := Cases()
	if len(globs) == 0 {
		return all, nil
	}
	chosen := make([]bool, len(all))
	for _, glob := range globs {
		matched := false
		for i, c := range all {
			byID, err := path.Match(flat(glob), flat(c.ID))
			if err != nil {
				return nil, fmt.Errorf("conform: filter %.100q is no glob: %w", glob, err)
			}
			if byGroup, _ := path.Match(glob, c.Group); byID || byGroup {
				chosen[i], matched = true, true
			}
		}
		if !matched {
			return nil, fmt.Errorf("conform: filter %.100q matches the ID or the group of no case", glob)
		}
	}
	i := -1
	return slices.DeleteFunc(all, func(Case) bool { i++; return !chosen[i] }), nil
}

// flat has no slash, so that * matches the whole name of a vector.
func flat(name string) string { return strings.ReplaceAll(name, "/", "\x1f") }
