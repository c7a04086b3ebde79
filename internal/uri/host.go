package uri

import (
	"math"
	"strings"
	"unicode"

	"github.com/obdcr/obdcr/internal/text"
)

// Limits of DNS names, RFC 1035 section 2.3.4.
const (
	maxHost  = 253
	maxLabel = 63
)

// hostFault returns the fault of a host name, 0 where it has none. A good host is an
// ASCII DNS name of at least two labels that is not localhost and that no program takes
// for an IP address. An asterisk is no fault here: that is Wildcard.
func hostFault(h string) Fault {
	bare := strings.TrimSuffix(h, ".")
	switch {
	case h == "":
		return HostName
	case isLocalhost(bare):
		return Localhost
	case isIPAddress(h, bare):
		return IPAddress
	case len(h) > maxHost || strings.IndexByte(h, '.') < 0:
		return HostName
	}
	for rest, more := h, true; more; {
		var label string
		label, rest, more = strings.Cut(rest, ".")
		if !hostLabel(label) {
			return HostName
		}
		if len(label) >= 4 && text.EqualFold(label[:4], "xn--") && !validPunycode(label[4:]) {
			return Punycode
		}
	}
	return 0
}

// isLocalhost reports whether h, without its trailing dot, names the machine itself. Such
// names are localhost, all names below it (RFC 6761 section 6.3), and the name that old
// hosts files have for it.
func isLocalhost(h string) bool {
	for _, name := range [...]string{"localhost", "localhost.localdomain"} {
		if n := len(h) - len(name); n >= 0 && text.EqualFold(h[n:], name) && (n == 0 || h[n-1] == '.') {
			return true
		}
	}
	return false
}

// isIPAddress reports whether h is an IP address in any spelling. One has brackets, or
// several colons, or a last label that is a decimal, octal or hexadecimal number, as in
// the WHATWG URL standard.
func isIPAddress(h, bare string) bool {
	if h[0] == '[' || strings.IndexByte(h, ':') >= 0 {
		return true
	}
	last := bare[strings.LastIndexByte(bare, '.')+1:]
	if len(last) >= 2 && last[0] == '0' && last[1]|0x20 == 'x' {
		return true
	}
	for i := range len(last) {
		if !text.IsDigit(last[i]) {
			return false
		}
	}
	return last != ""
}

// hostLabel reports whether s is one label of a host name (RFC 1123 section 2.1).
func hostLabel(s string) bool {
	if s == "" || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if b := s[i]; !text.IsLetter(b) && !text.IsDigit(b) && b != '-' && b != '*' {
			return false
		}
	}
	return true
}

// validPunycode reports whether s, the text after xn--, decodes by RFC 3492 to a label that
// needs the encoding. Such a label has at least one code point beyond ASCII, and none
// that is unassigned, a control, upper case or a full-width form. The order of the code
// points does not matter, so the label is not built.
func validPunycode(s string) bool {
	const base, damp, initialBias, initialN = 36, 700, 72, 128
	length := strings.LastIndexByte(s, '-')
	switch {
	case length == 0:
		return false // a delimiter with no basic code point before it
	case length > 0:
		s = s[length+1:]
	default:
		length = 0
	}
	if s == "" {
		return false
	}
	n, i, bias, first := initialN, 0, initialBias, true
	for s != "" {
		old, w := i, 1
		for k := base; ; k += base {
			if s == "" {
				return false
			}
			digit := punycodeDigit(s[0])
			s = s[1:]
			if digit < 0 || digit > (math.MaxInt32-i)/w {
				return false
			}
			i += digit * w
			t := min(max(k-bias, 1), 26)
			if digit < t {
				break
			}
			if w > math.MaxInt32/(base-t) {
				return false
			}
			w *= base - t
		}
		length++
		delta := i - old
		if first {
			delta, first = delta/damp, false
		} else {
			delta /= 2
		}
		bias = punycodeBias(delta, length)
		n += i / length
		i = i%length + 1
		if n > unicode.MaxRune || !hostRune(rune(n)) {
			return false
		}
	}
	return true
}

// punycodeBias is the bias adaptation of RFC 3492 section 6.1, without its first
// division.
func punycodeBias(delta, length int) int {
	const base, tMin, tMax, skew = 36, 1, 26, 38
	delta += delta / length
	k := 0
	for delta > (base-tMin)*tMax/2 {
		delta /= base - tMin
		k += base
	}
	return k + (base-tMin+1)*delta/(delta+skew)
}

// punycodeDigit returns the value of a digit, -1 for any other byte.
func punycodeDigit(b byte) int {
	switch {
	case text.IsLetter(b):
		return int(b | 0x20 - 'a')
	case text.IsDigit(b):
		return int(b-'0') + 26
	}
	return -1
}

// hostRune reports whether r may stand in an internationalised label. It may be a letter, a
// mark, a digit, a symbol such as an emoji, or one of the joiners and dots that IDNA
// knows. It may not be a compatibility form of another character (UTS 46).
func hostRune(r rune) bool {
	switch r {
	case 0xB7, 0x375, 0x5F3, 0x5F4, 0x30FB, 0x200C, 0x200D:
		return true
	}
	if r < 0x80 || unicode.IsUpper(r) || unicode.IsTitle(r) || unicode.Is(mappedRunes, r) {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || unicode.Is(unicode.So, r)
}

// mappedRunes are blocks of compatibility characters: letter-like and enclosed ones,
// presentation forms, mathematical and full-width letters. Browsers map them to other
// characters, and refuse a label that encodes them.
var mappedRunes = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x2100, Hi: 0x214F, Stride: 1}, {Lo: 0x2460, Hi: 0x24FF, Stride: 1}, {Lo: 0x3200, Hi: 0x33FF, Stride: 1},
		{Lo: 0xF900, Hi: 0xFAFF, Stride: 1}, {Lo: 0xFB00, Hi: 0xFDFF, Stride: 1}, {Lo: 0xFE70, Hi: 0xFFEF, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x1D400, Hi: 0x1D7FF, Stride: 1}, {Lo: 0x1F100, Hi: 0x1F2FF, Stride: 1}},
}
