package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProgressIsDrawnNowAndThenAndLeavesNothing(t *testing.T) {
	var out strings.Builder
	now := time.Unix(0, 0)
	p := &progress{out: &out, total: 200, clock: func() time.Time { return now }}
	p.show(1, 0)
	p.show(2, 0)
	require.Equal(t, "["+strings.Repeat(" ", 30)+"] 1 of 200", out.String(), "not more often than people can read")
	now = now.Add(progressStep)
	p.show(100, 3)
	require.Contains(t, out.String(), "["+strings.Repeat("=", 15)+strings.Repeat(" ", 15)+"] 100 of 200, 3 failed")
	p.wipe()
	p.wipe()
	require.Equal(t, 2, strings.Count(out.String(), "\r "), "each line is wiped once")
	require.True(t, strings.HasSuffix(out.String(), "\r"))

	out.Reset()
	(&progress{out: &out, total: minProgress - 1}).show(1, 0)
	(&progress{total: 1000}).show(1, 0)
	require.Empty(t, out.String(), "few files, or no terminal")
}
