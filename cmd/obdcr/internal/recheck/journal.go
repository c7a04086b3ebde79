package recheck

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/obdcr/obdcr/internal/text"
)

// journalVersion is that of the form of a journal.
const journalVersion = 1

// maxJournalAge is how old a journal may be that a run goes on from. Findings of another day
// do not belong into one report.
const maxJournalAge = 24 * time.Hour

// maxLine is the greatest length of an entry. A client has at most 200 violations.
const maxLine = 4 << 20

// head is the first line of a journal.
type head struct {
	Version int       `json:"recheck"`
	Began   time.Time `json:"began"`
	RuleSet string    `json:"rule_set"`
	Bank    string    `json:"bank"`
}

// firstWords begin a journal.
const firstWords = `{"recheck":`

// Journal keeps the entries of a run in a file, one line each, in the order of their IDs. A
// line is there as a whole or not at all: what a killed process left of a line is dropped.
type Journal struct {
	file    *os.File
	head    head
	last    string // the ID of the last entry
	summary Summary
}

// Run says which run a journal is of.
type Run struct {
	Bank      string // what tells one configuration from another; compared as it is
	RuleSet   string // of the Rechecker
	NotJudged []string
	Now       time.Time
}

// Open opens the journal at a path, and makes it if it is not there; "" makes one that nobody
// else sees. resumed tells how many clients it has already. A journal that is older than a day
// is begun anew, with resumed 0. The error says that the file is none of a recheck, or of
// another bank or policy, or that it cannot be written: nothing was changed then.
func Open(path string, run Run) (j *Journal, resumed int, err error) {
	j = &Journal{head: head{journalVersion, run.Now.UTC().Truncate(time.Second), run.RuleSet, run.Bank}}
	if path == "" {
		if j.file, err = os.CreateTemp("", "obdcr-recheck-*"); err != nil {
			return nil, 0, err
		}
	} else if j.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil { //nolint:gosec // the operator names it
		return nil, 0, err
	}
	if err := j.load(run); err != nil {
		return nil, 0, errors.Join(err, j.file.Close())
	}
	j.summary.Began, j.summary.RuleSet, j.summary.NotJudged = j.head.Began, run.RuleSet, run.NotJudged
	return j, j.summary.Clients, nil
}

// load reads what is there already, and cuts off a line that is not whole.
func (j *Journal) load(run Run) error {
	begun := make([]byte, len(firstWords))
	n, err := j.file.ReadAt(begun, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !strings.HasPrefix(firstWords, string(begun[:n])) {
		return fmt.Errorf("%s is no journal of a recheck; name another file", text.Visible(j.file.Name()))
	}
	var found head
	whole, err := j.lines(func(line []byte) error { return json.Unmarshal(line, &found) }, func(c *Client) error {
		if c.ID <= j.last {
			return fmt.Errorf("the client %s stands behind %s", text.Quote(c.ID), text.Quote(j.last))
		}
		j.last = c.ID
		j.summary.add(c)
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("%s is no journal of a recheck: %w; name another file, or remove it", text.Visible(j.file.Name()), err)
	case whole == 0 || run.Now.Sub(found.Began) > maxJournalAge:
		j.last, j.summary = "", Summary{}
		return j.begin()
	case found.Version != journalVersion:
		return fmt.Errorf("%s is of another version of obdcr; remove it to begin anew", text.Visible(j.file.Name()))
	case found.Bank != run.Bank || found.RuleSet != run.RuleSet:
		return fmt.Errorf("%s was begun with another configuration or policy; remove it to begin anew", text.Visible(j.file.Name()))
	}
	j.head = found
	if err := j.file.Truncate(whole); err != nil {
		return err
	}
	_, err = j.file.Seek(whole, io.SeekStart)
	return err
}

// begin writes the first line of an empty journal.
func (j *Journal) begin() error {
	if err := j.file.Truncate(0); err != nil {
		return err
	}
	if _, err := j.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return j.write(j.head)
}

// lines reads the journal from its beginning. It returns the length of all whole lines.
func (j *Journal) lines(first func([]byte) error, each func(*Client) error) (whole int64, err error) {
	if _, err := j.file.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	r := bufio.NewReaderSize(j.file, 64<<10)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return whole, nil // what is left was not written to its end
		}
		if err != nil || len(line) > maxLine {
			return whole, errors.Join(err, errors.New("a line is too long"))
		}
		if n == 1 {
			if err := first(line); err != nil {
				return whole, errors.New("its first line is not that of one")
			}
		} else {
			var c Client
			if err := json.Unmarshal(line, &c); err != nil {
				return whole, fmt.Errorf("line %d cannot be read", n)
			}
			if err := each(&c); err != nil {
				return whole, err
			}
		}
		whole += int64(len(line))
	}
}

// write appends a line by one call, so that a process that is killed leaves a whole line or
// the beginning of one.
func (j *Journal) write(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(line, '\n'))
	return err
}

// Add appends the entry of a client, whose ID comes after that of the last one.
func (j *Journal) Add(c Client) error {
	if err := j.write(c); err != nil {
		return err
	}
	j.last = c.ID
	j.summary.add(&c)
	return nil
}

// After returns the ID that the run goes on after; "" at its beginning.
func (j *Journal) After() string { return j.last }

// Summary returns what was found so far.
func (j *Journal) Summary(ended time.Time) Summary {
	s := j.summary
	s.Ended = ended.UTC().Truncate(time.Second)
	s.finish()
	return s
}

// Each calls do for each entry, in order.
func (j *Journal) Each(do func(*Client) error) error {
	_, err := j.lines(func([]byte) error { return nil }, do)
	return err
}

// Keep closes the journal and leaves it for the next run.
func (j *Journal) Keep() error { return errors.Join(j.file.Sync(), j.file.Close()) }

// Remove closes the journal and removes its file.
func (j *Journal) Remove() error { return errors.Join(j.file.Close(), os.Remove(j.file.Name())) }
