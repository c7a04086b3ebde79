package tpp

import (
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
	"github.com/obdcr/obdcr/validate"
)

// AnyBank makes the Validator of a lint that knows no bank: the default policy of a
// profile, without an audience. An aud that is an https URL is a warning and not an error,
// since banks may take their issuer. The error is that of [validate.New].
func AnyBank(p validate.Profile) (*validate.Validator, error) {
	rules := validate.Rules()
	for i := range rules {
		if rules[i].ID != validate.RuleAudFormat {
			continue
		}
		judge := rules[i].Check
		rules[i].Check = func(c *validate.Case) {
			if aud := c.Req().Audience.Or(claims.StringOrList{}); len(aud.Values) == 1 && isAddress(aud.Values[0]) {
				c.Warn("/aud", aud.Values[0], "the bank's identifier at the directory",
					"is a URL, which a bank takes only where it says so, as its issuer for instance")
				return
			}
			judge(c)
		}
	}
	return validate.New(validate.Config{Profile: p, Policy: validate.DefaultPolicy(p), Rules: rules})
}

// WithAudience returns a policy whose one accepted audience is aud, an identifier of the bank
// or a URL. The given policy does not change.
func WithAudience(p validate.Policy, aud string) validate.Policy {
	kind := validate.AudienceID
	if strings.Contains(aud, "://") {
		kind = validate.AudienceURL
	}
	p.Audiences = []string{aud}
	if !slices.Contains(p.AudienceKinds, kind) {
		p.AudienceKinds = append(slices.Clone(p.AudienceKinds), kind)
	}
	return p
}

// isAddress reports whether an aud is a URL, as a bank's issuer is.
func isAddress(aud string) bool {
	return uri.Scan(aud, uri.Relative|uri.NotHTTPS|uri.Characters|uri.TooLong|uri.Fragment) == 0
}

// checkAnnounced compares an aud that is a URL with the issuer that the bank announces. It
// reports whether that settles whom aud names: it does not for an identifier of the
// directory, which no bank announces, nor where the policy names the bank.
func (l *linter) checkAnnounced() (settled bool) {
	if l.in.Metadata == nil || l.in.Metadata.Issuer == "" || len(l.policy.Audiences) > 0 || l.input.Request == nil {
		return false
	}
	aud, ok := l.input.Request.Audience.Get()
	if !ok || len(aud.Values) == 0 || slices.Contains(aud.Values, l.in.Metadata.Issuer) {
		return ok && len(aud.Values) > 0
	}
	if slices.ContainsFunc(aud.Values, func(v string) bool { return !isAddress(v) }) {
		return false
	}
	v := validate.Violation{Rule: validate.RuleAudIsBank, Pointer: "/aud", Got: aud.Values[0], Want: text.Echo(l.in.Metadata.Issuer),
		Message: "is not the issuer that the bank announces"}
	if d := uri.Differ(aud.Values[0], l.in.Metadata.Issuer); d.Slip() {
		v.Message += " (differs by " + text.And(d.Words) + ")"
	}
	l.add(v)
	return true
}

// audience returns the state of the audience. settled says that what the bank announces
// settles whom it names.
func (l *linter) audience(settled bool) validate.Check {
	switch {
	case l.result.Checks.Audience.State == "": // a statement alone
		return validate.Check{}
	case l.input.Request == nil:
		return validate.Check{State: validate.CheckNotChecked, Note: unread}
	case l.badAudience():
		return validate.Check{State: validate.CheckBad}
	case settled || len(l.policy.Audiences) > 0:
		return validate.Check{State: validate.CheckGood}
	}
	return validate.Check{State: validate.CheckNotChecked}
}

// badAudience reports whether a rule refuses aud.
func (l *linter) badAudience() bool {
	for _, fault := range l.input.RequestFaults {
		if fault.Pointer == "/aud" || strings.HasPrefix(fault.Pointer, "/aud/") {
			return true
		}
	}
	for _, id := range []string{validate.RuleAudRequired, validate.RuleAudSingle, validate.RuleAudIsBank} {
		if l.result.Report.Outcome(id) == validate.OutcomeFailed {
			return true
		}
	}
	return slices.ContainsFunc(l.result.Report.Violations, func(v validate.Violation) bool {
		return v.Rule == validate.RuleAudFormat && v.Severity == validate.SeverityError
	})
}
