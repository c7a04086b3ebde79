package conform_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/validate"
)

// otherMethod begins the cases of vectors for a bank without client_secret_basic.
const otherMethod = "vector.token_endpoint_auth_method."

// TestAllPassesInEachProfileByEachMethod: a bank that keeps the rules fails no case, whatever its profile is and
// however its clients authenticate.
func TestAllPassesInEachProfileByEachMethod(t *testing.T) {
	t.Parallel()
	methods := claims.AuthMethods()
	for i, profile := range validate.Profiles() {
		for j, method := range methods {
			filter := []string(nil)
			if !fulltest.Asked() {
				if j != i {
					continue
				}
				filter = []string{"method.*", "register.v*", "get.own", "update.same", "update.method", "delete.own", "token.granted", "answer.no-store-*"}
			}
			t.Run(string(profile)+" "+string(method), func(t *testing.T) {
				t.Parallel()
				bank := dcrtest.NewBank(t, dcrtest.WithProfile(profile), dcrtest.WithPolicy(func(p *validate.Policy) {
					p.AuthMethods = []claims.AuthMethod{method}
					if method.NeedsSecret() {
						p.Widenings = append(p.Widenings, validate.Widening(method))
					}
				}))
				c := configOf(t, bank)
				c.Parallel, c.Filter, c.Request.AuthMethod = 2, filter, method
				report := run(t, c)
				for _, r := range report.Results {
					if r.ID == "discovery.fapi-methods" && method.NeedsSecret() {
						require.Equal(t, conform.Allowed, r.Verdict)
						continue
					}
					if method == claims.ClientSecretBasic && strings.HasPrefix(r.ID, otherMethod) && r.Verdict == conform.Allowed {
						continue
					}
					require.Contains(t, []conform.Verdict{conform.Passed, conform.NotOffered, conform.NotRun}, r.Verdict, "%s: %s %s", r.ID, r.Reason, r.Expected)
				}
				require.Empty(t, report.Left)
				require.Greater(t, report.Counts[conform.Passed], len(report.Results)/2)
			})
		}
	}
}
