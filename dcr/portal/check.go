package portal

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// check returns every fault of the configuration but those of the Store, the Look and the
// Directory, with what to do about each.
func (c *Config) check() error {
	var faults []error
	add := func(broken bool, format string, args ...any) {
		if broken {
			faults = append(faults, fmt.Errorf("portal: "+format, args...))
		}
	}
	_, _, err := splitAddress(c.Address)
	add(err != nil, "Address: %v", err)
	add(c.Registrar == nil, "Registrar is missing")
	add(c.Directory == nil && c.SignIn == nil, "nobody can sign in: set Directory, or SignIn for a sign-in of the bank's own")
	add(c.Directory != nil && c.SignIn != nil, "Directory and SignIn exclude each other: leave one of them out")
	add(len(c.Issuers) == 0, "Issuers is empty: name the directories (iss of their statements) whose organisations the sign-in tells")
	for field, address := range map[string]string{"Discovery": c.Discovery, "SignOut": c.SignOut} {
		u, err := url.Parse(address)
		add(address != "" && (err != nil || u.Scheme != "https" || u.Host == ""), "%s: %.100q is no https address", field, address)
	}
	add(c.SignOut != "" && c.SignIn == nil, "SignOut is for a sign-in of the bank's own: the directory tells its address itself")
	add(len(c.Operators.Values) > 0 != (c.Operators.Claim != ""), "Operators: Claim and Values belong together: set both, or neither")
	for _, email := range c.Operators.Emails {
		add(foldEmail(email) == "" || !strings.Contains(email, "@"), "Operators: %.64q is no e-mail address", email)
	}
	add(c.SignIn != nil && (c.Operators.Claim != "" || len(c.Operators.Emails) > 0),
		"Operators is for the directory's sign-in: the bank's own one says who is an operator (Person.Operator)")
	add(c.IdleTimeout < 0 || c.IdleTimeout > 0 && c.IdleTimeout < time.Minute || c.IdleTimeout > 24*time.Hour, "IdleTimeout has to be 1 min to 24 h")
	add(c.Lifetime < 0 || c.Lifetime > 0 && c.Lifetime < time.Minute || c.Lifetime > 24*time.Hour, "Lifetime has to be 1 min to 24 h")
	if err := c.APIs.Check(); err != nil {
		faults = append(faults, fmt.Errorf("portal: APIs: %w", err))
	}
	return errors.Join(faults...)
}

// splitAddress returns the origin of the portal's address and the path that all its pages
// begin with, which does not end in a slash.
func splitAddress(address string) (origin, base string, err error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "":
		return "", "", fmt.Errorf("%.100q is no https address, such as https://bank.example/portal", address)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return "", "", fmt.Errorf("%.100q has more than a host and a path", address)
	case u.RawPath != "" || strings.Contains(u.Path, "//") || strings.Contains(u.Path+"/", "/./") || strings.Contains(u.Path+"/", "/../"):
		return "", "", fmt.Errorf("the path of %.100q is not in its plain form", address)
	}
	return u.Scheme + "://" + u.Host, strings.TrimSuffix(u.Path, "/"), nil
}

// foldEmail returns an address as the portal keeps it, by which a person is found: without
// blanks around it, and in lower case as far as it is ASCII. Letters beyond ASCII stay as they
// are: two of them that look alike, or fold to the same, are two people.
func foldEmail(email string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, strings.TrimSpace(email))
}
