package archive

import (
	"fmt"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// isSealed reports whether a record, or its Previous, has something that is sealed.
func isSealed(c *store.Client) bool {
	return len(c.SealedSecret) > 0 || len(c.UpstreamState) > 0 || c.Previous != nil && isSealed(c.Previous)
}

// admit returns the record as it may cross, and whether something was left out of it. other
// is the KeyID of the other end.
func (s *Sealing) admit(c store.Client, other string) (crossed store.Client, leftOut bool, err error) {
	if !isSealed(&c) {
		return c, false, nil
	}
	if s.LeaveOut {
		return unsealed(c), true, nil
	}
	switch {
	case s.KeyID == "":
		return c, false, because(ErrSealed, "those of client %s: give the sealing key of the bank, or leave them out", text.Quote(c.ID))
	case s.KeyID != other:
		return c, false, because(ErrSealed, "those of client %s are sealed with another key than this bank's: give that one, or leave them out",
			text.Quote(c.ID))
	case s.Opens == nil:
		return c, false, nil
	}
	if err := s.Opens(c); err != nil {
		return c, false, &fault{ErrSealed, fmt.Sprintf("the sealing key does not open those of client %s", text.Quote(c.ID)), err}
	}
	return c, false, nil
}

// unsealed returns the record without what it has sealed. It changes no record that others
// have.
func unsealed(c store.Client) store.Client {
	c.SealedSecret, c.UpstreamState = nil, nil
	if c.Previous != nil {
		previous := unsealed(*c.Previous)
		c.Previous = &previous
	}
	return c
}
