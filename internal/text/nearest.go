package text

import (
	"cmp"
	"slices"
	"strings"
)

// maxNearest is the greatest number of words that Nearest returns.
const maxNearest = 5

// Nearest returns the words that an unknown word may be a misspelling of, the most similar
// first. They are the words that contain it, and those that differ from it in few letters.
// The case of letters does not count; a word that differs in case alone is returned alone.
// Words that are equally similar keep their order.
func Nearest(written string, words []string) []string {
	type candidate struct {
		word string
		far  int
	}
	var near []candidate
	written = strings.ToLower(Echo(written))
	for _, word := range words {
		lower := strings.ToLower(word)
		if lower == written {
			return []string{word}
		}
		most := max(2, len(word)/3)
		switch {
		case len(written) > 2 && strings.Contains(lower, written):
			near = append(near, candidate{word, 1})
		case len(written)-len(lower) > most, len(lower)-len(written) > most: // the distance is no less
		default:
			if far := distance(written, lower); far <= most {
				near = append(near, candidate{word, far})
			}
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.far, b.far) })
	var found []string
	for _, c := range near[:min(len(near), maxNearest)] {
		found = append(found, c.word)
	}
	return found
}

// distance is the Levenshtein distance of two short texts, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
