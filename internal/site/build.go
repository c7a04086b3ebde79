package main

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the script
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/obdcr/obdcr/dcr/tpp/lintpage"
)

//go:embed site.js
var script []byte

// Where the documents are, seen from this folder.
const documents = "../../docs"

// pages are the documents that become pages.
var pages = []struct{ source, file, title string }{
	{"rules.md", "rules.html", "Rules"},
	{"policy.md", "policy.html", "Policy"},
}

// built is a file of the site.
type built struct {
	name         string
	size, zipped int // bytes
}

// build writes the site into a folder. The program that judges is built last, since it takes
// longest.
func build(folder string) ([]built, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // a web server reads it
		return nil, err
	}
	page, err := lintpage.New(lintpage.Config{Static: true})
	if err != nil {
		return nil, err
	}
	var index bytes.Buffer
	if err := page.WriteForm(&index); err != nil {
		return nil, err
	}
	runtime, err := wasmRuntime()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"index.html": index.Bytes(), "lint.css": lintpage.Style(), "lint.js": lintpage.Script(), "site.js": script, "wasm_exec.js": runtime}
	order := []string{"index.html", "lint.css", "lint.js", "site.js", "wasm_exec.js"}
	for _, p := range pages {
		source, err := os.ReadFile(filepath.Join(documents, p.source))
		if err != nil {
			return nil, err
		}
		if files[p.file], err = document(page, p.title, source); err != nil {
			return nil, err
		}
		order = append(order, p.file)
	}
	var all []built
	for _, name := range order {
		if err := os.WriteFile(filepath.Join(folder, name), files[name], 0o644); err != nil { //nolint:gosec // a web server reads it
			return nil, err
		}
		all = append(all, built{name, len(files[name]), zipped(files[name])})
	}
	code, err := buildWASM(filepath.Join(folder, "obdcr.wasm"))
	if err != nil {
		return nil, err
	}
	return append(all, built{"obdcr.wasm", len(code), zipped(code)}), nil
}

// zipped is the length of what a web server sends that compresses.
func zipped(data []byte) int {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level exists
	_, err := w.Write(data)
	if errors.Join(err, w.Close()) != nil {
		return len(data)
	}
	return out.Len()
}

// wasmRuntime is the script of the Go distribution that runs its programs in a browser.
func wasmRuntime() ([]byte, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	return os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
}

// buildWASM builds the program and returns it.
func buildWASM(path string) ([]byte, error) {
	whole, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", whole, "./wasm") //nolint:gosec // the path is the caller's
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, out)
	}
	return os.ReadFile(whole)
}
