package conform

import (
	"slices"
	"sync"

	"github.com/obdcr/obdcr/validate"
)

// Case is one conformance case.
type Case struct {
	ID       string            // stable: its group, a dot and a name
	Title    string            // what a bank must do, a sentence
	Group    string            // such as register, get, token, tls
	Citation validate.Citation // the clause that demands it
	Rules    []string          // IDs of package validate that it is about; may be empty
	OBIE     []string          // scenarios of the OBIE conformance tool that it covers; may be empty
	Needs    []Need            // without these it is not offered, or not run
	Alone    bool              // no other case may run beside it
	run      func(*play)
}

// Need is something that a case cannot do without.
type Need string

// What a case may need.
const (
	NeedGet       Need = "get"        // the bank offers GET
	NeedPut       Need = "put"        // the bank offers PUT
	NeedDelete    Need = "delete"     // the bank offers DELETE
	NeedToken     Need = "token"      // a token endpoint that gives client_credentials tokens
	NeedMint      Need = "mint"       // statements with other claims, signed by the directory: Software.Mint
	NeedSecondTPP Need = "second_tpp" // a second software with keys of its own: Config.Second
)

// Cases returns all cases, group by group, in the order of a report.
func Cases() []Case { return slices.Clone(allCases()) }

// allCases are made when they are first asked for: a program that links this package and plays no case starts without them.
var allCases = sync.OnceValue(func() []Case {
	return slices.Concat(discoveryCases, registerCases(), httpCases(), joseCases(), statementCases(), answerCases(), manageCases(),
		updateCases(), tokenCases(), methodCases(), securityCases(), certificateCases(), tlsCases(), vectorCases())
})

// Verdict is what became of a case.
type Verdict string

// The verdicts; the package comment tells them apart.
const (
	Passed     Verdict = "passed"
	Failed     Verdict = "failed"
	Allowed    Verdict = "allowed"
	NotOffered Verdict = "not_offered"
	NotRun     Verdict = "not_run"
	Errored    Verdict = "error"
)

// Verdicts returns all verdicts, the worst first.
func Verdicts() []Verdict {
	return []Verdict{Failed, Errored, Passed, Allowed, NotOffered, NotRun}
}
