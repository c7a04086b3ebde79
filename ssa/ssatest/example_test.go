package ssatest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// A test mints a statement that is too old, and sees it refused.
func ExampleNew() {
	directory, err := ssatest.New(ssatest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer directory.Close()
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := software.SSA(map[string]any{"iat": time.Now().Add(-48 * time.Hour).Unix()})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{directory.Anchor()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	statement, err := ssa.Parse(token)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = verifier.Verify(context.Background(), statement)
	fmt.Println(errors.Is(err, ssa.ErrTooOld))
	// Output: true
}
