package serve

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/berthpass/registry-auth/auth"
)

// metrics counts what the server does. No label has a value that a client chose, so their number is
// bounded.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	scopes    *prometheus.CounterVec
	reloads   *prometheus.CounterVec
	loaded    prometheus.Gauge
	succeeded prometheus.Gauge
	connected prometheus.Gauge
	refused   prometheus.Counter
}

const (
	namespace = "registry_auth"
	// unknown are the credentials of a malformed request.
	unknown = "unknown"
)

func newMetrics(current *atomic.Pointer[generation]) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: counters("requests_total",
			"Token requests, by the credentials and by the status of the answer.",
			"credentials", "status"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "request_duration_seconds",
			Help: "Time until the answer was ready.",
			Buckets: []float64{
				.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10,
			},
		}, []string{"credentials"}),
		scopes: counters("scopes_total", "Resources that were asked for, "+
			"by whether all, some or none of the actions were granted.", "granted"),
		reloads: counters("reloads_total",
			"Changes of the configuration, by whether they were taken over.", "result"),
		loaded: gauge("config_loaded_timestamp_seconds",
			"When the configuration that is in force was loaded."),
		succeeded: gauge("config_last_reload_successful",
			"Whether the last change of the configuration was taken over."),
		connected: gauge("connections", "Connections that are open, at all addresses; "+
			"each has room for max_connections."),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "connections_refused_total",
			Help: "Connections that were closed at once, since their client had its share.",
		}),
	}
	m.registry.MustRegister(m.requests, m.durations, m.scopes, m.reloads, m.loaded, m.succeeded,
		m.connected, m.refused, partMetrics{current}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, credentials := range []string{"none", "basic", "password", "refresh_token", unknown} {
		m.requests.WithLabelValues(credentials, strconv.Itoa(http.StatusOK))
		m.durations.WithLabelValues(credentials)
	}
	for _, granted := range []string{"all", "some", "none"} {
		m.scopes.WithLabelValues(granted)
	}
	return m
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	opts := prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}
	return prometheus.NewCounterVec(opts, labels)
}

// partMetrics are those of the parts in force.
type partMetrics struct{ current *atomic.Pointer[generation] }

// Describe implements [prometheus.Collector]. The metrics change with the configuration.
func (partMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (p partMetrics) Collect(metrics chan<- prometheus.Metric) {
	p.current.Load().collect(metrics)
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// observe counts a token request.
func (m *metrics) observe(record *auth.AuditRecord) {
	credentials := cmp.Or(record.Credentials, unknown)
	m.requests.WithLabelValues(credentials, strconv.Itoa(record.Status)).Inc()
	m.durations.WithLabelValues(credentials).Observe(record.Duration.Seconds())
	for _, d := range record.Decisions {
		granted := "all"
		switch {
		case len(d.Granted) == 0:
			granted = "none"
		case len(d.Granted) < len(d.Asked.Actions):
			granted = "some"
		}
		m.scopes.WithLabelValues(granted).Inc()
	}
}

// addressUnknown counts a request that a proxy sent without the client's address.
func (m *metrics) addressUnknown() {
	m.requests.WithLabelValues(unknown, strconv.Itoa(http.StatusBadRequest)).Inc()
}

// connection counts those that are open.
func (m *metrics) connection(state http.ConnState) {
	switch state {
	case http.StateNew:
		m.connected.Inc()
	case http.StateClosed, http.StateHijacked:
		m.connected.Dec()
	}
}

// audit is called for each token request, before its answer is sent.
func (s *Server) audit(ctx context.Context, record auth.AuditRecord) {
	s.metrics.observe(&record)
	record.Log(ctx, s.logger)
}
