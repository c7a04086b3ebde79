package portal

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
)

// keysTime is how long a page waits for the keys of a software.
const keysTime = 2 * time.Second

// maxKeys bounds how many keys a page shows.
const maxKeys = 100

// keyRow is a key of a software.
type keyRow struct {
	ID, Use, Type string
	Subject       string    // of its certificate; "" where it has none
	Till          time.Time // when its certificate ends
	Ended         bool
}

// keysOf reads the keys of a software as they are published. wrong says why they are not shown.
func (v *visit) keysOf(c store.Client) (rows []keyRow, wrong string) {
	ctx, cancel := context.WithTimeout(v.ctx(), keysTime)
	defer cancel()
	keys, err := v.config.Registrar.SoftwareKeys(ctx, c)
	switch {
	case errors.Is(err, ssa.ErrKeyNotFound):
		return nil, "The software publishes no key."
	case err != nil:
		v.config.Logger.InfoContext(v.ctx(), "the keys of an application cannot be shown", "id", c.ID, "error", text.Bounded{Err: err})
		return nil, "The keys cannot be read at the moment."
	}
	now := v.config.Clock()
	for _, k := range keys[:min(len(keys), maxKeys)] {
		row := keyRow{ID: k.ID, Use: useOf(k), Type: typeOf(k)}
		if c, err := x509.ParseCertificate(k.Certificate); err == nil {
			row.Subject, row.Till, row.Ended = cert.SubjectDN(c.RawSubject), c.NotAfter, now.After(c.NotAfter)
		}
		rows = append(rows, row)
	}
	return rows, ""
}

// useOf says what a key is for.
func useOf(k ssa.Key) string {
	switch k.Use {
	case "sig":
		return "signatures"
	case "tls":
		return "transport"
	case "":
		return "both"
	}
	return k.Use
}

// typeOf is the type of a key and its algorithm.
func typeOf(k ssa.Key) string {
	kind := ""
	switch public := k.Public.(type) {
	case *rsa.PublicKey:
		kind = fmt.Sprintf("RSA, %d bits", public.N.BitLen())
	case *ecdsa.PublicKey:
		kind = "EC, " + public.Curve.Params().Name
	}
	if k.Algorithm != "" {
		kind += ", " + string(k.Algorithm)
	}
	return kind
}
