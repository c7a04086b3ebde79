package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestColourOnATerminalAloneAndNeverWithNoColor(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	device, err := os.Open(os.DevNull) // a character device, as a terminal is
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, device.Close()) })
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, file.Close()) })

	assert.True(t, wantsColor(device))
	assert.False(t, wantsColor(file), "a file")
	t.Setenv("TERM", "dumb")
	assert.False(t, wantsColor(device), "a dumb terminal")
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	assert.False(t, wantsColor(device), "NO_COLOR")
}

func TestColourMarksSeverities(t *testing.T) {
	var plain, coloured bytes.Buffer
	in := func() *strings.Reader { return strings.NewReader("this is no token") }
	assert.Equal(t, exitViolated, (&app{in: in(), err: &plain}).run([]string{"lint", "-"}, &plain))
	assert.Equal(t, exitViolated, (&app{in: in(), err: &plain, color: true}).run([]string{"lint", "-"}, &coloured))
	assert.NotContains(t, plain.String(), "\x1b")
	assert.Contains(t, coloured.String(), "\x1b[31merror")
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left") }
func (broken) Read([]byte) (int, error)  { return 0, errors.New("input/output error") }

func TestWhatCannotBeReadOrWrittenIsCode3(t *testing.T) {
	var notes, out bytes.Buffer
	assert.Equal(t, exitIO, (&app{in: broken{}, err: &notes}).run([]string{"version"}, broken{}))
	assert.Contains(t, notes.String(), "no space left")
	assert.Equal(t, exitIO, (&app{in: broken{}, err: &notes}).run([]string{"lint", "-"}, &out))
	assert.Contains(t, notes.String(), "stdin: input/output error")
	assert.Empty(t, out.String())
}
