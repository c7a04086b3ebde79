package server

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// faults are what New refuses. Each says what to do.
type faults []error

func (f *faults) add(broken bool, format string, args ...any) {
	if broken {
		*f = append(*f, fmt.Errorf("server: "+format, args...))
	}
}

// check refuses fields that are missing or contradict each other. It reports them all at
// once, so that a caller need not mend and try one after the other. It is called before
// setDefaults.
func (c *Config) check() error {
	var f faults
	c.checkAddress(&f)
	f.add(c.Store == nil, "there is no Store: give store.NewMemory, sqlite.Open, or one of your own")
	c.checkRetention(&f)
	c.checkTokens(&f)
	c.checkDiscoveryFrom(&f)
	c.checkKeys(&f)
	c.checkDirectories(&f)
	c.checkClients(&f)
	for _, place := range nothings(reflect.ValueOf(c).Elem(), "") {
		f.add(true, "%s holds a nil of its type: give a value, or leave the field out", place)
	}
	f.add(c.Logger != nil && c.Logger.Handler() == nil, "Logger has no handler: give one of slog.New, or leave the field out")
	return errors.Join(f...)
}

func (c *Config) checkAddress(f *faults) {
	u, unfit := uri.Endpoint(c.Issuer)
	f.add(unfit != nil, "Issuer %v: give the bank's own address, such as https://bank.example", unfit)
	f.add(unfit == nil && c.Issuer != "https://"+u.Host,
		"Issuer is more than the origin of the bank: leave out path, query and the slash at its end, and let Paths have the path")
	f.add(c.Discovery.Issuer+c.Discovery.RegistrationEndpoint != "" || !reflect.ValueOf(c.Discovery.Policy).IsZero(),
		"Issuer, RegistrationEndpoint and Policy of Discovery follow from Issuer, Paths and Policy: leave them out")
}

func (c *Config) checkTokens(f *faults) {
	f.add(c.TokenEndpoint && c.Tokens != nil,
		"both TokenEndpoint and Tokens are set: choose whether the bank issues tokens itself or asks its authorization server")
	f.add(c.ClientToken != nil && c.Tokens == nil, "ClientToken is set, and judges the tokens of Tokens, which is not: leave it out, or give Tokens")
	f.add(!c.TokenEndpoint && c.Discovery.TokenEndpoint == "" && !c.DiscoveryFrom.given(),
		"Discovery.TokenEndpoint is empty: name that of the authorization server, give its document by DiscoveryFrom, or set TokenEndpoint to have one here")
	f.add(c.TokenEndpoint && c.Discovery.TokenEndpoint != "", "both TokenEndpoint and Discovery.TokenEndpoint are set: clients use one, so leave one out")
}

func (c *Config) checkKeys(f *faults) {
	f.add(c.Keys.Resolver != nil && len(c.Keys.NotPublic) > 0, "Keys.Resolver and Keys.NotPublic exclude each other: with a Resolver nothing is fetched")
	f.add(c.Keys.Resolver != nil && len(c.Keys.Sources) > 0, "Keys.Resolver and Keys.Sources exclude each other: with a Resolver nothing is fetched")
	f.add(c.Keys.Resolver != nil && c.Keys.Limits != ssa.RemoteLimits{}, "Keys.Resolver and Keys.Limits exclude each other: with a Resolver nothing is fetched")
}

// directory is what the checks need of a member of Directories or Anchors.
type directory struct {
	place       string
	issuer, url string
	environment claims.Environment
}

func (c *Config) directories() []directory {
	var all []directory
	for i, d := range c.Directories {
		all = append(all, directory{"Directories[" + strconv.Itoa(i) + "]", d.Issuer, d.JWKSURL, d.Environment})
	}
	for i := range c.Anchors {
		a := &c.Anchors[i]
		all = append(all, directory{"Anchors[" + strconv.Itoa(i) + "]", a.Issuer, a.JWKSURL, a.Environment})
	}
	return all
}

