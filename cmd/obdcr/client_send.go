package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

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
		return ioError(fmt.Errorf("--save %s: %w", o.save, withoutPath(err)))
	}
	return nil
}

// refusedRequest reports a register or an update that failed. The bank's error object goes
// to standard output as the result, so that a program can read it.
func (a *app) refusedRequest(ctx context.Context, out io.Writer, t *connection, o *clientOptions, request string, err error) error {
	end := a.bankError(err)
	a.keepLost(o, request, err)
	var refused *tpp.ResponseError
	if !errors.As(err, &refused) {
		return end
	}
	if refused.Code != "" {
		result := struct {
			Status      int    `json:"status"`
			Code        string `json:"error"`
			Description string `json:"error_description"`
		}{refused.Status, refused.Code, refused.Description}
		if err := writeJSON(out, result); err != nil {
			return ioError(err)
		}
	}
	if refused.Retry() == tpp.RetryNew {
		a.note("nothing was registered or changed; send a new request next time: the jti of this one may be used up")
	}
	if refused.Status == 400 {
		a.diagnose(ctx, t, refused, request)
	}
	return end
}

// keepLost writes a registration request whose answer was lost to a new file in the current
// folder, unless the user has it in a file already: only the very same request is safe to
// send again.
func (a *app) keepLost(o *clientOptions, request string, err error) {
	var lost *tpp.NoAnswerError
	var refused *tpp.ResponseError
	registers := errors.As(err, &lost) && lost.Verb == "register" || errors.As(err, &refused) && refused.Verb == "register"
	if !registers || !tpp.MayHaveHappened(err) || o.request != "" {
		return
	}
	if o.save != "" {
		a.note("the request is in %s: --request %s sends it again", o.save, o.save)
		return
	}
	f, err := os.CreateTemp(".", "request-*.jwt") // 0600
	if err == nil {
		_, err = io.WriteString(f, request)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		a.note("the request cannot be kept: %v", withoutPath(err))
		return
	}
	a.note("the request is in %s: --request %s sends it again", f.Name(), f.Name())
}

// diagnose lints a request that a bank refused, because the bank's answer often names no
// member. It judges by what the bank announces.
func (a *app) diagnose(ctx context.Context, t *connection, refused *tpp.ResponseError, request string) {
	for _, row := range refused.Rules() {
		a.note("%s: fix: %s", row.ID, row.Fix)
	}
	v, err := tpp.AnyBank(validate.OBIE33)
	if policy, unusable := t.metadata.Policy(validate.OBIE33); unusable == nil {
		v, err = validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	}
	if err != nil {
		return
	}
	result, err := tpp.Lint(ctx, tpp.LintInput{Request: request, Validator: v, Now: time.Now(), Update: refused.Verb == "update",
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
