package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/validate"
)

// mayBeSent makes the last checks of a request, and writes it to the file of --save, so that
// a lost answer does not lose the request. --member may have set a method that has a secret.
func (o *clientOptions) mayBeSent(verb, request string) error {
	if err := o.keepsSecret(verb, methodOf(request)); err != nil {
		return err
	}
	if o.save == "" {
		return nil
	}
	f, err := os.OpenFile(o.save, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = io.WriteString(f, request)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return ioError(fmt.Errorf("--save %s: %w", o.save, input.WithoutPath(err)))
	}
	return nil
}

// refusedRequest reports a register or an update that failed. The bank's error object goes
// to standard output as the result, so that a program can read it.
func (a *app) refusedRequest(ctx context.Context, out io.Writer, t *connection, o *clientOptions, k *keeper, request string, err error) error {
	if pending, waits := errors.AsType[*tpp.PendingError](err); waits {
		return a.waiting(out, o, k, pending)
	}
	if lost, ok := errors.AsType[*tpp.NoAnswerError](err); ok && !lost.Document.IsZero() {
		return a.unusableAnswer(out, o, k, lost, request)
	}
	end := a.bankError(err)
	printed := a.keepLost(out, o, request, err)
	var refused *tpp.ResponseError
	if !errors.As(err, &refused) {
		return end
	}
	if refused.Code != "" && !printed {
		result := struct {
			Status      int    `json:"status"`
			Code        string `json:"error"`
			Description string `json:"error_description"`
		}{refused.Status, refused.Code, a.secrets().out(refused.Plain)}
		var document bytes.Buffer
		if err := writeJSON(&document, result); err != nil {
			return ioError(err)
		}
		if _, err := io.WriteString(out, visibleJSON(document.String())); err != nil {
			return ioError(err)
		}
	}
	if refused.Retry() == tpp.RetryNew {
		a.note("nothing was registered or changed; send a new request next time: the jti of this one may be used up")
	}
	if refused.Status == http.StatusBadRequest && refused.Retry() != tpp.RetryLook { // no fix may lead to a second client
		a.diagnose(ctx, t, o, refused, request)
	}
	return end
}

// keepLost keeps a registration request that is to be sent again, in a new file in the current
// folder, unless the user has it in a file already: only the very same request is safe to
// send again. If it cannot, it prints the request, and reports that.
func (a *app) keepLost(out io.Writer, o *clientOptions, request string, err error) (printed bool) {
	var lost *tpp.NoAnswerError
	var refused *tpp.ResponseError
	switch {
	case o.request != "":
		return false
	case errors.As(err, &lost) && lost.Verb == "register" && tpp.MayHaveHappened(err):
	case errors.As(err, &refused) && refused.Verb == "register" && refused.Retry() == tpp.RetrySame:
	default:
		return false
	}
	use := "--request %s sends it again"
	if lost != nil && lost.Retry() == tpp.RetryLook {
		use = "the bank finds the client by its jti: obdcr inspect %s"
	}
	name := o.save
	if name == "" {
		var failed error
		if name, failed = newFile("request-*.jwt", request); failed != nil {
			a.note("the request cannot be kept in this folder (%v): it is on standard output; keep it in a file, for --request", input.WithoutPath(failed))
			_, failed = io.WriteString(out, request)
			return failed == nil
		}
	}
	a.note("the request is in %s: "+use, name, name)
	return false
}

// newFile writes a new file of mode 0600 in the current folder.
func newFile(pattern, content string) (name string, err error) {
	f, err := os.CreateTemp(".", pattern)
	if err != nil {
		return "", err
	}
	_, err = io.WriteString(f, content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(f.Name()) // it is not whole
		return "", err
	}
	return f.Name(), nil
}

// diagnose lints a request that a bank refused, because the bank's answer often names no
// member. It judges by the bank's dialect, and by what the bank announces.
func (a *app) diagnose(ctx context.Context, t *connection, o *clientOptions, refused *tpp.ResponseError, request string) {
	for _, row := range refused.Rules() {
		a.note("%s: fix: %s", row.ID, row.Fix)
	}
	v, err := tpp.AnyBank(validate.OBIE33)
	if profile, policy, unusable := o.lintPolicy(t.metadata); unusable == nil {
		v, err = validate.New(validate.Config{Profile: profile, Policy: policy})
	}
	if err != nil {
		return
	}
	result, err := tpp.Lint(ctx, tpp.LintInput{Request: request, Validator: v, Now: t.clock(), Update: refused.Verb == "update",
		Metadata: t.metadata, Certificate: t.settings.leaf()})
	if err != nil {
		return
	}
	for _, found := range result.Report.Violations {
		if found.Severity == validate.SeverityError {
			a.note("lint: %s %s: %s", found.Rule, found.Pointer, found.Message)
		}
	}
}
