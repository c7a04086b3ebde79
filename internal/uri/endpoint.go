package uri

import (
	"errors"
	"net/url"
	"strings"
)

// Endpoint reads the address of a server's endpoint: an absolute https URL with a
// host, without userinfo and without a fragment, not even an empty one. The error has no
// prefix: the caller puts the name of the setting in front.
func Endpoint(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, errors.New("is no URL")
	case u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("is no absolute https address")
	case u.User != nil || strings.ContainsRune(address, '#'):
		return nil, errors.New("has user information or a fragment")
	}
	return u, nil
}
