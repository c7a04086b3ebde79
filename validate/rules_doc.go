package validate

import (
	"fmt"
	"io"
	"strings"
)

// rulesDocHead says what the entries mean.
const rulesDocHead = `Each rule has a basis:

| basis | why a bank holds the rule | severity |
|---|---|---|
| must | the cited text demands it | error |
| stricter | the cited text does not demand it; the entry says what the text has, and why that is not enough | error |
| should | the cited text recommends it, or practice has shown a trap | warning |
| notice | a sender may want to know it | notice |
| policy | the bank says so, by its [policy](policy.md) or its trust anchors | error |

An error makes a request invalid, and a bank answers with its code (RFC 7591 section 3.2.2), or with the status that the entry
names and no code. Warnings and notices are never answered, but for ` + "`input.encoding`" + `: a lint reads over the bytes around a token,
and a bank does not. Rules marked *elsewhere* are judged by the steps that have keys and a memory.

An example is a fragment of its document, merged into a good request: the bad one breaks the rule, the good one keeps it.
"without exp" is a document that lacks the member, and a{240} stands for 240 times a. Examples are judged on 14 November 2023
at 22:13:20 UTC, which is 1700000000.
`

// writeRulesDoc writes the table as Markdown, one section for each document and
// one entry for each rule. docs/rules.md is its output.
func writeRulesDoc(w io.Writer) error {
	var b strings.Builder
	rules := Rules()
	fmt.Fprintf(&b, "# Rules\n\n<!-- rendered: go test ./validate -run TestRulesDoc -update -->\n\nWhat a request, a software statement and "+
		"their headers are held to: %d rules, as package validate has them.\n\n", len(rules))
	b.WriteString(rulesDocHead)
	titles := map[Document]string{
		DocHeader: "Header of the request", DocRequest: "Claims of the request",
		DocSSAHeader: "Header of the software statement", DocSSA: "Claims of the software statement",
	}
	for _, d := range Documents() {
		fmt.Fprintf(&b, "\n## %s\n", titles[d])
		for i := range rules {
			if rules[i].Document == d {
				writeRuleDoc(&b, &rules[i])
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeRuleDoc writes one rule.
func writeRuleDoc(b *strings.Builder, r *Rule) {
	versions := "all"
	if r.Profiles != nil {
		versions = joined(r.Profiles)
	}
	fmt.Fprintf(b, "\n### `%s`\n\n%s %s\n\n- %s: %s", r.ID, r.Summary, r.Reason, r.Basis, r.Severity)
	switch {
	case r.Severity == SeverityError && r.Status != 0:
		fmt.Fprintf(b, " · status %d", r.Status)
	case r.Severity == SeverityError:
		fmt.Fprintf(b, " · `%s`", r.Code)
	}
	b.WriteString(" · profiles: " + versions)
	if r.External {
		b.WriteString(" · *elsewhere*")
	}
	b.WriteString("\n")
	if r.Stricter != "" {
		fmt.Fprintf(b, "- stricter than the text: %s\n", r.Stricter)
	}
	fmt.Fprintf(b, "- source: [%s, %s](%s)\n- bad: `%s`\n- good: `%s`\n", r.Citation.Spec, r.Citation.Section, r.Citation.URL, r.Bad, r.Good)
	if given := r.Given.String(); given != "" {
		fmt.Fprintf(b, "- given: `%s`\n", given)
	}
	fmt.Fprintf(b, "- fix: %s\n", r.Fix)
}
