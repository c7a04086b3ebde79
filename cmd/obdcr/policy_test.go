package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestThePolicyPagesExamplesAreFilesForLint runs each command of docs/policy.md that names
// an example, with the example as that file.
func TestThePolicyPagesExamplesAreFilesForLint(t *testing.T) {
	page, err := os.ReadFile("../../docs/policy.md")
	require.NoError(t, err)
	_, software := newSoftware(t)
	claims := software.Request("0015800001041REAAY")
	request, err := software.Sign(&claims)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "request.jwt"), []byte(request), 0o600))
	examples := regexp.MustCompile("(?s)```\nobdcr (lint --policy [^\n]+)\n```\n\n```json\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.Len(t, examples, 9)
	for _, example := range examples {
		args := strings.Fields(example[1])
		require.NoError(t, os.WriteFile(filepath.Join(dir, args[2]), []byte(example[2]), 0o600))
		for i, arg := range args {
			if strings.HasSuffix(arg, ".json") || strings.HasSuffix(arg, ".jwt") {
				args[i] = filepath.Join(dir, arg)
			}
		}
		var notes bytes.Buffer
		code := (&app{in: strings.NewReader(""), err: &notes}).run(append(args, "--now", scriptTime.Format(time.RFC3339)), io.Discard)
		require.Less(t, code, 2, "%s: %s", example[1], notes.String())
	}
}
