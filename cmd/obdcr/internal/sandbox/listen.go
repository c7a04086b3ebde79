package sandbox

import (
	"cmp"
	"errors"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// listen opens the listeners and saves their addresses for the next start. Stored clients
// name the directory's address, so it has to stay the same.
func (s *Sandbox) listen(c *Config, known *state) error {
	before := cmp.Or(known.Published, known.Directory)
	bank, err := listen(c.names, "listen", c.Listen, known.Listen, DefaultListen)
	if err != nil {
		return err
	}
	s.bankAt = bank.Listener
	directory, err := listen(c.names, "directory", c.Directory, known.Directory, DefaultDirectory)
	if err != nil {
		return err
	}
	s.keysAt = directory.Listener
	portal, err := listen(c.names, "portal", portalAddress(c, known), known.Portal, DefaultPortal)
	if err != nil {
		return err
	}
	s.portalAt = portal.Listener
	s.Ready.Bank, s.Ready.Directory, s.Ready.Portal = bank.url, directory.url, portal.url
	s.Ready.Discovery, s.Ready.RegistrationEndpoint, s.Ready.TokenEndpoint = bank.url+discoveryPath, bank.url+c.Path, bank.url+tokenPath
	known.Listen, known.Directory, known.Portal = bank.address, directory.address, portal.address
	known.Published = strings.TrimPrefix(directory.url, "https://")
	if before != "" && before != known.Published {
		s.log.Warn("the directory has moved: clients that were registered before name its old address, and are not known any more",
			"from", before, "to", known.Published)
	}
	if c.Expose != nil && bank.local && directory.local {
		s.log.Warn("nobody but this machine reaches the sandbox: --listen and --directory let it listen elsewhere, such as 0.0.0.0:8443 and 0.0.0.0:8445")
	}
	return known.save(s.files)
}

// portalAddress is where the portal is asked to listen. Without Config.Portal it goes with the
// bank: to a free port where the bank takes one, and at the first start to the bank's host.
func portalAddress(c *Config, known *state) string {
	if c.Portal != "" || c.Listen == "" {
		return c.Portal
	}
	host, port, err := net.SplitHostPort(c.Listen) // which check has read
	_, usual, _ := net.SplitHostPort(DefaultPortal)
	switch {
	case err != nil:
		return ""
	case port == "0":
		return net.JoinHostPort(host, port)
	case known.Portal == "":
		return net.JoinHostPort(host, usual)
	}
	return ""
}

// listener is a listener of the sandbox.
type listener struct {
	net.Listener
	address string // host:port to listen at again
	url     string // by which clients reach it
	local   bool   // on loopback
}

// listen listens at the address that was asked for, else at that of the last start, else
// at the usual one. Port 0 is the port of the last start if that is free.
func listen(n names, flag, asked, last, usual string) (*listener, error) {
	address := cmp.Or(asked, last, usual)
	host, port, err := n.splitListen(address)
	if err != nil {
		return nil, failure("%s: %w", stateFile, err)
	}
	var l net.Listener
	if port == 0 && last != "" {
		if _, before, err := n.splitListen(last); err == nil {
			l, _ = net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(before))) // an error means that it is taken: a free port then
		}
	}
	if l == nil {
		l, err = net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, failure("%s is taken: stop what listens there, or give --%s another address; port 0 picks a free one", address, flag)
	}
	if err != nil {
		return nil, failure("%w", err)
	}
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return nil, errors.Join(failure("%s is no TCP address", l.Addr()), l.Close())
	}
	return &listener{l, net.JoinHostPort(host, strconv.Itoa(at.Port)), n.address(host, at.Port), at.IP.IsLoopback()}, nil
}
