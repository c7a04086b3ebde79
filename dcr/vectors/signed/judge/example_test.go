package judge_test

import (
	"context"
	"fmt"
	"io/fs"
	"log"

	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/dcr/vectors/signed/judge"
)

// A program compares what the library finds with what each vector expects.
func Example() {
	all, err := signed.Load()
	if err != nil {
		log.Fatal(err)
	}
	j := judge.New(func(name string) ([]byte, error) { return fs.ReadFile(signed.Files(), name) })
	for i := range all {
		v := &all[i]
		if v.Name != "redirect_uris.https/plain-http" {
			continue
		}
		result, err := j.Lint(context.Background(), v)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(v.Comment)
		fmt.Println("expected:", v.Expect.Status, v.Expect.Wire, v.Expect.Rules)
		fmt.Println("found:", result.Report.Wire().Status, result.Report.Wire().Error)
	}
	// Output:
	// The code would travel in the clear.
	// expected: 400 invalid_redirect_uri [redirect_uris.https]
	// found: 400 invalid_redirect_uri
}
