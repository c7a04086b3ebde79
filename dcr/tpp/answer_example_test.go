package tpp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// A bank that speaks a dialect: its document lacks the registration endpoint, and it wants
// scope as an array, one grant type and a member of its own.
func ExampleBuildPayload() {
	directory, err := ssatest.New(ssatest.Options{})
	must(err)
	defer directory.Close()
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	must(err)
	statement, err := software.SSA(nil)
	must(err)
	metadata, err := tpp.ParseMetadata([]byte(`{"issuer": "https://bank.example", "token_endpoint": "https://bank.example/token"}`),
		tpp.Overrides{RegistrationEndpoint: "https://bank.example/register"})
	must(err)
	payload, err := tpp.BuildPayload(metadata, statement, tpp.RequestOptions{
		Now: time.Now(), ScopeAsArray: true, GrantTypes: []claims.GrantType{claims.ClientCredentials},
		Members: map[string]json.RawMessage{"subject_type": json.RawMessage(`"pairwise"`)},
	})
	must(err)
	var sent struct {
		Scope       []string `json:"scope"`
		GrantTypes  []string `json:"grant_types"`
		SubjectType string   `json:"subject_type"`
	}
	must(json.Unmarshal(payload, &sent))
	fmt.Println(sent.Scope, sent.GrantTypes, sent.SubjectType)
	// Output: [openid accounts payments] [client_credentials] pairwise
}

// The bank registers less than it was asked for.
func ExampleDifferences() {
	directory, err := ssatest.New(ssatest.Options{})
	must(err)
	defer directory.Close()
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	must(err)
	claims := software.Request()
	request, err := software.Sign(&claims)
	must(err)
	answer, err := json.Marshal(&claims)
	must(err)
	members := map[string]any{}
	must(json.Unmarshal(answer, &members))
	members["client_id"], members["scope"] = "a1", "openid accounts"
	answer, err = json.Marshal(members)
	must(err)

	registered, err := tpp.ParseClientInformation(answer)
	must(err)
	differences, err := tpp.Differences(request, registered)
	must(err)
	for _, d := range differences {
		fmt.Println(d)
	}
	// Output: scope: asked for "openid accounts payments"; registered "openid accounts"
}

// A failed call says how to go on.
func ExampleResponseError_ClockAdvice() {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	err := error(&tpp.ResponseError{Verb: "register", Status: 400, Code: "invalid_client_metadata", Description: "iat is in the future",
		ServerTime: now.Add(-4 * time.Minute), ReceivedAt: now})
	var refused *tpp.ResponseError
	if errors.As(err, &refused) {
		fmt.Println(refused.Retry(), refused.ClockAdvice())
	}
	// Output: new your clock is 4 minutes ahead of the bank's
}