func known(env claims.Environment) bool { return env == claims.Sandbox || env == claims.Production }

func (c *Config) checkDirectories(f *faults) {
	f.add(len(c.Directories)+len(c.Anchors) == 0, "no directory is believed: give Directories, such as ssa.KnownDirectories, or Anchors")
	for i := range c.Anchors {
		f.add(c.Anchors[i].Algorithms != nil || c.Anchors[i].MaxAge != 0 || c.Anchors[i].MaxAgeWithExp != 0,
			"Anchors[%d] sets Algorithms, MaxAge or MaxAgeWithExp: leave them empty, and set signing_algorithms, ssa_max_age_seconds and "+
				"ssa_max_age_with_exp_seconds of the policy", i)
	}
	for i := range c.Anchors {
		names := c.Anchors[i].ClaimNames
		f.add(c.Policy != nil && len(c.Policy.ClaimNames) > 0 && len(names) > 0 && !maps.Equal(names, c.Policy.ClaimNames),
			"ClaimNames of Anchors[%d] and claim_names of the policy differ: give one of them", i)
	}
	all := c.directories()
	for i, d := range all {
		f.add(!known(d.environment), "%s is of no environment: give it claims.Sandbox or claims.Production", d.place)
		_, unfit := uri.Endpoint(d.url)
		anchor := i - len(c.Directories)
		hasKeys := anchor >= 0 && (c.Anchors[anchor].Keys != nil || c.Keys.Resolver != nil)
		f.add(unfit != nil && !hasKeys, "JWKSURL of %s %v: give the address of its key set, or an anchor with its Keys", d.place, unfit)
		twice := slices.IndexFunc(all[:i], func(e directory) bool {
			return d.url != "" && e.url == d.url && e.issuer == d.issuer && e.environment == d.environment
		})
		f.add(twice >= 0, "%s is the same directory as %s: leave one out", d.place, all[max(twice, 0)].place)
	}
}

func (c *Config) checkClients(f *faults) {
	authorities := c.Clients.Trust.Authorities
	f.add(c.Clients.Proxy == nil && len(authorities) == 0,
		"no CA of client certificates is named: give Clients.Trust.Authorities, or a Clients.Proxy where a proxy ends TLS")
	environments := map[claims.Environment]bool{}
	for _, d := range c.directories() {
		environments[d.environment] = true
		f.add(len(authorities) > 0 && len(authorities[d.environment]) == 0 && known(d.environment),
			"%s is of the environment %s, which has no CA: give Clients.Trust.Authorities of it, or leave the directory out", d.place, text.Quote(string(d.environment)))
	}
	for _, env := range slices.Sorted(maps.Keys(authorities)) {
		f.add(!environments[env],
			"Clients.Trust.Authorities has CAs of the environment %s, which has no directory: give one of it, or leave the CAs out",
			text.Quote(string(env)))
	}
	proxies := c.Clients.ProxyAuthorities
	f.add(len(proxies) > 0 && (c.Clients.Proxy == nil || len(c.Clients.Server) == 0),
		"Clients.ProxyAuthorities are for a proxy that speaks TLS to the bank: give Clients.Proxy and Clients.Server too, or leave them out")
	f.add(slices.Contains(proxies, nil), "Clients.ProxyAuthorities holds a nil: give what cert.ParseAuthorities returns")
	for i := range c.Clients.Server {
		own := &c.Clients.Server[i]
		f.add(len(own.Certificate) == 0 || own.PrivateKey == nil,
			"Clients.Server[%d] lacks its certificate or its key: give what tls.LoadX509KeyPair returns, or LoadCertificates", i)
	}
}

