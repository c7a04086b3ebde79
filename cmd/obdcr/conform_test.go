package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/text"
)

// TestConformJudgesTheSandboxAsAUserWould runs the commands of docs/conformance.md, from the top down, in a folder with a
// sandbox.
func TestConformJudgesTheSandboxAsAUserWould(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sandbox := runSandbox(t, filepath.Join(dir, "obdcr-sandbox"), "--store", "memory")
	page, err := os.ReadFile("../../docs/conformance.md")
	require.NoError(t, err)
	own := strings.NewReplacer("https://127.0.0.1:8445", sandbox.ready.Directory)
	ran := map[string]bool{}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		for line := range strings.Lines(strings.ReplaceAll(block[1], "\\\n", " ")) {
			words := strings.Fields(own.Replace(strings.TrimSpace(line)))
			if len(words) < 2 || words[0] != "obdcr" || words[1] != "conform" {
				continue
			}
			ran[strings.Join(words[1:min(3, len(words))], " ")] = true
			if slices.Contains(words, "--report") && !fulltest.Asked() { // all cases take a while
				words = append(words, "--filter", "register", "--filter", "get")
			}
			shell := exec.Command(program(t, "obdcr"), unquoted(words[1:])...)
			shell.Dir = dir
			out, err := shell.CombinedOutput()
			require.NoError(t, err, "%s\n%s", line, out)
			for said := range strings.Lines(string(out)) {
				if !slices.Contains(words, "-o") && len(strings.Fields(said)) > 1 { // text; an ID stays whole
					assert.LessOrEqual(t, text.Cells(strings.TrimSuffix(said, "\n")), 80, said)
				}
			}
		}
	}
	require.True(t, ran["conform --config"] && ran["conform --dry-run"] && ran["conform compare"] && ran["conform show"], "%v", ran)
	_, err = os.Stat(filepath.Join(dir, "obdcr-conform.journal"))
	require.ErrorIs(t, err, fs.ErrNotExist, "nothing is left to delete")
	if fulltest.Asked() {
		requireNumbersOfTheDirectory(t, string(page), conformReport(t, filepath.Join(dir, "report.json")), conformReport(t, filepath.Join(dir, "whole.json")))
	}
}

// requireNumbersOfTheDirectory requires that the documents tell how many cases are not run without and with --test-directory.
func requireNumbersOfTheDirectory(t *testing.T, page string, without, with *conform.Report) {
	t.Helper()
	all, none, some := len(with.Results), without.Counts[conform.NotRun], with.Counts[conform.NotRun]
	require.Contains(t, page, fmt.Sprintf("%d of %d cases are not run at the sandbox; with it, %d are not run. The %d between", none, all, some, none-some))
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), fmt.Sprintf("adds %d of the %d cases", none-some, all))
}

// unquoted takes the quotation marks of a shell away.
func unquoted(words []string) []string {
	for i, w := range words {
		words[i] = strings.Trim(w, "'")
	}
	return words
}

// conformReport reads a report.
func conformReport(t *testing.T, file string) *conform.Report {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	report, err := conform.ReadReport(f)
	require.NoError(t, err)
	return report
}

// TestASignalEndsARunOfCasesAndCleansUp: the report is whole, and the bank has no client of the run.
func TestASignalEndsARunOfCasesAndCleansUp(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	t.Parallel()
	sandbox := runSandbox(t, t.TempDir(), "--store", "memory")
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		dir := t.TempDir()
		r := conforming(t, sandbox, dir, "--parallel", "1", "--report", "report.json")
		waitForJournal(t, r, dir)
		require.NoError(t, r.cmd.Process.Signal(signal))
		<-r.ended
		require.Equal(t, exitIO, r.cmd.ProcessState.ExitCode(), r.err.String())
		require.Contains(t, r.err.String(), "interrupted")
		report := conformReport(t, filepath.Join(dir, "report.json"))
		require.True(t, report.Interrupted)
		require.NotZero(t, report.Counts[conform.NotRun])
		require.Empty(t, report.Left)
		_, err := os.Stat(filepath.Join(dir, "obdcr-conform.journal"))
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
}

