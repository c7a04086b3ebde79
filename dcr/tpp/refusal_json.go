package tpp

import (
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// The names of members that refusals use, in lower case and without - and _. Of each list
// the first counts that an object has; of textNames all do.
var (
	codeNames = []string{"error", "errorcode", "code", "httpcode"}
	textNames = []string{"errordescription", "title", "message", "errormessage", "httpmessage", "faultstring", "detail", "description",
		"moreinformation", "reason", "text"}
	placeNames = []string{"path", "field", "pointer", "parameter", "name"}
	innerNames = []string{"fault", "error", "detail", "response"}
	listNames  = []string{"errors", "tppmessages", "invalidparams", "details", "causes"}
)

// The bounds of what is read of a refusal: objects within each other, and errors in a list.
const (
	maxLevels = 4
	maxErrors = 10
)

// jsonRefusal reads a refusal in JSON: an error of RFC 7591, an error object of OBIE
// ({"Code", "Message", "Errors": [{"ErrorCode", "Message", "Path"}]}), a problem of RFC
// 9457, or what gateways send. ok is false if it is no strict JSON. A document without any
// known member is returned as it is.
func jsonRefusal(document string) (code, said string, ok bool) {
	value, err := jsonscan.Parse(document)
	if err != nil {
		return "", "", false
	}
	if description, clean := value.MemberText("error_description"); clean {
		return textMember(value, "error"), description, true
	}
	switch value.Kind() {
	case jsonscan.String:
		said, _ = value.Text()
	case jsonscan.Object:
		code, said = readObject(value, maxLevels)
	case jsonscan.Array:
		code, said = readList(value, maxLevels)
	}
	if code == "" && said == "" {
		said = document
	}
	return code, said, true
}

// readObject reads an object that describes one error, or has several within it. Errors
// within it name the fault better than its own code does, unless that is an error of OAuth.
func readObject(object jsonscan.Value, levels int) (code, said string) {
	if levels == 0 {
		return "", ""
	}
	members := folded(object)
	code = firstOf(members, codeNames)
	texts := make([]string, 0, len(textNames))
	for _, name := range textNames {
		if part := plainText(members[name]); part != "" && !slices.Contains(texts, part) {
			texts = append(texts, part)
		}
	}
	if len(code) > text.MaxEcho { // a sentence
		texts, code = append([]string{code}, texts...), ""
	}
	parts := []string{strings.Join(texts, ": ")}
	keep := code != "" && plainText(members["error"]) == code
	within := func(inner, more string) {
		if inner != "" && !keep {
			code, keep = inner, true
		}
		parts = append(parts, more)
	}
	for _, name := range innerNames {
		if members[name].Kind() == jsonscan.Object {
			within(readObject(members[name], levels-1))
		}
	}
	for _, name := range slices.Concat(listNames, textNames) {
		switch v := members[name]; {
		case v.Kind() == jsonscan.Array:
			within(readList(v, levels-1))
		case name == listNames[0] && v.Kind() == jsonscan.Object:
			within("", readFields(v))
		}
	}
	return code, joined(parts, "; ")
}

// readList reads errors that are objects or texts. code is the first one's.
func readList(list jsonscan.Value, levels int) (code, said string) {
	var parts []string
	for i, v := range list.Elements() {
		if i == maxErrors {
			parts = append(parts, "...")
			break
		}
		if v.Kind() != jsonscan.Object {
			parts = append(parts, plainText(v))
			continue
		}
		inner, what := readObject(v, levels)
		if code == "" {
			code = inner
		}
		members := folded(v)
		where := firstOf(members, placeNames)
		if where == "" {
			where = firstOf(folded(members["source"]), placeNames)
		}
		if where != "" {
			where = "at " + where
		}
		parts = append(parts, joined([]string{joined([]string{inner, where}, " "), what}, ": "))
	}
	return code, joined(parts, "; ")
}

// readFields reads an object that has a list of texts for each field at fault.
func readFields(object jsonscan.Value) string {
	var parts []string
	for name, v := range object.Members() {
		if len(parts) == maxErrors {
			parts = append(parts, "...")
			break
		}
		what := plainText(v)
		if v.Kind() == jsonscan.Array {
			_, what = readList(v, 0)
		}
		parts = append(parts, joined([]string{"at " + name, what}, ": "))
	}
	return joined(parts, "; ")
}

// folded returns the members of an object by their names in lower case, without - and _.
// Of names that become the same the first counts.
func folded(object jsonscan.Value) map[string]jsonscan.Value {
	members := map[string]jsonscan.Value{}
	for name, v := range object.Members() {
		name = strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
		if _, there := members[name]; !there {
			members[name] = v
		}
	}
	return members
}

// firstOf returns the first of the members that is a text or a number; "" if there is none.
func firstOf(members map[string]jsonscan.Value, names []string) string {
	for _, name := range names {
		if found := plainText(members[name]); found != "" {
			return found
		}
	}
	return ""
}

// plainText returns a text, or a number as it is written; "" for any other value.
func plainText(v jsonscan.Value) string {
	if v.Kind() == jsonscan.Number {
		return v.Raw()
	}
	found, _ := v.Text()
	return strings.TrimSpace(found)
}

// joined joins the texts that are not empty.
func joined(texts []string, by string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return s == "" }), by)
}

// textMember returns a member of an object that is a string, else "".
func textMember(object jsonscan.Value, name string) string {
	value, _ := object.MemberText(name)
	return value
}
