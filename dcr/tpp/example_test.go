package tpp_test

import (
	"context"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

func ExampleLint() {
	policy := validate.DefaultPolicy(validate.OBIE33)
	validator, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	must(err)
	result, err := tpp.Lint(context.Background(), tpp.LintInput{
		Request: `{"grant_types": "client_credentials"}`, Validator: validator, Now: time.Unix(1_790_000_000, 0),
	})
	must(err)
	for _, v := range result.Report.Violations {
		if v.Pointer == "/grant_types" {
			fmt.Println(v.Rule, v.Pointer, v.Message)
		}
	}
	// Output: request.member.type /grant_types is a string, must be an array of strings
}

func ExampleBuildRequest() {
	directory, err := ssatest.New(ssatest.Options{})
	must(err)
	defer directory.Close()
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	must(err)
	token, err := tpp.BuildRequest(software.Request(), software.SigningKey, software.SigningKeyID, claims.PS256)
	must(err)
	request, err := dcr.ParseRequest(token)
	must(err)
	fmt.Println(request.UnverifiedHeader().Algorithm.Or(""), request.UnverifiedClaims().ApplicationType.Or(""))
	// Output: PS256 web
}
