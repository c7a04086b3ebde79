package archive

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/obdcr/obdcr/store"
)

// reader reads the lines of a file, a batch at a time.
type reader struct {
	in     *bufio.Reader
	long   []byte        // of a line that in cannot hold
	text   bytes.Reader  // what json decodes
	json   *json.Decoder // of all lines: a new one for each would read it into a new buffer
	sum    hash.Hash     // of all lines before the current one
	line   int           // the current one; 0 before the first
	offset int64         // behind the current one
	header headerLine
	at     place
	seen   Summary
}

func newReader(in io.Reader) *reader {
	r := &reader{in: bufio.NewReaderSize(in, 256<<10), sum: sha256.New()}
	r.json = json.NewDecoder(&r.text)
	r.json.DisallowUnknownFields()
	return r
}

// batch is what lies between two checks.
type batch struct {
	store.Batch
	lines  []int // of the clients, for messages
	first  int   // line
	last   int   // line, that of the check
	before place // the place of the record before the batch
	ended  bool  // the check is the end
	sums   Checkpoint
	bytes  int
}

// next reads up to the next check, or to the end of the file, and returns what it has read
// only if the check is right. The error is a *LineError, or that of the reader or the context.
func (r *reader) next(ctx context.Context) (*batch, error) {
	b := &batch{first: r.line + 1, before: r.at}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		raw, err := r.read()
		if err != nil {
			return nil, r.about(err)
		}
		if b.bytes += len(raw); b.bytes > maxBatch || r.line-b.first >= checkLines {
			return nil, r.about(damaged("there is no check in the %d lines before it", r.line-b.first))
		}
		kind, err := r.take(bytes.TrimSuffix(raw, []byte("\n")), b)
		if err != nil {
			return nil, r.about(err)
		}
		r.sum.Write(raw)
		if kind == kindCheck || kind == kindEnd {
			b.last = r.line
			return b, nil
		}
	}
}

// about returns the error with the current line. An error of the reader below stays as it is.
func (r *reader) about(err error) error {
	if isOurs(err) {
		return &LineError{First: max(r.line, 1), Last: max(r.line, 1), Err: err}
	}
	return err
}

func isOurs(err error) bool { return errors.Is(err, ErrDamaged) || errors.Is(err, ErrVersion) }

// read returns the next line with its end. It is good until the next call.
func (r *reader) read() ([]byte, error) {
	r.long = r.long[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		if len(r.long)+len(part) > 0 && len(r.long) == 0 {
			r.line++
		}
		r.offset += int64(len(part))
		if len(r.long)+len(part) > maxLine {
			return nil, damaged("it has more than %d MiB", maxLine>>20)
		}
		switch {
		case err == nil && len(r.long) == 0:
			return part, nil
		case err == nil:
			r.long = append(r.long, part...)
			return r.long, nil
		case errors.Is(err, bufio.ErrBufferFull):
			r.long = append(r.long, part...)
		case !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("archive: read: %w", err)
		case len(r.long)+len(part) > 0:
			return nil, because(ErrCut, "the line is cut off")
		case r.line == 0:
			return nil, because(ErrCut, "the file is empty")
		default:
			return nil, because(ErrCut, "the last line is not that of an export that ended")
		}
	}
}

// checked compares a check with the lines before it.
func (r *reader) checked(lines int, sum string) error {
	if lines != r.line-1 {
		return damaged("it counts %d lines before it, and there are %d", lines, r.line-1)
	}
	if sum != hex.EncodeToString(r.sum.Sum(nil)) {
		return damaged("a line before it, and behind the last check, is not as it was written: the SHA-256 is another")
	}
	return nil
}

// behind demands that nothing stands behind the end of the file.
func (r *reader) behind() error {
	_, err := r.in.ReadByte()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("archive: read: %w", err)
	}
	r.line++
	return r.about(damaged("it stands behind the end"))
}

// lastGood is what a file has up to its last check.
type lastGood struct {
	line    int
	offset  int64
	sum     hash.Hash
	place   place
	summary Summary
	header  headerLine
	ended   bool
}

// lastCheck looks at a file whose end may be missing, up to its last check.
func (r *reader) lastCheck(ctx context.Context) (lastGood, error) {
	good := lastGood{sum: sha256.New()}
	for {
		b, err := r.next(ctx)
		switch {
		case errors.Is(err, ErrCut):
			return good, nil
		case err != nil:
			return lastGood{}, err
		}
		good = lastGood{line: r.line, offset: r.offset, place: r.at, summary: r.seen, header: r.header, ended: b.ended}
		if good.sum, err = cloned(r.sum); err != nil {
			return lastGood{}, err
		}
		if b.ended {
			return good, r.behind()
		}
	}
}

func cloned(h hash.Hash) (hash.Hash, error) {
	cloner, ok := h.(hash.Cloner)
	if !ok {
		return nil, errors.New("archive: this SHA-256 cannot be copied")
	}
	return cloner.Clone()
}
