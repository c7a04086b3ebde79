package dcr

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
)

// AuditDecision is what an entry of the audit trail says of a change (store.Audit.Decision). Each
// change that a Registrar commits has one; a write that says no more than who works on a record
// at the moment leaves no entry. The State of the entry tells what is in force after it.
type AuditDecision string

// The decisions.
const (
	// DecisionBegun is the first write of a change that has more steps. A creation or an
	// update is not in force yet; it ends Done, Pending or Undone. A deletion is: the client and
	// its tokens are dead here, and it ends Done or Forgotten once the authorization server was
	// told.
	DecisionBegun AuditDecision = "begun"
	// DecisionDone is the last write of a change, or the only one: the change is in force.
	DecisionDone AuditDecision = "done"
	// DecisionUndone takes a change back that had begun or was approved. By ActorBank it is
	// Reconcile's.
	DecisionUndone AuditDecision = "undone"
	// DecisionKept stores what the authorization server decided about a client whose change
	// goes on, or is taken back.
	DecisionKept AuditDecision = "kept"
	// DecisionPending leaves a change to a person.
	DecisionPending AuditDecision = "pending"
	// DecisionApproved is a person's yes to a change that waited. A registration is in force
	// where the State is active. Where it is creating, and for a deletion, further entries
	// follow as after Begun.
	DecisionApproved AuditDecision = "approved"
	// DecisionRefused is a person's no to a change that waited.
	DecisionRefused AuditDecision = "refused"
	// DecisionExpired ends a change that nobody decided on in the policy's time.
	DecisionExpired AuditDecision = "expired"
	// DecisionForgotten gives up a deletion that could not be completed (Registrar.Forget): the
	// authorization server may still have the client.
	DecisionForgotten AuditDecision = "forgotten"
	// DecisionDenied is a no to what a person asked for: no record changed (Registrar.Note). The
	// reason names the rule.
	DecisionDenied AuditDecision = "denied"
)

// AuditDecisions returns each of them, in a fresh slice.
func AuditDecisions() []AuditDecision {
	return []AuditDecision{DecisionBegun, DecisionDone, DecisionUndone, DecisionKept, DecisionPending, DecisionApproved, DecisionRefused,
		DecisionExpired, DecisionForgotten, DecisionDenied}
}

// The reasons that the bank's own process gives.
const (
	reasonExpired    = "nobody decided in the time of the policy"
	reasonHalfWay    = "it stopped half-way"
	reasonRefused    = "the authorization server refused it"
	reasonWithdrawn  = "its TPP withdrew it"
	reasonIncomplete = "it could not be completed"
)

const (
	maxActorName  = 200  // bytes of an actor's name in the audit trail
	maxAuditJTI   = 200  // bytes of a statement's jti
	maxAuditValue = 1024 // bytes of a member's value; of a longer one the trail has the beginning and a hash
)

// trail makes the writes of one operation, each with what the audit trail says of it. stored is
// the record as it was stored last, nil for none.
type trail struct {
	r      *Registrar
	op     Operation
	by     Actor
	reason string
	stored *store.Client
	ends   *endings // the subscriptions that end with the write that puts an update in force; nil for none
	known  []statementFacts
}

// trail returns the trail of an operation on a record, nil for none. The statements are those
// that were verified already.
func (r *Registrar) trail(op Operation, by Actor, stored *store.Client, statements ...*ssa.Verified) *trail {
	t := &trail{r: r, op: op, by: by, stored: stored}
	for _, s := range statements {
		if s != nil {
			t.known = append(t.known, factsOf(s))
		}
	}
	return t
}

// statementFacts are what the trail says of a software statement.
type statementFacts struct {
	token    string
	jti      string
	issuedAt claims.Optional[int64]
	roles    []claims.Role
}

func factsOf(s *ssa.Verified) statementFacts {
	c := s.Claims()
	return statementFacts{token: s.Token(), jti: c.JWTID.Or(""), issuedAt: c.IssuedAt, roles: c.SoftwareRoles.Or(claims.Roles{}).Values}
}

// facts returns what the trail says of the statement of a record. It knows nothing of one whose
// directory is not trusted any more.
func (t *trail) facts(c *store.Client) statementFacts {
	if i := slices.IndexFunc(t.known, func(f statementFacts) bool { return f.token == c.SoftwareStatement }); i >= 0 {
		return t.known[i]
	}
	facts := statementFacts{token: c.SoftwareStatement}
	if statement, err := t.r.reread(*c); err == nil {
		facts = factsOf(statement)
	}
	t.known = append(t.known, facts)
	return facts
}

// audit returns what the trail says of a write that replaces the record that is stored by
// after; nil for a removal.
func (t *trail) audit(d AuditDecision, after *store.Client) store.Audit {
	concerned := after
	if concerned == nil {
		concerned = t.stored
	}
	jti := strings.Clone(text.Clip(text.Visible(t.facts(concerned).jti), maxAuditJTI)) // an entry must not keep the whole statement in memory for it
	return store.Audit{Actor: string(t.by.Kind), ActorName: auditName(t.by), Operation: string(t.op), Decision: string(d), Reason: reasonText(t.reason),
		SSAJTI: jti, RuleSet: t.r.ruleSet, Changes: t.changes(t.stored, after)}
}

// auditName is the name of an actor as the trail has it. That of a contact is a hash: it is the
// name or the address of a person at the TPP, as a rule.
func auditName(by Actor) string {
	if by.Kind == ActorContact && by.Name != "" {
		sum := sha256.Sum256([]byte(by.Name))
		return hex.EncodeToString(sum[:])
	}
	return text.Clip(text.Visible(by.Name), maxActorName)
}
