package dcr

import (
	"context"
	"fmt"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
)

// SoftwareKeys returns the keys of a client's software as they are published, without those that
// were withdrawn, for a page that shows them. They come from where the keys of requests come
// from, so from its cache as a rule. The error wraps ssa.ErrKeySourceUnavailable where they
// cannot be read at the moment, ssa.ErrKeyNotFound where none is published, and is another one
// where the directory of the client's statement is not trusted any more.
func (r *Registrar) SoftwareKeys(ctx context.Context, c store.Client) (found []ssa.Key, err error) {
	err = r.contained(func() error {
		statement, err := r.reread(c)
		if err != nil {
			return fmt.Errorf("dcr: client %s: the directory of its statement is not trusted any more: %w", text.Echo(c.ID), err)
		}
		keys, err := statement.SoftwareKeys(r.verifier.SoftwareKeys)
		if err != nil {
			return err
		}
		found, err = keys.ResolveKeys(ctx, keys.Ref(""))
		return err
	})
	return found, err
}
