package validate

import "github.com/obdcr/obdcr/internal/rule"

// inputFix is the fix of the row about the input.
const inputFix = "make the Validator with New and give Judge an Input"

// inputRules are the rows about the input of Judge itself. Judge reports them before it
// looks at any other row.
var inputRules = []Rule{
	{
		ID:       rule.ValidateInput,
		Summary:  "There is a request or a software statement to judge.",
		Reason:   "A report about nothing must not pass for a valid one.",
		Bad:      "neither a request nor a statement",
		Good:     "a request",
		Citation: rfc("7591", "3.1"),
		Basis:    BasisMust,
		Fix:      inputFix,
	},
}