// nothings returns the places of interfaces that hold a nil pointer, function, map or the
// like. Such a value is not nil itself, but a method of it fails at the first request. It
// looks into the structs of this package, and into each anchor.
func nothings(v reflect.Value, place string) []string {
	var found []string
	switch {
	case v.Kind() == reflect.Interface:
		if !v.IsNil() && nothing(v.Interface()) {
			return []string{place}
		}
	case v.Type() == reflect.TypeFor[[]ssa.Anchor]():
		for i := range v.Len() {
			found = append(found, nothings(v.Index(i).FieldByName("Keys"), place+"["+strconv.Itoa(i)+"].Keys")...)
		}
	case v.Kind() == reflect.Struct && v.Type().PkgPath() == reflect.TypeFor[Config]().PkgPath():
		for i := range v.NumField() {
			found = append(found, nothings(v.Field(i), strings.TrimPrefix(place+"."+v.Type().Field(i).Name, "."))...)
		}
	}
	return found
}

// nothing reports whether a value is nil, or is of a type that can be nil and is.
func nothing(value any) bool {
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Chan, reflect.Slice, reflect.UnsafePointer:
		return v.IsNil()
	}
	return !v.IsValid()
}

// check refuses a path that no request can have, one that two fields have, and one that
// the registration endpoint would hide.
func (p *Paths) check() error {
	var f faults
	taken := map[string]string{}
	fields := reflect.ValueOf(p).Elem()
	for i := range fields.NumField() {
		name, at := fields.Type().Field(i).Name, fields.Field(i).String()
		f.add(!plainPath(at),
			"Paths.%s is %s: begin it with a slash, end it without one, and use no query, escape, blank, empty segment or dot segment", name, text.Quote(at))
		f.add(taken[at] != "", "Paths.%s and Paths.%s are both %s: give each its own", taken[at], name, text.Quote(at))
		taken[at] = name
		f.add(strings.HasPrefix(at, p.Registration+"/") || at != "/" && strings.HasPrefix(p.Registration, at+"/"),
			"Paths.%s is %s, and Paths.Registration %s: let neither be below the other, because what is below Registration are the clients",
			name, text.Quote(at), text.Quote(p.Registration))
	}
	return errors.Join(f...)
}

// plainPath reports whether a request can have a path exactly as it is written. "/" alone
// is one.
func plainPath(at string) bool {
	return strings.HasPrefix(at, "/") && path.Clean(at) == at && !strings.ContainsFunc(at, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/-._~!$&'()*+,;=:@", r))
	})
}

// validator makes the validator of the profile and the bank's policy.
func (c *Config) validator() (*validate.Validator, error) {
	policy := validate.DefaultPolicy(c.Profile)
	if c.Policy != nil {
		policy = *c.Policy
	}
	var f faults
	f.add(c.Audiences != nil && len(policy.Audiences) > 0 && !slices.Equal(c.Audiences, policy.Audiences),
		"Audiences and Policy.Audiences differ: give one of them")
	if c.Audiences != nil {
		policy.Audiences = slices.Clone(c.Audiences)
	}
	f.add(len(policy.Audiences) == 0, "no audience: give Audiences, the bank's identifiers at its directory")
	f.add(c.TokenEndpoint && !slices.Contains(policy.GrantTypes, claims.ClientCredentials),
		"TokenEndpoint is set, and the policy admits no grant type %s: add it to grant_types, or leave TokenEndpoint out", claims.ClientCredentials)
	validator, err := validate.New(validate.Config{Profile: c.Profile, Policy: policy})
	return validator, errors.Join(append(f, c.named(err)...)...)
}

// named returns the faults of a policy. It names the field Audiences where that field is at
// fault, and not the policy.
func (c *Config) named(err error) []error {
	var all validate.PolicyErrors
	if err == nil || c.Audiences == nil || !errors.As(err, &all) {
		return []error{err}
	}
	var named, policy []error
	for _, fault := range all {
		if fault.Member == "audiences" {
			named = append(named, fmt.Errorf("server: Audiences: %s", fault.Reason))
			continue
		}
		policy = append(policy, fault)
	}
	return append(named, policy...)
}
