package bench

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/obdcr/obdcr/store"
)

const (
	scaleTurn = 25 // operations of a turn: one turn on either store after the other
)

// operation is one that is measured. prepare does what does not count, and returns what does.
type operation struct {
	name    string
	prepare func(t *testing.T, s scaled) (do func() error)
}

// made counts the clients and changes that are made beyond those of the stores.
var made atomic.Int64

func operations(template store.Client) []operation {
	newest := func(q func(s scaled) store.Query) func(*testing.T, scaled) func() error {
		return func(t *testing.T, s scaled) func() error {
			wanted := q(s)
			return func() error { return page(s.Search(t.Context(), wanted, store.Position{}, scalePage)) }
		}
	}
	return []operation{
		{"get", func(t *testing.T, s scaled) func() error {
			id := s.any()
			return func() error { _, err := s.Get(t.Context(), id); return err }
		}},
		{"create", func(t *testing.T, s scaled) func() error {
			c, with := s.another(template)
			return func() error { return s.Create(t.Context(), c, with) }
		}},
		{"update", func(t *testing.T, s scaled) func() error {
			c, err := s.Get(t.Context(), s.any())
			with := scaleChange("update", s.size+int(made.Add(1)))
			return func() error {
				if err != nil {
					return err
				}
				return s.Update(t.Context(), c, with)
			}
		}},
		{"search: page of an organisation", newest(func(s scaled) store.Query { return store.Query{OrgID: s.org(rand.IntN(s.size)), Newest: true} })},
		{"search: page of the newest", newest(func(scaled) store.Query { return store.Query{Newest: true} })},
		{"search: page from some day on", newest(func(scaled) store.Query {
			return store.Query{State: store.Active, IssuedFrom: scaleBegan.Add(time.Duration(rand.Float64() * 0.9 * float64(scaleYears)))}
		})},
		{"recheck: page, each record parsed", func(t *testing.T, s scaled) func() error {
			after := s.any()
			return func() error {
				found, err := s.List(t.Context(), after, scalePage)
				for _, c := range found {
					if err == nil {
						err = parsed(c)
					}
				}
				return err
			}
		}},
	}
}

func page(found []store.Client, err error) error {
	if err == nil && len(found) < scalePage {
		return fmt.Errorf("a page of %d", len(found))
	}
	return err
}

// any returns the ID of a record that fill has made.
func (s scaled) any() string { return scaleID(rand.IntN(s.size)) }

// another is a client beyond those of the store.
func (s scaled) another(template store.Client) (store.Client, store.Change) {
	number := s.size + int(made.Add(1))
	return s.record(template, number), scaleChange("create", number)
}

// scaleCompare measures each operation on both stores by turns, and prints the table.
func scaleCompare(t *testing.T, what string, turns int, few, many scaled) {
	t.Helper()
	table := []string{fmt.Sprintf("| %s | p50 at %d | p50 at %d | ratio | p99 at %d |", what, few.size, many.size, many.size), "|---|---|---|---|---|"}
	for _, o := range operations(scaleTemplate(t)) {
		took := map[int][]float64{}
		for range turns {
			for i, s := range []scaled{few, many} {
				for range scaleTurn {
					do := o.prepare(t, s)
					began := time.Now()
					if err := do(); err != nil {
						t.Fatal(o.name, s.size, err)
					}
					took[i] = append(took[i], float64(time.Since(began).Nanoseconds())/1000)
				}
			}
		}
		small, large := quantile(took[0], 0.5), quantile(took[1], 0.5)
		table = append(table, fmt.Sprintf("| %s | %.0f us | %.0f us | %.2f | %.0f us |", o.name, small, large, large/small, quantile(took[1], 0.99)))
	}
	t.Logf("\n%s", strings.Join(table, "\n"))
}
