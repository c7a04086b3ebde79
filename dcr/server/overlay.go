package server

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/internal/contain"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
	"github.com/obdcr/obdcr/validate"
)

const (
	// DiscoveryEach is how often Run reads DiscoverySource.URL again, unless
	// DiscoverySource.Every says otherwise.
	DiscoveryEach = 5 * time.Minute
	// DiscoveryTimeout bounds each read of DiscoverySource.URL, from the connection to the
	// last byte.
	DiscoveryTimeout = 10 * time.Second

	discoveryRetry    = 5 * time.Second // after the first failed read; it doubles with each further one, up to Every
	minDiscoveryEvery = time.Second
	maxDiscoveryEvery = 24 * time.Hour
)

// DiscoverySource says where the discovery document of the bank's authorization server
// comes from: URL or Document. The zero value stands for none.
type DiscoverySource struct {
	// URL is the https address of the document. Run reads it at its start and again after
	// each Every: up to MaxDiscovery bytes of application/json, without following redirects.
	// Until it was read once, the bank answers 503 with Retry-After at Paths.Discovery;
	// registration goes on, since it needs nothing of the document. Later the bank keeps the
	// last good document for as long as the server is out. It takes none of another issuer.
	URL string
	// Document is the document itself, in the place of URL: one that is made with the
	// authorization server's configuration, for example.
	Document []byte
	// HTTPClient reaches URL. Its redirect policy is ignored. Nil is a client with the
	// system's CAs.
	HTTPClient *http.Client
	// Every is how often URL is read again, from a second to a day. Up to a tenth is added
	// by chance each time, so that several processes do not ask at once. Zero is
	// DiscoveryEach.
	Every time.Duration
}

func (s *DiscoverySource) given() bool { return s.URL != "" || s.Document != nil }

func (c *Config) checkDiscoveryFrom(f *faults) {
	s, d := &c.DiscoveryFrom, &c.Discovery
	if s.URL == "" {
		f.add(s.HTTPClient != nil || s.Every != 0, "DiscoveryFrom has an HTTPClient or Every, and no URL: give the address of the document, or leave them out")
	} else {
		_, unfit := uri.Endpoint(s.URL)
		f.add(unfit != nil, "DiscoveryFrom.URL %v: give the https address of the authorization server's discovery document", unfit)
		f.add(s.Document != nil, "both URL and Document of DiscoveryFrom are set: leave one out")
		f.add(s.Every != 0 && (s.Every < minDiscoveryEvery || s.Every > maxDiscoveryEvery),
			"DiscoveryFrom.Every is %v: give a second to a day, or leave it out", s.Every)
	}
	if !s.given() {
		return
	}
	f.add(d.TokenEndpoint+d.AuthorizationEndpoint+d.JWKSURI+d.IntrospectionEndpoint+d.RevocationEndpoint+d.BackchannelEndpoint != "",
		"both Discovery and DiscoveryFrom are set: the authorization server's document has its endpoints, so leave Discovery out")
	f.add(c.TokenEndpoint, "both TokenEndpoint and DiscoveryFrom are set: clients use one token endpoint, so leave one out")
}

// overlay serves the discovery document of the authorization server, with the bank's
// registration endpoint in it.
type overlay struct {
	source   DiscoverySource
	client   http.Client
	endpoint string
	policy   *validate.Policy
	random   io.Reader
	log      *slog.Logger
	current  atomic.Pointer[dcr.Overlay] // nil until there is one
}

// newOverlay makes the overlay of a bank. The error is about DiscoveryFrom.Document.
func newOverlay(b *Bank) (*overlay, error) {
	c := &b.config
	o := &overlay{source: c.DiscoveryFrom, endpoint: c.Issuer + c.Paths.Registration, policy: &b.policy, random: c.Random, log: b.log}
	if o.random == nil {
		o.random = rand.Reader
	}
	if o.source.Every == 0 {
		o.source.Every = DiscoveryEach
	}
	if o.source.HTTPClient != nil {
		o.client = *o.source.HTTPClient
	}
	if o.client.Transport == nil {
		o.client.Transport = fetch.Transport(nil)
	}
	o.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if o.source.URL == "" {
		if err := o.take(o.source.Document); err != nil {
			return nil, fmt.Errorf("server: DiscoveryFrom.Document: %w", err)
		}
	}
	return o, nil
}

