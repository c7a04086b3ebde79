package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// secondLine is the first line of a journal whose run has had a second software made: nobody else has its keys.
type secondLine struct {
	Software json.RawMessage `json:"second_software"`
}

// second keeps the software that only this run knows.
func (j *journalFile) second(config json.RawMessage) {
	if len(config) == 0 {
		return
	}
	if line, err := json.Marshal(secondLine{config}); err == nil {
		_, _ = j.Write(append(line, '\n'))
	}
}

// secondOfJournal reads the software that the run of a journal has had made; nil if there is none.
func secondOfJournal(f io.ReadSeeker) (*conform.Registrant, error) {
	var first secondLine
	err := json.NewDecoder(f).Decode(&first) // one that is damaged is told later
	if _, failed := f.Seek(0, io.SeekStart); failed != nil {
		return nil, failed
	}
	if err != nil || len(first.Software) == 0 {
		return nil, nil
	}
	return configured(first.Software)
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
	defer func() { _ = f.Close() }()
	if c.Second == nil {
		if c.Second, err = secondOfJournal(f); err != nil {
			return usageError("--journal %s: second_software: %s", shownName(o.journal), detail(err))
		}
	}
	c.Journal = f // a client that is gone is not sought again, should this be ended too
	left, err := conform.CleanUp(ctx, *c, f)
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
	if err := errors.Join(f.Close(), os.Remove(o.journal)); err != nil {
		return ioError(fmt.Errorf("--journal %s: %w", shownName(o.journal), input.WithoutPath(err)))
	}
	return nil
}
