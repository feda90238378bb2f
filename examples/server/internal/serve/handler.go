package serve

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// ServeHTTP answers a request with the generation that is current when it comes.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g := s.current.Load()
	if s.stopping.Load() {
		w.Header().Set("Connection", "close") // so that the client connects anew: to another server, when this one is not ready
	}
	if g.cfg.Server.HSTS { // also in the clear, for a proxy with TLS in front
		w.Header().Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
	switch path := r.URL.Path; {
	case r.URL.RawPath != "": // another spelling, which a rule of a proxy for the path may not cover
		serveText(w, http.StatusNotFound, "Not found.")
	case g.endpoints[path]:
		s.serveToken(g, w, r)
	case path == g.cfg.Server.PathPrefix+"/":
		serveText(w, http.StatusOK, "This is the token server of a container registry.")
	case path == "/metrics" && (s.start.Metrics.Addr != "" || !local(g, r)):
		serveText(w, http.StatusNotFound, "Not found.")
	case strings.Contains(path, "//") || strings.Contains(path, "/."): // http.ServeMux would redirect to another path
		serveText(w, http.StatusNotFound, "Not found.")
	default:
		s.internal.ServeHTTP(w, r)
	}
}

func (s *Server) serveToken(g *generation, w http.ResponseWriter, r *http.Request) {
	if _, err := clientAddress(g.cfg.Server.RealIP, r); err != nil {
		s.logger.LogAttrs(r.Context(), slog.LevelWarn, "token request refused", slog.Any("error", err),
			slog.String("peer", r.RemoteAddr), slog.String(g.cfg.Server.RealIP.Header, fmt.Sprintf("%+q", r.Header.Values(g.cfg.Server.RealIP.Header))))
		s.metrics.addressUnknown()
		refuse(w, err)
		return
	}
	if g.programs {
		extendWriting(w, g.timeout)
	}
	g.tokens.ServeHTTP(w, r)
}

// extendWriting gives a token request the time that its programs may take, where the http.Server's own is shorter.
func extendWriting(w http.ResponseWriter, timeout time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(timeout + ownTime)) // the writers of tests have none
}

// refuse answers in the form that clients of registries read.
func refuse(w http.ResponseWriter, err error) {
	type problem struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	body, _ := json.Marshal(struct { // never fails
		Errors      []problem `json:"errors"`
		Error       string    `json:"error"`
		Description string    `json:"error_description"`
	}{[]problem{{"INVALID_REQUEST", err.Error()}}, "invalid_request", err.Error()})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write(body)
}

// newInternal returns the handler of what is for operators and not for clients.
func (s *Server) newInternal() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { serveText(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.serveReady)
	mux.Handle("GET /metrics", s.metrics.handler())
	return mux
}

// serveReady says whether requests should come here. A failed reload is no reason to stay away, since the configuration from
// before it serves; nor is a signing key that is not renewed, since others with the same authority are no better off, and services
// with keys of their own go on. Both are told, and in the metrics.
func (s *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	if s.stopping.Load() {
		serveText(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	text := "ready"
	if s.reloadFailed.Load() {
		text += ", with the configuration from before the last reload, which failed: the log says why"
	}
	if s.current.Load().renewalFails() {
		text += ", with a signing key that could not be renewed, and goes on until its end: the log says why"
	}
	serveText(w, http.StatusOK, text)
}

func serveText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}

// local reports whether a request was made on this machine, and not by a proxy on it for somebody else. A proxy tells the client's
// address, or hands on the public name of the host, or else closes the connection after each request, as nginx does by default.
func local(g *generation, r *http.Request) bool {
	if r.Close || !loopbackHost(r.Host) {
		return false
	}
	for _, header := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "Via", "X-Real-Ip", g.cfg.Server.RealIP.Header} {
		if header != "" && len(r.Header.Values(header)) > 0 {
			return false
		}
	}
	peer, ok := parseHop(r.RemoteAddr)
	return ok && peer.IsLoopback()
}

// loopbackHost reports whether the Host of a request is localhost or a loopback address.
func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, ok := parseHop(host)
	return ok && address.IsLoopback()
}
