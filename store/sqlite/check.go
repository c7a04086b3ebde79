package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// checkTimeout is how long the check at the start may take where Config says nothing.
const checkTimeout = 10 * time.Second

// errMalformed ends Open for a file that is damaged.
var errMalformed = errors.New("the file is damaged, and is left as it is: keep a copy of it and of its -wal; " +
	"to put a backup in its place, move the file, -wal, -shm and -open away first, since an old -wal is played over whatever lies beside it")

// malformed says what to do about a damaged file. It names the copy that a rescue has left
// which could not be ended.
func malformed(path string, err error) error {
	if !errors.Is(err, errMalformed) {
		err = fmt.Errorf("%w (%w)", errMalformed, err)
	}
	if copies := copiesOf(path); len(copies) > 0 {
		return fmt.Errorf("%w; %s has what the store held when its log was deleted", err, copies[0])
	}
	return err
}

// copiesOf returns the names of the copies that lie beside a file, the newest first: see
// copyAside. What SQLite and this package put beside an opened copy is none.
func copiesOf(path string) []string {
	beside, _ := os.ReadDir(filepath.Dir(path)) // without one there is nothing to name
	made := map[string]time.Time{}
	for _, entry := range beside {
		random, isCopy := strings.CutPrefix(entry.Name(), filepath.Base(path)+savedInfix)
		if info, err := entry.Info(); isCopy && !strings.Contains(random, "-") && err == nil {
			made[entry.Name()] = info.ModTime()
		}
	}
	return slices.SortedFunc(maps.Keys(made), func(a, b string) int { return made[b].Compare(made[a]) })
}

// noticeCopies tells of copies that lie beside a file, each time that it is opened: they may have
// what the file has not, and whoever starts the bank again has perhaps not read why it ended.
func noticeCopies(path string, log *slog.Logger) {
	if copies := copiesOf(path); len(copies) > 0 {
		log.Error("a copy lies beside the store, made when its log was deleted, replaced or cut: the file may lack what was registered before, and the copy "+
			"lacks what was registered since, and after a cut perhaps more; stop, keep both, and put the newest copy in the place of the file, "+
			"without -wal, -shm and -open, if the bank has registered nothing since; else bring over what is missing; then move the copies away",
			"file", path, "newest", copies[0], "copies", len(copies))
	}
}

// checkFile looks at each page of the file once, and of its log. A check that does not end
// in time is logged, and is no error. Its connection may not write, and so leaves the log
// where it is: the log of a damaged file would be mixed into it at the close.
func checkFile(ctx context.Context, path string, limit time.Duration, log *slog.Logger) (err error) {
	db, err := dial(path, 1, "ro")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var found string
	err = db.QueryRowContext(within, "PRAGMA quick_check(1)").Scan(&found)
	switch {
	case err != nil && within.Err() != nil && ctx.Err() == nil:
		log.Warn("the store was not checked to the end at the start: check it with PRAGMA integrity_check of sqlite3 when there is time",
			"file", path, "limit", limit)
		return nil
	case codeOf(err) == sqlite3.SQLITE_READONLY_ROLLBACK:
		return nil // a process died while it made the file: the next that may write undoes that, and there is no record yet
	case err == nil && found != "ok":
		return fmt.Errorf("%w (%.200q)", errMalformed, found)
	}
	return err
}

// unread gives the error of a read its prefix, and remembers damage for Probe.
func (s *Store) unread(verb string, err error) error {
	s.write.remember(err)
	return failed(verb, err)
}

// remember keeps the first sight of damage, from any statement: Probe itself may never meet
// the damaged page. It stays until the file is opened, and so checked, again.
func (w *writer) remember(err error) {
	if isDamage(err) {
		w.damage.CompareAndSwap(nil, &err)
	}
}

// isDamage reports whether SQLite found the file damaged.
func isDamage(err error) bool {
	code := codeOf(err) & 0xff
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}
