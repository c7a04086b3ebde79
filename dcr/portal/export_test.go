package portal

import "time"

// Routes returns the patterns of all pages, each with who may see it: "all", "members" or
// "operators".
func (p *Portal) Routes() map[string]string {
	routes := map[string]string{}
	for _, r := range p.routes {
		routes[r.pattern] = [...]string{forAll: "all", forMembers: "members", forOperators: "operators"}[r.access]
	}
	return routes
}

// Back returns the path that a person comes back to who wanted to go to an address.
func (p *Portal) Back(address string) string { return p.back(address) }

// SetSearchTime sets how long a search by name may take.
func (p *Portal) SetSearchTime(d time.Duration) { p.searchTime = d }

// AnswerWait is how long a form waits for the answer of one that was done.
const AnswerWait = answerWait
