package validate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/claims"
)

// ruleVectors are what shows that a rule works: a request that breaks it, and,
// where the base request is not one the rule applies to, one that keeps it.
type ruleVectors struct {
	fail vector
	pass *vector  // nil: the base, in the failing vector's profile
	also []string // other errors that the same change must give
}

func req(m members) vector  { return vector{request: m} }
func ssa(m members) vector  { return vector{ssa: m} }
func head(m members) vector { return vector{header: m} }

func (v vector) in(p Profile) vector              { v.profile = p; return v }
func (v vector) with(f func(*Policy)) vector      { v.policy = f; return v }
func (v vector) from(e claims.Environment) vector { v.environment = e; return v }
func (v vector) over(c *Certificate) vector       { v.certificate = c; return v }
func (v vector) ptr() *vector                     { return &v }

// uris registers the same URIs at the directory and asks for them.
func uris(u ...string) vector {
	return vector{request: members{"redirect_uris": u}, ssa: members{"software_redirect_uris": u}}
}

// ciba is a request for the CIBA grant with more members.
func ciba(m members) vector {
	all := members{
		"grant_types": []string{"client_credentials", "authorization_code", string(claims.CIBA)},
		memberMode:    "ping", memberEndpoint: "https://app.example.com/ciba", memberCIBAAlg: "PS256",
	}
	return req(changed(all, m))
}

// mtls is a request for tls_client_auth with a subject.
func mtls(dn any) vector {
	return req(members{"token_endpoint_auth_method": "tls_client_auth", "token_endpoint_auth_signing_alg": nil, memberDN: dn})
}

func manyURIs(n int) (list []string) {
	for i := range n {
		list = append(list, testURI+strconv.Itoa(i))
	}
	return list
}

func widenSecret(p *Policy) {
	p.AuthMethods = append(p.AuthMethods, claims.ClientSecretJWT, claims.ClientSecretBasic)
	p.Widenings = append(p.Widenings, WidenClientSecretJWT, WidenClientSecretBasic)
}

const goodDN = "CN=" + testSoftware + ",OU=" + testOrg + ",O=OpenBanking,C=GB"

func identityVectors() map[string]ruleVectors {
	return map[string]ruleVectors{
		"header.alg.required":        {fail: head(members{"alg": nil})},
		"header.alg":                 {fail: head(members{"alg": "RS256"})},
		"header.kid.required":        {fail: head(members{"kid": nil})},
		"header.kid.format":          {fail: head(members{"kid": ""})},
		"header.typ":                 {fail: head(members{"typ": "at+jwt"})},
		"header.crit":                {fail: head(members{"b64": false})},
		"header.embedded_key":        {fail: head(members{"jku": "https://tpp.example/k"})},
		"header.unknown_member":      {fail: head(members{"iss": "x"})},
		"header.member.type":         {fail: head(members{"kid": 7})},
		"iss.required":               {fail: req(members{"iss": nil})},
		"iss.format":                 {fail: req(members{"iss": "WSO2 TPP"})},
		"iss.length":                 {fail: req(members{"iss": strings.Repeat("a", 30)})},
		"iss.is_software_id":         {fail: req(members{"iss": testOrg})},
		"jti.required":               {fail: req(members{"jti": nil})},
		"jti.uuid_v4":                {fail: req(members{"jti": "4f1cc1b1-a9b8-1f77-a3c7-d2d5b9a3c111"})},
		"aud.required":               {fail: req(members{"aud": nil})},
		"aud.single":                 {fail: req(members{"aud": []string{"0015800001041REAAY"}})},
		"aud.format":                 {fail: req(members{"aud": "https://auth.bank.example"})},
		"aud.is_bank":                {fail: vector{policy: func(p *Policy) { p.Audiences = []string{"other"} }}, pass: vector{policy: func(p *Policy) { p.Audiences = []string{"0015800001041REAAY"} }}.ptr()},
		"software_id.format":         {fail: req(members{"software_id": "my-software"})},
		"software_id.length":         {fail: req(members{"software_id": ""})},
		"software_id.matches_ssa":    {fail: req(members{"software_id": "aaaa"})},
		"iat.required":               {fail: req(members{"iat": nil})},
		"iat.range":                  {fail: req(members{"iat": testNow * 1000})},
		"iat.future":                 {fail: req(members{"iat": testNow + 300})},
		"exp.required":               {fail: req(members{"exp": nil})},
		"exp.range":                  {fail: req(members{"exp": testNow * 1000})},
		"exp.past":                   {fail: req(members{"exp": testNow - 1000})},
		"exp.after_iat":              {fail: req(members{"exp": testNow - 10})},
		"exp.lifetime":               {fail: req(members{"exp": testNow + 6*365*86400})},
		"nbf.range":                  {fail: req(members{"nbf": -1})},
		"nbf.future":                 {fail: req(members{"nbf": testNow + 300})},
		"request.member.type":        {fail: req(members{"exp": "1700003600"})},
		"redirect_uris.type":         {fail: req(members{"redirect_uris": testURI})},
		"request.response_member":    {fail: req(members{"client_secret": "s"})},
		"request.unknown_member":     {fail: req(members{"redirect_uri": "s"})},
		"client_id.ignored":          {fail: req(members{"client_id": "mine"})},
		"request.required_by_policy": {fail: req(members{"software_id": nil}).with(requireSoftwareID), pass: vector{policy: requireSoftwareID}.ptr()},
		"request.allowed_by_policy":  {fail: vector{policy: allowOnlyCode}, pass: req(members{"response_types": []string{"code"}}).with(allowOnlyCode).ptr()},
	}
}

