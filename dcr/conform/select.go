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
	chosen, err := matching(globs, len(all), func(i int) (id, group string) { return all[i].ID, all[i].Group })
	if err != nil {
		return nil, err
	}
	i := -1
	return slices.DeleteFunc(all, func(Case) bool { i++; return !chosen[i] }), nil
}

// Select returns the report with the results alone whose ID or group one of the globs matches; the report itself for no
// glob. A glob that matches nothing is an error.
func (r *Report) Select(globs ...string) (*Report, error) {
	if len(globs) == 0 {
		return r, nil
	}
	chosen, err := matching(globs, len(r.Results), func(i int) (id, group string) { return r.Results[i].ID, r.Results[i].Group })
	if err != nil {
		return nil, err
	}
	part := *r
	part.Results, part.Counts, part.Filter = nil, map[Verdict]int{}, globs
	for _, v := range Verdicts() {
		part.Counts[v] = 0
	}
	for i := range r.Results {
		if chosen[i] {
			part.Results = append(part.Results, r.Results[i])
			part.Counts[r.Results[i].Verdict]++
		}
	}
	return &part, nil
}

// matching reports which of n cases have an ID or a group that a glob matches.
func matching(globs []string, n int, of func(int) (id, group string)) ([]bool, error) {
	chosen := make([]bool, n)
	for _, glob := range globs {
		matched := false
		for i := range n {
			id, group := of(i)
			byID, err := path.Match(flat(glob), flat(id))
			if err != nil {
				return nil, fmt.Errorf("conform: filter %.100q is no glob: %w", glob, err)
			}
			if byGroup, _ := path.Match(glob, group); byID || byGroup {
				chosen[i], matched = true, true
			}
		}
		if !matched {
			return nil, fmt.Errorf("conform: filter %.100q matches the ID or the group of no case", glob)
		}
	}
	return chosen, nil
}

// flat has no slash, so that * matches the whole name of a vector.
func flat(name string) string { return strings.ReplaceAll(name, "/", "\x1f") }
