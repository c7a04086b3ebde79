package service

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/text"
)

// FileError is a file that the configuration names and that cannot be read.
type FileError struct {
	Path string
	Err  error
}

// Error names the file once.
func (e *FileError) Error() string {
	return fmt.Sprintf("the file %s cannot be read: %v", text.Visible(e.Path), e.Err)
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// readFile reads a file of at most limit bytes. The error is a *FileError.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unread(path, err)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, unread(path, err)
	}
	if int64(len(data)) > limit {
		return nil, unread(path, fmt.Errorf("it is longer than %d bytes", limit))
	}
	return data, nil
}

func unread(path string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return &FileError{path, err}
}

// read reads a file that a member names. The error says where the member is.
func (c *Config) read(place, name string, limit int64) ([]byte, error) {
	data, err := readFile(c.file(name), limit)
	if err != nil {
		p := c.where(place)
		return nil, fmt.Errorf("%s:%d:%d: %s: %w", c.path, p.line, p.column, place, err)
	}
	return data, nil
}

// private warns of a file with a secret that others than its owner may read.
func (c *Config) private(log *slog.Logger, place, name string) {
	if info, err := os.Stat(c.file(name)); err == nil && info.Mode().Perm()&secretMode != 0 {
		log.Warn("others than the owner may read a file with a secret: chmod 600", "member", place, "file", c.file(name), "mode", info.Mode().Perm().String())
	}
}

// secret reads a secret without the line break at its end; none where neither file nor
// variable is named. place is that of the members without _file and _env.
func (c *Config) secret(log *slog.Logger, place string, s SecretRef) (claims.Secret, error) {
	switch {
	case s.File != "":
		c.private(log, place+"_file", s.File)
		data, err := c.read(place+"_file", s.File, maxSecret)
		if err != nil {
			return claims.Secret{}, err
		}
		value := strings.TrimRight(string(data), "\r\n")
		if value == "" {
			return claims.Secret{}, c.faultAt(place+"_file", "the file %s is empty: write the secret into it", text.Echo(c.file(s.File)))
		}
		return claims.NewSecret(value), nil
	case s.Env != "":
		value := os.Getenv(s.Env)
		if value == "" {
			return claims.Secret{}, c.faultAt(place+"_env", "the variable %s of the environment is not set", text.Quote(s.Env))
		}
		return claims.NewSecret(value), nil
	}
	return claims.Secret{}, nil
}

// keyLength is the length of a sealing key in bytes.
const keyLength = 32

// sealingKey reads the sealing key: 32 bytes as they are, in hexadecimal or in base64.
func (c *Config) sealingKey(log *slog.Logger) (claims.Secret, error) {
	if c.SealingKey.File != "" {
		data, err := c.read("sealing_key_file", c.SealingKey.File, maxSecret)
		if err != nil {
			return claims.Secret{}, err
		}
		if len(data) == keyLength {
			c.private(log, "sealing_key_file", c.SealingKey.File)
			return claims.NewSecret(string(data)), nil
		}
	}
	written, err := c.secret(log, "sealing_key", c.SealingKey)
	if err != nil || written.IsZero() {
		return written, err
	}
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawURLEncoding.DecodeString} {
		if key, err := decode(written.Reveal()); err == nil && len(key) == keyLength {
			return claims.NewSecret(string(key)), nil
		}
	}
	place := "sealing_key_file"
	if c.SealingKey.File == "" {
		place = "sealing_key_env"
	}
	return claims.Secret{}, c.faultAt(place, "is not of 32 bytes: make one by openssl rand -hex 32, and keep it as long as the store")
}

// authorities reads CAs from PEM files.
func (c *Config) authorities(of string, names []string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for i, name := range names {
		at := place(of, i)
		data, err := c.read(at, name, maxPEM)
		if err != nil {
			return nil, err
		}
		list, err := cert.ParseAuthorities(data)
		if err != nil {
			return nil, c.faultAt(at, "%s: %s", text.Echo(name), text.Detail(err))
		}
		all = append(all, list...)
	}
	return all, nil
}

// roots reads the CAs of a server; nil, which are the system's, where none is named.
func (c *Config) roots(place string, names []string) (*x509.CertPool, error) {
	list, err := c.authorities(place, names)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, ca := range list {
		pool.AddCert(ca)
	}
	return pool, nil
}

// pair reads a certificate with its key, and warns of one that is not in date: whoever it is
// presented to turns the bank away.
func (c *Config) pair(log *slog.Logger, place string, p Pair) (tls.Certificate, error) {
	certificate, err := c.read(place+"/certificate_file", p.CertificateFile, maxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := c.read(place+"/key_file", p.KeyFile, maxPEM)
	if err != nil {
		return tls.Certificate{}, err
	}
	c.private(log, place+"/key_file", p.KeyFile)
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		what := "certificate_file"
		if !bytes.Contains(key, []byte("PRIVATE KEY-----")) {
			what = "key_file"
		}
		return tls.Certificate{}, c.faultAt(place+"/"+what, "%s with the key %s: %s", text.Echo(p.CertificateFile), text.Echo(p.KeyFile), text.Detail(err))
	}
	if !inDate(pair) {
		log.Warn("a certificate is not in date: whoever looks at it turns the bank away", "member", place+"/certificate_file",
			"file", p.CertificateFile, "not_before", pair.Leaf.NotBefore, "not_after", pair.Leaf.NotAfter)
	}
	return pair, nil
}

func inDate(pair tls.Certificate) bool {
	now := time.Now()
	return !now.Before(pair.Leaf.NotBefore) && !now.After(pair.Leaf.NotAfter)
}

// client makes the HTTP client for another server. It follows no redirect.
func (c *Config) client(log *slog.Logger, place string, r Reach) (*http.Client, error) {
	roots, err := c.roots(place+"/ca_files", r.CAFiles)
	if err != nil {
		return nil, err
	}
	transport := fetch.Transport(roots)
	if r.CertificateFile != "" {
		own, err := c.pair(log, place, Pair{r.CertificateFile, r.KeyFile})
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig.Certificates = []tls.Certificate{own}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}
