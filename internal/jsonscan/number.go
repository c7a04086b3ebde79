package jsonscan

import (
	"math"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
)

// Whole is the value of a number without a fraction, in any of its spellings: 60, 60.0,
// 6e1 and 600E-1 are one number. It is false for any other value, and for a number that
// int64 cannot hold. No float is involved.
func (v Value) Whole() (int64, bool) {
	n, exact, ok := v.floor()
	return n, ok && exact
}

// Floor is the greatest whole number that is not greater than a number, in any of its
// spellings. It is false for a value that is no number, and where int64 cannot hold the
// result.
func (v Value) Floor() (int64, bool) {
	n, _, ok := v.floor()
	return n, ok
}

// floor rounds a number down, and tells whether it had no fraction.
func (v Value) floor() (n int64, exact, ok bool) {
	if n, ok := v.Int64(); ok || v.Kind() != Number || !strings.ContainsAny(v.raw, ".eE") && v.raw != "-0" {
		return n, true, ok
	}
	digits, negative := strings.CutPrefix(v.raw, "-")
	digits, exponent := cutExponent(digits)
	whole, fraction, _ := strings.Cut(digits, ".")
	size, exact, ok := shifted(whole, fraction, len(whole)+exponent)
	switch {
	case !ok:
		return 0, false, false
	case !negative:
		return int64(size), exact, size <= math.MaxInt64
	case !exact:
		size++
	}
	return -int64(size), exact, size <= 1<<63
}

// cutExponent takes the exponent off a number. An exponent of more than a billion counts
// as a billion: no number has as many digits.
func cutExponent(number string) (digits string, exponent int) {
	const most = 1_000_000_000
	i := strings.IndexAny(number, "eE")
	if i < 0 {
		return number, 0
	}
	for _, b := range []byte(number[i+1:]) {
		if text.IsDigit(b) && exponent < most {
			exponent = min(10*exponent+int(b-'0'), most)
		}
	}
	if number[i+1] == '-' {
		exponent = -exponent
	}
	return number[:i], exponent
}

// shifted is the number that the first digits of whole and fraction make, as many as
// before says. exact: all others are 0. ok: it is less than 2^64.
func shifted(whole, fraction string, before int) (n uint64, exact, ok bool) {
	exact, ok = true, true
	add := func(digit byte) {
		// The greatest int64, without its last digit, is less than 2^60.
		ok = ok && n <= 1<<60
		n = 10*n + uint64(digit)
	}
	for at, part := range [...]string{whole, fraction} {
		for i := range len(part) {
			digit := part[i] - '0'
			if at*len(whole)+i < before {
				add(digit)
			} else {
				exact = exact && digit == 0
			}
		}
	}
	for i := len(whole) + len(fraction); i < before && n > 0 && ok; i++ {
		add(0)
	}
	return n, exact, ok
}
