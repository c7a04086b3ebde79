package tpp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// FuzzLint: whatever a file holds, a lint ends with a report. A report that is not valid has
// an answer, which is fit for the wire. What a bank cannot parse has one too.
func FuzzLint(f *testing.F) {
	now := time.Unix(1_790_000_000, 0)
	directory, err := ssatest.New(ssatest.Options{Clock: func() time.Time { return now }})
	require.NoError(f, err)
	f.Cleanup(directory.Close)
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{Algorithm: claims.ES256})
	require.NoError(f, err)
	request := software.Request()
	token, err := software.Sign(&request)
	require.NoError(f, err)
	anchor := directory.Anchor()
	v, err := tpp.AnyBank(validate.OBIE33)
	require.NoError(f, err)
	for _, seed := range []string{token, token + "\n", "\uFEFF" + token, token[:100], "a.b.c.d.e", "..", "{}", `{"payload": "e30", "signature": "e30"}`, "\xff\xfe{\x00}\x00"} {
		f.Add(seed, "")
		f.Add("", seed)
	}
	f.Add(`{"iss": 1}`, `{"software_id": []}`)
	f.Fuzz(func(t *testing.T, request, statement string) {
		result, err := tpp.Lint(t.Context(), tpp.LintInput{Request: request, Statement: statement, Validator: v, Now: now, Anchor: &anchor,
			SoftwareKeys: directory.Resolver(), Certificate: software.TransportCertificate.Leaf})
		if request == "" && statement == "" {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		wire := result.Report.Wire()
		require.True(t, result.Report.Valid() || wire != nil)
		if wire != nil {
			require.Equal(t, wire.Status == 400, wire.Error != "")
			require.NotEmpty(t, wire.Description)
			require.LessOrEqual(t, len(wire.Description), validate.MaxDescription)
			require.True(t, text.Printable(wire.Description))
		}
		decoded, _ := text.Decode(request)
		if _, malformed := ssa.ParseSigned(request); malformed != nil && !strings.HasPrefix(strings.TrimSpace(decoded), "{") && request != "" {
			require.NotNil(t, wire, "a bank cannot parse this")
		}
	})
}
