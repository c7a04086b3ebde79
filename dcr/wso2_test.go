package dcr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/validate"
)

// A request as the vendor's document describes it is registered in its profile, and refused
// in that of OBIE 3.2, for each of the differences.
func TestARequestOfTheVendorsDocumentIsRegisteredInItsProfile(t *testing.T) {
	const bank = "https://bank.example"
	for profile, found := range map[validate.Profile][]string{
		validate.WSO2: nil,
		validate.OBIE32: {validate.RuleAudFormat, validate.RuleJTIUUIDv4, validate.RuleScopeOpenID, validate.RuleTokenEndpointAuthSigningAlgRequired,
			validate.RuleApplicationTypeRequired},
	} {
		w, _ := newWorld(t, nil)
		policy := validate.DefaultPolicy(profile)
		if profile == validate.WSO2 {
			policy.Audiences = []string{bank}
		} else {
			policy.Audiences = []string{"0015800001041REAAY"}
		}
		validator, err := validate.New(validate.Config{Profile: profile, Policy: policy})
		require.NoError(t, err)
		w.config.Validator = validator
		r, err := dcr.NewRegistrar(w.config)
		require.NoError(t, err)
		registration, refusal := w.register(t, r, w.token(t, func(c *claims.Request) {
			c.Audience = claims.Some(claims.StringOrList{Values: []string{bank}})
			c.JWTID = claims.Some("5f0c1b72-6c5e-11ee-8c99-0242ac120002")
			c.Scope = claims.Some(claims.Scope{Words: []string{"accounts"}})
			c.TokenEndpointAuthMethod = claims.Some(claims.PrivateKeyJWT)
			c.TokenEndpointAuthSigningAlg, c.ApplicationType = claims.Optional[claims.Algorithm]{}, claims.Optional[claims.ApplicationType]{}
		}))
		if found == nil {
			require.Nil(t, refusal)
			require.Equal(t, []string{validate.RuleScopeOpenIDRecommended}, besides(registration.Report))
			continue
		}
		require.NotNil(t, refusal)
		require.ElementsMatch(t, found, ruleIDs(refusal.Report))
	}
}
