package dcr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/dcrtest"
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
		b := dcrtest.NewBank(t, dcrtest.WithProfile(profile), dcrtest.WithPolicy(func(p *validate.Policy) {
			if profile == validate.WSO2 {
				p.Audiences = []string{bank}
			}
		}))
		tpp := b.NewTPP(t)
		token, err := tpp.Request(dcrtest.Set("/aud", bank), dcrtest.Set("/jti", "5f0c1b72-6c5e-11ee-8c99-0242ac120002"), dcrtest.Set("/scope", "accounts"),
			dcrtest.Remove("/token_endpoint_auth_signing_alg"), dcrtest.Remove("/application_type"))
		require.NoError(t, err)
		registration, err := b.Server().Registrar().Register(t.Context(),
			dcr.RegisterInput{Token: claims.NewSecret(token), Certificate: tpp.Software().TransportCertificate.Leaf})
		if found == nil {
			require.NoError(t, err)
			require.Equal(t, []string{validate.RuleScopeOpenIDRecommended}, besides(registration.Report))
			continue
		}
		require.ElementsMatch(t, found, ruleIDs(refusalOf(t, err).Report))
	}
}
