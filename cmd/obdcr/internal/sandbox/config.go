package sandbox

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// The defaults of Config.
const (
	DefaultDir       = "obdcr-sandbox"
	DefaultListen    = "127.0.0.1:8443"
	DefaultPortal    = "127.0.0.1:8444"
	DefaultDirectory = "127.0.0.1:8445"
	DefaultPath      = "/register"
)

// Audience is the bank's identifier at the directory.
const Audience = "0015800000obdcrSbx"

// The stores that the sandbox knows.
const (
	StoreSQLite = "sqlite"
	StoreMemory = "memory"
)

// UsageError is the reason why Start refuses a Config.
type UsageError struct{ Reason string }

// Error returns the reason.
func (e *UsageError) Error() string { return e.Reason }

// failure is any other error of this package.
func failure(format string, args ...any) error {
	return text.Named{Package: "sandbox", Err: fmt.Errorf(format, args...)}
}

func usage(format string, args ...any) error {
	return &UsageError{Reason: fmt.Sprintf(format, args...)}
}

// Config describes a sandbox. The zero value of a field stands for its default.
type Config struct {
	Dir string // the folder of all files; Start creates it; "": DefaultDir
	// Listen, Directory and Portal are host:port on loopback: 127.0.0.1, [::1] or
	// localhost, which no host means too. With Expose they may be elsewhere, and no host
	// means every address of the machine. Port 0 is the port of the last start, or a free
	// one if that is taken or this is the first start. An empty field is the address of the
	// last start, or the default at the first start; an empty Portal goes with a Listen that is
	// given: to a free port where that has port 0, and at the first start to the same host.
	Listen, Directory, Portal string
	// Expose has the host names and IP addresses by which clients on other machines and in
	// other containers reach the sandbox; nil: it is for this machine alone. The first one
	// stands in the addresses of what listens beyond loopback. They are fixed at the first
	// start in a folder. Danger: whoever reaches the directory has any statement signed.
	Expose []string

	Path        string              // of the registration endpoint; "": DefaultPath
	Store       string              // StoreSQLite (the default), StoreMemory or the address of a PostgreSQL database
	Profile     validate.Profile    // "": validate.OBIE33
	AuthMethods []claims.AuthMethod // the methods that the bank offers; nil: those of Policy, or private_key_jwt and tls_client_auth
	// Policy is the bank's policy in its JSON form. If it names no audience, the bank
	// accepts Audience. It also accepts its own address, if the policy admits addresses.
	Policy []byte
	Chaos  bool // refuse and delay a few percent of all answers

	// Limiter limits the requests of each client certificate, at the registration and
	// the token endpoint together. Nil sets no limit.
	Limiter dcr.Limiter

	// Seed makes two sandboxes alike: keys are public test keys that it picks, ids derive from
	// it, and certificates are valid from 1970 to 2099. "": all is drawn at random. It is fixed
	// at the first start in a folder. Danger: everybody has these keys, so a Seed with Expose
	// needs ExposePublicKeys.
	Seed             string
	ExposePublicKeys bool
	// StartAt is where the sandbox's clock starts. It stands there until the sandbox is up, and
	// runs on from there. Certificates that the sandbox issues are valid from 1970 to 2099
	// then. The zero value: the sandbox goes by Clock.
	StartAt time.Time

	Clock  func() time.Time // nil: time.Now
	Random func() float64   // numbers within [0, 1) for Chaos; nil: math/rand/v2
	Logger *slog.Logger     // nil logs nothing

	names names            // of Expose, from check
	real  func() time.Time // the clock of clients: Clock as it was given
	held  *heldClock       // of StartAt; nil without it
}

func (c *Config) setDefaults() {
	if c.Dir == "" {
		c.Dir = DefaultDir
	}
	if c.Path == "" {
		c.Path = DefaultPath
	}
	if c.Store == "" {
		c.Store = StoreSQLite
	}
	if c.Profile == "" {
		c.Profile = validate.OBIE33
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.real = c.Clock; !c.StartAt.IsZero() {
		c.held = &heldClock{at: c.StartAt, real: c.real}
		c.Clock = c.held.now
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// check refuses a wrong Config before Start writes any file, and reads Expose.
func (c *Config) check() error {
	var err error
	if c.names, err = parseNames(c.Expose); err != nil {
		return err
	}
	if err := c.checkSeed(); err != nil {
		return err
	}
	if !c.StartAt.IsZero() {
		if err := CheckStart(c.StartAt); err != nil {
			return err
		}
	}
	for _, a := range []struct{ flag, address string }{{"listen", c.Listen}, {"directory", c.Directory}, {"portal", c.Portal}} {
		if a.address == "" {
			continue
		}
		if _, _, err := c.names.splitListen(a.address); err != nil {
			return usage("--%s %s: %v", a.flag, text.Quote(a.address), err)
		}
	}
	taken := []string{tokenPath, discoveryPath, "/metrics", healthPath, readyPath, "/openapi.yaml", pendingPath}
	if err := dcr.CheckPath(c.Path); err != nil || slices.Contains(taken, c.Path) {
		return usage("--path %.64q: it must begin with a slash, end without one, hold no wildcard, and be no other path of the bank", c.Path)
	}
	switch {
	case c.Store == StoreSQLite || c.Store == StoreMemory:
	case stores.IsPostgres(c.Store):
	default:
		return usage("--store %.64q: use %s, %s or postgres://...", c.Store, StoreSQLite, StoreMemory)
	}
	return nil
}

// kindOfStore returns the store without its address, which may have a password.
func (c *Config) kindOfStore() string {
	if stores.IsPostgres(c.Store) {
		return "postgres"
	}
	return c.Store
}

// policy makes the bank's policy: that of Config, or the profile's default one, with
// audiences and authentication methods. issuer is the bank's own address.
func (c *Config) policy(issuer string) (validate.Policy, error) {
	if !c.Profile.Valid() {
		return validate.Policy{}, usage("--profile %.64q: use one of %s", string(c.Profile), text.List(validate.Profiles()))
	}
	p := validate.DefaultPolicy(c.Profile)
	p.AudienceKinds = []validate.AudienceKind{validate.AudienceID, validate.AudienceURL}
	if c.Policy != nil {
		var err error
		if p, err = validate.ParsePolicy(c.Policy, c.Profile); err != nil {
			return validate.Policy{}, usage("--policy: %s", text.Detail(err))
		}
	}
	if len(p.Audiences) == 0 {
		if slices.Contains(p.AudienceKinds, validate.AudienceID) {
			p.Audiences = append(p.Audiences, Audience)
		}
		if slices.Contains(p.AudienceKinds, validate.AudienceURL) {
			p.Audiences = append(p.Audiences, issuer)
		}
	}
	for _, m := range c.AuthMethods {
		if !m.Known() {
			return validate.Policy{}, usage("--auth-methods %.64q: use some of %s", string(m), text.List(claims.AuthMethods()))
		}
	}
	if c.AuthMethods != nil {
		p.AuthMethods = slices.Clone(c.AuthMethods)
		for _, m := range p.AuthMethods {
			widening := validate.Widening(m)
			if m.NeedsSecret() && !slices.Contains(p.Widenings, widening) {
				p.Widenings = append(p.Widenings, widening)
			}
		}
	}
	if !slices.Contains(p.SigningAlgorithms, claims.PS256) {
		return validate.Policy{}, usage("--policy: signing_algorithms lacks PS256, by which all keys of the sandbox sign")
	}
	return p, nil
}
