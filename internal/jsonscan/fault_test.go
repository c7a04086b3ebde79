package jsonscan_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

func TestAFaultIsFoundInAnEditor(t *testing.T) {
	for doc, want := range map[string]string{
		"":                                  "line 1, column 1: the document ends where a value is due",
		"{\n  \"a\": 1,\n}":                 "line 3, column 1: a member name is due here",
		"{\r\n  \"a\": 1,\r\n}":             "line 3, column 1: a member name is due here",
		"{\"é\": 1, \"a\" 2}":               "line 1, column 14: a colon is due here",
		"{\n \"iat\": 1,\n \"iat\": 2\n}":   "line 3, column 2: the member name \"iat\" stands twice in one object",
		"{\"a\\u0022\": 1, \"a\\\"\": 2}":   "line 1, column 16: the member name \"a\\\"\" stands twice in one object",
		"{\"\\u001b\": 1, \"\\u001b\": 2}":  "line 1, column 15: the member name \"\\x1b\" stands twice in one object",
		"\n\n \xff":                         "line 3, column 2: invalid UTF-8",
		"{\"a\": {\n\"b\": 1, \"b\": 2}}\n": "line 2, column 9: the member name \"b\" stands twice in one object",
	} {
		_, err := jsonscan.Parse(doc)
		var syntax *jsonscan.SyntaxError
		require.True(t, errors.As(err, &syntax), "%q", doc)
		assert.Equal(t, want, syntax.In(doc), "%q", doc)
	}
}

func TestThePlaceOfAByteThatIsNotThereIsTheEnd(t *testing.T) {
	line, column := jsonscan.Place("a\nbc", 99)
	assert.Equal(t, [2]int{2, 3}, [2]int{line, column})
}
