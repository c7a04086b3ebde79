package portal

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/store"
)

// reason is the reason of the form.
func (v *visit) reason() string {
	return strings.TrimSpace(strings.ReplaceAll(v.r.PostFormValue("reason"), "\r\n", "\n"))
}

// checkReason says what is wrong with a reason.
func checkReason(reason string, required bool) (f fault, ok bool) {
	switch n := utf8.RuneCountInString(reason); {
	case required && n == 0:
		return fault{"reason", "Say why, for the audit trail"}, false
	case n > maxReason:
		return fault{"reason", fmt.Sprintf("Shorten the reason: it has %d characters, and the audit trail keeps %d", n, maxReason)}, false
	}
	return fault{}, true
}

// versionText is a version of a record as a form has it, so that nobody decides on what another
// one has changed.
func versionText(c store.Client) string { return strconv.FormatInt(c.Version, 10) }

// reasonField is the field for a reason, as a page shows it.
type reasonField struct{ Reason, Fault, Hint string }

func newReasonField(reason string, faults []fault, hint string) reasonField {
	return reasonField{reason, wrong(faults, "reason"), hint}
}
