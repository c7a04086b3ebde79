package vectors_test

import (
	"fmt"
	"log"

	"github.com/obdcr/obdcr/dcr/vectors"
	"github.com/obdcr/obdcr/validate"
)

// A program of its own judges each vector and compares what it finds.
func Example() {
	all, err := vectors.Load()
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range all {
		if v.Name != "redirect_uris.https/plain-http" {
			continue
		}
		want, _ := v.ExpectedIn(validate.OBIE33)
		fmt.Println(v.Comment)
		fmt.Println(string(v.Header))
		fmt.Println("valid:", want.Valid, want.Wire)
		for _, f := range want.Violations {
			fmt.Println(f.Severity, f.Rule, f.Document, f.Pointer)
		}
	}
	// Output:
	// The code would travel in the clear.
	// {"alg":"PS256","kid":"hcgex1mTXPpA8QBZkqLRMv7WFY0","typ":"JWT"}
	// valid: false invalid_redirect_uri
	// error redirect_uris.https request /redirect_uris/0
	// notice ssa.software_redirect_uris.unfit ssa /software_redirect_uris/0
}
