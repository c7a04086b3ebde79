package judge_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/internal/fulltest"
)

// each is the distance of the vectors of one bank that an ordinary run plays.
const each = 6

// groupOf is the same for vectors that one bank can judge.
func groupOf(v *signed.Vector) string {
	return strings.Join([]string{string(v.Profile), string(v.Policy), v.Audience, string(v.Directory.Environment), v.Directory.Issuer,
		strings.Join(v.Directory.JWKSHosts, " ")}, "\n")
}

// byBank returns the vectors that are wanted, in groups for one bank each. An ordinary run gets
// each sixth of a group, from the first on, and the first of all vectors that break the same
// rules, as a registration and as an update: the library judges all of them.
func byBank(t *testing.T, wanted func(*signed.Vector) bool) map[string][]*signed.Vector {
	t.Helper()
	groups, met, broken := map[string][]*signed.Vector{}, map[string]int{}, map[string]bool{}
	all := load(t)
	played, of := 0, 0
	for i := range all {
		v := &all[i]
		if !wanted(v) {
			continue
		}
		group, rules := groupOf(v), fmt.Sprint(v.Update, v.Expect.Rules, v.Expect.Warnings)
		if fulltest.Asked() || met[group]%each == 0 || !broken[rules] {
			groups[group] = append(groups[group], v)
			played++
		}
		met[group]++
		broken[rules] = true
		of++
	}
	if !fulltest.Asked() {
		t.Logf("%d of %d vectors are played: OBDCR_FULL=1 plays all", played, of)
	}
	return groups
}
