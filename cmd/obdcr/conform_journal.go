package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/flock"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/conform"
)

// journalFile is the list of the clients that a run has still to delete. It is locked for as long as it is open.
type journalFile struct {
	*os.File
	name   string
	size   int64 // of what is written
	ragged bool  // a last line may be there that a killed run has not finished: it is cut off before the next one is written
	failed error // why a line could not be written
}

// Write writes a line, whole or not at all. The run goes on without: it deletes by what it remembers.
func (j *journalFile) Write(line []byte) (int, error) {
	n, err := 0, error(nil)
	if j.ragged {
		err = j.Truncate(j.size)
	}
	if err == nil {
		j.ragged = false
		n, err = j.File.Write(line)
	}
	if err == nil {
		j.size += int64(n)
		return n, nil
	}
	if j.failed == nil {
		j.failed = err
	}
	if n > 0 {
		_ = j.Truncate(j.size) // else the next line would be of no use either
	}
	return 0, err
}

// openJournal makes the file. One that is there already is of a run that was killed, or that goes on.
func openJournal(name string) (*journalFile, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, journalExists(name)
	}
	if err != nil {
		return nil, journalError(name, err)
	}
	j := &journalFile{File: f, name: name}
	if err := j.lock(); err != nil {
		return nil, errors.Join(err, j.end(true))
	}
	return j, nil
}

// lock takes the file for this process alone.
func (j *journalFile) lock() error {
	err := flock.Try(j.File)
	switch {
	case errors.Is(err, flock.ErrHeld):
		return journalHeld(j.name)
	case err != nil:
		return journalError(j.name, err)
	}
	return nil
}

// journalExists tells why a run cannot have a journal: another run has it, or has left it.
func journalExists(name string) error {
	f, err := openRegular(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if errors.Is(flock.Try(f), flock.ErrHeld) {
		return journalHeld(name)
	}
	if _, err := conform.ReadJournal(f); err != nil {
		return usageError("--journal %s exists, and is not the journal of a run: %s\n  fix: name a file that does not exist",
			shownName(name), detail(err))
	}
	return usageError("--journal %s exists: an earlier run was killed, or could not delete all of its clients\n"+
		"  fix: run the same command with --clean-up, which deletes what the journal lists; what that cannot delete, ask the bank to,\n"+
		"  and remove the file; or keep it, and give this run another --journal", shownName(name))
}

// openRegular opens a file that is there. A run makes no link, and to open a pipe would wait for ever.
func openRegular(name string) (*os.File, error) {
	info, err := os.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		return nil, usageError("--journal %s is no regular file\n  fix: name the file itself", shownName(name))
	}
	f := (*os.File)(nil)
	if err == nil {
		f, err = os.OpenFile(name, os.O_RDWR|os.O_APPEND, 0) // some systems lock no file that is open for reading alone
	}
	if err != nil {
		return nil, journalError(name, err)
	}
	return f, nil
}

// journalHeld tells that a journal is in use.
func journalHeld(name string) error {
	return usageError("--journal %s: another run goes on, or cleans up, by this journal\n"+
		"  fix: wait for its end, or stop it; two runs at a time need a --journal each", shownName(name))
}

func journalError(name string, err error) error {
	return ioError(fmt.Errorf("--journal %s: %w", shownName(name), input.WithoutPath(err)))
}

// incomplete tells what it means that a line could not be written. The run deletes by what it remembers, not by the file.
func (j *journalFile) incomplete(done bool) error {
	if done {
		return fmt.Errorf("a line could not be written: %w\n"+
			"  all clients were deleted all the same; had the run been killed, --clean-up would not have known each of them\n"+
			"  fix: make room, or name a file on another disk", input.WithoutPath(j.failed))
	}
	return fmt.Errorf("a line could not be written: %w\n"+
		"  the file is not complete: --clean-up may leave clients, or ask for ones that are gone; the report names each that may be left\n"+
		"  fix: run --clean-up, and ask the bank to delete what the report names besides", input.WithoutPath(j.failed))
}

// end closes the file, and removes it if nothing is left to delete: this very file alone, should another one have its
// name by now.
func (j *journalFile) end(done bool) error {
	own := false
	if opened, err := j.Stat(); err == nil {
		there, err := os.Lstat(j.name)
		own = err == nil && os.SameFile(opened, there)
	}
	remove := func() error {
		if !done || !own {
			return nil
		}
		if err := os.Remove(j.name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	early := remove() // while it is locked
	err := input.WithoutPath(j.Close())
	if j.failed != nil {
		err = errors.Join(j.incomplete(done), err)
	}
	if early != nil { // not every system removes a file that is open
		err = errors.Join(err, input.WithoutPath(remove()))
	}
	if err != nil {
		return journalError(j.name, err)
	}
	return nil
}

// takeJournal opens and reads the journal of another run, to clean up by it; nil if there is none. A file that is no
// journal stays as it is.
func takeJournal(name string) (*journalFile, *conform.Journal, error) {
	f, err := openRegular(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	j := &journalFile{File: f, name: name}
	read, err := j.read()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return j, read, nil
}

// read locks and reads the file.
func (j *journalFile) read() (*conform.Journal, error) {
	if err := j.lock(); err != nil {
		return nil, err
	}
	read, err := conform.ReadJournal(j.File)
	switch {
	case errors.Is(err, conform.ErrJournalVersion):
		return nil, usageError("--journal %s: %s\n  fix: clean up by the obdcr that made it; the file is left as it is", shownName(j.name), detail(err))
	case errors.Is(err, conform.ErrJournal):
		return nil, usageError("--journal %s: %s\n  fix: give the file that --journal of the run named; this one is left as it is",
			shownName(j.name), detail(err))
	case err != nil:
		return nil, journalError(j.name, err)
	}
	j.size, j.ragged = read.Whole, true
	return read, nil
}

// secondOfNote is the software that a run has had made: nobody else has its keys. Nil if there is none.
func secondOfNote(note json.RawMessage) (*conform.Registrant, error) {
	if len(note) == 0 {
		return nil, nil
	}
	return configured(note)
}
