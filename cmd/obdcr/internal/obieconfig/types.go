package obieconfig

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// maxWord is the greatest length of a name or an address, in bytes, and maxDocument that of a
// statement, a key or a certificate.
const maxWord, maxDocument = 8 << 10, 512 << 10

// documents are the members that hold a document.
var documents = []string{"ssa", "ssas", "private_key", "transport_root_cas", "transport_cert", "transport_key"}

// checkMembers checks the types and the lengths of the members that Config has. It finds a
// member as encoding/json does: the case of its letters does not count.
func checkMembers(members map[string]json.RawMessage) error {
	of := reflect.TypeFor[Config]()
	for _, name := range slices.Sorted(maps.Keys(members)) {
		for i := range of.NumField() {
			known, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			if !strings.EqualFold(known, name) {
				continue
			}
			longest := maxWord
			if slices.Contains(documents, known) {
				longest = maxDocument
			}
			if err := checkMember(known, members[name], of.Field(i).Type.Kind(), longest); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkMember checks one value.
func checkMember(name string, value json.RawMessage, wanted reflect.Kind, longest int) error {
	is := kindOf(value)
	switch {
	case wanted == reflect.Bool:
		if is != "true" && is != "false" {
			return failure("%s is %s: it has to be true or false, without quotation marks, or left out", name, is)
		}
		return nil
	case wanted == reflect.String:
		if is != aString {
			return failure("%s is %s: it has to be a string, in quotation marks, or left out", name, is)
		}
		if length := len(value) - len(`""`); length > longest {
			return failure("%s has %d bytes in JSON: it can have %d at most", name, length, longest)
		}
		return nil
	case is == "null": // an empty list as programs in Go write it
		return nil
	case is != aList:
		return failure("%s is %s: it has to be a list of strings, such as [\"one\", \"two\"], or left out", name, is)
	}
	var all []json.RawMessage
	if err := json.Unmarshal(value, &all); err != nil {
		return failure("%s is no list", name)
	}
	for i, one := range all {
		switch is := kindOf(one); {
		case is != aString:
			return failure("%s/%d is %s: it has to be a string, in quotation marks", name, i, is)
		case len(one)-len(`""`) > longest:
			return failure("%s/%d has %d bytes in JSON: it can have %d at most", name, i, len(one)-len(`""`), longest)
		}
	}
	return nil
}

// What JSON values are called.
const aString, aList = "a string", "a list"

// kindOf is what a JSON value is, in words.
func kindOf(value json.RawMessage) string {
	if len(value) == 0 {
		return "nothing"
	}
	return cmp.Or(map[byte]string{'"': aString, '[': aList, '{': "an object", 'n': "null", 't': "true", 'f': "false"}[value[0]], "a number")
}
