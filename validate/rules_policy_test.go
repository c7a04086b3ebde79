package validate

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A policy that is changed later must not change the judge.
func TestAClonedPolicySharesNothing(t *testing.T) {
	p := DefaultPolicy(OBIE33)
	from := reflect.ValueOf(&p).Elem()
	for i := range from.NumField() {
		if f := from.Field(i); f.Kind() == reflect.Slice && f.Len() == 0 {
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		}
	}
	p.AllowedValues = map[string][]string{"scope": {"openid"}}
	p.ClaimNames = map[string]string{"org_id": "id"}
	to := reflect.ValueOf(p.clone())
	for i := range from.NumField() {
		name := from.Type().Field(i).Name
		assert.Equal(t, from.Field(i).Interface(), to.Field(i).Interface(), name)
		if kind := from.Field(i).Kind(); kind == reflect.Slice || kind == reflect.Map {
			assert.NotEqual(t, from.Field(i).Pointer(), to.Field(i).Pointer(), name)
		}
	}
}
