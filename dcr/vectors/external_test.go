package vectors_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/validate"
)

// testedElsewhere names, for each rule that the table cannot judge, a test that the
// step which reports it does. Its vectors hold severity, code and profiles alone.
var testedElsewhere = map[string]string{
	"ssa.jws":                   "TestUntrustedTokensAreRefusedBeforeAnythingInThemIsUsed",
	"ssa.issuer.trusted":        "TestUntrustedTokensAreRefusedBeforeAnythingInThemIsUsed",
	"ssa.key.found":             "TestKeysThatAreNotFound",
	"ssa.signature":             "TestUntrustedTokensAreRefusedBeforeAnythingInThemIsUsed",
	"ssa.jwks_endpoint.host":    "TestUntrustedTokensAreRefusedBeforeAnythingInThemIsUsed",
	"request.size":              "TestARequestThatIsTooLongIsOneFinding",
	"input.encoding":            "TestBytesAroundATokenAreAWarningAndTheWireIsTheBanks",
	"certificate.validity":      "TestATransportCertificateIsJudgedByTheBanksChecks",
	"certificate.purpose":       "TestATransportCertificateIsJudgedByTheBanksChecks",
	"certificate.chain":         "TestATransportCertificateIsJudgedByTheBanksChecks",
	"certificate.binding":       "TestATransportCertificateIsJudgedByTheBanksChecks",
	"certificate.key.revoked":   "TestACertificateWithAWithdrawnKeyIsRefused",
	"certificate.subject":       "TestWithoutTheSoftwaresKeysACertificateIsNotChecked",
	"request.jws":               "TestUntrustedTokensAreRefusedBeforeAnythingInThemIsUsed",
	"request.key.found":         "TestUntrustedTokensAreRefusedBeforeAnythingInThemIsUsed",
	"request.key.revoked":       "TestAWithdrawnKeyIsRefusedThoughItIsStillInTheSet",
	"request.signature":         "TestUntrustedTokensAreRefusedBeforeAnythingInThemIsUsed",
	"request.jti.replayed":      "TestAReplayStoreOfItsOwnHoldsTheJTIByALease",
	"client_id.matches":         "TestAnUpdateNeverMovesAClient",
	"software_id.unchanged":     "TestAnUpdateNeverMovesAClient",
	"ssa.org_id.unchanged":      "TestAnUpdateNeverMovesAClient",
	"ssa.environment.unchanged": "TestAnUpdateNeverMovesAClientToAnotherEnvironment",
	"ssa.issuer.unchanged":      "TestAnUpdateNeverMovesAClientToAnotherDirectory",
	"ssa.recheck.age":           "TestEachReasonNotToAdmitAClientIsFoundAndNoOther",
	"ssa.iat.not_older":         "TestAnUpdateDoesNotGoBackToAnOlderStatement",
	"validate.input":            "TestNothingToJudgeIsNotValid",
}

func TestEachRuleThatTheTableCannotJudgeIsTestedWhereItIsReported(t *testing.T) {
	tests := testNames(t)
	external := map[string]bool{}
	for _, r := range validate.Rules() {
		if r.External {
			external[r.ID] = true
			assert.Contains(t, tests, testedElsewhere[r.ID], "%s: name its test here", r.ID)
		}
	}
	for id := range testedElsewhere {
		assert.True(t, external[id], "%s is no such rule", id)
	}
}

// testNames returns the names of the tests of the module.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "func Test"); ok {
				name, _, _ := strings.Cut(rest, "(")
				names["Test"+name] = true
			}
		}
		return err
	})
	require.NoError(t, err)
	return names
}
