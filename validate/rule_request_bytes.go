package validate

import "github.com/obdcr/obdcr/internal/rule"

// requestBytesRules are the rows about the bytes of a request. A server notices them
// before it reads the request. A lint judges them, because it alone has a file.
var requestBytesRules = []Rule{
	{
		ID:       rule.RequestSize,
		Summary:  "The request has at most 65536 bytes.",
		Reason:   "A server reads a request before it knows the sender; a real one has a few KiB.",
		Bad:      "a request of 65537 bytes",
		Good:     "a request of a few KiB",
		Citation: Citation{Spec: "RFC 9110", Section: "section 15.5.14", URL: urlRFC + "rfc9110#section-15.5.14"},
		Basis:    BasisStricter,
		Stricter: "The text lets a server refuse content that is larger than it is willing to read, and names no size.",
		Status:   413,
		Step:     StepReadRequest,
		Fix:      "make the request smaller: most of it is the software statement and the redirect URIs",
	},
	{
		// A bank verifies what was signed, byte for byte, and reads nothing around it.
		ID:       rule.InputEncoding,
		Summary:  "The file of a token holds the token and nothing around it: no line break, no byte order mark, no UTF-16.",
		Reason:   "Editors, echo and shells add such bytes; a bank to which the file is sent as it is answers 400.",
		Bad:      "a token with a line break at its end",
		Good:     "a token and nothing else",
		Citation: rfc("7515", "7.1"),
		Basis:    BasisShould,
		Step:     StepReadRequest,
		Fix:      "send the token alone; curl does so with --data-binary and a file without the line break",
	},
}
