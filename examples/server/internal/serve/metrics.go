package serve

import (
	"context"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn/password"
)

// metrics counts what the server does. No label has a value that a client chose, so their number is bounded.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	scopes    *prometheus.CounterVec
	usual     map[string]usualMetrics // by the credentials
	outcomes  outcomeMetrics
	reloads   *prometheus.CounterVec
	loaded    prometheus.Gauge
	succeeded prometheus.Gauge
	rules     prometheus.Gauge
	users     prometheus.Gauge
	connected prometheus.Gauge
	refused   prometheus.Counter
}

// Those of each request are looked up once.
type (
	usualMetrics struct {
		issued   prometheus.Counter
		duration prometheus.Observer
	}
	outcomeMetrics struct{ all, some, none prometheus.Counter }
)

const (
	namespace = "registry_auth"
	// unknown are the credentials of a request that is malformed, and any that are not listed here.
	unknown = "unknown"
)

func newMetrics(checker *password.Checker) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "requests_total",
			Help: "Token requests, by the credentials and by the status of the answer.",
		}, []string{"credentials", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "request_duration_seconds", Help: "Time until the answer was ready.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"credentials"}),
		scopes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "scopes_total", Help: "Resources that were asked for, by whether all, some or none of the actions were granted.",
		}, []string{"granted"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "reloads_total", Help: "Changes of the configuration, by whether they were taken over.",
		}, []string{"result"}),
		loaded:    gauge("config_loaded_timestamp_seconds", "When the configuration that is in force was loaded."),
		succeeded: gauge("config_last_reload_successful", "Whether the last change of the configuration was taken over."),
		rules:     gauge("rules", "Rules in force."),
		users:     gauge("users", "Users with a password."),
		connected: gauge("connections", "Connections that are open, at all addresses; each has room for max_connections."),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "connections_refused_total", Help: "Connections that were closed at once, since their client had its share.",
		}),
	}
	m.registry.MustRegister(m.requests, m.durations, m.scopes, m.reloads, m.loaded, m.succeeded, m.rules, m.users, m.connected, m.refused,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registerPasswords(checker)
	m.lookUpUsual()
	return m
}

func (m *metrics) lookUpUsual() {
	m.usual = make(map[string]usualMetrics)
	for _, credentials := range []string{"none", "basic", "password", "refresh_token", unknown} {
		m.usual[credentials] = usualMetrics{
			m.requests.WithLabelValues(credentials, strconv.Itoa(http.StatusOK)),
			m.durations.WithLabelValues(credentials),
		}
	}
	m.outcomes = outcomeMetrics{m.scopes.WithLabelValues("all"), m.scopes.WithLabelValues("some"), m.scopes.WithLabelValues("none")}
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
}

// registerPasswords shows the figures of the bound on password checks.
func (m *metrics) registerPasswords(checker *password.Checker) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "password_checks_waiting", Help: "Password checks that wait for others.",
		}, func() float64 { return float64(checker.Stats().Waiting) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "password_checks_total", Help: "Password checks.",
		}, func() float64 { return float64(checker.Stats().Compared) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "password_checks_refused_total", Help: "Password checks that were refused because too many waited.",
		}, func() float64 { return float64(checker.Stats().Refused) }),
	)
}

// registerRenewal shows whether signing keys are renewed in time.
func (m *metrics) registerRenewal(fails func() bool) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "signing_key_renewal_failing", Help: "Whether it is time for a new signing key below an authority, and there is none.",
	}, func() float64 {
		if fails() {
			return 1
		}
		return 0
	}))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// observe counts a token request.
func (m *metrics) observe(record *auth.AuditRecord) {
	credentials := record.Credentials
	usual, known := m.usual[credentials]
	if !known {
		credentials, usual = unknown, m.usual[unknown]
	}
	if record.Status == http.StatusOK {
		usual.issued.Inc()
	} else {
		m.requests.WithLabelValues(credentials, strconv.Itoa(record.Status)).Inc()
	}
	usual.duration.Observe(record.Duration.Seconds())
	for _, d := range record.Decisions {
		switch {
		case len(d.Granted) == 0:
			m.outcomes.none.Inc()
		case len(d.Granted) < len(d.Asked.Actions):
			m.outcomes.some.Inc()
		default:
			m.outcomes.all.Inc()
		}
	}
}

// addressUnknown counts a request that a proxy sent without the client's address.
func (m *metrics) addressUnknown() {
	m.requests.WithLabelValues(unknown, strconv.Itoa(http.StatusBadRequest)).Inc()
}

// took shows the generation that is in force.
func (m *metrics) took(g *generation) {
	m.rules.Set(float64(g.rules))
	m.users.Set(float64(g.users))
	m.loaded.SetToCurrentTime()
	m.succeeded.Set(1)
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

func (m *metrics) reloaded(err error) {
	if err != nil {
		m.reloads.WithLabelValues("failed").Inc()
		m.succeeded.Set(0)
		return
	}
	m.reloads.WithLabelValues("succeeded").Inc()
}

// audit is called for each token request, before its answer is sent.
func (s *Server) audit(ctx context.Context, record auth.AuditRecord) {
	s.metrics.observe(&record)
	record.Log(ctx, s.logger)
}
