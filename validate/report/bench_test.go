package report_test

import (
	"io"
	"strings"
	"testing"

	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

// BenchmarkReport is the cost of one file of many: a valid one, which must be small beside a
// judgement with two signatures, and one with some findings.
func BenchmarkReport(b *testing.B) {
	valid, invalid := (*report.Result)(nil), (*report.Result)(nil)
	for _, r := range judgedVectors(b) {
		switch found := len(r.Report.Violations); {
		case found == 0 && valid == nil:
			valid = r
		case found > 3 && invalid == nil:
			invalid = r
		}
	}
	good := validate.Check{State: validate.CheckGood}
	valid.Checks = validate.Checks{RequestSignature: good, StatementSignature: good, Audience: good, Certificate: good}
	for name, r := range map[string]*report.Result{"valid": valid, "invalid": invalid} {
		for _, f := range report.Formats() {
			for _, many := range []bool{true, false} {
				b.Run(strings.Join([]string{name, string(f), map[bool]string{true: "many", false: "one"}[many]}, "/"), func(b *testing.B) {
					w, err := report.NewWriter(io.Discard, report.WriterOptions{Format: f, Many: many})
					if err != nil {
						b.Fatal(err)
					}
					b.ReportAllocs()
					for b.Loop() {
						if err := w.Add(r); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
