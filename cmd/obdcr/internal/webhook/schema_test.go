package webhook

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
)

const schemaFile = "../../../../docs/hooks.schema.json"

func schema(t *testing.T, part string) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("hooks.json", doc))
	s, err := c.Compile("hooks.json" + part)
	require.NoError(t, err)
	return s
}

// questions are one body of each hook, with every member.
func questions(t *testing.T) map[string][]byte {
	t.Helper()
	change := exampleChange()
	change.Reason = "an operator's"
	change.Before.SubjectDN = "CN=software-1"
	change.Before.Application.Attributes = []claims.Attribute{{Name: "a", Values: []string{"b"}, List: true}}
	change.RolesGained = []claims.Role{"PISP"}
	change.Access = &token.AccessToken{ClientID: "client-1", IssuedAt: time.Unix(1, 0), Expiry: time.Unix(2, 0), Scope: []string{"openid"}, Subject: "client-1"}
	p := exampleProvisioning()
	all := map[string][]byte{}
	for name, v := range map[string]any{"approve": approvalOf(&change), "provision": provisioningOf(&p),
		"deprovision": deprovisioning{Operation: "deprovision", ID: "id-1", ClientID: "client-1", State: theState}} {
		body, err := json.Marshal(v)
		require.NoError(t, err)
		all[name] = body
	}
	return all
}

func TestTheSchemaDescribesWhatIsSent(t *testing.T) {
	whole := schema(t, "")
	for name, body := range questions(t) {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, whole.Validate(doc), name)
		require.NoError(t, schema(t, "#/$defs/"+name).Validate(doc), name)
		doc.(map[string]any)["another"] = 1
		require.Error(t, whole.Validate(doc), name)
	}
	create := exampleChange()
	create.Operation, create.Before = dcr.OpCreate, nil
	body, err := json.Marshal(approvalOf(&create))
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, whole.Validate(doc))
}

// TestTheSchemaHasNoMemberThatIsNotSent: each property of a question is in the body that has
// every member.
func TestTheSchemaHasNoMemberThatIsNotSent(t *testing.T) {
	var file struct {
		Examples []json.RawMessage `json:"examples"`
		Defs     map[string]struct {
			Properties map[string]json.RawMessage `json:"properties"`
		} `json:"$defs"`
	}
	data, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &file))
	all := questions(t)
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(all["approve"], &members))
	all["record"] = members["before"]
	for name, body := range all {
		var sent map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(body, &sent))
		require.ElementsMatch(t, slices.Collect(maps.Keys(sent)), slices.Collect(maps.Keys(file.Defs[name].Properties)), name)
	}
	require.NotEmpty(t, file.Examples)
	whole := schema(t, "")
	for _, example := range file.Examples {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(example))
		require.NoError(t, err)
		require.NoError(t, whole.Validate(doc))
	}
}

func TestNoSecretIsInAQuestionButThatOfProvision(t *testing.T) {
	for name, body := range questions(t) {
		require.Equal(t, name == "provision", bytes.Contains(body, []byte(theSecret)), name)
		require.NotContains(t, string(body), "sealed", name)
	}
}
