package main

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
	"github.com/obdcr/obdcr/validate/dialect"
)

// clientOptions are the flags of the verbs of a TPP.
type clientOptions struct {
	config, discovery, ca, cert, key, signingKey, kid, ssa string
	password                                               string // the file of it
	registrationEndpoint, tokenEndpoint, issuer            string // instead of those of the discovery document
	directory, directoryTokens, orgID, softwareID          string // of ssa get
	aud, iss, authMethod, subjectDN, now                   string
	redirectURIs, scopes                                   []string
	grantTypes, responseTypes, members                     []string
	scopeAsArray                                           bool
	jtiCase, contentType                                   string
	tokenScopes                                            []string
	request, save, client, clientOut                       string
	showSecret, verbose                                    bool
	applicationType                                        string
	lifetime, timeout                                      time.Duration
	builds                                                 bool // the command has the flags of a request

	documentArgument bool // the discovery document is an argument, and not of --discovery

	bank    string
	dialect *dialect.Dialect       // of --bank; nil without
	given   func(flag string) bool // the user has given a flag; nil without --bank
}

func authMethods() []string {
	return text.Strings(claims.AuthMethods())
}

// connectionFlags are the flags for the bank's address and the TPP's keys.
func (o *clientOptions) connectionFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.config, "config", "", "a config.json of the OBIE conformance tool, a `FILE`; the flags below change what it says")
	f.StringVar(&o.discovery, "discovery", "", "the bank's discovery document, an https URL or a `FILE`")
	bankFlag(c, f, &o.bank)
	o.keyFlags(c, "the bank")
	f.StringVar(&o.issuer, "issuer", "", "the bank's issuer, a `URL`, instead of that of its discovery document")
	f.StringVar(&o.registrationEndpoint, "registration-endpoint", "", "an https `URL` instead of that of the discovery document")
	f.StringVar(&o.tokenEndpoint, "token-endpoint", "", "an https `URL` instead of that of the discovery document")
	o.wireFlags(c)
}

// keyFlags are the flags for the TPP's keys and the CAs of a server.
func (o *clientOptions) keyFlags(c *cobra.Command, server string) {
	f := c.Flags()
	f.StringVar(&o.ca, "ca", "", "certificates, a `FILE`, that "+server+" must chain to; without it the system's")
	f.StringVar(&o.cert, "cert", "", "the transport certificate, a `FILE`: PEM, DER, or PKCS#12 with its key")
	f.StringVar(&o.key, "key", "", "the key of the transport certificate, a `FILE`: PEM, DER, JWK or PKCS#12; without it that in the file of --cert")
	f.StringVar(&o.signingKey, "signing-key", "", "the key that signs requests, a `FILE`: PEM, DER, JWK or PKCS#12")
	f.StringVar(&o.kid, "kid", "", "the `ID` of the signing key at the directory; without it that in the JWK")
	passwordFlag(f, &o.password)
}

// usualLifetime is how long a request is valid if no flag says otherwise.
const usualLifetime = 30 * time.Minute

// applicationTypes are the values of --application-type. --member sets any other.
func applicationTypes() []string {
	return []string{string(claims.Web), string(claims.Mobile), string(claims.Native)}
}

// defaultTimeout is how long a command waits for an answer if it is not told.
const defaultTimeout = 30 * time.Second

// wireFlags are the flags for how to talk to a server.
func (o *clientOptions) wireFlags(c *cobra.Command) {
	f := c.Flags()
	f.DurationVar(&o.timeout, "timeout", defaultTimeout, "how long to wait for each answer, a `DURATION` such as 90s")
	f.StringVar(&o.now, "now", "", "make requests and assertions as at this RFC 3339 `TIME`, that of a bank with another clock; without it now")
	f.BoolVar(&o.verbose, "verbose", false, "print what is sent and what comes back, without the secrets in it")
}

// statementFlag is the flag for a software statement.
func (o *clientOptions) statementFlag(c *cobra.Command, use string) {
	c.Flags().StringVar(&o.ssa, "ssa", "", "the software statement, a `FILE`"+use)
}

