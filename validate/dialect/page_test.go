package dialect_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/validate/dialect"
)

var update = flag.Bool("update", false, "write docs/dialects.md and docs/dialect.schema.json")

const pageFile = "../../docs/dialects.md"

const pageStart = `# Dialects

What banks want, take and answer otherwise than the profile of OBIE DCR that they follow, as data. Rendered from the files in ` + "`validate/dialect/data`" + ` and the
table of package ` + "`validate/dialect`" + `; to render it anew, run ` + "`go test ./validate/dialect -update`" + `.

` + "```" + `
obdcr policy banks
obdcr policy banks hsbc
obdcr lint --bank hsbc request.jwt
` + "```" + `

The first command lists the banks with title and date, the second shows one, and the third judges a request as that bank does. ` + "`--bank`" + ` takes a name or a FILE:

| command | takes from the dialect |
|---|---|
| ` + "`lint`" + ` | profile and policy. The report names the bank |
| ` + "`build`" + ` | ` + "`aud`" + ` where the policy has one audience, ` + "`iss`" + ` where the bank takes ` + "`org_id`" + ` alone, the shape of ` + "`scope`" + `, the case of ` + "`jti`" + `, further members, the greatest lifetime, and of authentication methods, algorithms, grant types, response types and scopes those that differ from the default policy |
| ` + "`register`, `update`" + ` | the same, and the content type. What the bank's answers always leave out is not told as a difference |
| ` + "`conform`" + ` | profile, policy, all that ` + "`register`" + ` takes, the scope of the access token. Cases about GET, PUT or DELETE where the bank has none are ` + "`not offered`" + ` ([verdicts](conformance.md#verdicts)) |
| ` + "`get`, `update`, `delete`" + ` | the scope of the access token. A method that the bank does not offer is a warning |

A flag goes before the dialect: ` + "`--content-type`, `--token-scope`, `--scope-as-array`, `--jti-case`, `--lifetime`, `--aud`, `--iss`, `--member`, `--grant-type`" + ` and
their like. With ` + "`--discovery`" + `, what the bank announces narrows what the dialect has; if nothing is left of a list, the dialect is out of date or of another bank, and the
command says which list. ` + "`--policy`" + ` beside ` + "`--bank`" + ` is refused, because both have a policy, and so is a ` + "`--profile`" + ` that is not the bank's.

**How far to trust it.** The files repeat facts of public pages, and of the code of a public client that is in use at these banks. They were read as stored copies, on the
day that each source has. A bank changes its mind without notice: its own words and its discovery document go before a dialect. What is uncertain is left out, or a quirk says so.
A file without ` + "`audiences`" + ` knows no identifier of the bank: give ` + "`--aud`" + `. Without ` + "`audience_kinds`" + ` too, an identifier and a URL are both taken.

## Add a bank

1. Write ` + "`validate/dialect/data/NAME.json`" + `, by hand. It needs the five members that are required below; all others only where the bank differs, and each fact from a page that ` + "`sources`" + ` names.
   ` + "`obdcr lint --bank ./NAME.json request.jwt`" + ` reads it at once, with a line for each fault.
2. ` + "`go test ./validate/dialect -update`" + ` renders this page. The test makes a request that the bank takes, and one for each difference that it refuses and a bank of which nothing is known does not. It says so if it knows no
   request that breaks a member: add one to ` + "`policyFaults`" + `.

A dialect of your own needs no place in the repository: ` + "`--bank FILE`" + ` takes it, and a program reads it by ` + "`dialect.Parse`" + `. This is a whole one:

` + "```json" + `
%s
` + "```" + `

The form has a version. A file of another one is refused, as are an unknown member, a member that stands twice, and ` + "`null`" + `. [dialect.schema.json](dialect.schema.json) is
the JSON Schema, for editors.

## From a discovery document

` + "```" + `
obdcr policy from-discovery discovery.json > policy.json
obdcr lint --policy policy.json request.jwt
` + "```" + `

` + "`from-discovery`" + ` writes a policy and no dialect: methods, algorithms, grant types, response types and scopes as the bank announces them. What the document does not tell stays at the
default of the profile, and standard error lists it, with the announced values that the policy leaves out.

## Banks

| name | bank | profile | date |
|---|---|---|---|
`

// pageExample is the file of the page. A test of the command reads it from there.
const pageExample = `{
  "version": 1,
  "name": "example-bank",
  "title": "Example Bank",
  "date": "2026-11-27",
  "sources": [
    {"url": "https://developer.bank.example/register", "title": "Register", "date": "2026-11-27"}
  ],
  "profile": "obie-3.2",
  "policy": {"audience_kinds": ["url"], "audiences": ["https://auth.bank.example"], "auth_methods": ["tls_client_auth"]},
  "content_type": "application/jose",
  "token_scope": ["accounts"],
  "scope_as_array": true,
  "members": {"subject_type": "pairwise"},
  "methods": ["GET", "PUT"],
  "response": {"created_status": 200, "left_out": ["software_statement"]},
  "quirks": [
    {"text": "A software registers once."}
  ]
}`

// bankSection describes a bank: what its file has beyond name and sources, the quirks and the
// pages.
func bankSection(t *testing.T, name string) string {
	d, err := dialect.Load(name)
	require.NoError(t, err)
	document, err := fs.ReadFile(dialect.Files(), name+".json")
	require.NoError(t, err)
	file := members(t, document)
	var b strings.Builder
	fmt.Fprintf(&b, "\n### `%s`: %s\n\n", name, d.Title)
	for _, member := range []string{
		"policy", "claim_names", "content_type", "token_scope", "scope_as_array", "jti_case", "members", "methods", "response",
	} {
		if value, found := file[member]; found {
			compact, err := json.Marshal(value)
			require.NoError(t, err)
			fmt.Fprintf(&b, "- `%s`: `%s`\n", member, compact)
		}
	}
	number := map[string]int{}
	for i, s := range d.Sources {
		number[s.URL] = i + 1
	}
	for _, q := range d.Quirks {
		fmt.Fprintf(&b, "- %s (source %d)\n", q.Text, number[q.Source])
	}
	b.WriteString("\n")
	for i, s := range d.Sources {
		fmt.Fprintf(&b, "%d. [%s](%s), read on %s\n", i+1, s.Title, s.URL, s.Date)
	}
	return b.String()
}

func TestThePageIsRenderedFromTheFiles(t *testing.T) {
	var page strings.Builder
	fmt.Fprintf(&page, pageStart, pageExample)
	for _, name := range dialect.Names() {
		d, err := dialect.Load(name)
		require.NoError(t, err)
		fmt.Fprintf(&page, "| [`%s`](#%s) | %s | `%s` | %s |\n", name, anchor(name, d.Title), d.Title, d.Profile, d.Date)
	}
	for _, name := range dialect.Names() {
		page.WriteString(bankSection(t, name))
	}
	page.WriteString("\n# Members\n" + dialect.Page())
	if *update {
		require.NoError(t, os.WriteFile(pageFile, []byte(page.String()), 0o644))
	}
	got, err := os.ReadFile(pageFile)
	require.NoError(t, err)
	assert.Equal(t, page.String(), string(got), "run go test ./validate/dialect -update")
	_, err = dialect.Parse([]byte(pageExample))
	require.NoError(t, err, "the page's example")
}

// anchor is the address of a bank's heading on the page, as GitHub makes it.
func anchor(name, title string) string {
	kept := func(c rune) rune {
		switch {
		case c == ' ':
			return '-'
		case c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z':
			return c
		}
		return -1
	}
	return strings.Map(kept, strings.ToLower(name+": "+title))
}
