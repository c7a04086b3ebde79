package text_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/text"
)

func TestDecodeRecognisesEncodings(t *testing.T) {
	for name, c := range map[string]struct {
		data, want string
		encoding   text.Encoding
	}{
		"plain":                     {"{}", "{}", text.UTF8},
		"nothing":                   {"", "", text.UTF8},
		"one byte":                  {"{", "{", text.UTF8},
		"a byte order mark":         {"\xEF\xBB\xBF{}", "{}", text.UTF8BOM},
		"little-endian with a mark": {"\xFF\xFE{\x00}\x00", "{}", text.UTF16LE},
		"little-endian without":     {"{\x00}\x00", "{}", text.UTF16LE},
		"big-endian with a mark":    {"\xFE\xFF\x00{\x00}", "{}", text.UTF16BE},
		"big-endian without":        {"\x00{\x00}", "{}", text.UTF16BE},
		"a surrogate pair":          {"a\x00\x3D\xD8\x00\xDE", "a\U0001F600", text.UTF16LE},
		"an odd number of bytes":    {"a\x00b", "a\x00b", text.UTF8},
		"two zeros":                 {"\x00\x00", "\x00\x00", text.UTF8},
		"no UTF-8":                  {"\xC3\x28", "\xC3\x28", text.UTF8},
	} {
		got, encoding := text.Decode(c.data)
		require.Equal(t, c.want, got, name)
		require.Equal(t, c.encoding, encoding, name)
	}
}
