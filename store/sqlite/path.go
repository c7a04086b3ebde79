package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxLinks is how many links resolved follows: as many as Linux does.
const maxLinks = 40

// prepareFile returns the absolute path of the file, and makes the file with mode 0600
// where there is none. SQLite gives its other files the same mode. prepareFile never
// opens the file itself: when a process closes any descriptor of a file, the system
// drops all locks that the process holds on it (POSIX fcntl), those of SQLite included.
func prepareFile(path string) (string, error) {
	if path == "" || path == ":memory:" {
		return "", fmt.Errorf("the path %q names no file", path)
	}
	path, err := resolved(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is no regular file", path)
	case err == nil || !errors.Is(err, fs.ErrNotExist):
		return path, err
	}
	empty, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return "", err
	}
	if err := errors.Join(empty.Chmod(0o600), empty.Close()); err != nil {
		return "", errors.Join(err, os.Remove(empty.Name()))
	}
	err = os.Link(empty.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		err = nil // another process was faster
	}
	return path, errors.Join(err, os.Remove(empty.Name()))
}

// resolved follows the links of a path, as SQLite does: it puts the log beside the file, not
// beside a link to it. The file need not exist.
func resolved(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for range maxLinks {
		folder, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		path = filepath.Join(folder, filepath.Base(path))
		target, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link: a file, or nothing
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(folder, target)
		}
		path = target
	}
	return "", fmt.Errorf("%s: too many links", path)
}
