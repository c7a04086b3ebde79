package archive

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
)

// writer writes lines, and a check where one is due.
type writer struct {
	out   *bufio.Writer
	sum   hash.Hash // of all lines
	lines int       // written in all
	due   int       // lines since the last check
	bytes int       // likewise
	line  bytes.Buffer
	json  *json.Encoder
}

func newWriter(out io.Writer) *writer {
	w := &writer{out: bufio.NewWriterSize(out, 64<<10), sum: sha256.New()}
	w.json = json.NewEncoder(&w.line)
	w.json.SetEscapeHTML(false)
	return w
}

// write writes one line, and a check behind it if one is due.
func (w *writer) write(line any) error {
	if err := w.put(line); err != nil {
		return err
	}
	if w.due >= checkLines-1 || w.bytes >= checkBytes { // the check is a line too
		return w.check()
	}
	return nil
}

// check writes a check, and all that was written up to there to the file.
func (w *writer) check() error {
	if err := w.put(checkLine{Kind: kindCheck, Lines: w.lines, SHA256: w.digest()}); err != nil {
		return err
	}
	w.due, w.bytes = 0, 0
	return w.flush()
}

func (w *writer) put(line any) error {
	w.line.Reset()
	if err := w.json.Encode(line); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if w.line.Len() > maxLine {
		return fmt.Errorf("archive: its line would have more than %d MiB", maxLine>>20)
	}
	w.sum.Write(w.line.Bytes())
	w.lines, w.due, w.bytes = w.lines+1, w.due+1, w.bytes+w.line.Len()
	if _, err := w.out.Write(w.line.Bytes()); err != nil {
		return fmt.Errorf("archive: write: %w", err)
	}
	return nil
}

func (w *writer) flush() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("archive: write: %w", err)
	}
	return nil
}

// digest returns the SHA-256 of all lines so far.
func (w *writer) digest() string { return hex.EncodeToString(w.sum.Sum(nil)) }
