package main

import (
	"fmt"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// need is a setting that a verb requires: its flag, its member in --config, and whether it is
// there.
type need struct {
	flag, member string
	there        bool
}

// needs lists the settings that a verb requires with an authentication method; by.Method is
// "" while that is not known yet. A verb that signs nothing requires no signing key.
func (o *clientOptions) needs(c *settings, verb string, by tpp.Credentials) []need {
	// Without a discovery document the flags have to name both endpoints.
	all := []need{{"--discovery", "wellknown_endpoint", c.WellknownEndpoint != "" || o.registrationEndpoint != "" && o.tokenEndpoint != ""}}
	builds := verb != "get" && verb != "delete" && o.request == ""
	manages := verb == "get" || verb == "update" || verb == "delete"
	switch {
	case verb != "build":
		all = append(all, need{"--cert", "transport_cert", c.chain != nil}, need{"--key", "transport_key", c.key != nil})
	case by.Method == claims.TLSClientAuth:
		all = append(all, need{"--cert", "transport_cert", c.chain != nil || c.TransportCertSubjectDN != ""})
	}
	if builds || manages && by.Method == claims.PrivateKeyJWT {
		all = append(all, need{"--signing-key", "private_key", c.signer != nil}, need{"--kid", "kid", c.Kid != ""})
	}
	if builds {
		all = append(all, need{"--ssa", "ssa", c.statement != nil})
	}
	if manages && by.Method.NeedsSecret() {
		all = append(all, need{flag: "--client", there: !by.Secret.IsZero()})
	}
	return all
}

// lacking returns a usage error that names the flags of all required settings that are
// missing; nil if none is.
func lacking(c *settings, o *clientOptions, verb string, by tpp.Credentials) error {
	var flags, members []string
	secret := false
	for _, n := range o.needs(c, verb, by) {
		switch {
		case n.there:
		case n.member == "":
			secret = true
		default:
			flags, members = append(flags, n.flag), append(members, n.member)
		}
	}
	if !secret && flags == nil {
		return nil
	}
	what := verb
	if by.Method != "" && verb != "build" && verb != "register" {
		what += " by " + string(by.Method)
	}
	text := lackingFlags(o.config, flags, members)
	switch {
	case secret && text != "":
		text += "; and --client with the answer of register, for the client's secret"
	case secret:
		text = " the client's secret: give --client with the answer of register"
	case by.Method == "" && o.needsLater(c, verb):
		text += "; and, where the method is private_key_jwt, --signing-key and --kid"
	}
	return usageError("%s needs%s", what, text)
}

// lackingFlags names the flags that are missing, and the members that would do in the file of
// --config; "" if none is.
func lackingFlags(config string, flags, members []string) string {
	switch {
	case flags == nil:
		return ""
	case config == "":
		return " --config, or " + strings.Join(flags, ", ")
	}
	return fmt.Sprintf(" %s: --config %s has no %s", strings.Join(flags, ", "), shownName(config), strings.Join(members, ", "))
}

// needsLater reports whether keys are missing that the verb requires if the method turns
// out to be private_key_jwt.
func (o *clientOptions) needsLater(c *settings, verb string) bool {
	signs := verb == "get" || verb == "delete" || verb == "update" && o.request != ""
	return signs && (c.signer == nil || c.Kid == "")
}
