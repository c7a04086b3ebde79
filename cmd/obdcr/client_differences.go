package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/text"
)

// noteDifferences lists what the bank registered otherwise than it was asked to.
func (a *app) noteDifferences(request string, i *tpp.ClientInformation, leftOut []string) {
	differences, err := tpp.Differences(request, i)
	differences = slices.DeleteFunc(differences, func(d tpp.Difference) bool { return d.Registered == "" && slices.Contains(leftOut, d.Member) })
	if err != nil || len(differences) == 0 {
		return // writeClient tells of an answer that is no strict JSON
	}
	a.note("the bank registered other values than the request has:")
	for _, d := range differences {
		asked, registered := value(d.Asked), value(d.Registered)
		if d.Default {
			asked += " (the default)"
		}
		a.field(d.Member, "asked", asked)
		a.field("", "registered", registered)
	}
}

// noteNoSecret says that a bank has sent no secret where the client's method has one.
func (a *app) noteNoSecret(asked claims.AuthMethod, i *tpp.ClientInformation) {
	method := cmp.Or(i.Credentials().Method, asked)
	if method.NeedsSecret() && i.Secret.IsZero() {
		a.note("the bank's answer has no client_secret, which %s needs: ask the bank for it, or update the client to another method", method)
	}
}

// longestWord and shownOfWord bound a word of a value that is shown, such as a software
// statement, in characters.
const longestWord, shownOfWord = 200, 40

var longWord = regexp.MustCompile(fmt.Sprintf(`[^\s",]{%d,}`, longestWord+1))

// cutWords cuts the words of a value that are too long to be read.
func cutWords(value string) string {
	return longWord.ReplaceAllStringFunc(value, func(word string) string {
		runes := []rune(word)
		return fmt.Sprintf("%s... (%d characters)", string(runes[:shownOfWord]), len(runes))
	})
}

// value shows a value as JSON, or that there is none.
func value(json string) string {
	if json == "" {
		return "nothing"
	}
	return cutWords(json)
}

// field prints a value under the name of its member, if that is not "". It fits the width of
// a terminal.
func (a *app) field(name, label, value string) {
	if name != "" {
		fmt.Fprintln(a.err, "  "+text.Visible(name))
	}
	before := fmt.Sprintf("    %-12s", label)
	for _, part := range pieces(text.Visible(a.secrets().out(value)), columns-len(before)) {
		fmt.Fprintln(a.err, before+part)
		before = strings.Repeat(" ", len(before))
	}
}

// pieces breaks a value behind blanks and commas into lines of at most width characters. It
// breaks a line that has neither where it ends.
func pieces(value string, width int) []string {
	var lines []string
	left := []rune(value)
	for len(left) > width {
		at := width
		for at > 0 && left[at-1] != ' ' && left[at-1] != ',' {
			at--
		}
		if at == 0 {
			at = width
		}
		lines, left = append(lines, string(left[:at])), left[at:]
	}
	return append(lines, string(left))
}
