package serve

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// ServeHTTP answers a request with the generation that is current when it comes.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g := s.use()
	defer g.release()
	if s.stopping.Load() {
		// The client connects again: to another server, since this one is not ready.
		w.Header().Set("Connection", "close")
	}
	if g.Server.HSTS { // also in the clear, for a proxy with TLS in front
		w.Header().Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
	switch path := r.URL.Path; {
	case r.URL.RawPath != "": // another spelling, which the rules of a proxy may not cover
		serveText(w, http.StatusNotFound, "Not found.")
	case g.endpoints[path]:
		s.serveToken(g, w, r)
	case path == g.Server.PathPrefix+"/":
		serveText(w, http.StatusOK, "This is the token server of a container registry.")
	case path == "/metrics": // only at an address of their own
		serveText(w, http.StatusNotFound, "Not found. Metrics are at metrics.addr.")
	case strings.Contains(path, "//") || strings.Contains(path, "/."):
		serveText(w, http.StatusNotFound, "Not found.") // http.ServeMux would redirect
	default:
		s.internal.ServeHTTP(w, r)
	}
}

func (s *Server) serveToken(g *generation, w http.ResponseWriter, r *http.Request) {
	ip := g.Server.RealIP
	if _, err := clientAddress(ip, r); err != nil {
		s.logger.LogAttrs(r.Context(), slog.LevelWarn, "token request refused",
			slog.Any("error", err), slog.String("peer", r.RemoteAddr),
			slog.String(ip.Header, fmt.Sprintf("%+q", r.Header.Values(ip.Header))))
		s.metrics.addressUnknown()
		refuse(w, err)
		return
	}
	if g.waits {
		// The time of the http.Server may be shorter. The writers of tests have none.
		end := time.Now().Add(g.settings.Timeout + ownTime)
		_ = http.NewResponseController(w).SetWriteDeadline(end)
	}
	g.tokens.ServeHTTP(w, r)
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
	setHeader(w, "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write(body)
}

// newInternal returns the handler for operators.
func (s *Server) newInternal() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		serveText(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", s.serveReady)
	mux.Handle("GET /metrics", s.metrics.handler())
	return mux
}

// serveReady says whether requests should come here. A failed reload is no reason to stay away,
// since the earlier configuration serves. Nor is a part that is not well, such as a signing key
// that is not renewed: other servers are no better off. Metrics have both too.
func (s *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	if s.stopping.Load() {
		serveText(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	text := "ready"
	if s.reloadFailed.Load() {
		text += ", with the configuration from before the last reload, which failed: " +
			"the log says why"
	}
	g := s.use()
	defer g.release()
	serveText(w, http.StatusOK, text+g.problems())
}

// section answers at the address of a section, which may be gone by a reload.
func (s *Server) section(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := s.use()
		defer g.release()
		for each, h := range g.handlers() {
			if each == name {
				h.Handler.ServeHTTP(w, r)
				return
			}
		}
		serveText(w, http.StatusForbidden, "The configuration has no "+name+" any more.")
	})
}

func serveText(w http.ResponseWriter, status int, text string) {
	setHeader(w, "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}

func setHeader(w http.ResponseWriter, contentType string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}
