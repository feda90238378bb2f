package auth_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/auth"
)

// A portal has a format of its own, and 403 for services that it does not know.
func portalError(w http.ResponseWriter, record auth.AuditRecord, message string) {
	status := record.Status
	if errors.Is(record.Err, auth.ErrUnknownService) {
		status = http.StatusForbidden
	}
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "portal: %s", message)
}

func TestErrorsInAFormatOfOnesOwn(t *testing.T) {
	f := newLocalFixture(t, func(cfg *auth.Config) { cfg.WriteError = portalError })
	for name, test := range map[string]struct {
		method, query, password string
		status                  int
		header, value           string
		body                    string // a part of it
	}{
		"a token": {
			"GET", "service=registry.test", "wonderland", 200, "Cache-Control", "no-store", `"token"`,
		},
		"a wrong password": {
			"GET", "service=registry.test", "rabbit", 401, "WWW-Authenticate",
			`Basic realm="registry"`, "portal: incorrect username or password",
		},
		"an unknown service": {
			"GET", "service=other.test", "wonderland", 403, "Cache-Control", "no-store",
			"portal: this server issues no tokens for the service",
		},
		"another method": {
			"PUT", "", "wonderland", 405, "Allow", "GET, POST", "portal: the method is not",
		},
		"an outage": {
			"GET", "service=registry.test&scope=repository:test/broken:pull", "wonderland", 503,
			"Retry-After", "5", "portal: access cannot be decided at the moment",
		},
		"a panic": {
			"GET", "service=registry.test&scope=repository:test/panic:pull", "wonderland", 500,
			"X-Content-Type-Options", "nosniff", "portal: internal error",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), test.method, "/token?"+test.query, nil)
			r.SetBasicAuth("alice", test.password)
			w := httptest.NewRecorder()
			f.handler.ServeHTTP(w, r)
			if w.Code != test.status || w.Header().Get(test.header) != test.value ||
				!strings.Contains(w.Body.String(), test.body) {
				t.Errorf("status %d, headers %v, body %s", w.Code, w.Header(), w.Body)
			}
			if strings.Contains(w.Body.String(), "engine is down") {
				t.Errorf("the client reads the cause: %s", w.Body)
			}
		})
	}
}

func TestAPanicInWriteErrorIs500(t *testing.T) {
	f := newLocalFixture(t, func(cfg *auth.Config) {
		cfg.WriteError = func(http.ResponseWriter, auth.AuditRecord, string) { panic("a bug") }
	})
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "PUT", "/token", nil))
	if w.Code != http.StatusInternalServerError || !strings.Contains(f.log.String(), "a bug") {
		t.Errorf("status %d, log %s", w.Code, f.log)
	}
}

// A server cannot bound the time of a body behind a wrapper that hides the connection.
func TestAWrapperWithoutUnwrapIsLogged(t *testing.T) {
	var log bytes.Buffer
	f := newLocalFixture(t, func(cfg *auth.Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	wrapped := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.handler.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	})
	for name, test := range map[string]struct {
		handler http.Handler
		body    string
		logged  bool
	}{
		"a wrapper, a body":     {wrapped, "grant_type=password", true},
		"a wrapper, no body":    {wrapped, "", false},
		"the connection itself": {f.handler, "grant_type=password", false},
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			server := httptest.NewServer(test.handler)
			defer server.Close()
			const form = "application/x-www-form-urlencoded"
			answer, err := server.Client().Post(server.URL+"/token", form, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			server.Close() // the handler has ended
			if logged := strings.Contains(log.String(), "Unwrap"); logged != test.logged {
				t.Errorf("the log has %q", log.String())
			}
		})
	}
}
