package conform

import (
	"fmt"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/validate"
)

// refusal is a row of a table of requests that a bank must refuse.
type refusal struct {
	id, title string
	rules     []string // that the request breaks, the one that it is about first
	needs     []Need
	obie      []string
	changes   func(*play) []change
}

// refused makes a case of a row: the request is sent as a registration.
func (r refusal) refused(group string) Case {
	return Case{ID: group + "." + r.id, Group: group, Title: r.title, Citation: citationOf(r.rules[0]), Rules: r.rules, Needs: r.needs, OBIE: r.obie,
		run: func(p *play) { p.expectRefusal(p.register(r.changes(p)...), r.rules...) }}
}

// refusals makes the cases of a table.
func refusals(group string, rows []refusal) []Case {
	all := make([]Case, 0, len(rows))
	for _, r := range rows {
		all = append(all, r.refused(group))
	}
	return all
}

// with is a row's changes where they need nothing of the play.
func with(changes ...change) func(*play) []change {
	return func(*play) []change { return slices.Clone(changes) }
}

// citationOf is the clause of a rule.
func citationOf(rule string) validate.Citation {
	r, _ := validate.RuleByID(rule)
	return r.Citation
}

// rfc cites a section of an RFC.
func rfc(number, section string) validate.Citation {
	return validate.Citation{Spec: "RFC " + number, Section: "section " + section,
		URL: "https://www.rfc-editor.org/rfc/rfc" + number + "#section-" + section}
}

// fapi cites a section of FAPI 1.0 Part 2.
func fapi(section string) validate.Citation {
	return validate.Citation{Spec: "FAPI 1.0 Part 2", Section: "section " + section,
		URL: "https://openid.net/specs/openid-financial-api-part-2-1_0.html#rfc.section." + section}
}

// discovery10 cites a section of OpenID Connect Discovery.
func discovery10(section string) validate.Citation {
	return validate.Citation{Spec: "OIDC Discovery 1.0", Section: "section " + section,
		URL: "https://openid.net/specs/openid-connect-discovery-1_0.html"}
}

// object is the answer as a JSON object; the case fails where it is none.
func (p *play) object(x *Exchange) map[string]any {
	p.expectAnswer(x)
	all, is := x.document().(map[string]any)
	if !is {
		p.fail("a JSON object as the body")
	}
	return all
}

// text is a member of the answer that must be a string.
func (p *play) text(x *Exchange, name string) string {
	value, is := p.object(x)[name].(string)
	if !is {
		p.fail("%s as a string in the answer", name)
	}
	return value
}

// words are the entries of a list, or the words of a string.
func words(value any) []string {
	switch v := value.(type) {
	case string:
		return strings.Fields(v)
	case []any:
		all := make([]string, 0, len(v))
		for _, one := range v {
			all = append(all, fmt.Sprint(one))
		}
		return all
	}
	return nil
}
