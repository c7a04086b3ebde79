package cert

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/claims"
)

// No subject of a profile lacks its attributes. What is missing on either side must
// not be taken for equal all the same.
func TestWhatIsMissingOnBothSidesIsNotTheSame(t *testing.T) {
	nothing := claims.Authority{Claims: []claims.AuthorityClaims{{}, {RegistrationID: claims.Some("")}}}
	for name, c := range map[string]struct {
		identity Identity
		software Software
	}{
		"legacy, no ids":          {Identity{Profile: ProfileOBTransport}, Software{}},
		"legacy, no software id":  {Identity{Profile: ProfileOBTransport, OrgID: "org"}, Software{OrgID: "org"}},
		"legacy, no organisation": {Identity{Profile: ProfileOBTransport, SoftwareID: "software"}, Software{SoftwareID: "software"}},
		"OBWAC, no organisation":  {Identity{Profile: ProfileOBWAC}, Software{}},
		"QWAC, no registration":   {Identity{Profile: ProfileQWAC}, Software{Authority: nothing}},
	} {
		_, why := boundBySubject(c.identity, &c.software)
		assert.NotEmpty(t, why, name)
	}
}
