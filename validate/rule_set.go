package validate

import (
	"crypto/sha256"
	"encoding/hex"
)

// ruleSetDigits is how many hexadecimal digits of a hash a RuleSet has: 48 bits.
const ruleSetDigits = 12

// RuleSet names what the Validator judges by, in a text of less than 60 characters that is the
// same for the same rules and the same policy, such as
//
//	obie-3.3 rules:3f6b0c1d9a52 policy:b7e012c4d8f9
//
// The first word is the profile. The second is a hash of the identifier, the severity and the
// basis of each rule of the profile, in the order of the table, rules of the bank's own
// included. The third is a hash of the policy as JSON. The audit trail has it for each change.
// Each call computes it, in less than a millisecond.
func (v *Validator) RuleSet() string {
	rules := sha256.New()
	for i := range v.rules {
		r := &v.rules[i]
		for _, part := range [...]string{r.ID, string(r.Severity), string(r.Basis)} {
			_, _ = rules.Write(append([]byte(part), 0)) // which never fails
		}
	}
	policy := sha256.Sum256(policyTable.Write(nil, &v.policy))
	return string(v.profile) + " rules:" + hex.EncodeToString(rules.Sum(nil))[:ruleSetDigits] + " policy:" + hex.EncodeToString(policy[:])[:ruleSetDigits]
}
