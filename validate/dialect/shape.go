package dialect

import (
	"maps"
	"slices"

	"github.com/obdcr/obdcr/internal/jsonform"
	"github.com/obdcr/obdcr/validate"
)

// The schema says what the checks of the form refuse in a value by itself, so that an editor shows it. Each function here
// stands beside a check in form.go.

// narrowed is a text of a shape.
func narrowed(by func(*jsonform.Schema)) jsonform.Narrow[string] {
	return jsonform.Narrow[string]{Type: jsonform.Text[string]{}, By: by}
}

func nameShape(s *jsonform.Schema) { s.Pattern, s.MaxLength = goodName.String(), maxName }

func wordsShape(s *jsonform.Schema) { s.Pattern = `^[^\x00-\x1f\x7f-\x9f]+$` }

// dayShape admits 29 February in each year.
func dayShape(s *jsonform.Schema) {
	s.Format = "date"
	s.Pattern = `^[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))$`
}

func addressShape(s *jsonform.Schema) {
	s.Format = "uri"
	s.Pattern = `^[Hh][Tt][Tt][Pp][Ss]://[^:/?#@\x00-\x20\x7f][^/?#@\x00-\x20\x7f]*([/?][^#\x00-\x1f\x7f]*)?$`
}

func sourcesShape(s *jsonform.Schema) { s.MinItems = 1 }

// policyShape has the schema of a policy within that of the dialect, without the members that stand in another place.
func policyShape(s *jsonform.Schema) {
	s.Def, s.Document = "policy", validate.PolicySchema()
	s.Names = &jsonform.Schema{Not: &jsonform.Schema{Enum: slices.Sorted(maps.Keys(elsewhere))}}
}

func scopesShape(s *jsonform.Schema) { s.Items.Pattern = `^[\x21\x23-\x5b\x5d-\x7e]+$` }

func membersShape(s *jsonform.Schema) {
	s.Names = &jsonform.Schema{MinLength: 1, Not: &jsonform.Schema{Enum: ofEachRequest}}
}

func leftOutShape(s *jsonform.Schema) { s.Items.MinLength = 1 }