// TestWhatAKilledRunHasLeftIsDeletedByTheNext: its journal has the clients, and nobody else can read it.
func TestWhatAKilledRunHasLeftIsDeletedByTheNext(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	t.Parallel()
	sandbox := runSandbox(t, t.TempDir(), "--store", "memory")
	dir := t.TempDir()
	r := conforming(t, sandbox, dir, "--parallel", "8")
	waitForJournal(t, r, dir)
	require.NoError(t, r.cmd.Process.Kill())
	<-r.ended
	journal := filepath.Join(dir, "obdcr-conform.journal")
	info, err := os.Stat(journal)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())

	config := filepath.Join(sandbox.dir, "conformance.json")
	code, _, said := call("conform", "--config", config, "--journal", journal, "--filter", "register.valid")
	require.Equal(t, exitUsage, code, "another run must not take the clients for its own")
	require.Contains(t, said, "--clean-up")

	left := clientsOfJournal(t, journal)
	code, _, said = call("conform", "--config", config, "--journal", journal, "--clean-up")
	if code == exitIO { // a registration was on its way when the run was killed: its client_id is known to the bank alone
		require.Contains(t, said, "the run was killed before the answer came")
		require.Contains(t, said, "jti")
		require.NotContains(t, said, "  client_id ", "each whose client_id is known is gone")
		require.FileExists(t, journal)
		require.NoError(t, os.Remove(journal))
		code = exitFine
	}
	require.Equal(t, exitFine, code, said)
	require.NoFileExists(t, journal)
	for _, id := range left {
		code, _, _ := call("get", id, "--config", config)
		require.NotEqual(t, exitFine, code, "client %s is gone", id)
	}
	code, _, said = call("conform", "--config", config, "--journal", journal, "--clean-up")
	require.Equal(t, exitFine, code, said)
}

// TestConformGoesByTheClockOfTheBank: --now is the time of a sandbox with --clock, and the run's clock runs on from it.
func TestConformGoesByTheClockOfTheBank(t *testing.T) {
	t.Parallel()
	const at = "2044-05-06T07:08:09Z"
	sandbox := runSandbox(t, t.TempDir(), "--store", "memory", "--clock", at)
	config, journal := filepath.Join(sandbox.dir, "conformance.json"), filepath.Join(t.TempDir(), "journal")
	args := []string{"conform", "--config", config, "--journal", journal, "--filter", "register.valid", "--filter", "token.granted"}
	code, out, said := call(append(args, "--now", at)...)
	require.Equal(t, exitFine, code, out+said)
	require.Contains(t, out, "2 passed")
	require.Contains(t, out, "2044-05-06")
	code, _, _ = call(args...)
	require.NotEqual(t, exitFine, code, "the clocks differ")

	from := time.Date(2044, 5, 6, 7, 8, 9, 0, time.UTC)
	clock := runningOn(func() time.Time { return from })
	first := clock()
	require.False(t, first.Before(from))
	require.Eventually(t, func() bool { return clock().After(first) }, time.Minute, time.Millisecond, "it runs")
}

// TestOneReportThatCannotBeWrittenKeepsNoOtherFromIt: what is known before the run ends it before it begins; what goes
// wrong later is told at the end, and the other reports are there.
func TestOneReportThatCannotBeWrittenKeepsNoOtherFromIt(t *testing.T) {
	t.Parallel()
	sandbox, dir := runSandbox(t, t.TempDir(), "--store", "memory"), t.TempDir()
	journal := filepath.Join(dir, "journal")
	args := []string{"conform", "--config", filepath.Join(sandbox.dir, "conformance.json"), "--journal", journal, "--filter", "register.valid", "--report"}
	code, out, said := call(append(args, filepath.Join(dir, "no-such-folder", "a.json"))...)
	require.Equal(t, exitIO, code, said)
	require.Empty(t, out, "nothing was played")
	require.NoFileExists(t, journal)

	taken, good := filepath.Join(dir, "taken.json"), filepath.Join(dir, "good.json")
	require.NoError(t, os.MkdirAll(filepath.Join(taken, "full"), 0o700)) // a folder cannot be replaced by a file
	code, out, said = call(append(args, taken, "--report", good)...)
	require.Equal(t, exitIO, code, said)
	require.Contains(t, said, "taken.json")
	require.Contains(t, out, "1 passed")
	require.Equal(t, 1, conformReport(t, good).Counts[conform.Passed])
	require.NoFileExists(t, journal, "nothing is left to delete")
}

