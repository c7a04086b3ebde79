package validate

// CheckState is the result of a check that needs more than the request itself, such as a
// key set. Rules cannot make such a check, so that a report without violations says
// nothing about it.
type CheckState string

// The states. The state CheckKeyNotFound is that of a signature whose kid is not in the
// key set: nobody knows whether the signature is good. A check without a state does not
// apply, as that of the audience to a statement alone.
const (
	CheckGood        CheckState = "good"
	CheckBad         CheckState = "bad"
	CheckKeyNotFound CheckState = "key_not_found"
	CheckNotChecked  CheckState = "not_checked"
)

// Check is the state of one check.
type Check struct {
	State CheckState
	Note  string // for people, may be empty: why it was not checked and how it can be, or what of it was not
}

// Checks are the checks of a request that need more than the request itself.
type Checks struct {
	RequestSignature   Check // by the software's key set
	StatementSignature Check // by the directory's key set
	Audience           Check // by the name of one bank
	Certificate        Check // by the key set, the time, and the CAs if there are any
}

// Named returns the checks that apply with their names, in the order of the fields, in a
// fresh slice.
func (c *Checks) Named() []NamedCheck {
	all := []NamedCheck{
		{"request signature", c.RequestSignature}, {"statement signature", c.StatementSignature},
		{"audience", c.Audience}, {"certificate", c.Certificate},
	}
	named := all[:0]
	for _, one := range all {
		if one.State != "" {
			named = append(named, one)
		}
	}
	return named
}

// NamedCheck is a check with its name for people.
type NamedCheck struct {
	Name string
	Check
}

// Complete reports whether each check that applies was made and is good, and at least one
// applies. Only then is a valid report the whole truth.
func (c *Checks) Complete() bool {
	named := c.Named()
	for _, one := range named {
		if one.State != CheckGood {
			return false
		}
	}
	return len(named) > 0
}
