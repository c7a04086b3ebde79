package report_test

import (
	"fmt"
	"os"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

func ExampleWriter() {
	const payload = `{"iat": 1795690842, "exp": 1795694442, "scope": "openid acounts"}`
	request, faults, err := claims.DecodeRequest(payload)
	if err != nil {
		fmt.Println(err)
		return
	}
	row, _ := validate.RuleByID(validate.RuleScopeSupported)
	judge, err := validate.New(validate.Config{
		Profile: validate.OBIE33, Policy: validate.DefaultPolicy(validate.OBIE33), Rules: []validate.Rule{row},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	found := judge.Judge(&validate.Input{Request: request, RequestFaults: faults, Now: time.Unix(1795690850, 0)})
	w, err := report.NewWriter(os.Stdout, report.WriterOptions{Format: report.FormatText})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = w.Add(&report.Result{
		Name: "claims.json", Report: found, Source: []byte(payload), Judged: validate.DocRequest,
		Documents: map[validate.Document][]byte{validate.DocRequest: []byte(payload)},
		Checks:    validate.Checks{Audience: validate.Check{State: validate.CheckNotChecked, Note: "name the bank"}},
	})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// claims.json   audience not checked: name the bank
	// error  scope.supported  /scope
	//     1 | {"iat": 1795690842, "exp": 1795694442, "scope": "openid acounts"}
	//       |                                                         ^^^^^^^
	//       | names acounts, which this bank does not support; near: accounts
	//       = want: openid, accounts, payments, fundsconfirmations
	//       = fix: write accounts
	//
	// The bank would answer: 400 invalid_client_metadata
	// scope.supported: OBIE DCR 3.3, data dictionary, scope
	// 1 error
}
