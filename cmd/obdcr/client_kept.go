package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// unusableAnswer reports a success of which the client understood too little. It keeps the
// bytes of the answer first: the bank shows a client_id and a secret once.
func (a *app) unusableAnswer(out io.Writer, o *clientOptions, k *keeper, lost *tpp.NoAnswerError, request string) error {
	document := lost.Document.Reveal()
	name, failed := k.keepRaw(document)
	end := a.bankError(lost)
	if failed != nil {
		a.note("the answer cannot be kept in a file (%v): it is on standard output, with all secrets in it; keep it", input.WithoutPath(failed))
		if _, err := io.WriteString(out, visibleJSON(document)+"\n"); err != nil {
			return ioError(err)
		}
		out = io.Discard // the answer stands alone
	} else {
		a.note("the whole answer is in %s, with all secrets in it; nobody else can read it", name)
		a.showAnswer(document)
	}
	if lost.NamesClient() {
		a.note("the client_id was received: it is in that answer; make a file {\"client_id\": \"...\"} of it for --client")
	}
	a.keepLost(out, o, request, lost)
	return end
}

// waiting reports a registration that a person at the bank has yet to approve. It keeps the
// answer like that of a registered client, or as it came if it has no client_id.
func (a *app) waiting(out io.Writer, o *clientOptions, k *keeper, pending *tpp.PendingError) error {
	end := a.bankError(pending)
	information, err := tpp.ParseClientInformation([]byte(pending.Document.Reveal()))
	if err != nil {
		name, failed := k.keepRaw(pending.Document.Reveal())
		if failed != nil {
			return errors.Join(end, ioError(input.WithoutPath(failed)))
		}
		a.note("the answer names no client_id: ask the bank for it; the whole answer is in %s", name)
		return end
	}
	a.note("the client_id until then is %s; nothing is registered yet", cut(information.ClientID))
	return errors.Join(a.writeNew(out, information, k, o.showSecret), end)
}

// keepRaw writes an answer as it came to the file of --client-out, or to a new one in the
// current folder. It leaves an existing file as it is, which may hold the secret of before.
func (k *keeper) keepRaw(document string) (name string, err error) {
	if k.file == nil {
		return newFile("answer-*.txt", document)
	}
	if _, err := os.Lstat(k.name); !errors.Is(err, fs.ErrNotExist) {
		return newFile("answer-*.txt", document)
	}
	_, err = k.file.WriteString(document)
	if err = errors.Join(err, k.file.Sync(), k.file.Close()); err == nil {
		err = os.Rename(k.file.Name(), k.name)
	}
	if err != nil { // the folder of --client-out may be full, and this one not
		return newFile("answer-*.txt", document)
	}
	k.file = nil
	return k.name, nil
}

// longestAnswer is the length up to which a kept answer is shown whole, in bytes.
const longestAnswer = 4 << 10

// showAnswer shows an answer without its secrets, and only the beginning of a long one.
func (a *app) showAnswer(document string) {
	w := &wire{out: a.err, secrets: a.secrets()}
	whole, _ := text.Decode(document)
	whole = strings.TrimSpace(whole)
	if _, err := ssa.ParseSigned(whole); err == nil && len(whole) <= longestAnswer {
		w.showJWT(indented, "", whole)
		return
	}
	if _, err := jsonscan.Parse(whole); err != nil || len(whole) > longestAnswer {
		whole = text.Clip(secretInText.ReplaceAllString(oneLine(whole), "${1}"+leftOut), text.MaxDescription)
		a.note("it begins: %s", whole)
		return
	}
	w.showDocument(indented, whole)
}

// oneLine puts one blank in the place of all white space between two words.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
