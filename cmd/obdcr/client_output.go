package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/text"
)

// keeper writes the bank's answer to the file of --client-out. A keeper without a name
// writes nothing.
type keeper struct {
	name   string
	file   *os.File // a temporary file in the same folder; renamed to name when it is complete
	secret string   // the client's secret, for an answer that leaves it out
}

// keeper creates the temporary file before the request is sent: if the answer cannot be
// saved, the user has to know before the bank shows a secret once.
func (a *app) keeper(o *clientOptions, replace bool) (*keeper, error) {
	k := &keeper{name: o.clientOut}
	if k.name == "" {
		return k, nil
	}
	if _, err := os.Lstat(k.name); err == nil && !replace {
		return nil, ioError(fmt.Errorf("--client-out %s: %w, and another client's secret may be in it: choose another name", k.name, fs.ErrExist))
	}
	var err error
	if k.file, err = os.CreateTemp(filepath.Dir(k.name), ".client-*"); err != nil { // 0600
		return nil, ioError(fmt.Errorf("--client-out %s: %w", k.name, input.WithoutPath(err)))
	}
	return k, nil
}

// discard removes the temporary file if the answer was not saved.
func (k *keeper) discard() {
	if k.file != nil {
		_ = k.file.Close() // it is empty
		_ = os.Remove(k.file.Name())
		k.file = nil
	}
}

// keep writes the answer to the file of --client-out, completely or not at all.
func (k *keeper) keep(document []byte) error {
	document = append(withSecret(document, k.secret), '\n')
	_, err := k.file.Write(document)
	if err = errors.Join(err, k.file.Sync(), k.file.Close()); err == nil {
		err = os.Rename(k.file.Name(), k.name)
	}
	if err != nil {
		return err
	}
	k.file = nil
	return nil
}

// withSecret returns the answer with client_secret added if it has none. A bank does not
// repeat the secret in the answer to an update.
func withSecret(document []byte, secret string) []byte {
	members := map[string]json.RawMessage{}
	if secret == "" || json.Unmarshal(document, &members) != nil || members["client_secret"] != nil {
		return document
	}
	members["client_secret"], _ = json.Marshal(secret) // a string always encodes
	if longer, err := json.Marshal(members); err == nil {
		return longer
	}
	return document
}

// writeNew writes an answer that may hold a new secret to the file of --client-out, and to
// standard output, with its secrets if show is true.
func (a *app) writeNew(out io.Writer, i *tpp.ClientInformation, k *keeper, show bool) error {
	if k.file == nil {
		return a.writeClient(out, i, shownSecrets{hidden: !show})
	}
	if err := k.keep([]byte(i.Document.Reveal())); err != nil {
		// The bank does not show the secret again: it must not be lost with the file.
		a.note("--client-out %s: %v: the whole answer goes to standard output instead", k.name, input.WithoutPath(err))
		return errors.Join(a.writeClient(out, i, shownSecrets{}), &exitError{code: exitIO})
	}
	a.note("the whole answer is in %s: give it as --client", k.name)
	return a.writeClient(out, i, shownSecrets{hidden: !show, kept: true})
}

// shownSecrets are the options of writeClient: hidden leaves the secrets out, kept means
// that they are in a file already.
type shownSecrets struct{ hidden, kept bool }

// writeClient writes a bank's answer about a client, indented, with or without its
// secrets.
func (a *app) writeClient(out io.Writer, i *tpp.ClientInformation, s shownSecrets) error {
	document := []byte(i.Document.Reveal())
	for _, name := range tpp.SecretMembers() {
		shorter, found := without(document, name)
		switch {
		case !found:
			continue
		case !s.hidden && s.kept:
			continue
		case !s.hidden:
			a.note("the bank does not show %s again: keep it where nobody else can read it", name)
			if a.terminal {
				a.note("%s is on your terminal now; --client-out FILE keeps it in a file instead", name)
			}
			continue
		case !s.kept:
			a.note("%s is left out; --show-secret prints it", name)
		}
		document = shorter
	}
	for _, f := range i.Faults {
		a.note("the bank's answer: %s is %s, not %s", f.Pointer, f.Got, f.Want)
	}
	if i.Metadata == nil {
		a.note("the bank's answer is no strict JSON: for example, a member occurs twice")
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, bytes.TrimSpace(document), "", "  "); err != nil {
		return ioError(errors.New("the bank's answer cannot be shown"))
	}
	_, err := fmt.Fprintln(out, visibleJSON(indented.String()))
	return err
}

// without removes a member from an object, and reports whether the object had it.
func without(object []byte, name string) ([]byte, bool) {
	members := map[string]json.RawMessage{}
	if json.Unmarshal(object, &members) != nil {
		return object, false
	}
	if _, there := members[name]; !there {
		return object, false
	}
	delete(members, name)
	shorter, err := json.Marshal(members)
	return shorter, err == nil
}

// visibleJSON makes JSON text harmless on a terminal, and leaves it JSON.
func visibleJSON(document string) string {
	var b strings.Builder
	for _, c := range document {
		switch {
		case c == '\n' || !text.Hidden(c):
			b.WriteRune(c)
		case c > 0xffff:
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return b.String()
}
