package conform

import (
	"net/http"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/validate"
)

// wanted is what a refusal may look like.
type wanted struct {
	statuses []int
	codes    []string
}

// wantedFor is what the rules of package validate say about a refusal by one of them.
func wantedFor(rules []string) wanted {
	var w wanted
	for _, id := range rules {
		r, _ := validate.RuleByID(id)
		status, code := r.Status, string(r.Code)
		if status == 0 {
			status = http.StatusBadRequest
			if code == "" {
				code = string(validate.InvalidClientMetadata)
			}
		}
		if !slices.Contains(w.statuses, status) {
			w.statuses = append(w.statuses, status)
		}
		if code != "" && !slices.Contains(w.codes, code) {
			w.codes = append(w.codes, code)
		}
	}
	return w
}

func (w wanted) String() string {
	said := "a refusal: status " + either(w.statuses)
	if len(w.codes) > 0 {
		said += " with the error " + strings.Join(w.codes, " or ")
	}
	return said
}

// expectRefusal ends the case unless the bank refuses the request as the rules say that it breaks.
// A bank that accepts has failed, unless each of the rules is one that the bank need not have.
func (p *play) expectRefusal(x *Exchange, rules ...string) {
	p.expectAnswer(x)
	want := wantedFor(rules)
	if x.status() < 300 {
		if open := p.run.open(rules); open != "" {
			p.allowed(open, "the bank accepts what this rule refuses")
		}
		if p.policyTakes(x, rules) {
			p.allowed("policy", "it takes this request")
		}
		p.fail("%s", want)
	}
	if !slices.Contains(want.statuses, x.status()) {
		p.fail("%s", want)
	}
	if len(want.codes) == 0 || slices.Contains(want.codes, x.code()) || x.status() != http.StatusBadRequest {
		return
	}
	if !p.run.config.Stricter && slices.Contains(registrationCodes(), x.code()) {
		p.allowed("error", "the bank refuses with %s, where %s would say more", x.code(), strings.Join(want.codes, " or "))
	}
	p.fail("%s", want)
}

// registrationCodes are the error codes of RFC 7591 section 3.2.2.
func registrationCodes() []string {
	return []string{string(validate.InvalidRedirectURI), string(validate.InvalidClientMetadata),
		string(validate.InvalidSoftwareStatement), string(validate.UnapprovedSoftwareStatement)}
}

// open names the first rule that the bank need not hold; "" if it has to hold one of them.
func (r *run) open(rules []string) string {
	for _, id := range rules {
		rule, ok := validate.RuleByID(id)
		if !ok {
			return ""
		}
		switch rule.Basis {
		case validate.BasisMust:
			return ""
		case validate.BasisStricter:
			if r.config.Stricter {
				return ""
			}
		case validate.BasisPolicy, "":
			if r.config.Policy != nil {
				return ""
			}
		}
	}
	if len(rules) == 0 {
		return ""
	}
	return rules[0]
}

// policyTakes reports whether the request of an exchange breaks none of the rules by the policy that the bank has given.
// Rules about keys, signatures and earlier requests are never open.
func (p *play) policyTakes(x *Exchange, rules []string) bool {
	external := func(id string) bool {
		rule, known := validate.RuleByID(id)
		return !known || rule.External
	}
	if p.run.validator == nil || len(rules) == 0 || slices.ContainsFunc(rules, external) {
		return false
	}
	result, err := tpp.Lint(p.ctx, tpp.LintInput{Request: x.Sent.Body, Validator: p.run.validator, Now: p.run.config.Clock(),
		Update: x.Sent.Method == http.MethodPut, Certificate: p.software().Certificate.Leaf})
	return err == nil && result.Report.Valid()
}
