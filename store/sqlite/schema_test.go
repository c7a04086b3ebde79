package sqlite_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

func TestTheStatusOfAFileChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "obdcr.db")
	s, err := sqlite.Status(t.Context(), path)
	require.NoError(t, err)
	assert.Zero(t, s.Version)
	require.NoFileExists(t, path)

	opened, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	require.NoError(t, opened.Close())
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	t.Chdir(filepath.Dir(path))
	v, err := sqlite.Status(t.Context(), filepath.Base(path))
	require.NoError(t, err)
	assert.NotZero(t, v.Version)
	s, err = sqlite.Status(t.Context(), path)
	require.NoError(t, err)
	assert.Equal(t, s.Known, s.Version)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(before, after))

	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("no database "), 100), 0o600))
	_, err = sqlite.Status(t.Context(), path)
	require.ErrorContains(t, err, path)
}

// A DBA who runs the script gets the tables that Open makes, from any version on.
func TestTheScriptMakesTheTablesThatOpenMakes(t *testing.T) {
	shell, ok := realtest.Tool(t, "sqlite3")
	if !ok {
		return
	}
	schema := func(path string) string {
		out, err := exec.CommandContext(t.Context(), shell, path, ".schema").CombinedOutput()
		require.NoError(t, err, "%s", out)
		return strings.Join(strings.Fields(string(out)), " ")
	}
	run := func(path, script string) {
		cmd := exec.CommandContext(t.Context(), shell, "-bail", path)
		cmd.Stdin = bytes.NewBufferString(script)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	byOpen := filepath.Join(t.TempDir(), "open.db")
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: byOpen})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	known, err := sqlite.Status(t.Context(), byOpen)
	require.NoError(t, err)
	all, err := sqlite.Script(0)
	require.NoError(t, err)
	byHand := filepath.Join(t.TempDir(), "hand.db")
	run(byHand, all)
	assert.Equal(t, schema(byOpen), schema(byHand))
	status, err := sqlite.Status(t.Context(), byHand)
	require.NoError(t, err)
	assert.Equal(t, known, status)
	s, err = sqlite.Open(t.Context(), sqlite.Config{Path: byHand})
	require.NoError(t, err)
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "a"}, store.Change{}))
	require.NoError(t, s.Close())
	nothing, err := sqlite.Script(known.Known)
	require.NoError(t, err)
	assert.Empty(t, nothing)
}
