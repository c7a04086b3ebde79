// Package metrics counts the operations of a bank for Prometheus, in the sandbox and in serve.
// [New] makes a set of metrics; its methods are for server.Observer, and it serves /metrics.
package metrics

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// Metrics count the bank's operations. No label holds text that a sender can choose, so
// that a sender cannot make any number of series.
type Metrics struct {
	registry   *prometheus.Registry
	operations *prometheus.CounterVec
	rules      *prometheus.CounterVec
	tokens     *prometheus.CounterVec
	keys       *prometheus.CounterVec
	requests   *prometheus.HistogramVec
	ends       *prometheus.GaugeVec
}

// New uses a registry of its own, so that two banks in one process do not collide.
func New() *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry:   prometheus.NewRegistry(),
		operations: counter("obdcr_operations_total", "Operations on clients, by outcome.", "operation", "outcome", "environment", "actor"),
		rules:      counter("obdcr_broken_rules_total", "Rules that refused requests broke.", "rule"),
		tokens:     counter("obdcr_token_requests_total", "Requests for access tokens, by outcome.", "method", "outcome"),
		keys:       counter("obdcr_key_set_events_total", "What happened to cached key sets.", "kind"),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "obdcr_http_request_duration_seconds", Help: "Answers of the bank, by route.", Buckets: prometheus.DefBuckets,
		}, []string{"route", "method", "status"}),
		ends: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "obdcr_certificate_expiry_timestamp_seconds", Help: "When the first certificate, or revocation list, of each use ends.",
		}, []string{"use"}),
	}
	m.registry.MustRegister(m.operations, m.rules, m.tokens, m.keys, m.requests, m.ends,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Path is where ServeHTTP has the metrics.
const Path = "/metrics"

// ServeHTTP answers with the metrics at Path, and with 404 at any other path.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.EscapedPath() != Path:
		text.NoStore(w.Header())
		http.Error(w, "there is nothing here", http.StatusNotFound)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		text.NoStore(w.Header())
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
	default:
		promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	}
}

// Event counts an operation on a client, and the rules that a refused one broke.
func (m *Metrics) Event(e dcr.Event) {
	m.operations.WithLabelValues(string(e.Operation), string(e.Outcome), string(e.Environment), string(e.Actor)).Inc()
	for _, rule := range e.Rules {
		m.rules.WithLabelValues(rule).Inc()
	}
}

// Token counts an outcome of the token endpoint. A request that names no method is none.
func (m *Metrics) Token(method claims.AuthMethod, outcome string) {
	if method == "" {
		method = "none"
	}
	m.tokens.WithLabelValues(string(method), outcome).Inc()
}

// KeyEvent counts what happened to a key set.
func (m *Metrics) KeyEvent(e ssa.KeyEvent) { m.keys.WithLabelValues(string(e.Kind)).Inc() }

// Ends tells when the first certificate, or revocation list, of each use ends, in the place of
// what was told before.
func (m *Metrics) Ends(uses map[string]time.Time) {
	m.ends.Reset()
	for use, at := range uses {
		m.ends.WithLabelValues(use).Set(float64(at.Unix()))
	}
}

// Measure wraps a handler and records how long each answer takes.
func (m *Metrics) Measure(route string, next http.Handler) http.Handler {
	known := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, seen := time.Now(), &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)
		method := r.Method
		if !slices.Contains(known, method) {
			method = "other"
		}
		m.requests.WithLabelValues(route, method, strconv.Itoa(seen.status)).Observe(time.Since(began).Seconds())
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the deadlines of the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
