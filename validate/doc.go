// Package validate judges a Dynamic Client Registration request: it holds the
// rules of the OBIE specification's versions as a table, a bank's policy, and
// reports every violation at once.
//
// Start with [DefaultPolicy] of a [Profile], name the bank's audiences in it,
// make a [Validator] with [New], and hand it decoded headers and claims:
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
// # What is promised
//
// The rules see plain values: no token, no key, no clock, no network. Judge is
// deterministic, changes nothing, may run on many goroutines, and a valid
// request costs a few microseconds. A fault gives one violation: a rule whose
// precondition is missing does not apply, and another rule reports the absence.
// Rule IDs are stable; messages are not.
//
// Judging proves nothing about who sent a request: the signatures of request and
// software statement are for the packages ssa and dcr to check. What they find
// enters the report through [Input.Extra].
//
// # Own rules
//
// [Rules] returns a fresh slice. A bank appends rows of its own or drops ours by
// ID, and passes the result as [Config.Rules].
//
// # Showing a report
//
// Package validate/report writes one for people, programs, code scanning and CI.
package validate
