package text_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/internal/text"
)

func ExampleNearest() {
	fmt.Println(text.Nearest("scops", []string{"audiences", "scopes", "role_scopes"}))
	// Output: [scopes]
}

func TestTheNearestWordsAreFound(t *testing.T) {
	words := []string{"scopes", "role_scopes", "default_scopes", "Registrations", "iss", "audiences"}
	for name, c := range map[string]struct {
		written string
		want    []string
	}{
		"a letter is missing":              {"registrtions", []string{"Registrations"}},
		"a letter too many":                {"scoopes", []string{"scopes"}},
		"another letter":                   {"rule_scopes", []string{"role_scopes"}},
		"a third of its letters in front":  {"xxxaudiences", []string{"audiences"}},
		"more than a third in front":       {"xxxxaudiences", nil},
		"two letters lack at the end":      {"default_scop", []string{"default_scopes"}},
		"a part of several, in order":      {"scope", []string{"scopes", "role_scopes", "default_scopes"}},
		"another case alone":               {"SCOPES", []string{"scopes"}},
		"another case of the word":         {"registrations", []string{"Registrations"}},
		"two letters are no part":          {"co", nil},
		"a short word may lack two":        {"i", []string{"iss"}},
		"nothing like it":                  {"colour", nil},
		"nothing":                          {"", nil},
		"far too long, though it holds it": {strings.Repeat("scopes", 1000), nil},
	} {
		assert.Equal(t, c.want, text.Nearest(c.written, words), name)
	}
	assert.Equal(t, []string{"words", "wards"}, text.Nearest("wordy", []string{"wards", "words"}), "the likest first")
	assert.Len(t, text.Nearest("word", []string{"word1", "word2", "word3", "word4", "word5", "word6"}), 5)
	assert.Empty(t, text.Nearest("word", nil))
}
