package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// maxInput is the greatest length of a file that is read.
const maxInput = 1 << 20

// errTooLarge means that an input is longer than maxInput.
var errTooLarge = errors.New("is larger than 1 MiB: give a smaller file")

// load reads a file, or standard input for "-". The error wraps errTooLarge if the input
// is longer than maxInput; else it ends the command with exit code 3.
func (a *app) load(name string) (string, error) {
	var from io.Reader
	if name == "-" {
		if a.read {
			return "", usageError("standard input can be read only once: give a file instead of one of the -")
		}
		a.read, from = true, a.in
	} else {
		f, err := os.Open(name)
		if err != nil {
			return "", ioError(fmt.Errorf("%s: %w", name, withoutPath(err)))
		}
		defer f.Close() //nolint:errcheck // it is only read
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, maxInput+1))
	switch {
	case err != nil:
		return "", ioError(fmt.Errorf("%s: %w", shownName(name), withoutPath(err)))
	case len(data) > maxInput:
		return "", fmt.Errorf("%s %w", shownName(name), errTooLarge)
	}
	return string(data), nil
}

// withoutPath returns the cause of a *os.PathError: the message names the file already.
func withoutPath(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
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
	text, err := a.load(name)
	if err != nil {
		return nil, orUsage(err, "--"+flag)
	}
	keys, err := ssa.ParseJWKS([]byte(text))
	if err != nil {
		return nil, usageError("--%s %s: %w", flag, shownName(name), plainly(err))
	}
	for _, s := range keys.Skipped {
		a.note("%s: entry %d of the key set is not used: %s", shownName(name), s.Index, s.Reason)
	}
	return keys, nil
}

// orUsage adds the flag to the error of a file that could not be read. An error with an
// exit code keeps it; any other becomes a usage error.
func orUsage(err error, what string) error {
	var exit *exitError
	if errors.As(err, &exit) {
		if exit.code == exitIO {
			return ioError(fmt.Errorf("%s %w", what, exit.cause))
		}
		return err
	}
	return usageError("%s: %w", what, err)
}

// loadCertificate reads a transport certificate, PEM or DER; nil if name is "".
func (a *app) loadCertificate(name string) (*validate.Certificate, error) {
	if name == "" {
		return nil, nil
	}
	text, err := a.load(name)
	if err != nil {
		return nil, orUsage(err, "--cert")
	}
	der := []byte(text)
	for rest := der; len(rest) > 0; {
		block, next := pem.Decode(rest)
		if block == nil {
			break
		}
		if rest = next; block.Type == "CERTIFICATE" {
			der = block.Bytes
			break
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, usageError("--cert %s: is no X.509 certificate, in PEM or DER: %w", shownName(name), err)
	}
	return &validate.Certificate{RawSubject: cert.RawSubject}, nil
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
	document, err := a.load(name)
	if err != nil {
		return validate.Policy{}, orUsage(err, "--policy")
	}
	policy, err := validate.ParsePolicy([]byte(document), profile)
	if err != nil {
		return validate.Policy{}, usageError("--policy %s: %s", shownName(name), text.Detail(err))
	}
	return policy, nil
}

func unknownProfile(p validate.Profile) error {
	return usageError("--profile %q is none of %s", cut(string(p)), text.List(validate.Profiles()))
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
