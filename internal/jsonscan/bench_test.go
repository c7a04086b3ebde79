package jsonscan

import (
	"strings"
	"testing"
)

// statement is about 2.4 KB, like a software statement of the OBIE directory.
var statement = `{"iss":"OpenBanking Ltd","iat":1700000000,"jti":"3a2f6a0c8e2b4c1d","software_id":"4fHuZ6Fy1pLcTLdsTDYvGF",` +
	`"software_redirect_uris":["https://tpp.example.com/` + strings.Repeat("callback", 40) + `","https://tpp.example.com/two"],` +
	`"software_roles":["AISP","PISP"],"org_contacts":[{"name":"Technical","email":"a@example.com","phone":"+44 1","type":"Technical"}],` +
	`"organisation_competent_authority_claims":{"authority_id":"FCAGBR","authorisations":[{"member_state":"GB","roles":["AISP","PISP"]},` +
	`{"member_state":"IE","roles":["AISP","PISP"]}]},"ob_registry_tos":"https://registry.openbanking.org.uk/tos.html",` +
	`"software_client_description":"` + strings.Repeat("A payment service for people. ", 40) + `"}`

func BenchmarkParse(b *testing.B) {
	b.SetBytes(int64(len(statement)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(statement); err != nil {
			b.Fatal(err)
		}
	}
}
