package service

import (
	"context"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/obdcr/obdcr/internal/text"
)

// watch reads certificates, CAs and revocation lists again when a signal comes, and when one of
// their files was changed. It ends with the context.
func (r *running) watch(ctx context.Context, signals <-chan os.Signal) {
	files, seen := r.config.reloadable(), r.seen
	look := time.NewTicker(r.config.ReloadEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			seen = stamps(files)
		case <-look.C:
			current := stamps(files)
			if maps.Equal(current, seen) {
				continue
			}
			seen = current
		}
		r.reload()
	}
}

// reload reads the files again. Each part that is broken is logged and stays as it is, and the
// other parts are renewed: a broken revocation list does not hold back a new certificate.
func (r *running) reload() {
	next := r.certificates
	failed := false
	part := func(name string, err error) {
		if err != nil {
			failed = true
			r.log.Error("a file is broken, and what was read before stays in force", "part", name, "error", err)
		}
	}
	own, err := r.config.own(r.log)
	if err == nil && slices.ContainsFunc(next.Server, inDate) && !slices.ContainsFunc(own, inDate) {
		err = r.config.faultAt("tls/certificate_file", "%s is not in date, and the certificate before is", text.Echo(r.config.TLS.CertificateFile))
	}
	part("tls", err)
	if err == nil {
		next.Server = own
	}
	proxies, err := r.config.proxyAuthorities()
	part("proxy", err)
	if err == nil {
		next.ProxyAuthorities = proxies
	}
	trust, err := r.config.trust(next.Trust.CRLs)
	part("clients", err)
	if err == nil {
		next.Trust = trust
	}
	part("portal", r.reloadPortal())
	if err := r.bank.Reload(next); err != nil {
		r.log.Error("the certificates are not renewed, and those before stay in force", "error", r.config.translate(err, spelled))
		return
	}
	r.certificates = next
	r.tellExpiry()
	if !failed {
		r.log.Info("certificates, CAs and revocation lists are read again")
	}
}

// reloadPortal reads the portal's certificate again.
func (r *running) reloadPortal() error {
	own, err := r.config.ownPortal(r.log)
	if own == nil || err != nil {
		return err
	}
	if before := r.portalOwn.Load(); inDate(*before) && !inDate(*own) {
		return r.config.faultAt("portal/tls/certificate_file", "%s is not in date, and the certificate before is", text.Echo(r.config.Portal.TLS.CertificateFile))
	}
	r.portalOwn.Store(own)
	return nil
}

// tellExpiry tells the metrics when what is in use ends.
func (r *running) tellExpiry() {
	uses := map[string]time.Time{}
	end := func(use string, at time.Time) {
		if first, told := uses[use]; !told || at.Before(first) {
			uses[use] = at
		}
	}
	for _, own := range r.certificates.Server {
		end("server", own.Leaf.NotAfter)
	}
	if own := r.portalOwn.Load(); own != nil {
		end("portal", own.Leaf.NotAfter)
	}
	for _, ca := range r.certificates.ProxyAuthorities {
		end("proxy_ca", ca.NotAfter)
	}
	for _, list := range r.certificates.Trust.Authorities {
		for _, ca := range list {
			end("client_ca", ca.NotAfter)
		}
	}
	if lists := r.certificates.Trust.CRLs; lists != nil {
		end("revocation_list", lists.NextUpdate())
	}
	r.metrics.Ends(uses)
}
