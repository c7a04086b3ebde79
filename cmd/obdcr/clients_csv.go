package main

import (
	"encoding/csv"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// writeCSV writes rows as RFC 4180 has them, with CRLF, the first one being the names of the
// columns. A spreadsheet takes a cell that begins with one of = + - @, or with the wide form
// of one, for a formula: such a cell gets an apostrophe in front.
func writeCSV(out io.Writer, rows [][]string) error {
	w := csv.NewWriter(out)
	w.UseCRLF = true
	for _, row := range rows {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = harmless(cell)
		}
		if err := w.Write(safe); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// harmless returns a cell that no spreadsheet takes for a formula. Some drop what cannot be
// seen before they look, so that is passed over, and a control character in front counts too.
func harmless(cell string) string {
	seen := strings.TrimLeftFunc(cell, func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsGraphic(c) })
	first, _ := utf8.DecodeRuneInString(seen)
	if cell != "" && (seen != "" && strings.ContainsRune("=+-@\uff1d\uff0b\uff0d\uff20", first) || cell[0] < ' ') {
		return "'" + cell
	}
	return cell
}
