// Package validate judges a Dynamic Client Registration request. It holds the rules
// of the OBIE specification's versions as a table, reads a bank's policy, and reports
// every violation at once.
//
// Call [DefaultPolicy] with a [Profile] and name the bank's audiences in the result.
// Then make a [Validator] with [New] and pass decoded headers and claims to its
// method Judge:
//
//	policy := validate.DefaultPolicy(validate.OBIE33)
//	policy.Audiences = []string{"0015800000jfwxXAAQ"}
//	v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
//	...
//	report := v.Judge(&validate.Input{Request: request, SSA: statement, Now: time.Now()})
//	if !report.Valid() {
//		return report.Wire() // error and error_description of RFC 7591
//	}
//
// # A policy as a file
//
// [ParsePolicy] reads a policy from strict JSON; members that are left out keep the value
// of the profile's default policy. json.Marshal writes a policy with all members.
// [PolicySchema] returns the JSON Schema for editors. docs/policy.md explains each member.
//
// # What is promised
//
// The rules see plain values: no token, no key, no clock, no network. Judge is
// deterministic and changes nothing. It may run on many goroutines at once. A valid
// request costs a few microseconds. One fault gives one violation: a rule whose
// precondition is missing does not apply, and another rule reports the absence.
//
// Rule IDs are stable; each is a constant such as [RuleRedirectURIsSubsetOfSSA].
// Messages are not stable.
//
// Judge proves nothing about the sender of a request. The packages ssa and dcr check
// the signatures of the request and the software statement, and add what they find to
// the report through [Input.Extra].
//
// # Own rules
//
// [Rules] returns a fresh slice. A bank appends rows of its own or drops ours by
// ID, and passes the result as [Config.Rules].
//
// # Showing a report
//
// Package validate/report writes a report for people, programs, code scanning and CI.
package validate
