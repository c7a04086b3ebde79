package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/dcr/vectors/signed/judge"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

// judgement is what came of one file.
type judgement struct {
	result *report.Result // nil if the file was not judged
	unread error          // a key set that could not be read
	unused bool           // the statement of --ssa was not looked at
	vector bool           // it is a test vector, judged by what it names itself
	name   string         // the file
	err    error          // why it was not judged
	left   string         // the name of a file that is left out, because lint does not judge such ones
	broken error          // what is wrong with one that is broken JSON: among test vectors it is meant as one
}

// manyGCPercent is how much the heap may grow between two collections while many files are
// judged, in percent of what is alive: a few megabytes.
const manyGCPercent = 800

// lint judges files and writes the reports.
func (a *app) lint(ctx context.Context, out io.Writer, args []string, alone bool, o *lintOptions) error {
	if !slices.Contains(text.Strings(report.Formats()), o.output) {
		return unlisted("-o", o.output, text.Strings(report.Formats()))
	}
	in, err := a.lintInput(ctx, o)
	if err != nil {
		return err
	}
	statement, err := a.statementOf(o.ssa)
	if err != nil {
		return err
	}
	files, err := candidates(args)
	if err != nil {
		return err
	}
	many := len(args) > 1 || len(files) != 1 || !files[0].named
	if many {
		out = a.out // file by file, because it may be much
		// What is kept is small, and what is dropped is much: collect it seldom.
		defer debug.SetGCPercent(debug.SetGCPercent(manyGCPercent))
		var stop func()
		ctx, stop = untilSignal(ctx, files)
		defer stop()
	}
	w, err := report.NewWriter(out, report.WriterOptions{Format: report.Format(o.output), Color: a.color, Many: many,
		Version: thisBuild().Version, Now: time.Now()})
	if err != nil {
		return err
	}
	sum := &lintSummary{app: a, many: many, strict: o.strict, failOn: o.failOn, unneeded: o.ofVectors}
	vectors := a.vectorJudge()
	if many && a.progress {
		sum.bar = progress{out: a.err, total: len(files)}
	}
	err = inOrder(ctx, files, runtime.GOMAXPROCS(0),
		func(c candidate) judgement {
			j := a.judge(ctx, c, in, statement, alone, o, vectors)
			j.name = c.name
			return j
		},
		func(j judgement) error { return sum.add(w, j) })
	sum.bar.wipe()
	if err == nil {
		err = sum.brokenVectors(w)
	}
	switch {
	case err == nil:
		err = w.Close()
	case ctx.Err() != nil:
		if err = w.CloseUnfinished(); err == nil {
			err = fmt.Errorf("interrupted: %d of %d files were judged, and the report has these alone", sum.files+sum.others, len(files))
		}
	}
	if err != nil {
		return ioError(err)
	}
	return sum.verdict()
}

