package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/vectors"
	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/validate"
)

// convert makes a draft of each expectation of a decoded vector.
func convert(v *vectors.Vector) ([]draft, error) {
	var all []draft
	for i, e := range v.Expect {
		name, comment := v.Name, v.Comment
		if i != plain(v) {
			name += "." + string(e.Profiles[0])
			comment = "In " + string(e.Profiles[0]) + ": " + comment
		}
		d, err := convertOne(v, &e, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		d.vector.Comment = comment
		all = append(all, d)
	}
	return all, nil
}

// plain is the place of the expectation that has the vector's own name: that of the default
// profile, or the first.
func plain(v *vectors.Vector) int {
	return max(0, slices.IndexFunc(v.Expect, func(e vectors.Expectation) bool { return slices.Contains(e.Profiles, validate.OBIE33) }))
}

// profileOf is the profile that an expectation is judged in.
func profileOf(e *vectors.Expectation) validate.Profile {
	if slices.Contains(e.Profiles, validate.OBIE33) {
		return validate.OBIE33
	}
	return e.Profiles[0]
}

func convertOne(v *vectors.Vector, e *vectors.Expectation, name string) (draft, error) {
	d := draft{vector: signed.Vector{
		Name: name, Comment: v.Comment, Kind: signed.Request, Profile: profileOf(e), Policy: v.Policy, Audience: audience, Now: v.Clock,
		Directory: signed.TrustedDirectory{Issuer: issuer, Environment: v.Environment, JWKSHosts: []string{keyHost}},
		Update:    v.Update != nil,
		Expect:    signed.Expect{Valid: e.Valid, Rules: rulesOf(e, validate.SeverityError), Warnings: rulesOf(e, validate.SeverityWarning)},
	}, wire: e.Wire, status: e.Status}
	var errs [4]error
	d.header, errs[0] = read(v.Header)
	d.request, errs[1] = read(v.Request)
	d.ssaHeader, errs[2] = read(v.SSAHeader)
	d.ssa, errs[3] = read(v.SSA)
	for _, err := range errs {
		if err != nil {
			return d, err
		}
	}
	if d.vector.Directory.Environment == "" {
		d.vector.Directory.Environment = environmentOf(d.ssa)
	}
	d.decides = decider(v.Rule, e)
	if v.Certificate != nil {
		d.subject = v.Certificate.DER
	}
	if v.Update != nil {
		d.published = v.Update.TransportSubjects
	}
	if policy, err := v.PolicyFor(d.vector.Profile); err != nil || len(policy.Audiences) > 0 {
		d.vector.Audience = ""
	}
	d.amend(v.Name)
	return d, nil
}

func read(data []byte) (d document, err error) {
	if data == nil {
		return nil, nil
	}
	return d, json.Unmarshal(data, &d)
}

// environmentOf is the environment of the directory that issues such statements.
func environmentOf(ssa document) claims.Environment {
	if string(ssa["software_environment"]) == `"production"` {
		return claims.Production
	}
	return claims.Sandbox
}

// rulesOf returns the rules of violations of a severity, sorted.
func rulesOf(e *vectors.Expectation, of validate.Severity) []string {
	ids := []string{}
	for _, f := range e.Violations {
		if f.Severity == of {
			ids = append(ids, f.Rule)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// decider is the rule that decides the answer: the one that the vector is about, if it is
// broken, or the first with the code of the answer.
func decider(about string, e *vectors.Expectation) string {
	first := ""
	for _, f := range e.Violations {
		if f.Severity != validate.SeverityError || f.Code != e.Wire {
			continue
		}
		if f.Rule == about {
			return about
		}
		if first == "" {
			first = f.Rule
		}
	}
	return first
}

// distinguish makes the comments of drafts differ: those that several have begin with what
// each is about, or with its name.
func distinguish(drafts []draft) {
	about := func(v *signed.Vector) string { return v.Name[:strings.IndexByte(v.Name, '/')+1] + v.Comment }
	count := map[string]int{}
	for i := range drafts {
		v := &drafts[i].vector
		count[v.Comment]++
		count[about(v)]++
	}
	for i := range drafts {
		v := &drafts[i].vector
		prefix, _, _ := strings.Cut(v.Name, "/")
		switch {
		case count[v.Comment] == 1:
			continue
		case count[about(v)] > 1:
			prefix = v.Name
		}
		v.Comment = prefix + ": " + v.Comment
	}
}
