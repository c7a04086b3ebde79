package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/validate"
)

// trick is a row of the tables: something that is done to a token which is good otherwise.
type trick struct {
	name, comment string
	forgery       forgery
	// rules are those that are broken in a request, the one that decides the answer first.
	// Of a statement they are their counterparts, or ssa where that is set.
	rules, ssa []string
	warnings   []string
	only       string   // request or statement; "": both
	in         []string // rules of a statement in a request, where they are others than those of one alone
	// tolerated: a bank refuses it by rules, and a lint has warnings alone.
	tolerated bool
}

// and adds a rule that is broken in a request too, and not in a statement.
func (t trick) and(id string) trick {
	t.ssa = []string{counterpart(t.rules[0])}
	t.rules = append(t.rules, id)
	return t
}

// asText says that in a request the statement is no text that JSON should hold.
func (t trick) asText() trick {
	t.in = []string{validate.RuleSoftwareStatementType}
	return t
}

// counterparts are the rules of a statement by those of a request.
var counterparts = map[string]string{
	validate.RuleRequestJWS: validate.RuleSSAJWS, validate.RuleRequestSignature: validate.RuleSSASignature,
	validate.RuleRequestKeyFound: validate.RuleSSAKeyFound, validate.RuleRequestMemberType: validate.RuleSSAMemberType,
	validate.RuleRequestUnknownMember: validate.RuleSSAUnknownMember,
}

// counterpart returns the rule of a statement for one of a request.
func counterpart(id string) string {
	switch of, there := counterparts[id]; {
	case there:
		return of
	case strings.HasPrefix(id, "header."):
		return "ssa." + id
	}
	return id
}

// drafts makes a request with the trick in it, one with the trick in its statement, and the
// statement alone.
func (t *trick) drafts(b *base, topic string) []draft {
	var all []draft
	if t.only != "statement" {
		all = append(all, t.draft(b, topic, "", "Request: "))
	}
	if t.only != "request" {
		all = append(all, t.draft(b, topic, "statement", "Statement in a request: "), t.draft(b, topic, "alone", "Statement alone: "))
	}
	return all
}

func (t *trick) draft(b *base, topic, of, where string) draft {
	d := b.draft(topic+"/"+t.name, where+t.comment)
	f := t.forgery
	d.forge = &f
	rules, warnings := t.rules, t.warnings
	if of != "" {
		f.statement = true
		d.vector.Name += "." + of
		rules, warnings = nil, nil
		for _, id := range t.rules {
			rules = append(rules, counterpart(id))
		}
		for _, id := range t.warnings {
			warnings = append(warnings, counterpart(id))
		}
		if t.ssa != nil {
			rules = t.ssa
		}
	}
	if of == "statement" && t.in != nil {
		rules = t.in
	}
	if of == "alone" {
		d.vector.Kind = signed.Statement
		rules = slices.DeleteFunc(slices.Clone(rules), func(id string) bool { return !ofStatement(id) })
	}
	d.expects(rules, warnings)
	if t.tolerated {
		d.vector.Expect.Valid, d.vector.Expect.Rules = true, []string{}
	}
	return d
}

// ofStatement reports whether a rule is about a statement alone.
func ofStatement(id string) bool { return strings.HasPrefix(id, "ssa.") }

// expects sets what is expected: the rules, of which the first decides the answer.
func (d *draft) expects(rules, warnings []string) {
	e := &d.vector.Expect
	e.Rules, e.Warnings = sorted(rules), sorted(warnings)
	if e.Valid = len(rules) == 0; e.Valid {
		return
	}
	d.decides = rules[0]
	row, known := validate.RuleByID(d.decides)
	if !known {
		panic("generate: " + d.vector.Name + ": there is no rule " + d.decides)
	}
	d.status, d.wire = row.Status, row.Code
	if d.status == 0 && d.wire == "" {
		d.wire = validate.InvalidClientMetadata
	}
}

func sorted(ids []string) []string {
	list := slices.Clone(ids)
	slices.Sort(list)
	if list == nil {
		return []string{}
	}
	return slices.Compact(list)
}

// draft makes a good request.
func (b *base) draft(name, comment string) draft {
	now, err := time.Parse(time.RFC3339, b.Clock)
	if err != nil {
		panic("generate: base.json: " + err.Error())
	}
	return draft{
		vector: signed.Vector{Name: name, Comment: comment, Kind: signed.Request, Profile: validate.OBIE33, Audience: audience, Now: now,
			Directory: signed.TrustedDirectory{Issuer: issuer, Environment: "sandbox", JWKSHosts: []string{keyHost}}},
		header: maps.Clone(b.Header), request: maps.Clone(b.Request), ssaHeader: maps.Clone(b.SSAHeader), ssa: maps.Clone(b.SSA),
	}
}

// tables are the tables by topic.
func tables() map[string][]trick {
	return map[string][]trick{
		"jose_header": headerTricks(), "jose_bytes": byteTricks(), "jose_signature": signatureTricks(), "json": jsonTricks(),
	}
}

// tricks makes the drafts of all tables.
func tricks(b *base) ([]draft, error) {
	var all []draft
	for topic, table := range tables() {
		for i := range table {
			if strings.Contains(table[i].name, " ") {
				return nil, fmt.Errorf("%s: a name with a blank", table[i].name)
			}
			all = append(all, table[i].drafts(b, topic)...)
		}
	}
	return all, nil
}
