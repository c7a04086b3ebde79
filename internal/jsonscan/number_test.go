package jsonscan

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fulltest"
)

func TestANumberIsWholeInAnyOfItsSpellings(t *testing.T) {
	const most, least = 1<<63 - 1, -1 << 63
	for _, c := range []struct {
		doc         string
		floor       int64
		whole, fits bool
	}{
		{`0`, 0, true, true},
		{`-0`, 0, true, true},
		{`0.0`, 0, true, true},
		{`-0.0e-7`, 0, true, true},
		{`0e999999999999999999999`, 0, true, true},
		{`1795690842`, 1795690842, true, true},
		{`1795690842.0`, 1795690842, true, true},
		{`1795690842.000`, 1795690842, true, true},
		{`1.795690842E9`, 1795690842, true, true},
		{`1.795690842e+9`, 1795690842, true, true},
		{`17956908420e-1`, 1795690842, true, true},
		{`0.1795690842e10`, 1795690842, true, true},
		{`0.00001795690842e14`, 1795690842, true, true},
		{`-60.00`, -60, true, true},
		{`1795690842.5`, 1795690842, false, true},
		{`1795690842.999999999999999999999999`, 1795690842, false, true},
		{`1795690842.000000000000000000000001`, 1795690842, false, true},
		{`1.7956908425e9`, 1795690842, false, true},
		{`-1.5`, -2, false, true},
		{`-0.5`, -1, false, true},
		{`0.5`, 0, false, true},
		{`1e-400`, 0, false, true},
		{`-1e-99999999999999`, -1, false, true},
		{`9007199254740993.0`, 9007199254740993, true, true}, // no float64
		{`9223372036854775807`, most, true, true},
		{`9223372036854775807.0`, most, true, true},
		{`9.223372036854775807e18`, most, true, true},
		{`9223372036854775807.9`, most, false, true},
		{`-9223372036854775808.0`, least, true, true},
		{`-92233720368547758080e-1`, least, true, true},
		{`-9223372036854775807.5`, least, false, true},
		{`9223372036854775808`, 0, false, false},
		{`9223372036854775808.0`, 0, false, false},
		{`-9223372036854775808.5`, 0, false, false},
		{`-9223372036854775809.0`, 0, false, false},
		{`18446744073709551616.0`, 0, false, false},
		{`18446744073709551617e0`, 0, false, false},
		{`184467440737095516170e-1`, 0, false, false},
		{`1e19`, 0, false, false},
		{`1e400`, 0, false, false},
		{`1e18446744073709551617`, 0, false, false},
		{`1` + strings.Repeat("0", 400) + `e-400`, 1, true, true},
		{`0.` + strings.Repeat("0", 400) + `1e401`, 1, true, true},
		{`"1"`, 0, false, false},
		{`true`, 0, false, false},
		{`null`, 0, false, false},
		{`[1]`, 0, false, false},
	} {
		v := parse(t, c.doc)
		n, ok := v.Whole()
		assert.Equal(t, c.whole && c.fits, ok, c.doc)
		if ok {
			assert.Equal(t, c.floor, n, c.doc)
		}
		n, ok = v.Floor()
		assert.Equal(t, c.fits, ok, c.doc)
		if ok {
			assert.Equal(t, c.floor, n, c.doc)
		}
	}
}

// Each number is what math/big reads it as.
func TestNumbersAreReadAsMathBigReadsThem(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 7519))
	digits := func(most int) string {
		var b strings.Builder
		for range r.IntN(most) {
			b.WriteByte("00123456789"[r.IntN(11)])
		}
		return b.String()
	}
	fits := 0
	for range fulltest.Rounds(20_000) {
		doc := []string{"", "-"}[r.IntN(2)] + fmt.Sprint(r.Uint64()>>r.IntN(64))
		if r.IntN(3) > 0 {
			doc += "." + digits(6) + "0"
		}
		if r.IntN(2) == 0 {
			doc += []string{"e", "E", "e+", "e-"}[r.IntN(4)] + "0" + fmt.Sprint(r.IntN(25))
		}
		v, exact := parse(t, doc), new(big.Rat)
		_, ok := exact.SetString(doc)
		require.True(t, ok, doc)
		floor := new(big.Int).Div(exact.Num(), exact.Denom()) // Euclidean: rounds down, as the denominator is positive
		got, ok := v.Floor()
		require.Equal(t, floor.IsInt64(), ok, doc)
		whole, isWhole := v.Whole()
		require.Equal(t, ok && exact.IsInt(), isWhole, doc)
		if ok {
			fits++
			require.Equal(t, floor.Int64(), got, doc)
		}
		if isWhole {
			require.Equal(t, got, whole, doc)
		}
	}
	require.NotZero(t, fits)
}

func TestAPlainIntegerIsReadWithoutAllocation(t *testing.T) {
	v := parse(t, `1795690842`)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = v.Whole(); _, _ = v.Floor() }))
}