// document returns the document of the moment, nil while there is none.
func (o *overlay) document() []byte {
	if current := o.current.Load(); current != nil {
		return current.Document
	}
	return nil
}

// run reads the document at once and again after each interval, until the context ends. It
// comes back sooner after a failure.
func (o *overlay) run(ctx context.Context) {
	if o.source.URL == "" {
		return
	}
	retry, out := discoveryRetry, false
	for {
		wait := o.source.Every
		err := contain.Call(o.log, func() error { return o.refresh(ctx) }) // by an HTTPClient of the bank's
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			wait, retry = min(retry, wait), min(2*retry, wait)
		} else {
			retry = discoveryRetry
		}
		o.tell(err, out)
		out = err != nil
		timer := time.NewTimer(o.jittered(wait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// tell logs what came of a read: each failure, and the first success after one. out says
// whether the read before failed.
func (o *overlay) tell(err error, out bool) {
	const document = "the discovery document of the authorization server "
	log := o.log.With("url", o.source.URL)
	switch {
	case err != nil && o.current.Load() == nil:
		log.Error(document+"cannot be read: the bank answers 503 for it", "error", text.Bounded{Err: err})
	case err != nil:
		log.Warn(document+"cannot be read: the bank keeps the last one", "error", text.Bounded{Err: err})
	case out:
		log.Info(document + "is read again")
	}
}

// jittered adds up to a tenth by chance. Without randomness it adds nothing.
func (o *overlay) jittered(wait time.Duration) time.Duration {
	var chance [2]byte
	err := contain.Call(o.log, func() error { _, err := io.ReadFull(o.random, chance[:]); return err })
	if err != nil {
		return wait
	}
	return wait + wait/10*time.Duration(binary.BigEndian.Uint16(chance[:]))/(1<<16)
}

// refresh reads the document at URL and takes it over.
func (o *overlay) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, DiscoveryTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.source.URL, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	answer, err := o.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %d, not 200; redirects are not followed", answer.StatusCode)
	}
	if media, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return errors.New("the answer is not application/json")
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, dcr.MaxDiscovery+1)) // one more is refused below
	if err != nil {
		return fmt.Errorf("the answer broke off: %w", err)
	}
	return o.take(body)
}

// take puts a document into service, and logs the warnings if they are others than before.
func (o *overlay) take(document []byte) error {
	made, err := dcr.OverlayDiscovery(document, o.endpoint, o.policy)
	if err != nil {
		return err
	}
	before := o.current.Load()
	if before == nil {
		before = &dcr.Overlay{Issuer: made.Issuer}
	}
	if made.Issuer != before.Issuer {
		return fmt.Errorf("the issuer is %s now and was %s: restart the bank if that is right", text.Quote(made.Issuer), text.Quote(before.Issuer))
	}
	o.current.Store(&made)
	if slices.EqualFunc(made.Warnings, before.Warnings, func(a, b dcr.DiscoveryWarning) bool { return a.String() == b.String() }) {
		return nil
	}
	o.warn(made.Warnings)
	return nil
}

// warn logs warnings, those of a kind in one line.
func (o *overlay) warn(warnings []dcr.DiscoveryWarning) {
	var kinds []dcr.DiscoveryWarningKind
	said := map[dcr.DiscoveryWarningKind][]string{}
	for _, w := range warnings {
		if said[w.Kind] == nil {
			kinds = append(kinds, w.Kind)
		}
		said[w.Kind] = append(said[w.Kind], w.String())
	}
	for _, kind := range kinds {
		level := slog.LevelWarn
		if kind == dcr.WarnNotAdmitted {
			level = slog.LevelInfo // a request for such a value is refused with a reason
		}
		o.log.Log(context.Background(), level, "the discovery document of the authorization server does not fit the bank",
			"kind", kind, "warning", strings.Join(said[kind], "; "))
	}
}