// untilSignal lets a first SIGINT or SIGTERM end the judging of many files, so that the report
// of those that were judged is completed. A second one ends the command at once, as does the
// first where standard input is read, which cannot be given up.
func untilSignal(ctx context.Context, files []candidate) (context.Context, func()) {
	if slices.ContainsFunc(files, func(c candidate) bool { return c.name == input.Stdin }) {
		return ctx, func() {}
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// judge judges one file. It is called for several files at once. A file of a wrong kind gets
// one violation, which says what it is; one of a folder is left out unless it is to be a token.
func (a *app) judge(ctx context.Context, c candidate, in tpp.LintInput, statement string, alone bool, o *lintOptions, vectors *judge.Judge) judgement {
	wanted := input.Request
	if alone {
		wanted = input.Statement
	}
	if c.err != nil {
		return judgement{err: ioError(c.err)}
	}
	data, err := a.files.Content("", c.name)
	switch {
	case errors.Is(err, input.ErrTooLarge):
		return judgement{result: a.resultOf(c.name, alone, o, unjudged(&in, wanted, endlessFile(wanted)))}
	case err != nil:
		return judgement{err: unread("", err)}
	case isVector(data):
		return a.judgeVector(ctx, c, data, vectors)
	}
	lint := func() (*tpp.LintResult, error) {
		if in.Statement, in.Request = data, ""; !alone {
			in.Statement, in.Request = statement, data
		}
		return tpp.Lint(ctx, in)
	}
	if strings.HasPrefix(data, "ey") { // what is a valid token need not be recognised, which costs time
		if result, err := lint(); err == nil && result.Report.Valid() {
			return a.judged(a.resultOf(c.name, alone, o, result), result)
		}
	}
	f := a.files.Recognise("", c.name, data)
	if wrong := f.Judged(wanted); wrong != nil {
		if !c.named && !f.Resembles(wanted) && (f.Proper() || !hasExtension(c.name, tokenExtensions())) {
			return judgement{left: c.name, broken: brokenVector(f, data)}
		}
		return judgement{result: inLinesOf(f, wanted, a.resultOf(c.name, alone, o, unjudged(&in, wanted, wrongFile(f, wrong, wanted))))}
	}
	result, err := lint()
	if err != nil {
		return judgement{err: usageError("%w", plainly(err))}
	}
	return a.judged(inLinesOf(f, wanted, a.resultOf(c.name, alone, o, result)), result)
}

// judged makes the judgement of a file that was linted.
func (a *app) judged(shown *report.Result, by *tpp.LintResult) judgement {
	return judgement{result: shown, unread: a.unreadableKeys(by.Unavailable), unused: by.StatementUnused}
}

// inLinesOf makes the lines of a report those of the file where the file is JSON. A line of
// broken JSON is shown only if the file was meant to be judged and holds no private key, as
// PEM or as JWK.
func inLinesOf(f *input.File, wanted input.Kind, r *report.Result) *report.Result {
	document := validate.DocRequest
	if wanted == input.Statement {
		document = validate.DocSSA
	}
	switch {
	case f.Quoted():
		return r
	case f.Kind == input.BrokenJSON:
		if !f.Resembles(wanted) || strings.Contains(f.Text(), "PRIVATE KEY") || strings.Contains(f.Text(), `"d"`) {
			return r
		}
	default:
		if _, read := r.Documents[document]; !read || !strings.HasPrefix(f.Text(), "{") {
			return r
		}
	}
	source, _ := text.Decode(f.Raw)
	r.Source, r.Judged = []byte(source), document
	return r
}

// maxLeft is how many files that are left out are named.
const maxLeft = 5

// lintSummary collects what decides the exit code.
type lintSummary struct {
	app      *app
	bar      progress
	many     bool   // there may be several files: the report has an entry for each
	strict   bool   // what was not checked fails
	failOn   string // the least severity that fails
	files    int
	invalid  int
	strictly int             // files that are valid and fail because of failOn
	unused   int             // files that hold a statement themselves, beside that of --ssa
	vectors  int             // files that are test vectors
	unneeded []string        // flags that were given and are not used for test vectors
	open     int             // files that fail because something was not checked
	others   int             // files of folders that are left out
	left     []string        // the names of the first of them
	broken   []judgement     // those that are broken JSON
	among    map[string]bool // the folders that have test vectors
	failed   error           // of the first file that could not be read
	unread   error           // the first key set that could not be read
}

func (s *lintSummary) add(w *report.Writer, j judgement) error {
	if s.app.terminal || j.err != nil { // something else is about to stand there
		s.bar.wipe()
	}
	defer func() { s.bar.show(s.files+s.others, s.invalid) }()
	if j.err != nil {
		return s.unjudged(w, j.name, j.err)
	}
	if s.unread == nil {
		s.unread = j.unread
	}
	if j.result == nil {
		if j.broken != nil {
			s.broken = append(s.broken, j)
		}
		if s.others++; s.others <= maxLeft {
			s.left = append(s.left, shownName(j.left))
		}
		return nil
	}
	s.files++
	if j.unused {
		s.unused++
	}
	if j.vector {
		s.vectors++
		if s.among == nil {
			s.among = map[string]bool{}
		}
		s.among[filepath.Dir(j.result.Name)] = true
	}
	switch {
	case fails(j.result.Report, s.failOn):
		s.invalid++
		if j.result.Report.Valid() {
			s.strictly++
		}
	case s.strict && !j.result.Checks.Complete():
		s.open++
	}
	return w.Add(j.result)
}

// unjudged counts a file that could not be judged. The report of several files has it too: the exit code is that of a
// violation where another file has one. The graver of two such errors decides the code where none has.
func (s *lintSummary) unjudged(w *report.Writer, name string, why error) error {
	told := why
	if s.failed == nil || codeOf(s.failed) < codeOf(why) {
		s.failed, told = why, s.failed
	}
	if told != nil {
		s.app.note("%v", told)
	}
	if !s.many {
		return nil
	}
	return w.AddUnjudged(name, errors.New(s.app.secrets().out(why.Error())))
}

// verdict returns the error with the exit code of all files: a violation counts more than a
// file that could not be read.
func (s *lintSummary) verdict() error {
	switch {
	case s.unused == 1 && s.files == 1:
		s.app.note("--ssa is not used: the request holds a statement itself, which is what the bank gets")
	case s.unused > 0:
		s.app.note("--ssa is not used for %d of the files: they hold a statement themselves, which is what the bank gets", s.unused)
	}
	if s.vectors > 0 && len(s.unneeded) > 0 {
		s.app.note("not used for test vectors, which name their own: %s", strings.Join(s.unneeded, ", "))
	}
	if s.others > 0 {
		names := strings.Join(s.left, ", ")
		if more := s.others - len(s.left); more > 0 {
			names += " and " + strconv.Itoa(more) + " more"
		}
		s.app.note("files of folders left out, because they hold nothing to judge: %s", names)
	}
	failed := s.failed
	if failed == nil && s.unread != nil {
		failed = ioError(s.unread)
	}
	if s.strictly > 0 {
		s.app.note("valid files that fail because of --fail-on %s: %d", s.failOn, s.strictly)
	}
	if s.open > 0 {
		s.app.note("valid files that fail because of --strict, since something was not checked: %d", s.open)
	}
	switch {
	case s.invalid > 0:
		if failed != nil {
			s.app.note("%v", failed)
		}
		return &exitError{code: exitViolated}
	case failed != nil:
		return failed
	case s.open > 0:
		return &exitError{code: exitViolated}
	case s.files == 0 && s.many:
		return usageError("there is no file to judge: name files, or a folder that has some")
	}
	return nil
}

// statementOf reads the statement of --ssa; "" if name is "".
func (a *app) statementOf(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	f, err := a.open("--ssa", name)
	if err != nil {
		return "", err
	}
	if wrong := f.Judged(input.Statement); wrong != nil {
		return "", usageError("%w", wrong)
	}
	return f.Text(), nil
}

// resultOf adds to a result what the head of a report shows: the file, its algorithm and
// kid, the issuer of the statement, and which flag makes a check that was not made.
func (a *app) resultOf(name string, alone bool, by *lintOptions, r *tpp.LintResult) *report.Result {
	o := &report.Result{Name: name, Report: r.Report, Checks: r.Checks, Documents: r.Documents, Bank: by.bankName}
	header := r.Header
	if alone {
		header = r.SSAHeader
	}
	if header != nil {
		o.Algorithm, o.KeyID = header.Algorithm.Or(""), header.KeyID.Or("")
	}
	if r.SSA != nil {
		o.Issuer = r.SSA.Issuer.Or("")
	}
	addNotes(r, &o.Checks, by)
	return o
}
