package input

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/secret"
	"github.com/obdcr/obdcr/internal/text"
)

// MaxSize is the greatest length of a file that is read, in bytes.
const MaxSize = 1 << 20

// usualSize is the room for a file at first, in bytes: most tokens, keys and certificates are
// read at once.
const usualSize = 8 << 10

// What can go wrong before a file is recognised, for errors.Is.
var (
	// ErrTooLarge means that a file is longer than MaxSize.
	ErrTooLarge = errors.New("is larger than 1 MiB: no more of a file is read")
	// ErrStdinTwice means that standard input was asked for a second time.
	ErrStdinTwice = errors.New("standard input can be read only once: give a file instead of one of the -")
)

// Stdin is the name of standard input among the names of files.
const Stdin = "-"

// Reader reads the files of one run of the command. The zero Reader reads no standard
// input and drops warnings. Several goroutines may use it; a File is for one.
type Reader struct {
	Stdin io.Reader
	// Warn gets each warning, one or more lines without a line break at the end, such as
	// that a file holds a private key where none is due. Nil drops them.
	Warn func(warning string)

	used atomic.Bool // standard input has been read
}

// File is what was read, and what it is.
type File struct {
	Flag string // the flag that names the file, with its dashes; "" for an argument
	Name string // as it was given: a path, or Stdin
	Raw  string // the bytes of the file
	Kind Kind

	member   string // of a file's member: its name
	encoding text.Encoding
	text     string  // without a byte order mark, and without blanks around it
	detail   string  // instead of the kind's name, where more is known; "" if not
	token    string  // the compact JWS, of a token
	wrapped  bool    // text stood between quotation marks, as a JSON string
	opaque   bool    // the payload of a token is no JSON object
	reason   string  // of a damaged token
	unsound  bool    // the header of a damaged token is broken JSON
	syntax   *syntax // of broken JSON
	object   jsonscan.Value
	items    []item // keys and certificates
	bytes    string // DER of keys, certificates or a store; "" if they were PEM
	warn     func(string)
	warnings map[string]bool // that were given already
}

// syntax is a fault of JSON with the text that it is in.
type syntax struct {
	fault *jsonscan.SyntaxError
	doc   string
}

// Read reads a file, or standard input for Stdin, and recognises it. flag is the flag that
// names it, with its dashes, or "" for an argument. The error is one of Content.
func (r *Reader) Read(flag, name string) (*File, error) {
	data, err := r.Content(flag, name)
	if err != nil {
		return nil, err
	}
	return r.Recognise(flag, name, data), nil
}

// Content reads a file and does not recognise it. The error wraps ErrTooLarge,
// ErrStdinTwice, or what the operating system said; the text of the first and last begins
// with the flag and the file's name.
func (r *Reader) Content(flag, name string) (string, error) {
	data, err := r.content(name)
	if err == nil || errors.Is(err, ErrStdinTwice) {
		return data, err
	}
	return "", fmt.Errorf("%s%w", prefix(flag, name, err), err)
}

// Recognise says what the content of a file is.
func (r *Reader) Recognise(flag, name, data string) *File {
	f := Recognise(data)
	f.Flag, f.Name, f.warn = flag, name, r.Warn
	return f
}

// prefix is what stands before the cause of an error about a file.
func prefix(flag, name string, err error) string {
	if errors.Is(err, ErrTooLarge) {
		return where(flag, name) + " "
	}
	return where(flag, name) + ": "
}

func (r *Reader) content(name string) (string, error) {
	var from io.Reader
	if name == Stdin {
		if r.Stdin == nil || r.used.Swap(true) {
			return "", ErrStdinTwice
		}
		from = r.Stdin
	} else {
		f, err := os.Open(name)
		if err != nil {
			return "", WithoutPath(err)
		}
		defer f.Close() //nolint:errcheck // it is only read
		from = f
	}
	var data bytes.Buffer
	data.Grow(usualSize)
	_, err := data.ReadFrom(io.LimitReader(from, MaxSize+1))
	switch {
	case err != nil:
		return "", WithoutPath(err)
	case data.Len() > MaxSize:
		return "", ErrTooLarge
	}
	return data.String(), nil
}

// WithoutPath returns the cause of a *os.PathError: the message names the file already.
func WithoutPath(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	return err
}

// Password reads the first line of a password file. The error is one of Read.
func (r *Reader) Password(flag, name string) (*Password, error) {
	data, err := r.Content(flag, name)
	if err != nil {
		return nil, err
	}
	line, _ := text.Decode(data)
	line, _, _ = strings.Cut(line, "\n")
	return &Password{name: where("", name), flag: flag, text: secret.New(strings.TrimSuffix(line, "\r"))}, nil
}

// Password is what a password file says. A nil Password means that none was given.
type Password struct {
	name string // of its file
	flag string // that names the file, with its dashes
	text secret.Text
}

// Member makes a file of a text member of f, such as a key in a configuration, and
// recognises it. Errors name the file and the member.
func (f *File) Member(name, value string) *File {
	m := Recognise(value)
	m.Flag, m.Name, m.member, m.warn = f.Flag, f.Name, name, f.warn
	return m
}

// Where returns the flag, the name of the file, and of the member if it is one of a file.
// Characters that cannot be printed are escaped.
func (f *File) Where() string {
	if f.member != "" {
		return where(f.Flag, f.Name) + ": " + f.member
	}
	return where(f.Flag, f.Name)
}

func where(flag, name string) string {
	if name == Stdin {
		name = "stdin"
	}
	return strings.TrimPrefix(flag+" "+text.Visible(name), " ")
}

// Text returns the text of the file: UTF-8 without a byte order mark, and without blanks
// and line breaks around it.
func (f *File) Text() string { return f.text }

// Quoted reports whether the file is a JSON string, between whose quotation marks the token,
// key or certificate stands.
func (f *File) Quoted() bool { return f.wrapped }

// What returns what the file is, for people, such as "an RSA private key of 2048 bits". It
// repeats nothing of a key.
func (f *File) What() string {
	what := f.detail
	if what == "" {
		what = f.Kind.String()
	}
	switch {
	case f.wrapped:
		what += " between quotation marks (a JSON string)"
	case f.encoding == text.UTF16LE, f.encoding == text.UTF16BE:
		what += ", in UTF-16"
	}
	return what
}

// advise gives a warning about the file, once.
func (f *File) advise(warning string) {
	if f.warn == nil || f.warnings[warning] {
		return
	}
	if f.warnings == nil {
		f.warnings = map[string]bool{}
	}
	f.warnings[warning] = true
	f.warn(f.Where() + ": " + warning)
}
