package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
)

// candidate is a file that lint may judge.
type candidate struct {
	name string
	// named is whether the user named the very file. lint judges such a file whatever it
	// holds, and leaves out a file of a folder that is neither request nor statement.
	named bool
	err   error // why it cannot be read, where that is known already
}

// extensions are those of the files of a folder that lint looks into.
func extensions() []string { return append(tokenExtensions(), ".json", ".txt") }

// tokenExtensions are those of files that hold a token, or should.
func tokenExtensions() []string { return []string{".jwt", ".jws", ".jose"} }

func hasExtension(name string, of []string) bool {
	return slices.Contains(of, strings.ToLower(filepath.Ext(name)))
}

// candidates returns the files that the arguments name, each once: files, the files below
// folders, and what matches a pattern. It leaves out hidden files and folders, and the
// files of a folder whose extension is none of extensions. A folder below another one that
// cannot be read is a candidate with an error. The error has an exit code.
func candidates(args []string) ([]candidate, error) {
	var all []candidate
	seen := map[string]bool{}
	add := func(c candidate) {
		if key := filepath.Clean(c.name); !seen[key] {
			seen[key] = true
			all = append(all, c)
		}
	}
	for _, arg := range args {
		names, err := matching(arg)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			info, err := os.Stat(name)
			if name == "-" || err != nil || !info.IsDir() { // reading the file tells what is wrong with it
				add(candidate{name: name, named: true})
				continue
			}
			for _, file := range filesBelow(name) {
				add(file)
			}
		}
	}
	return all, nil
}

// matching returns the names that match a pattern, or the name itself where it is no
// pattern or a file of that very name exists.
func matching(arg string) ([]string, error) {
	if _, err := os.Lstat(arg); err == nil || !strings.ContainsAny(arg, "*?[") {
		return []string{arg}, nil
	}
	names, err := filepath.Glob(arg)
	if !strings.HasPrefix(filepath.Base(arg), ".") { // as a shell does
		names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(filepath.Base(name), ".") })
	}
	switch {
	case err != nil:
		return nil, usageError("%s: the pattern is malformed: a [ has no ]", cut(arg))
	case len(names) == 0:
		return nil, usageError("%s: no file matches the pattern", cut(arg))
	}
	return names, nil
}

// filesBelow returns the files of a folder and of the folders in it, by name.
func filesBelow(folder string) []candidate {
	var all []candidate
	_ = filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		return visit(&all, name, name == folder, entry, err)
	}) // visit returns no error but SkipDir
	return all
}

// visit adds an entry of a folder if lint looks into it. What cannot be read is added with
// its error, so that the others are judged all the same. top says that the entry is the
// folder that the user named, which may be hidden.
func visit(all *[]candidate, name string, top bool, entry fs.DirEntry, err error) error {
	hidden := !top && strings.HasPrefix(filepath.Base(name), ".")
	switch {
	case err != nil && !hidden:
		*all = append(*all, candidate{name: name, err: fmt.Errorf("%s: %w", name, input.WithoutPath(err))})
		return fs.SkipDir
	case err != nil, entry.IsDir() && hidden:
		return fs.SkipDir
	case isFile(name, entry) && !hidden && hasExtension(name, extensions()):
		*all = append(*all, candidate{name: name})
	}
	return nil
}

// isFile reports whether an entry of a folder is a file, or a link to one. A link to nothing
// counts as one, so that reading it tells what is wrong.
func isFile(name string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.Type().IsRegular()
	}
	info, err := os.Stat(name)
	return err != nil || info.Mode().IsRegular()
}

// share is how many items a goroutine takes at once: handing over each alone costs as much
// as a tenth of a judgement.
const share = 16

// inOrder calls work for each item on several goroutines, and done with each result in the
// order of the items. It stops at the first error of done, or when parent ends, and waits for
// the work that it has begun.
func inOrder[T, R any](parent context.Context, items []T, workers int, work func(T) R, done func(R) error) error {
	ctx, stop := context.WithCancel(parent)
	defer stop()
	size := max(1, min(share, len(items)/(4*workers)))
	waiting := make(chan chan []R, 4*workers)
	jobs := make(chan func())
	go func() { // hands out the work and keeps the order
		defer close(waiting)
		defer close(jobs)
		for some := range slices.Chunk(items, size) {
			results := make(chan []R, 1)
			select {
			case waiting <- results:
			case <-ctx.Done():
				return
			}
			select {
			case jobs <- func() { results <- each(ctx, some, work) }:
			case <-ctx.Done():
				close(results)
				return
			}
		}
	}()
	for range workers {
		go func() {
			for job := range jobs {
				job()
			}
		}()
	}
	var failed error
	for results := range waiting {
		for _, r := range <-results {
			if failed == nil && parent.Err() == nil { // what is judged later may lack a key set
				if failed = done(r); failed != nil {
					stop()
				}
			}
		}
	}
	if failed != nil {
		return failed
	}
	return parent.Err()
}

// each returns the results of the items, in their order, as far as it comes before ctx ends.
func each[T, R any](ctx context.Context, items []T, work func(T) R) []R {
	results := make([]R, 0, len(items))
	for _, item := range items {
		if ctx.Err() != nil {
			break
		}
		results = append(results, work(item))
	}
	return results
}
