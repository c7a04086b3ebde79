// Command site builds the page to lint in as a folder of files, which any web server can
// host: the page with its judgement as WebAssembly, and the documents about rules and policy.
//
//	go run . FOLDER
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	if len(os.Args) != 2 || strings.HasPrefix(os.Args[1], "-") {
		fmt.Fprintln(os.Stderr, "usage: site FOLDER, run in the folder internal/site")
		os.Exit(2)
	}
	files, err := build(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
	for _, f := range files {
		fmt.Printf("%-14s %9d bytes, %9d by gzip\n", f.name, f.size, f.zipped)
	}
}
