package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// The format of the log: https://www.sqlite.org/walformat.html
const (
	logHead   = 32         // bytes before the first frame
	frameHead = 24         // bytes before the page in a frame
	logMagic  = 0x377f0682 // at the beginning; the last bit tells of the checksums
)

// A log that another process empties rightly looks as if it was cut, but only to a look during
// which that happens: no more than a few of cutLooks in a row can meet it.
const (
	cutLooks = 20
	cutPause = 5 * time.Millisecond
)

// countFrames asks for the length of the log that all processes agree on. It takes no lock, and
// reads no page. It is 0 once the log has been copied into the file and begins anew.
const countFrames = "PRAGMA wal_checkpoint(NOOP)"

var (
	// errLogCut is why a store takes no more changes: bytes that were written to its log are not
	// there any more, and a restart plays the log up to them alone.
	errLogCut = errors.New("the -wal was cut while the store had it open, as by emptying it to make room: " +
		"what was acknowledged since the last checkpoint may be lost: end all other processes that have the file, the bank last, " +
		"start it again, and compare the clients with those of the authorization server; never write to -wal by hand")
	// errNotLog is of a place in the log where SQLite has not written what is there.
	errNotLog = errors.New("not what SQLite has written to the log")
)

// frames is what a look at the log has found: its head, and the head of its last committed
// frame, which has a checksum over all before. SQLite writes to neither place again until it
// begins the log anew, with another head.
type frames struct {
	log   *os.File // to read it alone: SQLite holds no lock on this file that a close would drop
	head  [logHead]byte
	last  [frameHead]byte
	where int64 // of the last frame; 0 for none

	asked time.Time   // when the last frame was looked for
	left  os.FileInfo // the log behind the last commit of this process; nil for none
}

// askAgain is how old the last frame may be while this process alone writes to the log: to ask
// costs as much as a tenth of a change that waits for no disk.
const askAgain = 100 * time.Millisecond

// touched reports whether another process may have written to the log, or cut it, or the last
// frame is too old.
func (f *frames) touched() bool {
	now, err := f.log.Stat()
	return err != nil || f.left == nil || now.Size() != f.left.Size() || !now.ModTime().Equal(f.left.ModTime()) || time.Since(f.asked) > askAgain
}

// look reads the log up to the last frame of so many. The error is io.EOF where the log is too
// short, and errNotLog where it has a hole.
func (f *frames) look(count int64) error {
	f.asked = time.Now()
	if count == 0 {
		return nil
	}
	if err := f.kept(); err != nil {
		return err
	}
	now := frames{log: f.log, asked: f.asked, left: f.left}
	if _, err := f.log.ReadAt(now.head[:], 0); err != nil {
		return err
	}
	page := int64(binary.BigEndian.Uint32(now.head[8:]))
	now.where = logHead + (count-1)*(frameHead+page)
	if _, err := f.log.ReadAt(now.last[:], now.where); err != nil {
		return err
	}
	if _, err := f.log.ReadAt(make([]byte, 1), now.where+frameHead+page-1); err != nil {
		return err
	}
	if !bytes.Equal(now.last[8:16], now.head[16:24]) { // the salt of this log
		return errNotLog
	}
	*f = now
	return nil
}

// kept looks whether the log has what the last look has found, or was begun anew since. It
// costs two reads of a few bytes.
func (f *frames) kept() error {
	var head [logHead]byte
	if _, err := f.log.ReadAt(head[:], 0); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(head[:])&^1 != logMagic {
		return errNotLog
	}
	if f.where == 0 || head != f.head {
		return nil
	}
	var last [frameHead]byte
	if _, err := f.log.ReadAt(last[:], f.where); err != nil {
		return err
	}
	if last != f.last {
		return errNotLog
	}
	return nil
}

// isCut reports whether a look says that the log was cut. A log that cannot be read, for want
// of a disk that works, is no sign of that.
func isCut(look error) bool { return errors.Is(look, io.EOF) || errors.Is(look, errNotLog) }

// whole looks at the log, up to its last frame. Only the holder of the turn calls it, outside
// of a transaction.
func (w *writer) whole(ctx context.Context) error {
	if f := &w.guard.frames; !f.touched() {
		return f.kept()
	}
	return w.ask(ctx)
}

// ask is whole, whoever has written. A cut of a log that is in the file as a whole loses nothing;
// what is written behind the hole, without a new head, the look after that change meets.
func (w *writer) ask(ctx context.Context) error {
	var busy, count, copied int64
	if err := w.inLog.QueryRowContext(ctx).Scan(&busy, &count, &copied); err != nil {
		return nil //nolint:nilerr // a log that cannot be asked is no sign of a cut
	}
	if copied >= count { // the file has all that the log has to have
		count = 0
	}
	return w.guard.frames.look(max(count, 0))
}

// stays reports whether the log looks cut each time: see cutLooks.
func (w *writer) stays(ctx context.Context) bool {
	for range cutLooks {
		if !isCut(w.ask(ctx)) {
			return false
		}
		time.Sleep(cutPause)
	}
	return true
}

// cutOff ends the changes of a store whose log was cut. It saves what this process can still
// read: pages that it has in memory, and those of the file.
func (w *writer) cutOff(ctx context.Context) error {
	g := w.guard
	name, err := w.copyAside(ctx)
	found := slog.String("copy", name)
	if err != nil {
		found = slog.Any("uncopied", err)
	}
	g.gone = fmt.Errorf("%s: %w", g.path, errLogCut)
	g.log.Error("the log of the store was cut while it was open: what was acknowledged since the last checkpoint may be lost; "+
		"no change is taken any more: end all other processes that have the file, the bank last, start it again, "+
		"and compare the clients with those of the authorization server; a copy that is named here has what could still be read, and may lack some of it",
		"file", g.path, "log", walName(g.path), found)
	return g.gone
}