// TestClientsThatAreLeftEndARunWith3: but not where the configuration says that the bank cannot delete them. The journal
// stays either way, for a configuration that says more.
func TestClientsThatAreLeftEndARunWith3(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		deletes bool
		code    int
	}{{true, exitIO}, {false, exitFine}} {
		dir, said := t.TempDir(), new(bytes.Buffer)
		journal, err := openJournal(filepath.Join(dir, "journal"))
		require.NoError(t, err)
		report := &conform.Report{Version: conform.ReportVersion, Counts: map[conform.Verdict]int{}, Left: []conform.Left{{ClientID: "c1", Case: "a.b", Reason: "r"}}}
		err = (&app{err: said}).conformed(io.Discard, &conformOptions{output: "text"}, report, journal, c.deletes)
		require.Contains(t, said.String(), "c1")
		require.FileExists(t, journal.name)
		if c.code == exitFine {
			require.NoError(t, err)
			continue
		}
		var exit *exitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, c.code, exit.code)
	}
}

// TestARunThatIsOutOfTimeEndsWith3: but with 1 where a case failed, as one that is interrupted does.
func TestARunThatIsOutOfTimeEndsWith3(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ failed, code int }{{0, exitIO}, {1, exitViolated}} {
		said := new(bytes.Buffer)
		journal, err := openJournal(filepath.Join(t.TempDir(), "journal"))
		require.NoError(t, err)
		report := &conform.Report{Version: conform.ReportVersion, OutOfTime: true,
			Counts: map[conform.Verdict]int{conform.NotRun: 2, conform.Failed: c.failed}}
		err = (&app{err: said}).conformed(io.Discard, &conformOptions{output: "text", limit: time.Second}, report, journal, true)
		require.Contains(t, said.String(), "--limit 1s")
		require.Contains(t, said.String(), "fix:")
		var exit *exitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, c.code, exit.code)
	}
}

// TestAJournalThatCannotBeWrittenIsTold: by the exit code, when the reports are written.
func TestAJournalThatCannotBeWrittenIsTold(t *testing.T) {
	t.Parallel()
	journal, err := openJournal(filepath.Join(t.TempDir(), "journal"))
	require.NoError(t, err)
	full, err := os.Open(journal.name) // for reading alone: writes fail as on a disk that is full
	require.NoError(t, err)
	require.NoError(t, journal.Close())
	journal.File = full
	_, err = journal.Write([]byte("{}\n"))
	require.Error(t, err)
	var exit *exitError
	err = journal.end(false)
	require.ErrorAs(t, err, &exit)
	require.Equal(t, exitIO, exit.code)
	require.Contains(t, err.Error(), "--clean-up")
	require.Contains(t, err.Error(), "fix:")
	require.ErrorIs(t, err, input.WithoutPath(journal.failed))
}

// TestClientsOfASoftwareThatTheRunHadMadeAreCleanedUp: its keys are in the journal, and nowhere else.
func TestClientsOfASoftwareThatTheRunHadMadeAreCleanedUp(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	t.Parallel()
	sandbox, dir := runSandbox(t, t.TempDir(), "--store", "memory"), t.TempDir()
	// The clients of the second software are there in the first second, and the vectors take several more.
	r := conforming(t, sandbox, dir, "--filter", "get", "--filter", "update", "--filter", "vector", "--parallel", "2", "--test-directory", sandbox.ready.Directory)
	journal := filepath.Join(dir, "obdcr-conform.journal")
	var second string
	require.Eventually(t, func() bool {
		written, _ := os.ReadFile(journal)
		match := regexp.MustCompile(`"made":"([^"]+)"[^\n]*"second":true`).FindStringSubmatch(string(written))
		if match != nil {
			second = match[1]
		}
		return match != nil
	}, time.Minute, time.Millisecond)
	require.NoError(t, r.cmd.Process.Kill())
	<-r.ended
	code, _, said := call("conform", "--config", filepath.Join(sandbox.dir, "conformance.json"), "--journal", journal, "--clean-up")
	require.Contains(t, []int{exitFine, exitIO}, code, said)
	require.NotContains(t, said, second, "it is deleted")
}

// TestConformShowsWhatItSendsWithoutSecrets: --verbose, also of a bank that is given as a dialect, which the report names.
func TestConformShowsWhatItSendsWithoutSecrets(t *testing.T) {
	t.Parallel()
	sandbox, dir := runSandbox(t, t.TempDir(), "--store", "memory"), t.TempDir()
	file := filepath.Join(dir, "report.json")
	code, out, said := call("conform", "--config", filepath.Join(sandbox.dir, "conformance.json"), "--journal", filepath.Join(dir, "journal"),
		"--filter", "get.own", "--verbose", "--bank", "ozone-model-bank", "--report", file)
	require.NotEqual(t, exitUsage, code, said)
	require.Contains(t, said, "POST")
	require.Contains(t, said, "/register")
	require.NotRegexp(t, `Bearer [A-Za-z0-9_-]{20}`, said+out)
	require.NotEmpty(t, conformReport(t, file).Dialect)
}

