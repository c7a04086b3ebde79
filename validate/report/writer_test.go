package report_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

func TestChecksAreNoNewsToPeopleWhereNothingWasDecoded(t *testing.T) {
	v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: validate.DefaultPolicy(validate.OBIE33)})
	require.NoError(t, err)
	wrong := validate.Violation{Rule: validate.RuleRequestJWS, Document: validate.DocRequest, Message: "this is another file"}
	result := &report.Result{Name: "a", Report: v.Judge(&validate.Input{Now: time.Unix(1, 0), Extra: []validate.Violation{wrong}}),
		Checks: validate.Checks{RequestSignature: validate.Check{State: validate.CheckNotChecked}}}
	for format, told := range map[report.Format]bool{report.FormatText: false, report.FormatConcise: false, report.FormatJSON: true} {
		for _, decoded := range []bool{false, true} {
			if result.Documents = nil; decoded {
				result.Documents = map[validate.Document][]byte{validate.DocRequest: []byte(`{}`)}
			}
			var out bytes.Buffer
			w, err := report.NewWriter(&out, report.WriterOptions{Format: format})
			require.NoError(t, err)
			require.NoError(t, w.Add(result))
			require.NoError(t, w.Close())
			require.Equal(t, told || decoded, bytes.Contains(out.Bytes(), []byte("checked")), "%s, decoded %v:\n%s", format, decoded, &out)
		}
	}
}
