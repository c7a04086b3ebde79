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
	o.once.Do(func() { o.lacked, _, _ = r.probe(ctx, []Need{NeedGet, NeedPut, NeedDelete}) })
	return o.lacked[need]
}

// verbsOf are the verbs that some of the cases need.
func verbsOf(cases []Case) []Need {
	var all []Need
	for _, need := range []Need{NeedGet, NeedPut, NeedDelete} {
		if slices.ContainsFunc(cases, func(c Case) bool { return slices.Contains(c.Needs, need) }) {
			all = append(all, need)
		}
	}
	return all
}

// notOfferedBy are the statuses by which a bank says that it has no such method at the address of a client.
var notOfferedBy = []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}

// probe registers a client by the plain valid request, and tries verbs on it. It returns what the bank
// lacks, the exchanges, of which the registration is the first, and how it ended.
func (r *run) probe(ctx context.Context, verbs []Need) (map[Need]string, []*Exchange, *ended) {
	lacked := map[Need]string{}
	p := &play{ctx: ctx, run: r, kase: &Case{ID: "offers"}}
	p.kase.run = func(p *play) {
		c := p.registered()
		for _, verb := range []struct {
			need Need
			send func(*client, ...change) *Exchange
		}{{NeedGet, p.get}, {NeedPut, p.update}, {NeedDelete, p.delete}} {
			if !slices.Contains(verbs, verb.need) || slices.Contains(r.config.Without, verb.need) {
				continue
			}
			x := verb.send(c)
			if slices.Contains(notOfferedBy, x.status()) {
				lacked[verb.need] = fmt.Sprintf("%s at the address of a client answers %d", x.Sent.Method, x.status())
			}
		}
	}
	end := p.perform()
	r.deleteAll(ctx, p.clients)
	return lacked, p.exchanges, end
}
