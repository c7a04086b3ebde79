package portal

import (
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
)

// statementFacts are what the statement of a record says, which was verified when the record
// was stored. The zero SSA stands for one that cannot be read.
func statementFacts(c store.Client) *claims.SSA {
	statement, err := ssa.Parse(c.SoftwareStatement)
	if err != nil {
		return &claims.SSA{}
	}
	return statement.UnverifiedClaims()
}

// issued is when a statement was issued, and how long ago that is.
func (v *visit) issued(s *claims.SSA) fact {
	f := fact{Name: "Statement issued"}
	if at, there := s.IssuedAt.Get(); there && at >= 0 && at <= maxSeconds {
		f.Time = time.Unix(at, 0).UTC()
		f.Note = distance(f.Time, v.config.Clock())
	}
	return f
}

// attributesOf are the attributes of a record, as they are stored.
func attributesOf(c store.Client) []fact {
	var facts []fact
	for _, a := range c.Application.Attributes {
		f := several(a.Name, a.Values)
		f.CodeName, f.List = true, a.List
		facts = append(facts, f)
	}
	return facts
}

// factsOf are the facts of a record at the head of its page.
func (v *visit) factsOf(record, shown store.Client) []fact {
	s := statementFacts(shown)
	facts := []fact{{Name: "Client ID"}}
	if shown.ClientID != "" {
		facts[0].Values = []string{shown.ClientID}
	}
	if v.byID {
		facts = append(facts, fact{Name: "Name"}, fact{Name: "ID"})
		if name := v.nameOf(shown); name != "" {
			facts[1].Values = []string{name}
		}
	} else {
		facts = append(facts, fact{Name: "Software ID"})
	}
	if shown.Application.ID != "" {
		facts[len(facts)-1].Values = []string{shown.Application.ID}
	}
	organisation := fact{Name: "Organisation", Values: []string{shown.OrgID}}
	if name := s.OrgName.Or(""); name != "" {
		organisation.Values, organisation.Note = []string{text.Clip(name, maxShown)}, shown.OrgID
	}
	facts = append(facts, organisation, fact{Name: "Directory", Values: []string{shown.Issuer}},
		fact{Name: "Environment", Values: []string{string(shown.Environment)}}, fact{Name: "Created", Time: shown.IssuedAt}, v.issued(s))
	if record.State != store.Active {
		facts = append(facts, fact{Name: "In this state since", Time: record.Since})
	}
	return facts
}
