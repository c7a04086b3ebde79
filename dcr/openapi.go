package dcr

import _ "embed"

//go:embed openapi.yaml
var openAPI string

// OpenAPI returns the OpenAPI 3.1 document of the registration endpoint as
// [NewHandler] serves it, in YAML: every status, header and body. Serve it, or
// generate a client from it; the address of the server is an example.
func OpenAPI() []byte { return []byte(openAPI) }
