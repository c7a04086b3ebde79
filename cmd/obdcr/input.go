package main

import (
	"crypto/x509"
	"errors"
	"time"

	"github.com/spf13/pflag"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// open reads and recognises a file, or standard input for "-". flag names it, with its
// dashes; "" is for an argument. An error ends the command: with code 3 if the file cannot
// be read, with 2 if a flag names one that is too long, else with 1; it then wraps
// input.ErrTooLarge.
func (a *app) open(flag, name string) (*input.File, error) {
	f, err := a.files.Read(flag, name)
	if err != nil {
		return nil, unread(flag, err)
	}
	return f, nil
}

// unread gives the error of a file that was not read its exit code.
func unread(flag string, err error) error {
	switch {
	case errors.Is(err, input.ErrStdinTwice), flag != "" && errors.Is(err, input.ErrTooLarge):
		return usageError("%w", err)
	case errors.Is(err, input.ErrTooLarge):
		return &exitError{exitViolated, err}
	}
	return ioError(err)
}

// plainError is an error without the name of the package that it is from.
type plainError struct{ cause error }

// Error gives the detail of the cause.
func (e *plainError) Error() string { return detail(e.cause) }

func (e *plainError) Unwrap() error { return e.cause }

// plainly removes the name of the package from an error, for people; nil stays nil.
func plainly(err error) error {
	if err == nil {
		return nil
	}
	return &plainError{err}
}

// detail returns the text of an error without the name of the package that it is from.
func detail(err error) string {
	if e, ok := errors.AsType[*ssa.Error](err); ok {
		return e.Detail
	}
	if e, ok := errors.AsType[*cert.Error](err); ok {
		return e.Kind.Error() + ": " + e.Detail
	}
	return text.Detail(err)
}

// shownName returns the name of an input for messages.
func shownName(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}

// loadKeys reads a key set from a file or an https address; nil if name is "".
func (a *app) loadKeys(flag, name, ca string) (ssa.KeyResolver, error) {
	if name == "" {
		return nil, nil
	}
	if isURL(name) {
		return a.remoteKeys(flag, name, ca)
	}
	f, err := a.open("--"+flag, name)
	if err != nil {
		return nil, err
	}
	document, err := f.KeySet()
	if err != nil {
		return nil, usageError("%w", err)
	}
	keys, err := ssa.ParseRevokedJWKS([]byte(document)) // an empty set is one too (RFC 7517 section 5)
	if err == nil && len(keys.Keys) == 0 && len(keys.Skipped) > 0 {
		keys, err = ssa.ParseJWKS([]byte(document))
	}
	if err != nil {
		return nil, usageError("%s: %w", f.Where(), plainly(err))
	}
	if len(keys.Keys) == 0 {
		a.note("%s: the key set is empty", shownName(name))
	}
	for _, s := range keys.Skipped {
		a.note("%s: entry %d of the key set is not used: %s", shownName(name), s.Index, s.Reason)
	}
	return keys, nil
}

// loadCertificate reads a transport certificate, PEM, DER or PKCS#12; nil if name is "".
func (a *app) loadCertificate(name string) (*x509.Certificate, error) {
	if name == "" {
		return nil, nil
	}
	f, err := a.open("--cert", name)
	if err != nil {
		return nil, err
	}
	certs, err := f.Certificates(a.opens, false)
	if err != nil {
		return nil, usageError("%w", err)
	}
	return certs[0], nil
}

// passwordFlag is the flag for the password of a PKCS#12 store.
func passwordFlag(flags *pflag.FlagSet, name *string) {
	flags.StringVar(name, "password-file", "", "a `FILE` with the password of a PKCS#12 store in its first line")
}

// readPassword reads the file of --password-file, if there is one, for the stores that are
// read later.
func (a *app) readPassword(name string) error {
	if name == "" {
		return nil
	}
	p, err := a.files.Password("--password-file", name)
	if err != nil {
		return unread("--password-file", err)
	}
	a.opens = p
	return nil
}

// loadPolicy reads a bank's policy for a profile. If name is "", it returns the profile's
// default policy.
func (a *app) loadPolicy(name string, profile validate.Profile) (validate.Policy, error) {
	if !profile.Valid() {
		return validate.Policy{}, unknownProfile(profile)
	}
	if name == "" {
		return validate.DefaultPolicy(profile), nil
	}
	f, err := a.open("--policy", name)
	if err != nil {
		return validate.Policy{}, err
	}
	document, err := f.Document(input.Policy)
	if err != nil {
		return validate.Policy{}, usageError("%w", err)
	}
	policy, err := validate.ParsePolicy([]byte(document), profile)
	if err != nil {
		return validate.Policy{}, usageError("%s: %s", f.Where(), text.Detail(err))
	}
	return policy, nil
}

func unknownProfile(p validate.Profile) error {
	return unlisted("--profile", string(p), text.Strings(validate.Profiles()))
}

// timeOf reads the value of --now; "" is the present time.
func timeOf(text string) (time.Time, error) {
	if text == "" {
		return time.Now(), nil
	}
	now, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usageError("--now %q is no time as RFC 3339 writes it: 2026-01-31T12:00:00Z", text)
	}
	return now, nil
}