func requireSoftwareID(p *Policy) { p.RequiredMembers = []string{"software_id"} }
func allowOnlyCode(p *Policy) {
	p.AllowedValues = map[string][]string{"response_types": {"code"}}
}

func redirectVectors() map[string]ruleVectors {
	return map[string]ruleVectors{
		"redirect_uris.required":            {fail: req(members{"redirect_uris": nil}).in(WSO2)},
		"redirect_uris.default":             {fail: req(members{"redirect_uris": nil})},
		"redirect_uris.not_empty":           {fail: req(members{"redirect_uris": []string{}})},
		"redirect_uris.count":               {fail: uris(manyURIs(51)...)},
		"redirect_uris.duplicate":           {fail: uris(testURI, testURI)},
		"redirect_uris.subset_of_ssa":       {fail: req(members{"redirect_uris": []string{testURI, testURI + "x"}})},
		"ssa.software_redirect_uris.usable": {fail: vector{request: members{"redirect_uris": nil}, ssa: members{"software_redirect_uris": []string{"https://localhost"}}}, pass: req(members{"redirect_uris": nil}).ptr()},
		"ssa.software_redirect_uris.unfit":  {fail: ssa(members{"software_redirect_uris": []string{testURI, "https://127.0.0.1"}})},
		"redirect_uris.absolute":            {fail: uris("/cb")},
		"redirect_uris.https":               {fail: uris("http://app.example.com/cb")},
		"redirect_uris.length":              {fail: uris("https://app.example.com/" + strings.Repeat("a", 257-24))},
		"redirect_uris.characters":          {fail: uris(`https://app.example.com/a\b`)},
		"redirect_uris.userinfo":            {fail: uris("https://bank.example@app.example.com/cb")},
		"redirect_uris.fragment":            {fail: uris("https://app.example.com/cb#")},
		"redirect_uris.localhost":           {fail: uris("https://LOCALHOST/cb")},
		"redirect_uris.ip":                  {fail: uris("https://0x7f.1/cb")},
		"redirect_uris.host":                {fail: uris("https://intranet/cb")},
		"redirect_uris.punycode":            {fail: uris("https://xn--a.example/cb")},
		"redirect_uris.port":                {fail: uris("https://app.example.com:/cb")},
		"redirect_uris.dot_segments":        {fail: uris("https://app.example.com/a/%2e%2E/cb")},
		"redirect_uris.wildcard":            {fail: uris("https://*.example.com/cb")},
	}
}

