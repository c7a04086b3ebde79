package service

import (
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/dcr/roles"
	"github.com/obdcr/obdcr/internal/jsonform"
	"github.com/obdcr/obdcr/internal/text"
)

var portalTable = jsonform.Table[Portal]{
	{Name: "address", Other: []string{"url"}, Field: word(func(p *Portal) *string { return &p.Address }), Example: `"https://portal.bank.example"`,
		Doc: "The https address at which browsers reach it; a path there begins that of each page. Required."},
	{Name: "listen", Field: word(func(p *Portal) *string { return &p.Listen }), Example: `":8444"`,
		Doc: "The TCP address that browsers, or the proxy, connect to: a listener of its own, which asks for no client certificate. " +
			"It answers paths.health and paths.ready too."},
	{Name: "tls", Field: maybe(pairTable, func() Pair { return Pair{} }, func(p *Portal) **Pair { return &p.TLS }),
		Example: `{"certificate_file": "portal.pem", "key_file": "portal.key"}`,
		Doc:     "The portal's own certificate. Required without plain_http."},
	{Name: "plain_http", Field: flag(func(p *Portal) *bool { return &p.PlainHTTP }), Example: `true`,
		Doc: "Whether a proxy ends the TLS of browsers: the portal then speaks plain HTTP, to that proxy alone."},
	{Name: "issuers", Field: words(func(p *Portal) *[]string { return &p.Issuers }), Example: `["OpenBanking Ltd"]`,
		Doc: "The directories (iss of statements) whose organisations the sign-in tells. None named: the one that the bank believes; " +
			"required where it believes several."},
	{Name: "directory_sign_in", Field: flag(func(p *Portal) *bool { return &p.DirectorySignIn }), Example: `true`,
		Doc: "Whether people sign in by sign_in. A sign-in of another kind is Go code, which no file can hold (docs/portal.md): false is refused."},
	{Name: "sign_in", Field: jsonform.At(func(p *Portal) *SignIn { return &p.SignIn }, jsonform.Object[SignIn]{Table: signInTable}),
		Example: `{"issuer": "https://auth.directory.example", "client_id": "bank", "client_secret_file": "portal.secret"}`,
		Doc:     "The OpenID provider where people sign in: the directory's, or one of the bank's that tells the same."},
	{Name: "operators", Field: jsonform.At(func(p *Portal) *portal.Operators { return &p.Operators }, jsonform.Object[portal.Operators]{Table: operatorsTable}),
		Example: `{"emails": ["ops@bank.example"]}`, Doc: "Who of those that sign in decides for the bank. None named: nobody."},
	{Name: "apis_file", Field: word(func(p *Portal) *string { return &p.APIsFile }), Example: `"api-roles.json"`,
		Doc: "The APIs that an application can be subscribed to, with the roles that open each: a JSON file (docs/api-roles.md)."},
	{Name: "apis", Field: jsonform.At[Portal, string](func(p *Portal) *string { return &p.APIs }, document{"api_roles", roles.Schema}),
		Example: `{"roles": {"accounts": ["AISP"], "payments": ["PISP"]}}`, Doc: "That table itself, in the place of apis_file."},
	{Name: "idle_timeout", Field: span(time.Minute, day, func(p *Portal) *time.Duration { return &p.IdleTimeout }), Example: `"15m"`,
		Doc: "A session in which nothing is asked for ends after it,"},
	{Name: "lifetime", Field: span(time.Minute, day, func(p *Portal) *time.Duration { return &p.Lifetime }), Example: `"8h"`, Doc: "and each session after this."},
	{Name: "rate_limit", Field: maybe(rateTable, defaultForms, func(p *Portal) **Rate { return &p.Rate }), Example: `{"per_second": 1, "burst": 20}`,
		Doc: "How many forms each person may send to each process: 1 a second, and 20 at once, where it does not say."},
	{Name: "look", Field: jsonform.At(func(p *Portal) *Look { return &p.Look }, jsonform.Object[Look]{Table: lookTable}),
		Example: `{"bank": "Example Bank", "logo_file": "logo.png"}`, Doc: "What the bank makes of the portal's looks."},
}

