// Package judge makes of a signed vector what [tpp.Lint] judges: a program that tests its own
// bank compares with it, and obdcr lint judges vectors by it.
package judge

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

var (
	// ErrKeys means that a file of keys or certificates which a vector names can't be used.
	ErrKeys = errors.New("unusable keys of a vector")
	// ErrRead means that such a file can't be read.
	ErrRead = errors.New("unreadable keys of a vector")
)

// Judge judges vectors. It keeps the keys and policies that it has read, as many vectors share
// them. It is safe for concurrent use.
type Judge struct {
	read func(name string) ([]byte, error)
	kept sync.Map // of kept, by what they are made of
}

// New returns a Judge that reads the files of keys by read.
func New(read func(name string) ([]byte, error)) *Judge { return &Judge{read: read} }

// result is a value that was made once, or why it could not be.
type result[T any] struct {
	value T
	err   error
}

// once returns the value for a key, and makes it when it is first wanted.
func once[T any](j *Judge, key any, make func() (T, error)) (T, error) {
	f, _ := j.kept.LoadOrStore(key, sync.OnceValue(func() result[T] {
		value, err := make()
		return result[T]{value, err}
	}))
	r := f.(func() result[T])() //nolint:errcheck,forcetypeassert // each key is of one type
	return r.value, r.err
}

// Keys of what is kept.
type (
	keySetNamed      string
	revokedNamed     string
	certificateNamed string
	bankOf           struct {
		profile          validate.Profile
		policy, audience string
	}
	authoritiesOf struct {
		name string
		day  int64
	}
)

// Input returns what tpp.Lint judges of a vector. The error wraps ErrRead or ErrKeys where a
// file that the vector names cannot be read or used.
func (j *Judge) Input(v *signed.Vector) (in tpp.LintInput, err error) {
	if v.Kind == signed.Statement {
		in.Statement = string(v.JWS)
	} else {
		in.Request = string(v.JWS)
	}
	in.Now, in.Update = v.Now, v.Update
	if in.Validator, err = j.validator(v); err != nil {
		return in, err
	}
	keys, err := j.keySet(v.Keys.Directory)
	if err != nil {
		return in, err
	}
	in.Anchor = &ssa.Anchor{Issuer: v.Directory.Issuer, Environment: v.Directory.Environment, Keys: keys, JWKSHosts: v.Directory.JWKSHosts}
	if in.SoftwareKeys, err = j.software(v); err != nil {
		return in, err
	}
	if v.Keys.Certificate != "" {
		if in.Certificate, err = j.certificate(v.Keys.Certificate); err != nil {
			return in, err
		}
	}
	if v.Keys.Authorities != "" {
		in.Authorities, err = j.authorities(v)
	}
	return in, err
}

// Lint judges a vector.
func (j *Judge) Lint(ctx context.Context, v *signed.Vector) (*tpp.LintResult, error) {
	in, err := j.Input(v)
	if err != nil {
		return nil, err
	}
	return tpp.Lint(ctx, in)
}

func (j *Judge) validator(v *signed.Vector) (*validate.Validator, error) {
	return once(j, bankOf{v.Profile, string(v.Policy), v.Audience}, func() (*validate.Validator, error) {
		policy, err := v.BankPolicy()
		if err != nil {
			return nil, err
		}
		return validate.New(validate.Config{Profile: v.Profile, Policy: policy})
	})
}

func (j *Judge) keySet(name string) (ssa.KeySet, error) {
	return once(j, keySetNamed(name), func() (ssa.KeySet, error) { return parsed(j, name, parseKeys) })
}

// parseKeys reads a key set. It may be empty: a bank then looks for a key in vain.
func parseKeys(data []byte) (ssa.KeySet, error) {
	set, err := ssa.ParseJWKS(data)
	if err != nil {
		if none, without := ssa.ParseRevokedJWKS(data); without == nil && len(none.Keys)+len(none.Skipped) == 0 {
			return none, nil
		}
	}
	return set, err
}

// parsed reads a file and parses it.
func parsed[T any](j *Judge, name string, parse func([]byte) (T, error)) (T, error) {
	data, err := j.read(name)
	if err != nil {
		var none T
		return none, fmt.Errorf("%w: %s: %w", ErrRead, name, err)
	}
	value, err := parse(data)
	if err != nil {
		return value, fmt.Errorf("%w: %s: %w", ErrKeys, name, err)
	}
	return value, nil
}

// softwareKeys are the keys of a software, and those that are withdrawn.
type softwareKeys struct {
	ssa.KeySet
	revoked ssa.KeySet
}

// ResolveRevokedKeys returns the withdrawn keys, whatever the address.
func (k softwareKeys) ResolveRevokedKeys(context.Context, string) (ssa.KeySet, error) {
	return k.revoked, nil
}

func (j *Judge) software(v *signed.Vector) (ssa.SoftwareKeyResolver, error) {
	if v.Keys.Software == "" {
		return nil, nil
	}
	keys, err := j.keySet(v.Keys.Software)
	if err != nil || v.Keys.Revoked == "" {
		return softwareKeys{KeySet: keys}, err
	}
	revoked, err := once(j, revokedNamed(v.Keys.Revoked), func() (ssa.KeySet, error) { return parsed(j, v.Keys.Revoked, ssa.ParseRevokedJWKS) })
	return softwareKeys{keys, revoked}, err
}

func (j *Judge) certificate(name string) (*x509.Certificate, error) {
	return once(j, certificateNamed(name), func() (*x509.Certificate, error) {
		list, err := parsed(j, name, cert.ParseAuthorities)
		if err != nil {
			return nil, err
		}
		return list[0], nil
	})
}

// authorities returns the CAs. They are judged at the vector's time.
func (j *Judge) authorities(v *signed.Vector) (*cert.Authorities, error) {
	return once(j, authoritiesOf{v.Keys.Authorities, v.Now.Unix()}, func() (*cert.Authorities, error) {
		list, err := parsed(j, v.Keys.Authorities, cert.ParseAuthorities)
		if err != nil {
			return nil, err
		}
		a, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: list, claims.Production: list}, v.Now)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrKeys, v.Keys.Authorities, err)
		}
		return a, nil
	})
}
