package lintpage

import (
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/dialect"
)

// Config says what a page knows. The zero Config is a page that knows the dialects of banks
// alone, at the root of a server on this machine.
type Config struct {
	// Base is the path of the page, such as "/lint"; "" is the root.
	Base string
	// Hosts are the names by which the page may be asked for, beside those of this machine:
	// localhost and the addresses of loopback. The port does not count. A request for another
	// host is refused, since a stranger's name that leads here would let the stranger's pages
	// use this one (DNS rebinding).
	Hosts []string
	// Presets are banks that can be chosen beside those of package dialect. The first is chosen
	// unless the person says otherwise.
	Presets []Preset
	// Static makes a page of files, whose verdicts a program in the browser computes: its
	// links lead to rules.html and policy.html.
	Static bool
	Clock  func() time.Time // of what is judged; nil is the time of the machine
}

// Preset is a bank of which is known what a lint can use. Fields of the form add to it, or
// count in its place.
type Preset struct {
	Name    string           // one word; it is the value of the choice
	Title   string           // for people
	Profile validate.Profile // required
	Policy  *validate.Policy // nil: the default of the profile
	// Anchor is the directory as the bank trusts it, with its keys.
	Anchor       *ssa.Anchor
	StatementKey ssa.KeyResolver // the directory's keys where there is no Anchor
	SoftwareKeys ssa.SoftwareKeyResolver
	Authorities  *cert.Authorities
	Bindings     []cert.Binding
	Metadata     *tpp.Metadata
}

// dialects are the banks whose dialects are known, as presets without keys.
var dialects = sync.OnceValues(func() ([]Preset, error) {
	var all []Preset
	for _, name := range dialect.Names() {
		d, err := dialect.Load(name)
		if err != nil {
			return nil, fmt.Errorf("lintpage: %w", err)
		}
		all = append(all, Preset{Name: d.Name, Title: d.Title, Profile: d.Profile, Policy: &d.Policy})
	}
	return all, nil
})

// Page judges what is pasted into it. Only New makes one that works. It is safe for
// concurrent use.
type Page struct {
	config  Config
	banks   []Preset // those of the Config, then the dialects
	hosts   []string
	layout  *template.Template
	style   asset
	script  asset
	handler http.Handler
	judging chan struct{} // bounds how many are judged at once
}

// maxJudging is how many submissions are judged at once. Others wait.
const maxJudging = 8

// New makes a page. The error names every field that is wrong.
func New(c Config) (*Page, error) {
	var wrong []error
	if c.Base != "" && (!strings.HasPrefix(c.Base, "/") || strings.HasSuffix(c.Base, "/") || strings.ContainsAny(c.Base, `?#"<>\ %`)) {
		wrong = append(wrong, fmt.Errorf("lintpage: Base is %s, and no path such as /lint", text.Quote(c.Base)))
	}
	known, err := dialects()
	if err != nil {
		return nil, err
	}
	names := map[string]bool{"": true, noBank: true}
	for _, d := range known {
		names[d.Name] = true
	}
	for _, p := range c.Presets {
		switch {
		case names[p.Name]:
			wrong = append(wrong, fmt.Errorf("lintpage: Presets: the name %s is empty, there twice, or that of a dialect", text.Quote(p.Name)))
		case !p.Profile.Valid():
			wrong = append(wrong, fmt.Errorf("lintpage: Presets: %s has no profile of %s", text.Quote(p.Name), text.List(validate.Profiles())))
		}
		names[p.Name] = true
	}
	p := &Page{config: c, hosts: []string{"localhost", "127.0.0.1", "::1"}, judging: make(chan struct{}, maxJudging)}
	for _, host := range c.Hosts {
		if ip := net.ParseIP(host); ip != nil && strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		name, err := fetch.CanonicalHost(host)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("lintpage: Hosts: %s is no host: %w", text.Quote(host), err))
			continue
		}
		if name = nameOf(name); !slices.Contains(p.hosts, name) {
			p.hosts = append(p.hosts, name)
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	if p.config.Clock == nil {
		p.config.Clock = time.Now
	}
	p.config.Presets = slices.Clone(c.Presets)
	p.banks = slices.Concat(c.Presets, known)
	if err := p.readTemplates(); err != nil {
		return nil, err
	}
	p.handle()
	return p, nil
}
