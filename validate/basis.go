package validate

// Basis is why a bank holds a rule.
type Basis string

// The bases, and the severity that a rule of each has.
const (
	// BasisMust is a demand of the cited text: an error.
	BasisMust Basis = "must"
	// BasisShould is a recommendation of the cited text, or a trap that is known from
	// practice: a warning.
	BasisShould Basis = "should"
	// BasisStricter is what the cited text does not demand: an error all the same.
	// [Rule.Stricter] says what the text has, and [Rule.Reason] why that is not enough.
	BasisStricter Basis = "stricter"
	// BasisPolicy is what the bank says, by its [Policy] or its trust anchors: an error
	// unless the row says otherwise.
	BasisPolicy Basis = "policy"
	// BasisNotice is what a sender may want to know: a notice.
	BasisNotice Basis = "notice"
)

// Bases returns the bases in a fresh slice: those of errors, of warnings and of notices,
// and what the bank says.
func Bases() []Basis {
	return []Basis{BasisMust, BasisStricter, BasisShould, BasisNotice, BasisPolicy}
}

// known reports whether b is one of [Bases].
func (b Basis) known() bool {
	switch b {
	case BasisMust, BasisShould, BasisStricter, BasisPolicy, BasisNotice:
		return true
	}
	return false
}

// severity returns the severity that a rule of the basis has by default.
func (b Basis) severity() Severity {
	switch b {
	case BasisShould:
		return SeverityWarning
	case BasisNotice:
		return SeverityNotice
	}
	return SeverityError
}
