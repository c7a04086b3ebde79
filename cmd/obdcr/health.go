package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/text"
)

// healthTimeout is how long health waits if it is not told.
const healthTimeout = 5 * time.Second

// maxHealthHeader is the longest header of an answer that health reads, in bytes.
const maxHealthHeader = 32 << 10

func (a *app) healthCommand() *cobra.Command {
	var ca string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "health URL",
		Short: "Ask a server whether it is well, for containers",
		Long: `health asks once for an address and prints nothing if the answer has status 200. It is
the health check of a container that has no other program in it. It follows no redirect,
uses no proxy of the environment, and reads no body.

Exit codes: 0 for status 200, 1 for any other answer and for none, also if the file of
--ca is not there yet, 2 for wrong usage: an address or a flag that can never come right,
a folder for --ca, a file there that is there and has no certificate. Docker and Podman
take 2 for a failure, as they take 1.`,
		Example: `  obdcr health https://127.0.0.1:8443/readyz --ca obdcr-sandbox/ca.pem
  obdcr health http://127.0.0.1:8080/healthz --timeout 2s`,
		Args:              oneURL,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			u, err := healthURL(args[0])
			switch {
			case err != nil:
				return usageError("health: the address %w", err)
			case timeout <= 0:
				return usageError("--timeout is a duration of more than 0: 2s")
			case ca != "" && u.Scheme != "https":
				return usageError("--ca is for an https address alone")
			}
			config, err := a.healthTLS(ca)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			if err := healthy(ctx, u, config); err != nil {
				return &exitError{exitViolated, fmt.Errorf("%s: %w", cut(u.Scheme+"://"+u.Host+u.EscapedPath()), err)}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&ca, "ca", "", "certificates, a `FILE`, that the server must chain to; without it the system's")
	cmd.Flags().DurationVar(&timeout, "timeout", healthTimeout, "how long to wait for the answer, a `DURATION` such as 2s")
	return cmd
}

func oneURL(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usageError("%s needs a URL; see %s --help", c.Name(), c.CommandPath())
	case len(args) > 1:
		return usageError("%s takes one URL: %q is one too many", c.Name(), cut(args[1]))
	}
	return nil
}

// healthURL reads the address of a server: http or https, with a host, and without user and
// fragment.
func healthURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("must be a URL that begins with https:// or http:// and has a host")
	case u.User != nil || strings.Contains(address, "#"):
		return nil, errors.New("has user information or a fragment")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, errors.New("has a port outside 1..65535")
		}
	}
	return u, nil
}

// healthTLS reads --ca. A file that cannot be read is no wrong usage: a server that starts
// has not written it yet. A folder is: no server makes a file of it.
func (a *app) healthTLS(ca string) (*tls.Config, error) {
	if info, err := os.Stat(ca); err == nil && info.IsDir() {
		return nil, usageError("--ca %s is a folder: name the file with the certificates", text.Echo(ca))
	}
	roots, err := a.loadRoots(ca)
	if exit, ok := errors.AsType[*exitError](err); ok && exit.code == exitIO {
		return nil, &exitError{exitViolated, exit.cause}
	}
	return fetch.ClientTLS(roots), err
}

// healthy asks for an address and returns nil for an answer with status 200. It asks by the
// transport itself, which follows no redirect.
func healthy(ctx context.Context, u *url.URL, config *tls.Config) error {
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHealthHeader}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return errors.New("it cannot be asked for")
	}
	request.Header.Set("User-Agent", "obdcr")
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return errors.New(fetch.Reason(err))
	}
	_ = answer.Body.Close() // the status says it all
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", answer.StatusCode)
	}
	return nil
}