var signInTable = jsonform.Table[SignIn]{
	{Name: "issuer", Field: word(func(s *SignIn) *string { return &s.Issuer }), Example: `"https://auth.directory.example"`,
		Doc: "Its iss, an https address; its discovery document is below it. Required."},
	{Name: "client_id", Field: word(func(s *SignIn) *string { return &s.ClientID }), Example: `"bank"`, Doc: "The bank's own client there. Required."},
	{Name: "client_secret_file", Field: word(func(s *SignIn) *string { return &s.ClientSecret.File }), Example: `"portal.secret"`,
		Doc: "A file with its secret (client_secret_basic)."},
	{Name: "client_secret_env", Field: word(func(s *SignIn) *string { return &s.ClientSecret.Env }), Example: `"OBDCR_PORTAL_SECRET"`,
		Doc: "The variable of the environment with its secret."},
	{Name: "client_key", Field: maybe(signInKeyTable, defaultSignInKey, func(s *SignIn) **SignInKey { return &s.Key }),
		Example: `{"key_file": "portal-signing.key", "key_id": "portal-1"}`, Doc: "Its key, in the place of a secret (private_key_jwt)."},
	{Name: "scopes", Other: []string{"scope"}, Field: words(func(s *SignIn) *[]string { return &s.Scopes }), Example: `["organisations"]`,
		Doc: "What is asked for beside openid, email and profile."},
	{Name: "claims", Field: jsonform.At(func(s *SignIn) *ClaimNames { return &s.Claims }, jsonform.Object[ClaimNames]{Table: claimsTable}),
		Example: `{"organisations": "/organisations/*/id"}`,
		Doc:     "Its names of claims about a person: that of a member, or a JSON pointer, in which * stands for each entry of a list."},
	{Name: "acr", Other: []string{"acr_values"}, Field: words(func(s *SignIn) *[]string { return &s.ACR }), Example: `["urn:openbanking:psd2:sca"]`,
		Doc: "How a person must have signed in: one of these. None named: acr is not looked at."},
	{Name: "amr", Field: words(func(s *SignIn) *[]string { return &s.AMR }), Example: `["otp", "mfa"]`, Doc: "The same for amr, which has to have one of these."},
	{Name: "max_age", Field: span(0, day, func(s *SignIn) *time.Duration { return &s.MaxAge }), Example: `"5m"`,
		Doc: "How old the sign-in there (auth_time) may be, in whole seconds. 0s: it is not looked at."},
	{Name: "ca_files", Field: words(func(s *SignIn) *[]string { return &s.CAFiles }), Example: `["internal-ca.pem"]`,
		Doc: "The CAs of its servers, PEM files. None named: those of the system."},
}

var signInKeyTable = jsonform.Table[SignInKey]{
	{Name: "key_file", Field: word(func(k *SignInKey) *string { return &k.KeyFile }), Example: `"portal-signing.key"`,
		Doc: "The private key in PEM. Required."},
	{Name: "key_id", Other: []string{"kid"}, Field: word(func(k *SignInKey) *string { return &k.KeyID }), Example: `"portal-1"`,
		Doc: "Its kid there. Required."},
	{Name: "algorithm", Other: []string{"alg"}, Field: jsonform.At(func(k *SignInKey) *claims.Algorithm { return &k.Algorithm },
		jsonform.Text[claims.Algorithm]{Known: []claims.Algorithm{claims.PS256, claims.ES256}}), Example: `"PS256"`, Doc: "Of the signature."},
}

var claimsTable = jsonform.Table[ClaimNames]{
	{Name: "email", Field: word(func(n *ClaimNames) *string { return &n.Email }), Example: `"email"`, Doc: "The address, by which the portal knows a person."},
	{Name: "name", Field: word(func(n *ClaimNames) *string { return &n.Name }), Example: `"name"`, Doc: "What the pages call the person."},
	{Name: "associated", Field: word(func(n *ClaimNames) *string { return &n.Associated }), Example: `"tpp_associated"`,
		Doc: "Whether the person acts for a TPP: true or false."},
	{Name: "organisations", Field: word(func(n *ClaimNames) *string { return &n.Organisations }), Example: `"org_id"`,
		Doc: "The org_id of each TPP that the person acts for: a text, a list of texts, or an object whose members they name."},
}

var operatorsTable = jsonform.Table[portal.Operators]{
	{Name: "emails", Other: []string{"email"}, Field: words(func(o *portal.Operators) *[]string { return &o.Emails }), Example: `["ops@bank.example"]`,
		Doc: "Their addresses, which the directory says are verified."},
	{Name: "claim", Field: word(func(o *portal.Operators) *string { return &o.Claim }), Example: `"groups"`,
		Doc: "Or a claim about the person, a text or a list of texts,"},
	{Name: "values", Field: words(func(o *portal.Operators) *[]string { return &o.Values }), Example: `["obdcr-operators"]`,
		Doc: "one of which makes an operator."},
}

var lookTable = jsonform.Table[Look]{
	{Name: "bank", Other: []string{"name"}, Field: word(func(l *Look) *string { return &l.Bank }), Example: `"Example Bank"`, Doc: "The bank's name."},
	{Name: "logo_file", Other: []string{"logo"}, Field: word(func(l *Look) *string { return &l.LogoFile }), Example: `"logo.png"`,
		Doc: "A picture for the head of the pages: PNG, JPEG, GIF or WebP, at most 200 KB."},
	{Name: "accent", Field: word(func(l *Look) *string { return &l.Accent }), Example: `"#1d4ed8"`,
		Doc: "The colour of links and buttons on white, as #rrggbb. It has to be legible there, with a contrast of 4.5 (WCAG 2.2)."},
	{Name: "accent_dark", Field: word(func(l *Look) *string { return &l.AccentDark }), Example: `"#8ab4ff"`, Doc: "The same on the dark page."},
	{Name: "texts", Field: jsonform.At(func(l *Look) *map[string]string { return &l.Texts }, jsonform.Map[string, string]{Of: line{}}),
		Example: `{"contact": "Write to openbanking@bank.example."}`,
		Doc:     "Texts in the place of the portal's own: " + text.List(portal.TextNames()) + "."},
}