func metadataVectors() map[string]ruleVectors {
	const method, tokenAlg = "token_endpoint_auth_method", "token_endpoint_auth_signing_alg"
	secret := req(members{method: "client_secret_basic", tokenAlg: nil})
	assertion := req(members{method: "client_secret_jwt", tokenAlg: "HS256"})
	onlyPS := func(p *Policy) {
		ps := []claims.Algorithm{claims.PS256}
		p.MemberAlgorithms = MemberAlgorithms{IDToken: ps, RequestObject: ps, TokenEndpointAuth: ps, Backchannel: ps}
	}
	partly := func(p *Policy) { p.GrantTypes = p.GrantTypes[:1]; p.ResponseTypes = p.ResponseTypes[:1] }
	return map[string]ruleVectors{
		method + ".required":                     {fail: req(members{method: nil})},
		method + ".known":                        {fail: req(members{method: "none"})},
		method + ".supported":                    {fail: secret},
		method + ".fapi":                         {fail: secret.with(widenSecret)},
		tokenAlg + ".required":                   {fail: req(members{tokenAlg: nil})},
		tokenAlg + ".not_enforced":               {fail: req(members{method: "client_secret_jwt"}).with(widenSecret), pass: assertion.with(widenSecret).ptr()},
		tokenAlg + ".unused":                     {fail: req(members{method: "client_secret_basic"}).with(widenSecret), pass: secret.with(widenSecret).ptr()},
		tokenAlg + ".algorithm":                  {fail: req(members{tokenAlg: "RS256"})},
		tokenAlg + ".supported":                  {fail: req(members{tokenAlg: "ES256", "request_object_signing_alg": "PS256"}).with(onlyPS)},
		"id_token_signed_response_alg.required":  {fail: req(members{"id_token_signed_response_alg": nil})},
		"id_token_signed_response_alg.algorithm": {fail: req(members{"id_token_signed_response_alg": "none"})},
		"id_token_signed_response_alg.supported": {fail: req(members{"id_token_signed_response_alg": "ES256", "request_object_signing_alg": "PS256"}).with(onlyPS)},
		"request_object_signing_alg.required":    {fail: req(members{"request_object_signing_alg": nil})},
		"request_object_signing_alg.algorithm":   {fail: req(members{"request_object_signing_alg": "none"})},
		"request_object_signing_alg.supported":   {fail: vector{policy: onlyPS}},
		memberDN + ".required":                   {fail: mtls(nil), pass: mtls(goodDN).ptr()},
		memberDN + ".forbidden":                  {fail: req(members{memberDN: goodDN})},
		memberDN + ".format":                     {fail: mtls("/C=GB/O=OpenBanking"), pass: mtls(goodDN).ptr()},
		memberDN + ".length":                     {fail: mtls(goodDN + ",L=" + strings.Repeat("a", 128)), pass: mtls(goodDN).ptr()},
		memberDN + ".length_3.4":                 {fail: mtls(goodDN + ",L=" + strings.Repeat("a", 512)).in(OBIE34), pass: mtls(goodDN + ",L=" + strings.Repeat("a", 128)).in(OBIE34).ptr()},
		memberDN + ".cn_first":                   {fail: mtls("C=GB,CN=x").in(OBIE34), pass: mtls(goodDN).in(OBIE34).ptr()},
		"grant_types.required":                   {fail: req(members{"grant_types": nil})},
		"grant_types.not_empty":                  {fail: req(members{"grant_types": []string{}})},
		"grant_types.known":                      {fail: req(members{"grant_types": []string{"authorization_code", "password"}})},
		"grant_types.ciba.version":               {fail: req(members{"grant_types": []string{"authorization_code", string(claims.CIBA)}}).in(OBIE32)},
		"grant_types.jwt_bearer.version":         {fail: req(members{"grant_types": []string{"authorization_code", string(claims.JWTBearer)}})},
		"grant_types.supported":                  {fail: req(members{"response_types": nil, "grant_types": []string{"authorization_code"}}).with(partly)},
		"grant_types.duplicate":                  {fail: req(members{"grant_types": []string{"authorization_code", "authorization_code"}})},
		"response_types.default":                 {fail: req(members{"response_types": nil})},
		"response_types.not_empty":               {fail: req(members{"response_types": []string{}})},
		"response_types.known":                   {fail: req(members{"response_types": []string{"id_token"}})},
		"response_types.supported":               {fail: req(members{"grant_types": []string{"client_credentials", "authorization_code"}}).with(func(p *Policy) { p.ResponseTypes = p.ResponseTypes[:1] })},
		"response_types.consistent":              {fail: req(members{"grant_types": []string{"client_credentials"}})},
		"response_types.duplicate":               {fail: req(members{"response_types": []string{"code", "code"}})},
		"scope.required":                         {fail: req(members{"scope": nil})},
		"scope.default":                          {fail: req(members{"scope": nil}).in(WSO2)},
		"scope.string":                           {fail: req(members{"scope": []string{"openid", "accounts"}})},
		"scope.syntax":                           {fail: req(members{"scope": "openid  accounts"})},
		"scope.length":                           {fail: req(members{"scope": "openid" + strings.Repeat(" accounts", 30)})},
		"scope.openid":                           {fail: req(members{"scope": "accounts"})},
		"scope.supported":                        {fail: req(members{"scope": "openid acounts"})},
		"scope.within_roles":                     {fail: req(members{"scope": "openid payments"})},
		"scope.duplicate":                        {fail: req(members{"scope": "openid openid"})},
		"application_type.required":              {fail: req(members{"application_type": nil})},
		"application_type.web_or_mobile":         {fail: req(members{"application_type": "native"})},
		"application_type.web_or_native":         {fail: req(members{"application_type": "mobile"}).in(OBIE34)},
		"application_type.web":                   {fail: req(members{"application_type": "mobile"}).in(WSO2)},
		"application_type.supported":             {fail: req(members{"application_type": "mobile"}).with(func(p *Policy) { p.ApplicationTypes = p.ApplicationTypes[:1] })},
	}
}

