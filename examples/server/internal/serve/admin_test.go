package serve

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	oncall       = "0123456789abcdef0123456789abcdef"
	administered = base + "refresh_admin: {addr: \"127.0.0.1:0\", admins: {\"oncall\": {token_file: " +
		"\"@DIR@/oncall\"}}}\n"
)

func withAdmin(f *fixture) { f.file("oncall", oncall+"\n") }

// administer asks the address for administrators.
func (f *fixture) administer(method, path, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(f.t.Context(), method, path, nil)
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	w := httptest.NewRecorder()
	f.section("refresh_admin").ServeHTTP(w, r)
	return w
}

// TestAdmin: who shows a token of the configuration in force lists and revokes, and nobody else
// does.
func TestAdmin(t *testing.T) {
	f := newFixture(t, administered, withAdmin)
	refresh := f.login()
	for name, test := range map[string]struct {
		path, token string
		status      int
	}{
		"nothing": {"/refresh-tokens?subject=alice", "", http.StatusForbidden},
		"another token": {
			"/refresh-tokens?subject=alice",
			"Bearer " + strings.Repeat("x", 32),
			http.StatusForbidden,
		},
		"a prefix": {
			"/refresh-tokens?subject=alice",
			"Bearer " + oncall[:31],
			http.StatusForbidden,
		},
		"another scheme":  {"/refresh-tokens?subject=alice", "Basic " + oncall, http.StatusForbidden},
		"the empty token": {"/refresh-tokens?subject=alice", "Bearer ", http.StatusForbidden},
		"elsewhere":       {"/?subject=alice", "Bearer " + oncall, http.StatusNotFound},
		"the token":       {"/refresh-tokens?subject=alice", "bearer " + oncall, http.StatusOK},
	} {
		if w := f.administer(http.MethodGet, test.path, test.token); w.Code != test.status {
			t.Errorf("%s: status %d, want %d: %s", name, w.Code, test.status, w.Body)
		}
	}
	w := f.administer(http.MethodDelete, "/refresh-tokens?subject=alice", "Bearer "+oncall)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"revoked":1`) {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if w := f.ask(refresh); w.Code != http.StatusUnauthorized {
		t.Errorf("a token that was revoked: status %d", w.Code)
	}
	if log := f.log.String(); !strings.Contains(log, "request.by=oncall") ||
		strings.Contains(log, oncall) {
		t.Errorf("the log does not say who it was, or tells the token:\n%s", log)
	}
}

// TestAdminIsNotPublic: clients do not find it, with the token neither.
func TestAdminIsNotPublic(t *testing.T) {
	f := newFixture(t, administered, withAdmin)
	asOncall := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+oncall) }
	for _, path := range []string{"/refresh-tokens?all=true", "/auth/refresh-tokens?all=true"} {
		if w := f.get(path, asOncall); w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	f.internal.ServeHTTP(
		w,
		httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/refresh-tokens?all=true", nil),
	)
	if w.Code != http.StatusNotFound {
		t.Errorf("at the address for metrics: status %d", w.Code)
	}
}

// TestAdminAfterReload: a new token counts at once, and none when the section is gone.
func TestAdminAfterReload(t *testing.T) {
	f := newFixture(t, administered, withAdmin)
	reload := func() {
		t.Helper()
		if _, err := f.reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	status := func(token string) int {
		return f.administer(http.MethodGet, "/refresh-tokens?all=true", "Bearer "+token).Code
	}
	const next = "fedcba9876543210fedcba9876543210"
	f.file("oncall", next)
	reload()
	if before, after := status(oncall), status(next); before != http.StatusForbidden ||
		after != http.StatusOK {
		t.Errorf("the old token: status %d, the new one: %d", before, after)
	}
	f.write(base)
	reload()
	if got := status(next); got != http.StatusForbidden {
		t.Errorf("without the section: status %d", got)
	}
	if !strings.Contains(f.log.String(), "setting=refresh_admin.addr") {
		t.Error("the log does not tell that the address stays until a restart")
	}
}
