package dcrtest

import (
	"net/http"
	"testing"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// Option changes one thing of a Bank. Of several that set the same, the last counts; functions
// that change something are called in their order.
type Option struct{ apply func(*settings) }

// settings are what the options say.
type settings struct {
	t                testing.TB
	profile          validate.Profile
	policies         []func(*validate.Policy)
	clock            func() time.Time
	records          store.Store
	keeper           token.Keeper
	directory        *ssatest.Directory
	directoryOptions ssatest.Options
	directoryChanges []func(*ssatest.Options)
	configs          []func(*server.Config)
	handlers         []func(http.Handler) http.Handler
	background       bool
	keysAtOnce       bool
}

// check fails a test whose options contradict each other.
func (s *settings) check() {
	s.t.Helper()
	switch {
	case s.directory != nil && len(s.directoryChanges) > 0:
		s.t.Fatalf("dcrtest: WithDirectory and WithDirectoryOptions contradict each other: change the options where that directory is made")
	case s.keeper != nil && s.records != nil:
		s.t.Fatalf("dcrtest: WithTokenKeeper and WithStore contradict each other: give WithStore a store that is a token.Keeper")
	}
}

// given fails a test that gives an option nothing.
func (s *settings) given(there bool, option, what string) bool {
	if !there {
		s.t.Helper()
		s.t.Fatalf("dcrtest: %s gets nil: give it %s, or leave it out", option, what)
	}
	return there
}

// WithProfile has the bank judge by another profile than obie-3.3. The policy begins with the
// profile's own.
func WithProfile(p validate.Profile) Option { return Option{func(s *settings) { s.profile = p }} }

// WithPolicy changes the policy, which is the default one of the profile, for Audience.
func WithPolicy(change func(*validate.Policy)) Option {
	return Option{func(s *settings) {
		if s.given(change != nil, "WithPolicy", "a function that changes the policy") {
			s.policies = append(s.policies, change)
		}
	}}
}

// WithClock gives bank, directory and TPPs another clock than time.Now. Certificates are valid
// from 2015 to 2049.
func WithClock(clock func() time.Time) Option {
	return Option{func(s *settings) {
		if s.given(clock != nil, "WithClock", "a clock") {
			s.clock = clock
		}
	}}
}

// WithStore gives the bank another store than one in memory. The caller closes it.
func WithStore(records store.Store) Option {
	return Option{func(s *settings) {
		if s.given(records != nil, "WithStore", "a store") {
			s.records = records
		}
	}}
}

// WithDirectory has the bank trust a directory that there is already, such as that of another
// Bank. It ends with that Bank. A bank with a clock of its own needs one for the directory too.
func WithDirectory(d *ssatest.Directory) Option {
	return Option{func(s *settings) {
		if s.given(d != nil, "WithDirectory", "a directory, such as bank.Directory()") {
			s.directory = d
		}
	}}
}

// WithDirectoryOptions changes what kind of directory is made for the bank: its environment, its
// issuer, its algorithm.
func WithDirectoryOptions(change func(*ssatest.Options)) Option {
	return Option{func(s *settings) {
		if s.given(change != nil, "WithDirectoryOptions", "a function that changes the options") {
			s.directoryChanges = append(s.directoryChanges, change)
		}
	}}
}

// WithTokenKeeper has another keep the access tokens of the bank, such as one of tokentest that
// fails. It needs the store in memory; another store may be a token.Keeper itself.
func WithTokenKeeper(k token.Keeper) Option {
	return Option{func(s *settings) {
		if s.given(k != nil, "WithTokenKeeper", "a keeper, such as tokentest.NewMemoryKeeper(nil)") {
			s.keeper = k
		}
	}}
}

// WithoutTokens takes the token endpoint away: the bank registers clients and offers nothing else.
func WithoutTokens() Option {
	return WithServerConfig(func(c *server.Config) {
		c.TokenEndpoint, c.Discovery.TokenEndpoint = false, "https://authorization-server.example/token"
	})
}

// WithProvisioner puts an authorization server behind the bank, such as an AuthorizationServer.
func WithProvisioner(p dcr.Provisioner) Option {
	return Option{func(s *settings) {
		if s.given(p != nil, "WithProvisioner", "an authorization server, such as NewAuthorizationServer(t)") {
			s.configs = append(s.configs, func(c *server.Config) { c.Provisioner = p })
		}
	}}
}

// WithServerConfig changes the configuration of the bank, after all other options.
func WithServerConfig(change func(*server.Config)) Option {
	return Option{func(s *settings) {
		if s.given(change != nil, "WithServerConfig", "a function that changes the configuration") {
			s.configs = append(s.configs, change)
		}
	}}
}

// WithHandler puts a handler in front of the bank, such as one that answers wrongly on purpose.
// The last one given is the outermost. A request that is passed on keeps its context.
func WithHandler(wrap func(bank http.Handler) http.Handler) Option {
	return Option{func(s *settings) {
		if s.given(wrap != nil, "WithHandler", "a function that makes a handler of the bank's") {
			s.handlers = append(s.handlers, wrap)
		}
	}}
}

// WithKeysAtOnce has the bank read key sets from the memory of the directory, without HTTP and
// without a cache: what is published counts at once. Faults of the directory do not reach it.
func WithKeysAtOnce() Option { return Option{func(s *settings) { s.keysAtOnce = true }} }

// WithBackground has the bank do what it does beside answering requests (server.Bank.Run):
// reconcile, purge, read the discovery document of its authorization server.
func WithBackground() Option { return Option{func(s *settings) { s.background = true }} }
