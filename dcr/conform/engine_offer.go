package conform

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
)

// offers is what the bank offers of GET, PUT and DELETE. It is found out once, with a client of its
// own.
type offers struct {
	once   sync.Once
	lacked map[Need]string
}

// without says why the bank counts as one without a verb; "" if it offers it, or if nothing is known.
func (o *offers) without(ctx context.Context, r *run, need Need) string {
	if slices.Contains(r.config.Without, need) {
		return "the configuration says that the bank does not offer it"
	}
	o.once.Do(func() { o.lacked = r.probe(ctx) })
	return o.lacked[need]
}

// probe tries each verb.
func (r *run) probe(ctx context.Context) map[Need]string {
	lacked := map[Need]string{}
	p := &play{ctx: ctx, run: r, kase: &Case{ID: "offers"}}
	p.kase.run = func(p *play) {
		c := p.registered()
		for _, verb := range []struct {
			need Need
			send func(*client, ...change) *Exchange
		}{{NeedGet, p.get}, {NeedPut, p.update}, {NeedDelete, p.delete}} {
			x := verb.send(c)
			if slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}, x.status()) {
				lacked[verb.need] = fmt.Sprintf("%s at the address of a client answers %d", x.Sent.Method, x.status())
			}
		}
	}
	_ = p.perform()
	r.deleteAll(ctx, p.clients)
	return lacked
}
