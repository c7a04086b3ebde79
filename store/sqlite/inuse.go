package sqlite

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"
)

// inUseName is an empty file beside the store: Open makes it, and the Close that leaves no log
// behind removes it. A copy of the store has none.
func inUseName(path string) string { return path + "-open" }

// closing is how long the end of a Close may take, behind the end of the log.
const closing = time.Second

// noticeLostLog looks, before SQLite opens the file, whether its last user went without a
// Close and the log that belongs to the file is gone. What that user acknowledged since the
// last checkpoint is lost then, and nothing but the log says so.
//
// A process that closes the store at this moment has removed the log, and is about to remove
// the mark: noticeLostLog gives it a second. A tool that has noticed has written so into the
// mark, since the log that it made itself may be there. It returns whether the log was lost.
func noticeLostLog(path string, log *slog.Logger) (lost bool) {
	for range 10 {
		if saysLost(path) {
			break
		}
		_, err := os.Stat(inUseName(path))
		_, logErr := os.Stat(walName(path))
		if err != nil || !errors.Is(logErr, fs.ErrNotExist) {
			return false
		}
		time.Sleep(closing / 10)
	}
	log.Error("the store was not closed, and its log is not there: what was acknowledged since the last checkpoint is lost, "+
		"unless another program, such as sqlite3, has opened and closed the file since; if the log was moved, stop, put it back and start again; "+
		"else compare the clients with those of the authorization server", "file", path, "log", walName(path))
	return true
}

// lostMark is in the file of a store that is in use where a tool has noticed that the log was
// lost, and the bank has yet to be told.
const lostMark = "lost\n"

// saysLost reports whether the bank has yet to be told of a lost log.
func saysLost(path string) bool {
	mark, err := os.ReadFile(inUseName(path))
	return err == nil && string(mark) == lostMark
}

// setInUse makes the file that says that the store is in use, or leaves it as it is.
func setInUse(path string, log *slog.Logger) { writeInUse(path, "", 0, log) }

// setTold makes it say that the bank has been told of a lost log, and setLost that it has not.
func setTold(path string, log *slog.Logger) { writeInUse(path, "", os.O_TRUNC, log) }
func setLost(path string, log *slog.Logger) { writeInUse(path, lostMark, os.O_TRUNC, log) }

func writeInUse(path, mark string, flag int, log *slog.Logger) {
	file, err := os.OpenFile(inUseName(path), os.O_CREATE|os.O_WRONLY|flag, 0o600)
	if err == nil {
		_, err = file.WriteString(mark)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		log.Warn("a log that is deleted while the store is not open will not be noticed", "file", inUseName(path), "error", err)
	}
}

// endUse removes that file, unless the bank has yet to be told of a lost log. Where the log is
// there, another process has the store open.
func endUse(path string, log *slog.Logger) error {
	if saysLost(path) {
		return nil
	}
	if _, err := os.Stat(walName(path)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Remove(inUseName(path)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if _, err := os.Stat(walName(path)); err == nil { // another process opened the store between the two
		setInUse(path, log)
	}
	return nil
}