// conforming starts a run against a sandbox.
func conforming(t *testing.T, sandbox *running, dir string, args ...string) *running {
	t.Helper()
	r := &running{dir: dir, out: newOutput(), err: newOutput(), ended: make(chan struct{})}
	r.cmd = exec.Command(program(t, "obdcr"), append([]string{"conform", "--config", filepath.Join(sandbox.dir, "conformance.json")}, args...)...)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = dir, r.out, r.err
	r.run(t)
	return r
}

// waitForJournal waits until a run has made a client.
func waitForJournal(t *testing.T, r *running, dir string) {
	t.Helper()
	for {
		written, _ := os.ReadFile(filepath.Join(dir, "obdcr-conform.journal"))
		if strings.Count(string(written), `"made"`) >= 3 {
			return
		}
		select {
		case <-r.ended:
			require.Fail(t, "it has ended", r.err.String())
		default:
			runtime.Gosched()
		}
	}
}

// clientsOfJournal are the clients that a journal has still to delete.
func clientsOfJournal(t *testing.T, name string) []string {
	t.Helper()
	written, err := os.ReadFile(name)
	require.NoError(t, err)
	made := map[string]bool{}
	for line := range strings.Lines(string(written)) {
		var e struct{ Made, Gone string }
		if json.Unmarshal([]byte(line), &e) == nil {
			made[e.Made] = true
			delete(made, e.Gone)
		}
	}
	delete(made, "")
	var ids []string
	for id := range made {
		ids = append(ids, id)
	}
	return ids
}

// TestMisuseOfConformIsTold: each message names the flag, and nothing is sent.
func TestMisuseOfConformIsTold(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(bad, []byte(`{"version": 7}`), 0o600))
	for _, c := range []struct {
		args []string
		told string
	}{
		{[]string{"conform"}, "--config"},
		{[]string{"conform", "compare", bad}, "NEW"},
		{[]string{"conform", "compare", bad, bad, "third.json"}, "third.json"},
		{[]string{"conform", "show"}, "REPORT"},
		{[]string{"conform", "-o", "pdf"}, "-o pdf"},
		{[]string{"conform", "--filter", "no.such"}, "no.such"},
		{[]string{"conform", "--filter", "[", "--dry-run"}, "glob"},
		{[]string{"conform", "--report", "x.doc"}, ".html"},
		{[]string{"conform", "--parallel", "0"}, "--parallel"},
		{[]string{"conform", "--limit", "0s"}, "--limit"},
		{[]string{"conform", "--clean-up", "--dry-run"}, "--clean-up"},
		{[]string{"conform", "compare", bad, bad}, "version 7"},
		{[]string{"conform", "show", bad, "-o", "pdf"}, "-o pdf"},
	} {
		code, out, said := call(c.args...)
		assert.Equal(t, exitUsage, code, "%v: %s", c.args, said)
		assert.Contains(t, said, c.told)
		assert.Empty(t, out)
	}
	code, _, said := call("conform", "compare", "no-such-file.json", bad)
	assert.Equal(t, exitIO, code, said)
}

// TestAComparisonEndsWith1WhereSomethingGotWorse compares two reports in files.
func TestAComparisonEndsWith1WhereSomethingGotWorse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, v conform.Verdict) string {
		file := filepath.Join(dir, name)
		report := fmt.Sprintf(`{"version":1,"tool":"obdcr","bank":"b","registration_endpoint":"https://b.example","profile":"obie-3.3","token_endpoint_auth_method":"private_key_jwt",
			"started":"2026-03-02T09:30:00Z","milliseconds":1,"counts":{%[1]q:1},"results":[{"id":"a.b","group":"a","title":"t",
			"citation":{"spec":"s","section":"","url":""},"verdict":%[1]q,"milliseconds":1}]}`, v)
		require.NoError(t, os.WriteFile(file, []byte(report), 0o600))
		return file
	}
	good, bad := write("good.json", conform.Passed), write("bad.json", conform.Failed)
	for _, form := range compareForms {
		code, out, said := call("conform", "compare", good, bad, "-o", form)
		require.Equal(t, exitViolated, code, said)
		require.Contains(t, out, "newly failing")
		code, out, said = call("conform", "compare", bad, good, "-o", form)
		require.Equal(t, exitFine, code, said)
		require.Contains(t, out, "mended")
	}
}
