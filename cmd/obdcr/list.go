package main

import "strings"

// list is a flag with values between commas, which may be given more than once. It takes
// each value as it stands: pflag's own reads CSV, and drops what is behind a line break.
type list struct {
	values *[]string // at first those without the flag
	given  bool
}

// String returns the values as Set takes them.
func (l *list) String() string {
	if l.values == nil { // pflag asks the zero value
		return ""
	}
	return strings.Join(*l.values, ",")
}

// Set takes the values of one use of the flag. The first use replaces those without it.
func (l *list) Set(text string) error {
	if !l.given {
		*l.values, l.given = nil, true
	}
	if text != "" {
		*l.values = append(*l.values, strings.Split(text, ",")...)
	}
	return nil
}

// Type is that of a flag that may be given again, for help and completion.
func (l *list) Type() string { return "stringSlice" }
