package service

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one mistake of a file of configuration.
type Fault struct {
	Line, Column int    // from 1; 0 where the fault has no place
	Place        string // the names that lead to the member, with "/" between; "": the whole file
	Reason       string // what is wrong, and what would be right
}

// ConfigError has every mistake of a file of configuration, at least one.
type ConfigError struct {
	File   string
	Faults []Fault
}

// Error has one line a mistake: file, line, column, member, and what to do.
func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = e.File
		if f.Line > 0 {
			lines[i] += fmt.Sprintf(":%d:%d", f.Line, f.Column)
		}
		if f.Place != "" {
			lines[i] += ": " + f.Place
		}
		lines[i] += ": " + f.Reason
	}
	return strings.Join(lines, "\n")
}

// fault makes the error of faults, in the order of the file.
func (c *Config) fault(faults []Fault) error {
	if len(faults) == 0 {
		return nil
	}
	for i := range faults {
		if f := &faults[i]; f.Line == 0 {
			p := c.where(f.Place)
			f.Line, f.Column = p.line, p.column
		}
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) })
	return &ConfigError{File: c.path, Faults: faults}
}

// where finds a member in the file, or the member around one that is not there.
func (c *Config) where(place string) position {
	for place != "" {
		if p, ok := c.places[place]; ok {
			return p
		}
		place = place[:max(0, strings.LastIndexByte(place, '/'))]
	}
	return position{1, 1}
}

// faultAt makes the error of one fault.
func (c *Config) faultAt(place, format string, args ...any) error {
	return c.fault([]Fault{{Place: place, Reason: fmt.Sprintf(format, args...)}})
}