func cibaVectors() map[string]ruleVectors {
	plain := ciba(nil).ptr()
	onlyPS := func(p *Policy) { p.MemberAlgorithms.Backchannel = []claims.Algorithm{claims.PS256} }
	return map[string]ruleVectors{
		"backchannel.version":         {fail: req(members{memberMode: "poll"}).in(OBIE32)},
		memberMode + ".required":      {fail: ciba(members{memberMode: nil}), pass: plain},
		memberMode + ".forbidden":     {fail: req(members{memberMode: "poll"})},
		memberMode + ".known":         {fail: ciba(members{memberMode: "push"}), pass: plain},
		memberEndpoint + ".required":  {fail: ciba(members{memberEndpoint: nil}), pass: plain},
		memberEndpoint + ".forbidden": {fail: ciba(members{memberMode: "poll"}), pass: ciba(members{memberMode: "poll", memberEndpoint: nil}).ptr()},
		memberEndpoint + ".https":     {fail: ciba(members{memberEndpoint: "http://app.example.com/c"}), pass: plain},
		memberEndpoint + ".length":    {fail: ciba(members{memberEndpoint: "https://app.example.com/" + strings.Repeat("a", 250)}), pass: plain},
		memberEndpoint + ".host":      {fail: ciba(members{memberEndpoint: "https://127.0.0.1/c"}), pass: plain},
		memberCIBAAlg + ".required":   {fail: ciba(members{memberCIBAAlg: nil}), pass: plain},
		memberCIBAAlg + ".forbidden":  {fail: req(members{memberCIBAAlg: "PS256"})},
		memberCIBAAlg + ".algorithm":  {fail: ciba(members{memberCIBAAlg: "RS256"}), pass: plain},
		memberCIBAAlg + ".supported":  {fail: ciba(members{memberCIBAAlg: "ES256"}).with(onlyPS), pass: plain},
		memberUserCode + ".forbidden": {fail: req(members{memberUserCode: false})},
		memberUserCode + ".false":     {fail: ciba(members{memberUserCode: true}), pass: plain},
	}
}

