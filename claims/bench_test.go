package claims

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fullSSA holds every claim of an OBIE software statement once, in about 2.4 KB.
var fullSSA = `{"iss":"OpenBanking Ltd","iat":1700000000,"exp":1800000000,"nbf":1700000000,"jti":"3a2f6a0c8e2b4c1d",` +
	`"software_environment":"sandbox","software_mode":"Live","software_id":"4fHuZ6Fy1pLcTLdsTDYvGF",` +
	`"software_client_id":"4fHuZ6Fy1pLcTLdsTDYvGF","software_client_name":"Example App",` +
	`"software_client_description":"` + strings.Repeat("An app for accounts. ", 25) + `","software_version":1.1,` +
	`"software_client_uri":"https://tpp.example.com","software_redirect_uris":["https://tpp.example.com/one","https://tpp.example.com/two"],` +
	`"software_roles":["AISP","PISP"],"organisation_competent_authority_claims":{"authority_id":"FCAGBR",` +
	`"registration_id":"123456","status":"Active","authorisations":[{"member_state":"GB","roles":["AISP","PISP"]},` +
	`{"member_state":"ROI","roles":["PISP"]}]},"software_logo_uri":"https://tpp.example.com/logo.png","org_status":"Active",` +
	`"org_id":"0015800001041RHAAY","org_name":"Example Ltd","org_contacts":[{"name":"Technical","email":"tech@example.com",` +
	`"phone":"+441234567890","type":"Technical"},{"name":"Business","email":"business@example.com","phone":"+441234567890","type":"Business"}],` +
	`"org_jwks_endpoint":"https://keystore.example.org/0015800001041RHAAY/0015800001041RHAAY.jwks",` +
	`"org_jwks_revoked_endpoint":"https://keystore.example.org/0015800001041RHAAY/revoked/0015800001041RHAAY.jwks",` +
	`"software_jwks_endpoint":"https://keystore.example.org/0015800001041RHAAY/4fHuZ6Fy1pLcTLdsTDYvGF.jwks",` +
	`"software_jwks_revoked_endpoint":"https://keystore.example.org/0015800001041RHAAY/revoked/4fHuZ6Fy1pLcTLdsTDYvGF.jwks",` +
	`"software_policy_uri":"https://tpp.example.com/policy","software_tos_uri":"https://tpp.example.com/tos",` +
	`"software_on_behalf_of_org":"Example Agency","ob_registry_tos":"https://registry.example.org/tos.html"}`

func BenchmarkDecodeSSA(b *testing.B) {
	b.SetBytes(int64(len(fullSSA)))
	b.ReportAllocs()
	payload := []byte(fullSSA)
	for b.Loop() {
		if _, faults, err := DecodeSSA(payload, nil); err != nil || len(faults) > 0 {
			require.Empty(b, faults, err)
		}
	}
}
