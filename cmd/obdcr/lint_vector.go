package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/dcr/vectors/signed/judge"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

// vectorJudge makes what judges test vectors. It reads each file of keys once.
func (a *app) vectorJudge() *judge.Judge {
	return judge.New(func(name string) ([]byte, error) {
		name = filepath.FromSlash(name)
		if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			return nil, errors.New("is no regular file") // a pipe could have a lint wait for ever
		}
		data, err := a.files.Content("", name)
		return []byte(data), err
	})
}

// isVector reports whether a file is meant as a signed test vector.
func isVector(data string) bool {
	return strings.HasPrefix(strings.TrimLeft(data, " \t\r\n\uFEFF"), "{") && strings.Contains(data, `"expect"`) && signed.IsVector(data)
}

// judgeVector judges a test vector by what it names itself. It does not look at what the
// vector expects.
func (a *app) judgeVector(ctx context.Context, c candidate, data string, by *judge.Judge) judgement {
	v, err := signed.Parse([]byte(data))
	switch {
	case errors.Is(err, signed.ErrVersion):
		return judgement{err: usageError("%s: this is a test vector that cannot be read: %s\n  fix: take vectors of version %d, or an obdcr that reads these",
			shownName(c.name), text.Detail(err), signed.Version)}
	case err != nil:
		return judgement{err: usageError("%s: this is a test vector that cannot be read: %s\n  fix: correct it by dcr/vectors/signed/data/schema.json",
			shownName(c.name), text.Detail(err))}
	}
	v.In(filepath.ToSlash(c.name))
	result, err := by.Lint(ctx, &v)
	switch {
	case errors.Is(err, judge.ErrRead) && !errors.Is(err, input.ErrTooLarge):
		return judgement{err: ioError(fmt.Errorf("%s: %w", shownName(c.name), err))}
	case err != nil:
		return judgement{err: usageError("%s: %w", shownName(c.name), err)}
	}
	shown := a.resultOf(c.name, v.Kind == signed.Statement, &lintOptions{}, result)
	shown.Vector, shown.Checks = v.Name, result.Checks
	for _, check := range []*validate.Check{&shown.Checks.RequestSignature, &shown.Checks.StatementSignature, &shown.Checks.Audience, &shown.Checks.Certificate} {
		if check.State == validate.CheckNotChecked && check.Note == "" {
			check.Note = "the test vector does not tell what that needs"
		}
	}
	return judgement{result: shown, vector: true}
}

// brokenVector tells what is wrong with a file of a folder that is broken JSON; nil for any other file.
func brokenVector(f *input.File, data string) error {
	if f.Kind != input.BrokenJSON {
		return nil
	}
	_, err := signed.Parse([]byte(data))
	return usageError("%s: this lies among test vectors, and cannot be read as one: %s\n"+
		"  fix: correct it there by dcr/vectors/signed/data/schema.json, or remove it", f.Where(), text.Detail(err))
}

// brokenVectors counts the broken files beside test vectors as files that could not be read, and not as left out.
func (s *lintSummary) brokenVectors(w *report.Writer) error {
	for _, j := range s.broken {
		if !s.among[filepath.Dir(j.left)] {
			continue
		}
		s.others--
		s.left = slices.DeleteFunc(s.left, func(name string) bool { return name == shownName(j.left) })
		if err := s.unjudged(w, j.left, j.broken); err != nil {
			return err
		}
	}
	return nil
}

// vectorFlags are the flags that say what a test vector says itself.
var vectorFlags = []string{
	"profile", "policy", "bank", "now", "ssa-jwks", "software-jwks", "revoked-jwks", "directory", "ssa", "aud", "discovery", "update", "cert", "cert-ca",
}

// givenVectorFlags returns those of them that were given.
func givenVectorFlags(flags *pflag.FlagSet) []string {
	var given []string
	for _, name := range vectorFlags {
		if f := flags.Lookup(name); f != nil && f.Changed {
			given = append(given, "--"+name)
		}
	}
	return given
}
