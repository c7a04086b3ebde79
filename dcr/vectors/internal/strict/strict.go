// Package strict decodes the files of test vectors: what is misspelt, null or there twice is
// an error, and never a vector that shows less than it seems to.
package strict

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

// Decode decodes strict JSON. jsonscan refuses duplicate members. encoding/json would
// match names in any case and ignore null, so checkMembers looks at both. The members
// named free hold values of another form, which is not looked into.
func Decode(doc string, to any, free ...string) error {
	tree, err := jsonscan.Parse(doc)
	if err != nil {
		return err
	}
	if err := checkMembers(tree, "", free); err != nil {
		return err
	}
	decoder := json.NewDecoder(strings.NewReader(doc))
	decoder.DisallowUnknownFields()
	return plainly(decoder.Decode(to))
}

// plainly says what is wrong in the words of JSON, and not in those of Go.
func plainly(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		kind, _, _ := strings.Cut(wrong.Value, " ") // the value of a number stands behind
		return fmt.Errorf("%q is a JSON %s, and due is %s", "/"+strings.ReplaceAll(wrong.Field, ".", "/"), kind, wordOf(wrong.Type.Kind()))
	}
	return err
}

// wordOf is what a value of a Go type is in JSON.
func wordOf(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a whole number"
}

// optional are the members whose absence has a meaning that an empty text must not have.
var optional = []string{"environment", "outcome", "wire", "audience", "jws", "jws_base64", "not_over_http"}

// checkMembers refuses null, names of members that are not in lower case, and an empty text
// in an optional member. at is the pointer of v.
func checkMembers(v jsonscan.Value, at string, free []string) error {
	if v.Kind() == jsonscan.Null {
		return fmt.Errorf("%q is null", at)
	}
	for i, element := range v.Elements() {
		if err := checkMembers(element, jsonscan.AppendPointer(at, strconv.Itoa(i)), free); err != nil {
			return err
		}
	}
	for name, member := range v.Members() {
		below := jsonscan.AppendPointer(at, name)
		if name != "$schema" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return fmt.Errorf("%q is not in lower case", below)
		}
		if member.Raw() == `""` && slices.Contains(optional, name) {
			return fmt.Errorf("%q is empty: leave it out", below)
		}
		if slices.Contains(free, name) {
			if member.Kind() == jsonscan.Null {
				return fmt.Errorf("%q is null", below)
			}
			continue
		}
		if err := checkMembers(member, below, free); err != nil {
			return err
		}
	}
	return nil
}
