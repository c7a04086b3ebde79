package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/conform"
)

// journalFile is the list of the clients that a run has still to delete.
type journalFile struct {
	*os.File
	name   string
	failed error // why a line could not be written
}

// Write writes a line. The run goes on without: it deletes by what it remembers.
func (j *journalFile) Write(line []byte) (int, error) {
	n, err := j.File.Write(line)
	if err != nil && j.failed == nil {
		j.failed = err
	}
	return n, err
}

// openJournal makes the file. One that is there already is of a run that was killed, or that goes on.
func openJournal(name string) (*journalFile, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, usageError("--journal %s exists: another run goes on, or was killed and has left clients at its bank\n"+
			"  fix: if none goes on, run the same command with --clean-up first; if that cannot delete them, ask the bank\n"+
			"  to, and remove the file; two runs at a time need a --journal each", shownName(name))
	}
	if err != nil {
		return nil, ioError(fmt.Errorf("--journal %s: %w", shownName(name), input.WithoutPath(err)))
	}
	return &journalFile{File: f, name: name}, nil
}

// end closes the file, and removes it if nothing is left to delete.
func (j *journalFile) end(done bool) error {
	err := errors.Join(j.failed, j.Close())
	if done {
		err = errors.Join(err, os.Remove(j.name))
	}
	if err != nil {
		return ioError(fmt.Errorf("--journal %s: %w", shownName(j.name), input.WithoutPath(err)))
	}
	return nil
}

// conformCleanUp deletes what a killed run has left.
func (a *app) conformCleanUp(ctx context.Context, c *conform.Config, o *conformOptions) error {
	f, err := os.OpenFile(o.journal, os.O_RDWR|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		a.note("there is no --journal %s: no run has left anything", shownName(o.journal))
		return nil
	}
	if err != nil {
		return ioError(fmt.Errorf("--journal %s: %w", shownName(o.journal), input.WithoutPath(err)))
	}
	c.Journal = f // a client that is gone is not sought again, should this be ended too
	left, err := conform.CleanUp(ctx, *c, f)
	_ = f.Close()
	if err != nil {
		return usageError("--journal %s: %s\n  fix: give the configuration of the run that was killed; if its bank does not exist any more, remove the file",
			shownName(o.journal), detail(err))
	}
	for _, one := range left {
		a.note("left at the bank: %s", one.String())
	}
	if len(left) > 0 {
		return &exitError{code: exitIO}
	}
	a.note("all clients of --journal %s are deleted", shownName(o.journal))
	if err := os.Remove(o.journal); err != nil {
		return ioError(fmt.Errorf("--journal %s: %w", shownName(o.journal), input.WithoutPath(err)))
	}
	return nil
}
