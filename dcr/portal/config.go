package portal

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/dcr/roles"
	"github.com/obdcr/obdcr/store"
)

// Config describes a portal. The zero value of a field stands for its default, unless the
// field is required.
type Config struct {
	// Address is the https address at which browsers reach the portal, such as
	// https://bank.example/portal; required. Its path is a prefix of every page.
	Address   string
	Registrar *dcr.Registrar // required
	// Store is the Registrar's; required. It needs the methods of store.Searcher,
	// store.NameSearcher, store.Auditor, store.Users, store.Sessions and store.Subscriptions.
	Store store.Store
	// Directory signs people in. New sets its RedirectURI, AfterSignOut, Algorithms (those
	// that the policy admits for requests), Clock and Random.
	Directory *signin.Config
	// SignIn is the bank's own sign-in, in the place of Directory (the vendor's
	// OBDirectoryIntegrated set to false). It serves /sign-in and all paths below it, and
	// calls Admit once it knows who the person is.
	SignIn http.Handler
	// SignOut is the https address at which the bank's own sign-in signs a person out, who is
	// led on there from the portal's sign-out; "" for none. Directory has an address of its own.
	SignOut string
	// Issuers are the directories (iss of statements) whose organisations the sign-in tells.
	// Required: the organisations of another directory may have the same identifiers.
	Issuers   []string
	Operators Operators
	// Discovery is the address of the bank's discovery document, which the page after a
	// registration leads to; "" leaves the link out.
	Discovery string
	// LintPage is the address of a page to lint in (package lintpage), which the first page
	// leads to; "" leaves the link out.
	LintPage string
	// APIs are those that an application can be subscribed to, with the roles that open them.
	// The Registrar decides by its own MaySubscribe, which should be of the same table.
	APIs roles.Table
	// IdleTimeout ends a session in which nothing was asked for: 15 min if 0. Lifetime ends
	// each session: 8 h if 0.
	IdleTimeout, Lifetime time.Duration
	Look                  Look
	// Limiter counts what each person sends, by a key that is a hash of the address. Nil: no limit.
	Limiter dcr.Limiter
	Clock   func() time.Time // nil: time.Now
	Random  io.Reader        // nil: crypto/rand.Reader
	Logger  *slog.Logger     // nil logs nothing
}

// Operators says who of those that sign in through the directory are operators of the bank. An
// operator need not belong to a TPP. The zero Operators is nobody.
type Operators struct {
	Emails []string // addresses of operators; the directory has to say that the address is verified
	Claim  string   // a claim of the directory that holds a text or a list of texts ...
	Values []string // ... one of which makes an operator
}

// defaults of the lifetimes.
const (
	defaultIdle     = 15 * time.Minute
	defaultLifetime = 8 * time.Hour
)

func (c *Config) setDefaults() {
	if c.IdleTimeout == 0 {
		c.IdleTimeout = defaultIdle
	}
	if c.Lifetime == 0 {
		c.Lifetime = defaultLifetime
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Look.setDefaults()
}
