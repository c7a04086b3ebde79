package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// lintWorld is a folder of requests of one software, and what lint needs for them.
type lintWorld struct {
	dir      string
	requests []string
	flags    []string
	input    tpp.LintInput // with both key sets
}

const benchAudience = "0015800001041RHAAY"

// newLintWorld writes the number of files. They hold fifty requests, each many times.
func newLintWorld(b *testing.B, files int) *lintWorld {
	b.Helper()
	directory, err := ssatest.New(ssatest.Options{})
	require.NoError(b, err)
	b.Cleanup(directory.Close)
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(b, err)
	w := &lintWorld{dir: b.TempDir()}
	for range 50 {
		claims := software.Request(benchAudience)
		request, err := software.Sign(&claims)
		require.NoError(b, err)
		w.requests = append(w.requests, request)
	}
	require.NoError(b, os.Mkdir(filepath.Join(w.dir, "requests"), 0o755))
	for i := range files {
		name := filepath.Join(w.dir, "requests", fmt.Sprintf("%05d.jwt", i))
		require.NoError(b, os.WriteFile(name, []byte(w.requests[i%len(w.requests)]), 0o600))
	}
	for flag, set := range map[string][]byte{"ssa-jwks": directory.JWKS(), "software-jwks": software.JWKS()} {
		name := filepath.Join(w.dir, flag)
		require.NoError(b, os.WriteFile(name, set, 0o600))
		w.flags = append(w.flags, "--"+flag, name)
	}
	w.flags = append(w.flags, "--aud", benchAudience)
	policy := validate.DefaultPolicy(validate.OBIE33)
	policy = tpp.WithAudience(policy, benchAudience)
	w.input.Validator, err = validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	require.NoError(b, err)
	statements, err := ssa.ParseJWKS(directory.JWKS())
	require.NoError(b, err)
	keys, err := ssa.ParseJWKS(software.JWKS())
	require.NoError(b, err)
	w.input.StatementKey, w.input.SoftwareKeys = statements, ssa.WithoutRevocationUnsafe(keys)
	return w
}

// judgements judges n requests on one core, signatures included, and returns how many it
// does in a second.
func (w *lintWorld) judgements(b *testing.B, n int) float64 {
	b.Helper()
	began := time.Now()
	for i := range n {
		in := w.input
		in.Request, in.Now = w.requests[i%len(w.requests)], began
		result, err := tpp.Lint(b.Context(), in)
		if err != nil || !result.Report.Valid() {
			b.Fatal("the request is not valid")
		}
	}
	return float64(n) / time.Since(began).Seconds()
}

// together judges n requests on every core at once, and returns how many all of them do in
// a second.
func (w *lintWorld) together(b *testing.B, n int) float64 {
	b.Helper()
	began := time.Now()
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() { w.judgements(b, n/runtime.GOMAXPROCS(0)) })
	}
	all.Wait()
	return float64(n) / time.Since(began).Seconds()
}

// BenchmarkLintFiles judges 10,000 files by the command. ratio is files per second against
// judgements in memory per second of one core, times cores. Cores that others use, or that
// share a core, make it small: ratio-together is against what all cores judge in memory at
// once, a moment before and after.
func BenchmarkLintFiles(b *testing.B) {
	const files, some = 10_000, 4_000
	w := newLintWorld(b, files)
	var each, together []float64
	for b.Loop() {
		one, all := w.judgements(b, some), w.together(b, some)
		var messages bytes.Buffer
		a := &app{in: strings.NewReader(""), err: &messages}
		began := time.Now()
		code := a.run(append([]string{"lint", filepath.Join(w.dir, "requests")}, w.flags...), io.Discard)
		perSecond := files / time.Since(began).Seconds()
		require.Equal(b, exitFine, code, messages.String())
		one, all = (one+w.judgements(b, some))/2, (all+w.together(b, some))/2
		each = append(each, perSecond/(one*float64(runtime.GOMAXPROCS(0))))
		together = append(together, perSecond/all)
		b.ReportMetric(perSecond, "files/s")
	}
	b.ReportMetric(median(each), "ratio")
	b.ReportMetric(median(together), "ratio-together")
}

// BenchmarkLintOneFile runs the program on one file, from its start to the verdict. ratio is
// the time against that of the same program that prints its version.
func BenchmarkLintOneFile(b *testing.B) {
	w := newLintWorld(b, 1)
	binary := filepath.Join(w.dir, "obdcr")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(b, err, "%s", out)
	took := func(args ...string) float64 {
		began := time.Now()
		out, err := exec.Command(binary, args...).CombinedOutput()
		require.NoError(b, err, "%s", out)
		return time.Since(began).Seconds()
	}
	took("version")
	var each, lints []float64
	for b.Loop() {
		floor := took("version")
		lint := took(append([]string{"lint", filepath.Join(w.dir, "requests", "00000.jwt")}, w.flags...)...)
		each, lints = append(each, lint/floor), append(lints, lint)
	}
	b.ReportMetric(median(each), "ratio")
	b.ReportMetric(1000*median(lints), "ms/verdict")
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
