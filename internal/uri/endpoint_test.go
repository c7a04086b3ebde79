package uri_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/internal/uri"
)

func TestAnEndpointIsAnAbsoluteHTTPSAddress(t *testing.T) {
	for address, good := range map[string]bool{
		"https://as.example/token": true, "https://as.example": true, "https://as.example:8443/t?x=1": true, "https://[::1]/t": true,
		"": false, "as.example/token": false, "http://as.example/token": false, "https:///token": false, "https://:443/": false,
		"https:as.example": false, "https://u@as.example/": false, "https://as.example/#": false, "https://as.example/#f": false,
		"https://as.example/%zz": false, "ftp://as.example/": false,
	} {
		u, err := uri.Endpoint(address)
		assert.Equal(t, good, err == nil, "%q: %v", address, err)
		assert.Equal(t, good, u != nil, "%q", address)
	}
}
