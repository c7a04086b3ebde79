package text_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/internal/text"
)

func TestBytesAreOfTheirClass(t *testing.T) {
	for b := range 256 {
		s := string([]byte{byte(b)})
		assert.Equal(t, strings.Contains("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", s), text.IsLetter(byte(b)), "%q", s)
		assert.Equal(t, strings.Contains("0123456789", s), text.IsDigit(byte(b)), "%q", s)
		assert.Equal(t, strings.Contains("0123456789abcdefABCDEF", s), text.IsHex(byte(b)), "%q", s)
	}
}

func TestCaseIsFoldedInASCIIAlone(t *testing.T) {
	for _, s := range []string{"test", "Test", "TEST"} {
		assert.True(t, text.EqualFold(s, "test"), s)
	}
	for _, s := range []string{"", "tes", "tests", "te\u017ft", "te\u017f", "pest", "T\x05ST"} {
		assert.False(t, text.EqualFold(s, "test"), s)
	}
	assert.True(t, text.EqualFold("", ""))
	assert.False(t, text.EqualFold("@", "`"), "no letter")
}
