package service

import (
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/validate"
)

// defaults is a configuration with the default of each member. Lists are not nil, so that
// what is written of it reads the same.
func defaults() Config {
	return Config{
		Profile: validate.OBIE33, Audiences: []string{}, Directories: []string{}, Anchors: []Anchor{},
		Keys: Keys{CAFiles: []string{}, Networks: []string{}, NotPublic: []string{}, Limits: Limits{
			MaxSets: 10_000, MaxKeys: 100, MaxBytes: 1 << 20, MaxUnknownReads: 8, Timeout: 5 * time.Second, MinFresh: time.Minute,
			MaxFresh: day, DefaultFresh: 5 * time.Minute, UnknownInterval: 30 * time.Second, FailureMemory: 10 * time.Second, StaleUntil: time.Hour,
		}},
		Listen:  ":8443",
		Clients: Clients{Bindings: []cert.Binding{cert.ByPublicKey}, Authorities: map[claims.Environment][]string{}, CRLFiles: []string{}},
		Paths: server.Paths{Registration: "/register", Token: "/token", Discovery: "/.well-known/openid-configuration",
			OpenAPI: "/openapi.yaml", Health: "/healthz", Ready: "/readyz"},
		Methods: []string{}, Discovery: Discovery{Every: server.DiscoveryEach, CAFiles: []string{}},
		ChangeTimeout: dcr.ChangeTimeout, ReloadEvery: time.Minute, Log: Log{Format: "text", Level: "info"},
	}
}

func defaultReach() Reach { return Reach{CAFiles: []string{}} }

func defaultIntrospection() Introspection {
	return Introspection{Reach: defaultReach(), Timeout: 5 * time.Second}
}

func defaultAssertionKey() AssertionKey { return AssertionKey{Algorithm: claims.PS256} }

func defaultUpstream() Upstream {
	return Upstream{Server: "plain", LeftHosts: []string{}, Reach: defaultReach(), Timeout: 10 * time.Second, Mapping: Mapping{
		Rename: map[string]string{}, Drop: []string{}, DropScopes: []string{}, Chosen: []string{}, Widened: []string{},
		Const: map[string]string{}, Ensure: map[string]string{},
	}}
}

func defaultHooks() Hooks {
	return Hooks{Approve: true, Reach: defaultReach(), Timeout: 10 * time.Second}
}

func defaultProxy() Proxy { return Proxy{Peers: []string{}, AuthorityFiles: []string{}} }

func defaultRate() Rate { return Rate{PerSecond: 10, Burst: 50} }
