package dcr_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// document is an OpenAPI document, with a record of the answers that were seen.
type document struct {
	*reading
	schemas func() (map[string]*jsonschema.Schema, error) // of its components
	seen    map[string]bool                               // "POST 201"
}

// reading is a document as it was read. Tests share it and change nothing of it.
type reading struct {
	*openapi3.T
	open, closed func() (map[string]*jsonschema.Schema, error) // the schemas as they are, and those of strict
}

// readings are by their text: a process reads many documents and few texts.
var readings sync.Map // func() (*reading, error)

func readDocument(t *testing.T, text []byte, err error) *document {
	t.Helper()
	require.NoError(t, err)
	read, _ := readings.LoadOrStore(string(text), sync.OnceValues(func() (*reading, error) {
		doc, err := openapi3.NewLoader().LoadFromData(text)
		if err != nil {
			return nil, err
		}
		compiled := func(closed ...string) func() (map[string]*jsonschema.Schema, error) {
			return sync.OnceValues(func() (map[string]*jsonschema.Schema, error) { return compileSchemas(doc, closed) })
		}
		return &reading{doc, compiled(), compiled("RegisteredClient", "RegistrationError", "PendingChange")}, doc.Validate(context.Background())
	}))
	r, err := read.(func() (*reading, error))()
	require.NoError(t, err)
	require.True(t, r.IsOpenAPI31OrLater())
	return &document{reading: r, schemas: r.open, seen: map[string]bool{}}
}

// compileSchemas compiles the schemas of a document's components. Those that are closed take
// no member that they do not list.
func compileSchemas(doc *openapi3.T, closed []string) (map[string]*jsonschema.Schema, error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	schemas := parsed.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any) // the document is valid
	for _, name := range closed {
		if schema, there := schemas[name].(map[string]any); there {
			schema["additionalProperties"] = false
		}
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("openapi.json", parsed); err != nil {
		return nil, err
	}
	all := map[string]*jsonschema.Schema{}
	for name := range schemas {
		if all[name], err = compiler.Compile("openapi.json#/components/schemas/" + name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// strict is the document for tests of our own answers: its schemas of answers are open, so
// that a generated client reads those of other banks, and this bank sends nothing that they
// do not list.
func (d *document) strict() *document {
	d.schemas = d.closed
	return d
}

// fits reports whether a value fits a schema of the document.
func (d *document) fits(schema string, value any) error {
	all, err := d.schemas()
	if err != nil {
		return err
	}
	return all[schema].Validate(value)
}

// operation finds the operation of a request in the document. It is nil for an unknown
// path. For an unknown method it is one that has the 405 alone.
func (d *document) operation(method, path string) (*openapi3.PathItem, *openapi3.Operation) {
	rest, found := strings.CutPrefix(path, "/register")
	name := "/register"
	if rest != "" {
		name = "/register/{ClientId}"
		if id := strings.TrimPrefix(rest, "/"); id == rest || id == "" || strings.Contains(id, "/") {
			found = false
		}
	}
	if !found {
		return nil, nil
	}
	item := d.Paths.Value(name)
	operation := item.Operations()[method]
	if operation == nil {
		operation = &openapi3.Operation{Responses: openapi3.NewResponses(openapi3.WithStatus(405, d.Components.Responses["MethodNotAllowed"]))}
	}
	return item, operation
}

// check checks an answer by the document.
func (d *document) check(t *testing.T, r *http.Request, status int, header http.Header, body []byte) {
	t.Helper()
	item, operation := d.operation(r.Method, r.URL.EscapedPath())
	if operation == nil || status == http.StatusNotFound {
		require.Equal(t, http.StatusNotFound, status, "%s is no path of the document", r.URL)
		return
	}
	if item.Operations()[r.Method] == nil {
		require.Equal(t, http.StatusMethodNotAllowed, status, "%s is no method of the document", r.Method)
	} else {
		d.seen[r.Method+" "+http.StatusText(status)] = true
	}
	require.NoError(t, d.answers(r, operation, status, header, body), "%s %s: %d %s", r.Method, r.URL, status, body)
	if len(operation.Responses.Status(status).Value.Content) == 0 {
		require.Empty(t, body)
	}
}

// answers reports whether an answer is one of an operation's.
func (d *document) answers(r *http.Request, operation *openapi3.Operation, status int, header http.Header, body []byte) error {
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r,
			Route: &routers.Route{Spec: d.T, Operation: operation, Method: r.Method}},
		Status: status, Header: header, Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: true},
	}
	if err := openapi3filter.ValidateResponse(context.Background(), in); err != nil {
		return err
	}
	content := operation.Responses.Status(status).Value.Content
	if len(content) == 0 || r.Method == http.MethodHead {
		return nil
	}
	media := content.Get(header.Get("Content-Type"))
	if media == nil {
		return fmt.Errorf("no answer of the document is %q", header.Get("Content-Type"))
	}
	value := any(string(body))
	if media == content["application/json"] {
		if err := json.Unmarshal(body, &value); err != nil {
			return err
		}
	}
	return d.fits(strings.TrimPrefix(media.Schema.Ref, "#/components/schemas/"), value)
}

// addAnswers adds all answers of the document, in the form in which check records them.
func (d *document) addAnswers(all map[string]bool) {
	for _, item := range d.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				code, _ := strconv.Atoi(status)
				all[method+" "+http.StatusText(code)] = true
			}
		}
	}
}
