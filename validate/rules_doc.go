package validate

import (
	"fmt"
	"io"
	"strings"
)

// writeRulesDoc writes the table as Markdown, one section for each document and
// one entry for each rule. docs/rules.md is its output.
func writeRulesDoc(w io.Writer) error {
	var b strings.Builder
	rules := Rules()
	fmt.Fprintf(&b, "# Rules\n\nRendered from the rule table of package validate: %d rules. To render it anew, run\n"+
		"`go test ./validate -run TestRulesDoc -update`.\n\n", len(rules))
	b.WriteString("An error makes a request invalid; a warning is for a SHOULD or a known trap, a notice for the rest. The code is\n" +
		"what a bank answers (RFC 7591 section 3.2.2). Rules marked *elsewhere* are judged by the steps that have keys and a memory.\n")
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
	elsewhere := ""
	if r.External {
		elsewhere = " · *elsewhere*"
	}
	fmt.Fprintf(b, "\n### `%s`\n\n%s %s\n\n", r.ID, r.Summary, r.Reason)
	fmt.Fprintf(b, "- %s · `%s` · profiles: %s%s\n", r.Severity, r.Code, versions, elsewhere)
	fmt.Fprintf(b, "- source: [%s, %s](%s)\n- example: `%s`\n- fix: %s\n", r.Citation.Spec, r.Citation.Section, r.Citation.URL, r.Example, r.Fix)
}