// requestFlags are the flags for the members of a request.
func (o *clientOptions) requestFlags(c *cobra.Command) {
	o.statementFlag(c, "")
	o.builds = true
	f := c.Flags()
	f.StringVar(&o.aud, "aud", "", "the bank's `IDENTIFIER` at the directory; without it its issuer")
	f.StringVar(&o.iss, "iss", "", "the `ID` in iss; without it the software_id of the statement")
	f.StringArrayVar(&o.redirectURIs, "redirect-uri", nil, "a redirect `URI`, once for each; without it the statement's")
	f.StringArrayVar(&o.scopes, "scope", nil, "a `SCOPE`, once for each; without it openid and what the roles allow")
	f.BoolVar(&o.scopeAsArray, "scope-as-array", false, "write scope as an array of words, which some banks want, and not as a string")
	f.StringArrayVar(&o.grantTypes, "grant-type", nil,
		"a grant `TYPE`, once for each; without it what the bank announces of authorization_code, client_credentials, refresh_token")
	f.StringArrayVar(&o.responseTypes, "response-type", nil, "a response `TYPE`, once for each; without it what the bank announces of code, \"code id_token\"")
	f.StringArrayVar(&o.members, "member", nil, "a further or another member, `NAME=JSON`, once for each; NAME= leaves the member out")
	f.StringVar(&o.jtiCase, "jti-case", jtiLower, "the letters in jti, upper or lower `CASE`")
	complete(c, "jti-case", []string{jtiLower, jtiUpper})
	f.StringVar(&o.subjectDN, "subject-dn", "", "tls_client_auth_subject_dn, a `NAME`; without it the certificate's subject")
	f.StringVar(&o.applicationType, "application-type", "", "application_type, a `TYPE`; without it web")
	complete(c, "application-type", applicationTypes())
	f.DurationVar(&o.lifetime, "lifetime", usualLifetime, "how long the request is valid, a `DURATION` such as 5m; some banks refuse 30m as too long")
}

// methodFlag is the flag for the authentication method. Its text differs from verb to verb,
// because the method means a new one or the registered one.
func (o *clientOptions) methodFlag(c *cobra.Command, what, otherwise string) {
	c.Flags().StringVar(&o.authMethod, "auth-method", "", what+", a `METHOD`; without it "+otherwise+" of "+strings.Join(authMethods(), ", "))
	complete(c, "auth-method", authMethods())
}

// The values of --jti-case and --content-type.
const (
	jtiLower = "lower"
	jtiUpper = "upper"
	typeJWT  = "jwt"
	typeJOSE = "jose"
)

// contentTypes are the values of --content-type.
func contentTypes() []string { return []string{typeJWT, typeJOSE} }

// tokenFlag is the flag for the access token of get, update and delete.
func (o *clientOptions) tokenFlag(c *cobra.Command) {
	c.Flags().StringArrayVar(&o.tokenScopes, "token-scope", nil, "a `SCOPE` to ask for with the access token, once for each; without it none")
}

// sendFlags are the flags to send an existing request, and to save a new one.
func (o *clientOptions) sendFlags(c *cobra.Command) {
	c.Flags().StringVar(&o.contentType, "content-type", typeJWT,
		"send as application/`TYPE`, jwt or jose; if the bank answers 415, the other one is tried once")
	complete(c, "content-type", contentTypes())
	c.Flags().StringVar(&o.request, "request", "", "send this signed request, a `FILE`, instead of building one")
	c.Flags().StringVar(&o.save, "save", "", "write the request to a new `FILE` before it is sent")
}

// secretFlag is the flag to print secrets.
func (o *clientOptions) secretFlag(c *cobra.Command) {
	c.Flags().BoolVar(&o.showSecret, "show-secret", false, "print the client's secret with the bank's answer")
}

// outFlag is the flag for the file that gets the bank's whole answer.
func (o *clientOptions) outFlag(c *cobra.Command, existing string) {
	o.secretFlag(c)
	c.Flags().StringVar(&o.clientOut, "client-out", "", "keep the bank's whole answer, with the client's secret, in a `FILE` of mode 0600 for --client"+existing)
}

// knownFlag is the flag for the saved answer of a registered client.
func (o *clientOptions) knownFlag(c *cobra.Command) {
	c.Flags().StringVar(&o.client, "client", "", "the answer of register, a `FILE`: it has the client's id and method, and its secret if there is one")
}

// check refuses flags with a value that they cannot have. It splits the words of --scope and
// --token-scope, because a scope is often written as one text.
func (o *clientOptions) check() error {
	for _, f := range []struct {
		flag, value string
		known       []string
	}{
		{"--auth-method", o.authMethod, authMethods()}, {"--jti-case", o.jtiCase, []string{jtiLower, jtiUpper}},
		{"--content-type", o.contentType, contentTypes()}, {"--application-type", o.applicationType, applicationTypes()},
	} {
		if f.value != "" && !slices.Contains(f.known, f.value) {
			return unlisted(f.flag, f.value, f.known)
		}
	}
	if o.clientOut == input.Stdin {
		return usageError("--client-out is the name of a new file, and - is none; --show-secret prints the whole answer to standard output")
	}
	if o.save == input.Stdin {
		return usageError("--save is the name of a new file, and - is none; obdcr build writes a request to standard output, and --request sends it")
	}
	if _, err := o.override(); err != nil {
		return err
	}
	for flag, address := range map[string]string{"--registration-endpoint": o.registrationEndpoint, "--token-endpoint": o.tokenEndpoint} {
		if address == "" {
			continue
		}
		if _, err := uri.Endpoint(address); err != nil {
			return usageError("%s %s", flag, err)
		}
	}
	if o.lifetime < 0 || o.builds && o.lifetime == 0 || o.lifetime%time.Second != 0 {
		return usageError("--lifetime is a duration of whole seconds, at least one: 5m")
	}
	if o.timeout <= 0 {
		return usageError("--timeout is a duration of more than 0: 90s")
	}
	for flag, values := range map[string][]string{"--scope": o.scopes, "--token-scope": o.tokenScopes, "--grant-type": o.grantTypes,
		"--response-type": o.responseTypes} {
		for _, value := range values {
			if strings.Contains(value, ",") {
				return usageError("%s %q has a comma: give the flag once for each value", flag, cut(value))
			}
		}
	}
	for flag, scopes := range map[string]*[]string{"--scope": &o.scopes, "--token-scope": &o.tokenScopes} {
		if *scopes == nil {
			continue
		}
		if *scopes = strings.Fields(strings.Join(*scopes, " ")); len(*scopes) == 0 {
			return usageError("%s is empty", flag)
		}
	}
	return nil
}

