package dcr

import _ "embed"

//go:embed openapi.yaml
var openAPI string

// OpenAPI returns the OpenAPI 3.1 document of the registration endpoint that
// [NewHandler] serves, in YAML. It describes every status, header and body. A bank can
// publish it, and a TPP can generate a client from it. The server's address in it is an
// example.
func OpenAPI() []byte { return []byte(openAPI) }
