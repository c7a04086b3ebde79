package text

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// Encoding says how the bytes of a file write its text.
type Encoding string

// The encodings that Decode recognises.
const (
	UTF8    Encoding = "UTF-8"
	UTF8BOM Encoding = "UTF-8 with a byte order mark"
	UTF16LE Encoding = "UTF-16, little-endian"
	UTF16BE Encoding = "UTF-16, big-endian"
)

const bom = "\uFEFF"

// Decode returns the text of a file without its byte order mark. It recognises UTF-16 by
// its mark, or by a first character of ASCII, as each token and each JSON text has. All
// else is taken for UTF-8 and returned as it is, also where it is no valid UTF-8.
func Decode(data string) (string, Encoding) {
	switch {
	case strings.HasPrefix(data, bom):
		return data[len(bom):], UTF8BOM
	case len(data) < 2 || len(data)%2 != 0:
		return data, UTF8
	case data[0] == 0xFF && data[1] == 0xFE, data[0] != 0 && data[0] < 0x80 && data[1] == 0:
		return decode16(data, binary.LittleEndian), UTF16LE
	case data[0] == 0xFE && data[1] == 0xFF, data[0] == 0 && data[1] != 0 && data[1] < 0x80:
		return decode16(data, binary.BigEndian), UTF16BE
	}
	return data, UTF8
}

func decode16(data string, order binary.ByteOrder) string {
	units := make([]uint16, 0, len(data)/2)
	for b := []byte(data); len(b) > 0; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return strings.TrimPrefix(string(utf16.Decode(units)), bom)
}
