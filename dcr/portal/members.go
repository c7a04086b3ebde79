package portal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// member is a member of a JSON object as a page shows it.
type member struct {
	Name   string
	Values []string // of an array of texts each one; else one
}

// membersOf returns the members of a JSON object, in its order; none of what is no object.
func membersOf(object []byte) []member {
	d := json.NewDecoder(bytes.NewReader(object))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil
	}
	var members []member
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return members
		}
		members = append(members, member{Name: name.(string), Values: valuesOf(value)})
	}
	return members
}

// valuesOf returns a value as a page shows it: a text without its quotes, an array of texts as
// these, and anything else as JSON.
func valuesOf(value json.RawMessage) []string {
	var one string
	var list []string
	switch {
	case json.Unmarshal(value, &one) == nil && value[0] == '"':
		return []string{one}
	case json.Unmarshal(value, &list) == nil && value[0] == '[':
		return list
	}
	return []string{string(value)}
}

// statementMembers returns the claims of a software statement that was verified when it was
// stored.
func statementMembers(statement string) []member {
	parts := strings.Split(statement, ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	return membersOf(payload)
}
