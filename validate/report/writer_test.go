package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

// Every format says what came of the four checks, also for a file of which nothing was
// decoded.
func TestEveryFormatTellsTheChecksOfAWrongFile(t *testing.T) {
	v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: validate.DefaultPolicy(validate.OBIE33)})
	require.NoError(t, err)
	wrong := validate.Violation{Rule: validate.RuleRequestJWS, Document: validate.DocRequest, Message: "this is another file"}
	none := validate.Check{State: validate.CheckNotChecked, Note: "there is nothing to check"}
	result := &report.Result{Name: "a", Report: v.Judge(&validate.Input{Now: time.Unix(1, 0), Extra: []validate.Violation{wrong}}),
		Checks: validate.Checks{RequestSignature: none, StatementSignature: none, Audience: none, Certificate: none}}
	for _, format := range report.Formats() {
		var out bytes.Buffer
		w, err := report.NewWriter(&out, report.WriterOptions{Format: format})
		require.NoError(t, err)
		require.NoError(t, w.Add(result))
		require.NoError(t, w.Close())
		told := strings.NewReplacer("_", " ", "\n", " ").Replace(out.String())
		for _, check := range result.Checks.Named() {
			require.Contains(t, told, check.Name, "%s:\n%s", format, &out)
		}
		require.Regexp(t, "not checked", told, format)
	}
}

// A file that could not be judged is an object of its own, which says no word of the others.
func TestAFileThatCouldNotBeJudgedIsTold(t *testing.T) {
	why := errors.New("no \"key\"\x1b[31m\n  fix: give one")
	for _, format := range report.Formats() {
		var out bytes.Buffer
		w, err := report.NewWriter(&out, report.WriterOptions{Format: format, Many: true, Now: time.Unix(1, 0)})
		require.NoError(t, err)
		for _, name := range []string{"a&b.json", "c.json"} {
			require.NoError(t, w.AddUnjudged(name, why))
		}
		require.NoError(t, w.Close())
		require.NotContains(t, out.String(), "\x1b", format)
		switch format {
		case report.FormatJSON:
			var all []struct {
				File, Error string
				Valid       bool
				Violations  []any
			}
			require.NoError(t, json.Unmarshal(out.Bytes(), &all))
			require.Len(t, all, 2)
			require.Equal(t, "a&b.json", all[0].File)
			require.Equal(t, why.Error(), all[0].Error)
			require.False(t, all[0].Valid)
			require.NotNil(t, all[0].Violations)
		case report.FormatText:
			require.Contains(t, out.String(), "2 files: 2 could not be judged")
		case report.FormatSARIF:
			schema, err := sarifSchema()
			require.NoError(t, err)
			value, err := jsonschema.UnmarshalJSON(&out)
			require.NoError(t, err)
			require.NoError(t, schema.Validate(value))
			run := value.(map[string]any)["runs"].([]any)[0].(map[string]any)
			require.Len(t, run["artifacts"], 2)
			require.Equal(t, false, run["properties"].(map[string]any)["valid"])
			require.Equal(t, false, run["invocations"].([]any)[0].(map[string]any)["executionSuccessful"])
		default:
			for _, name := range []string{"b.json", "c.json"} {
				require.Contains(t, out.String(), name, format)
			}
		}
	}
}

// A command can be copied: no format breaks it.
func TestACommandStandsOnOneLine(t *testing.T) {
	v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: validate.DefaultPolicy(validate.OBIE33)})
	require.NoError(t, err)
	command := "jq -j '.protected + .payload' " + strings.Repeat("a long name ", 10) + "> request.jwt"
	wrong := validate.Violation{Rule: validate.RuleRequestJWS, Message: "this is another file", Fix: "convert it", Command: command}
	result := &report.Result{Name: "a", Report: v.Judge(&validate.Input{Now: time.Unix(1, 0), Extra: []validate.Violation{wrong}})}
	for _, format := range report.Formats() {
		if format == report.FormatConcise { // it tells no fix
			continue
		}
		var out bytes.Buffer
		w, err := report.NewWriter(&out, report.WriterOptions{Format: format})
		require.NoError(t, err)
		require.NoError(t, w.Add(result))
		require.NoError(t, w.Close())
		plain := strings.NewReplacer("&#39;", "'", "&gt;", ">", "%0A", "\n").Replace(out.String())
		require.Contains(t, plain, command, format)
		if format == report.FormatText {
			require.Regexp(t, `(?m)^ +jq`, plain)
		}
	}
}
