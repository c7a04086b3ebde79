package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// unplayed are the beginnings of the reasons why a case has another verdict than passed at a sandbox, by the verdict.
var unplayed = map[conform.Verdict][]string{
	conform.Allowed: {"policy: the bank's policy takes what the vector's does not"},
	conform.NotRun: {
		"the vector is about a bank with another policy: ",
		"clients of tls_client_auth have no secret",
		"clients of private_key_jwt have no secret",
		"the certificate of tls_client_auth is there whatever else is sent",
		"the vector is true for some seconds alone",
		"it needs a key set at another address: ",
		"it needs another signing key of the software",
		"the client could not delete itself: ",
	},
}

// TestConformFindsNoFaultInASandboxOfEachProfileByEachMethod has the sandbox of a profile judged by a software for each
// method, all at the same time: the sandbox limits the requests of each. All cases in all pairs are a full run; else some
// cases of one pair. Under the race detector a full run has one pair.
func TestConformFindsNoFaultInASandboxOfEachProfileByEachMethod(t *testing.T) {
	t.Parallel()
	methods := claims.AuthMethods()
	rows := map[validate.Profile][]*conform.Report{}
	for _, profile := range validate.Profiles() {
		by, args := methods, []string(nil)
		if !fulltest.Asked() || fulltest.RaceDetector {
			if profile != validate.WSO2 {
				continue
			}
			by = []claims.AuthMethod{claims.ClientSecretBasic}
		}
		if !fulltest.Asked() {
			args = []string{"--seed", "pairs"} // its keys take no time
		}
		t.Run(string(profile), func(t *testing.T) {
			sandbox := runSandbox(t, t.TempDir(), append(args, "--store", "memory", "--profile", string(profile),
				"--auth-methods", strings.Join(text.Strings(methods), ","))...)
			rows[profile] = judgedByEach(t, sandbox, profile, by)
		})
	}
	switch {
	case t.Failed():
	case !fulltest.Asked():
		t.Log("some cases of one pair of profile and method: OBDCR_FULL=1 plays all cases in each of the 20 pairs")
	case fulltest.RaceDetector:
		t.Log("all cases of one pair of profile and method: without the race detector each of the 20 pairs is played")
	default:
		page, err := os.ReadFile("../../docs/conformance.md")
		require.NoError(t, err)
		_, table, _ := strings.Cut(string(page), "<!-- pairs -->\n")
		table, _, _ = strings.Cut(table, "<!-- end of pairs -->")
		require.Equal(t, pairsTable(rows), table)
	}
}

// judgedByEach judges a sandbox by all cases, as a software of its own for each method.
func judgedByEach(t *testing.T, sandbox *running, profile validate.Profile, methods []claims.AuthMethod) []*conform.Report {
	t.Helper()
	runs, said, files := make([]*exec.Cmd, len(methods)), make([]bytes.Buffer, len(methods)), make([]string, len(methods))
	for i, method := range methods {
		dir := t.TempDir()
		files[i] = filepath.Join(dir, "report.json")
		args := []string{"conform", "--config", softwareOf(t, sandbox, i), "--policy", filepath.Join(sandbox.dir, "policy.json"), "--stricter",
			"--auth-method", string(method), "--test-directory", sandbox.ready.Directory, "--report", files[i]}
		if !fulltest.Asked() {
			args = append(args, "--filter", "certificate", "--filter", "get")
		}
		runs[i] = exec.Command(program(t, "obdcr"), args...)
		runs[i].Dir, runs[i].Stdout, runs[i].Stderr = dir, &said[i], &said[i]
	}
	ended := make([]error, len(methods))
	var all sync.WaitGroup
	for i, one := range runs {
		all.Go(func() { ended[i] = one.Run() })
	}
	all.Wait()
	var reports []*conform.Report
	for i, method := range methods {
		require.NoError(t, ended[i], "%s: %s", method, &said[i])
		report := conformReport(t, files[i])
		requireNoFault(t, report, profile, method)
		reports = append(reports, report)
		t.Logf("%s: %v in %d ms", method, report.Counts, report.Millis)
	}
	return reports
}

// requireNoFault requires that each case has passed, or has another verdict for a reason that is known.
func requireNoFault(t *testing.T, report *conform.Report, profile validate.Profile, method claims.AuthMethod) {
	t.Helper()
	require.Equal(t, []string{string(profile), string(method)}, []string{report.Profile, report.Method})
	require.Empty(t, report.Left)
	for _, r := range report.Results {
		if r.Verdict != conform.Passed && !slices.ContainsFunc(unplayed[r.Verdict], func(reason string) bool { return strings.HasPrefix(r.Reason, reason) }) {
			assert.Fail(t, "another verdict than passed", "%s %s %s: %s %s %s", profile, method, r.ID, r.Verdict, r.Reason, r.Expected)
		}
		if r.Group == "certificate" {
			assert.Equal(t, conform.Passed, r.Verdict, r.ID)
		}
	}
	require.Greater(t, report.Counts[conform.Passed], len(report.Results)*80/100)
}

// softwareOf returns the configuration of a software of a sandbox: the one of its files, or another by POST /tpp.
func softwareOf(t *testing.T, sandbox *running, number int) string {
	t.Helper()
	if number == 0 {
		return filepath.Join(sandbox.dir, "conformance.json")
	}
	response, err := sandbox.client(t).Post(sandbox.ready.Directory+"/tpp", "application/json", nil)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusCreated, response.StatusCode)
	var made struct{ Conformance json.RawMessage }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&made))
	file := filepath.Join(t.TempDir(), "conformance.json")
	require.NoError(t, os.WriteFile(file, made.Conformance, 0o600))
	return file
}

// pairsTable is the table of docs/conformance.md: the verdicts of a profile, from the method with the fewest to that with
// the most.
func pairsTable(rows map[validate.Profile][]*conform.Report) string {
	var b strings.Builder
	b.WriteString("| profile | passed | not offered | allowed | not run |\n|---|---|---|---|---|\n")
	for _, profile := range validate.Profiles() {
		fmt.Fprintf(&b, "| `%s` |", profile)
		for _, v := range []conform.Verdict{conform.Passed, conform.NotOffered, conform.Allowed, conform.NotRun} {
			var counts []int
			for _, report := range rows[profile] {
				counts = append(counts, report.Counts[v])
			}
			least, most := slices.Min(counts), slices.Max(counts)
			if least == most {
				fmt.Fprintf(&b, " %d |", least)
				continue
			}
			fmt.Fprintf(&b, " %d to %d |", least, most)
		}
		b.WriteString("\n")
	}
	return b.String()
}