func statementVectors() map[string]ruleVectors {
	shead := func(m members) vector { return vector{ssaHeader: m} }
	authority := func(m members) vector {
		return ssa(members{"organisation_competent_authority_claims": m})
	}
	sandbox := vector{environment: claims.Sandbox}.ptr()
	all := map[string]ruleVectors{
		"software_statement.required":     {fail: vector{request: members{"software_statement": nil}, noSSA: true}},
		"software_statement.type":         {fail: vector{request: members{"software_statement": 1}, noSSA: true}},
		"ssa.member.type":                 {fail: ssa(members{"org_id": 1})},
		"ssa.software_redirect_uris.type": {fail: ssa(members{"software_redirect_uris": testURI})},
		"ssa.software_id.format":          {fail: vector{request: members{"software_id": nil, "iss": testOrg}, ssa: members{"software_id": "look-alike"}, policy: func(p *Policy) { p.IssuerKinds = []IssuerKind{IssuerOrgID} }}},
		"ssa.software_client_id.differs":  {fail: ssa(members{"software_client_id": "other"})},
		"ssa.software_client_name.length": {fail: ssa(members{"software_client_name": strings.Repeat("n", 41)})},
		"ssa.software_roles.array":        {fail: ssa(members{"software_roles": "AISP"})},
		"ssa.software_roles.known":        {fail: ssa(members{"software_roles": []string{"AISP", "AIPS"}})},
		"ssa.attributes.required":         {fail: ssa(members{"org_name": nil}).with(requireOrgName), pass: vector{policy: requireOrgName}.ptr()},
		"ssa.unknown_member":              {fail: ssa(members{"software_colour": "green"})},
		"ssa.software_mode.known":         {fail: ssa(members{"software_mode": "Demo"})},
		"ssa.software_environment.known":  {fail: ssa(members{"software_environment": "prdtst"})},
		"ssa.header.alg.required":         {fail: shead(members{"alg": nil})},
		"ssa.header.alg":                  {fail: shead(members{"alg": "none"})},
		"ssa.header.kid.required":         {fail: shead(members{"kid": nil})},
		"ssa.header.kid.format":           {fail: shead(members{"kid": strings.Repeat("k", 129)})},
		"ssa.header.typ":                  {fail: shead(members{"typ": "at+jwt"})},
		"ssa.header.crit":                 {fail: shead(members{"crit": []string{"b64"}})},
		"ssa.header.embedded_key":         {fail: shead(members{"x5c": []string{"x"}})},
		"ssa.header.unknown_member":       {fail: shead(members{"cty": "x"})},
		"ssa.header.member.type":          {fail: shead(members{"kid": 7})},
		"ssa.iat.range":                   {fail: ssa(members{"iat": testNow * 1000})},
		"ssa.iat.future":                  {fail: ssa(members{"iat": testNow + 300})},
		"ssa.age":                         {fail: ssa(members{"iat": testNow - 2*86400})},
		"ssa.exp.range":                   {fail: ssa(members{"exp": 0})},
		"ssa.exp.past":                    {fail: ssa(members{"exp": testNow - 300})},
		"ssa.nbf":                         {fail: ssa(members{"nbf": testNow + 300})},
		"ssa.org_status.active":           {fail: ssa(members{"org_status": "Revoked"})},
		"ssa.competent_authority.active":  {fail: authority(members{"status": "Revoked"})},
		"ssa.competent_authority.roles":   {fail: authority(members{"authorisations": []members{{"roles": []string{"PISP"}}}})},
		"ssa.software_mode.live":          {fail: ssa(members{"software_environment": "production"}).from(claims.Production), pass: ssa(members{"software_environment": "production", "software_mode": "Live"}).from(claims.Production).ptr()},
		"ssa.software_roles.served":       {fail: vector{policy: func(p *Policy) { p.ServedRoles = []claims.Role{claims.PISP} }}},
		"ssa.denied.jti": {
			fail: vector{policy: func(p *Policy) { p.DeniedStatements = []string{"x", "3D1B3595EFAC4E36"} }},
			pass: vector{policy: func(p *Policy) { p.DeniedStatements = []string{"3d1b3595efac4e37"} }}.ptr(),
		},
		"ssa.denied.software": {
			fail: vector{policy: func(p *Policy) { p.DeniedSoftware = []string{"x", testSoftware} }},
			pass: vector{policy: func(p *Policy) { p.DeniedSoftware = []string{strings.ToLower(testSoftware), testOrg} }}.ptr(),
		},
		"ssa.denied.organisation": {
			fail: vector{policy: func(p *Policy) { p.DeniedOrganisations = []string{"x", testOrg} }},
			pass: vector{policy: func(p *Policy) { p.DeniedOrganisations = []string{strings.ToLower(testOrg), testSoftware} }}.ptr(),
		},
		"ssa.environment": {fail: ssa(members{"software_environment": "production"}).from(claims.Sandbox), pass: sandbox},
	}
	for _, name := range slices.Concat([]string{"software_client_uri", "software_logo_uri", "software_policy_uri", "software_tos_uri", "ob_registry_tos"},
		[]string{"software_jwks_endpoint", "software_jwks_revoked_endpoint", "org_jwks_endpoint", "org_jwks_revoked_endpoint"}) {
		all["ssa."+name+".https"] = ruleVectors{fail: ssa(members{name: "http://app.example.com/x"})}
	}
	for _, name := range []string{"iss", "iat", "jti", "software_id", "software_client_name", "software_redirect_uris",
		"software_roles", "software_jwks_endpoint", "org_id", "org_status"} {
		all["ssa."+name+".required"] = ruleVectors{fail: ssa(members{name: nil})}
	}
	return all
}

func requireOrgName(p *Policy) {
	p.Attributes = append(p.Attributes, claims.AttributeDeclaration{Name: "org_name", Claim: "org_name", Required: true})
}
