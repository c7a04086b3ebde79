package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCandidatesAreFilesOfFoldersAndPatterns(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.jwt", "a.JSON", "key.pem", ".hidden.jwt", "in/c.jws", ".git/d.jwt", "in/e.txt"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	require.NoError(t, os.Symlink("b.jwt", filepath.Join(dir, "link.jwt")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "broken.jwt")))
	t.Chdir(dir)
	names := func(args ...string) (named, found []string) {
		all, err := candidates(args)
		require.NoError(t, err)
		for _, c := range all {
			if c.named {
				named = append(named, c.name)
			} else {
				found = append(found, filepath.ToSlash(c.name))
			}
		}
		return named, found
	}
	named, found := names("key.pem", "in", "./key.pem", "-")
	require.Equal(t, []string{"key.pem", "-"}, named, "each once")
	require.Equal(t, []string{"in/c.jws", "in/e.txt"}, found)
	_, found = names(".")
	require.Equal(t, []string{"a.JSON", "b.jwt", "broken.jwt", "in/c.jws", "in/e.txt", "link.jwt"}, found)
	named, _ = names("*.jwt")
	require.Equal(t, []string{"b.jwt", "broken.jwt", "link.jwt"}, named)
	named, _ = names("nowhere.jwt")
	require.Equal(t, []string{"nowhere.jwt"}, named, "reading it tells that it is not there")
	for _, wrong := range []string{"*.nothing", "[x.jwt"} {
		_, err := candidates([]string{wrong})
		require.Error(t, err)
		var exit *exitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, exitUsage, exit.code)
	}
}

func TestAFolderThatCannotBeReadIsToldAndTheOthersAreWalked(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.jwt"), nil, 0o600))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var all []candidate
	// A folder that root cannot read is hard to make: this is what filepath.WalkDir calls.
	denied := &fs.PathError{Op: "open", Path: filepath.Join(dir, "closed"), Err: fs.ErrPermission}
	require.Equal(t, fs.SkipDir, visit(&all, denied.Path, false, entries[0], denied))
	require.NoError(t, visit(&all, filepath.Join(dir, "a.jwt"), false, entries[0], nil))
	require.Len(t, all, 2)
	require.ErrorIs(t, all[0].err, fs.ErrPermission)
	require.Contains(t, all[0].err.Error(), denied.Path)
	require.NoError(t, all[1].err)
	require.Equal(t, fs.SkipDir, visit(&all, filepath.Join(dir, ".closed"), false, entries[0], denied))
	require.Len(t, all, 2, "a hidden folder is not looked into")
}

func TestInOrderKeepsTheOrderAndStops(t *testing.T) {
	items := make([]int, 1000)
	for i := range items {
		items[i] = i
	}
	var got []int
	double := func(i int) int { return 2 * i }
	require.NoError(t, inOrder(t.Context(), items, 4, double, func(r int) error { got = append(got, r); return nil }))
	for i := range items {
		require.Equal(t, 2*i, got[i])
	}

	full := errors.New("disk full")
	var worked atomic.Int32
	err := inOrder(t.Context(), items, 4, func(i int) int { worked.Add(1); return i }, func(r int) error {
		if r == 10 {
			return full
		}
		return nil
	})
	require.ErrorIs(t, err, full)
	require.Less(t, worked.Load(), int32(500), "what is not handed out yet is not begun")

	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, inOrder(ctx, items, 4, double, func(int) error { return nil }), context.Canceled)
	require.NoError(t, inOrder(t.Context(), nil, 4, double, func(int) error { return nil }))
}
