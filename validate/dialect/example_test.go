package dialect_test

import (
	"fmt"

	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/dialect"
)

// A bank is loaded by its name, and its policy judges requests.
func Example() {
	bank, err := dialect.Load("hsbc")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = validate.New(validate.Config{Profile: bank.Profile, Policy: bank.Policy})
	fmt.Println(bank.ContentType, bank.Policy.AudienceKinds, bank.Offers("DELETE"), err)
	// Output: application/jose [url] false <nil>
}

// The file of another bank is read strictly: the error says where it is wrong.
func ExampleParse() {
	_, err := dialect.Parse([]byte(`{"version": 1, "name": "my-bank", "titel": "My Bank"}`))
	fmt.Println(err)
	// Output: dialect: titel: is unknown: did you mean to write title?
}