// idle refuses flags that have no effect beside --request: the request is signed and says
// all itself. method is true if --auth-method is such a flag.
func (o *clientOptions) idle(c *cobra.Command, method bool) error {
	if o.request == "" {
		return nil
	}
	names := []string{"ssa", "aud", "iss", "redirect-uri", "scope", "scope-as-array", "grant-type", "response-type", "member", "jti-case",
		"subject-dn", "application-type", "lifetime"}
	if method {
		names = append(names, "auth-method")
	}
	var idle []string
	for _, name := range names {
		if c.Flags().Changed(name) {
			idle = append(idle, "--"+name)
		}
	}
	if idle == nil {
		return nil
	}
	return usageError("%s cannot change the request of --request, which is signed already: leave it out, or leave --request out",
		strings.Join(idle, ", "))
}

// keepsSecret refuses a method by which the bank issues a secret if nobody would get it. It
// has to be called before anything is sent, because the bank shows the secret once.
func (o *clientOptions) keepsSecret(verb string, method claims.AuthMethod) error {
	if !method.NeedsSecret() || o.showSecret || o.clientOut != "" {
		return nil
	}
	return usageError("%s by %s: the bank shows the client's secret once: give --client-out FILE to keep it there, or --show-secret to print it",
		verb, method)
}

// overrides are the flags that go before the discovery document.
func (o *clientOptions) overrides() tpp.Overrides {
	return tpp.Overrides{Issuer: o.issuer, RegistrationEndpoint: o.registrationEndpoint, TokenEndpoint: o.tokenEndpoint}
}

// discoveryFlag names what gave the discovery document, "" for an argument.
func (o *clientOptions) discoveryFlag() string {
	if o.documentArgument {
		return ""
	}
	return "--discovery"
}

// mediaType is the type of --content-type; "" for verbs that have no such flag.
func (o *clientOptions) mediaType() tpp.ContentType {
	if o.contentType == "" {
		return ""
	}
	return tpp.ContentType("application/" + o.contentType)
}

// override reads --member.
func (o *clientOptions) override() (map[string]json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	for _, m := range o.members {
		name, value, found := strings.Cut(m, "=")
		if _, twice := members[name]; !found || name == "" || twice {
			return nil, usageError("--member %q: write NAME=JSON, and each name once", cut(m))
		}
		if value != "" && !json.Valid([]byte(value)) {
			return nil, usageError(`--member %s: %q is no JSON; a text is in quotation marks: --member '%s="..."'`, cut(name), cut(value), cut(name))
		}
		members[name] = json.RawMessage(value)
	}
	return members, nil
}

// dashedID is the least length of an argument with a dash in front that is taken for a
// client_id. Every flag of the verbs that take a client_id is shorter, but for longFlag.
const (
	dashedID = 20
	longFlag = "--registration-endpoint"
)

// withDashedID moves a client_id that begins with a dash behind a --, so that it is not
// taken for a flag. One in 64 random base64url identifiers begins so.
func withDashedID(args []string) []string {
	takesID := len(args) > 0 && slices.Contains([]string{"get", "update", "delete"}, args[0]) ||
		len(args) > 1 && args[0] == "clients" && slices.Contains([]string{"show", "history", "remove"}, args[1])
	if !takesID || slices.Contains(args, "--") {
		return args
	}
	for i := 1; i < len(args); i++ {
		if args[i] == longFlag {
			continue
		}
		isValue := strings.HasPrefix(args[i-1], "--") && len(args[i-1]) < dashedID && !strings.Contains(args[i-1], "=")
		if len(args[i]) >= dashedID && args[i][0] == '-' && !isValue && !strings.Contains(args[i], "=") {
			return append(slices.Delete(slices.Clone(args), i, i+1), "--", args[i])
		}
	}
	return args
}
