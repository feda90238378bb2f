package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

func TestAuditRecord(t *testing.T) {
	f := newFixture(t)
	r := f.get("service=registry.test&account=alice&client_id=docker&offline_token=true"+
		"&scope=repository:alice/app:pull,push,delete&scope=repository:bob/app:pull&scope=repository:Bad:pull", "alice:wonderland").wantStatus(200)

	record := f.lastRecord()
	if record.Status != 200 || record.Err != nil || record.Credentials != "basic" || record.Username != "alice" ||
		record.Subject.Name != "alice" || record.Service != service || record.ClientID != "docker" || !record.RefreshTokenIssued {
		t.Errorf("the record is not complete: %+v", record)
	}
	if !record.RemoteAddr.IsLoopback() || record.Time.IsZero() || record.Duration <= 0 {
		t.Errorf("address %v, time %v, duration %v", record.RemoteAddr, record.Time, record.Duration)
	}
	if want := r.claims(f.issuer).ID; record.TokenID != want {
		t.Errorf("TokenID is %q, want the token's jti %q", record.TokenID, want)
	}
	if got := len(record.Malformed); got != 1 {
		t.Errorf("%d malformed scopes, want 1", got)
	}
	var got []string
	for _, d := range record.Decisions {
		got = append(got, d.Asked.String()+" => "+strings.Join(d.Granted, ",")+" ("+d.Reason+")")
	}
	want := []string{"repository:alice/app:delete,pull,push => pull,push (own namespace)", "repository:bob/app:pull =>  (no rule matches)"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("decisions:\n got %q\nwant %q", got, want)
	}
}

// Actions that nobody asked for are not granted, and the operator learns of the mistake.
func TestUnrequestedActionsAreDroppedAndLogged(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.Audit = nil
		cfg.Authorizer = authz.Func(func(context.Context, authz.Request) (authz.Decision, error) {
			return authz.Decision{Actions: []string{"push", "pull", "*", "\u009b31m"}, Reason: "generous"}, nil
		})
	})
	granted := f.get("service=registry.test&scope=repository:alice/app:pull", "alice:wonderland").wantStatus(200).claims(f.issuer).Access
	if len(granted) != 1 || granted[0].String() != "repository:alice/app:pull" {
		t.Errorf("granted %v", granted)
	}
	if got := f.log.String(); !strings.Contains(got, `"level":"WARN"`) || !strings.Contains(got, `"dropped":["\"repository:alice/app:push,*,\\u009b31m\""]`) {
		t.Errorf("logged: %s", got)
	}
}

// Every request leaves exactly one record.
func TestEveryRequestIsAudited(t *testing.T) {
	f := newFixture(t)
	for i, test := range []struct {
		send   func() *reply
		status int
		grant  string
	}{
		{func() *reply { return f.get("service=registry.test", "") }, 200, "none"},
		{func() *reply { return f.get("service=registry.test", "alice:wrong") }, 401, "basic"},
		{func() *reply { return f.get("service=other.test", "alice:wonderland") }, 400, "basic"},
		{func() *reply { return f.get("service=registry.test&scope=%zz", "") }, 400, "none"},
		{func() *reply { return f.post(passwordForm()) }, 200, "password"},
		{func() *reply { return f.post(refreshForm("junk")) }, 401, "refresh_token"},
		{func() *reply { return f.post(form("grant_type", "made\nup")) }, 400, ""},
		{func() *reply { return f.get("service=registry.test", "broken:x") }, 503, "basic"},
		{func() *reply {
			return f.get("service=registry.test&scope=repository:test/panic:pull", "alice:wonderland")
		}, 500, "basic"},
	} {
		test.send().wantStatus(test.status)
		if n := len(f.records()); n != i+1 {
			t.Fatalf("%d records after %d requests", n, i+1)
		}
		record := f.lastRecord()
		if record.Status != test.status || record.Credentials != test.grant || (record.Err == nil) != (test.status == 200) {
			t.Errorf("request %d: %+v, want status %d and grant %q", i, record, test.status, test.grant)
		}
	}
}

func TestAuditHasTheCauseThatTheClientDoesNotRead(t *testing.T) {
	f := newFixture(t)
	f.get("service=registry.test", "broken:x").wantStatus(503)
	if err := f.lastRecord().Err; err == nil || !strings.Contains(err.Error(), errSourceDown.Error()) {
		t.Errorf("the record's error is %v, want the cause", err)
	}
}

func TestAuditIsLoggedByDefault(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) { cfg.Audit = nil })
	f.get("service=registry.test&client_id=crane&scope=repository:alice/app:pull", "alice:wonderland").wantStatus(200)
	f.get("service=registry.test", "alice:wrong").wantStatus(401)
	f.get("service=registry.test", "broken:x").wantStatus(503)

	type line struct {
		Level   string `json:"level"`
		Message string `json:"msg"`
		Request struct {
			Status    int    `json:"status"`
			Subject   string `json:"subject"`
			Kind      string `json:"kind"`
			Username  string `json:"username"`
			Service   string `json:"service"`
			ClientID  string `json:"client_id"`
			Decisions []struct {
				Asked   string   `json:"asked"`
				Granted []string `json:"granted"`
				Reason  string   `json:"reason"`
			} `json:"decisions"`
			TokenID string `json:"token_id"`
			Error   string `json:"error"`
		} `json:"request"`
	}
	var lines []line
	for text := range strings.Lines(f.log.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		lines = append(lines, l)
	}
	if len(lines) != 3 {
		t.Fatalf("%d lines for 3 requests:\n%s", len(lines), f.log.String())
	}
	good := lines[0].Request
	if lines[0].Level != "INFO" || lines[0].Message != "token request" || good.Status != 200 || good.Subject != "alice" || good.Kind != "user" ||
		good.Service != service || good.ClientID != "crane" || good.TokenID == "" || len(good.Decisions) != 1 || good.Decisions[0].Reason != "own namespace" {
		t.Errorf("granted: %+v", lines[0])
	}
	if wrong := lines[1]; wrong.Level != "WARN" || wrong.Request.Username != "alice" || wrong.Request.Subject != "" || wrong.Request.Error == "" {
		t.Errorf("refused: %+v", wrong)
	}
	if broken := lines[2]; broken.Level != "ERROR" || broken.Request.Status != 503 {
		t.Errorf("broken: %+v", broken)
	}
}

// The log quotes client-supplied text, has one line a request, and bounds its length.
func TestLogHoldsNoSecretAndNoForgedLine(t *testing.T) {
	const marker = "s3cr3t-marker"
	var text lockedBuffer
	for name, handler := range map[string]slog.Handler{
		"JSON": slog.NewJSONHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}),
		"text": slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(cfg *auth.Config) {
				cfg.Audit, cfg.Logger = nil, slog.New(handler)
				cfg.Authenticator.(users)["bob"] = marker
			})
			before := strings.Count(text.String(), "\n")
			f.get("service=registry.test&offline_token=true", "bob:"+marker).wantStatus(200)
			f.get("service=registry.test", "alice:"+marker).wantStatus(401)
			f.get("service=registry.test&scope=repository:test/panic:pull", "bob:"+marker).wantStatus(500)
			f.get("service=registry.test", "alice\nlevel=INFO msg=forged:"+marker).wantStatus(401)
			f.get("service="+strings.Repeat("x", 10_000), "alice:"+marker).wantStatus(400)
			f.get("service=registry.test&scope=repository:a:pull"+strings.Repeat("&scope=repository:"+strings.Repeat("X", 280)+":pull", 99), "bob:"+marker).wantStatus(200)
			f.post(passwordForm("password", marker)).wantStatus(400)
			f.post(form("grant_type", "password", "service", service, "username", "bob", "password", marker)).wantStatus(200)
			f.post(refreshForm(marker)).wantStatus(401)
			refreshToken := f.post(form("grant_type", "password", "service", service, "username", "bob", "password", marker, "access_type", "offline")).body.RefreshToken
			f.post(refreshForm(refreshToken)).wantStatus(200)

			logged := text.String()
			if strings.Contains(logged, marker) || strings.Contains(logged, refreshToken) || strings.Contains(logged, "eyJ") {
				t.Errorf("a secret is in the log:\n%s", logged)
			}
			if lines := strings.Count(logged, "\n") - before; lines != 12 { // eleven requests, and the panic with its stack
				t.Errorf("%d lines, want 12:\n%s", lines, logged)
			}
			for line := range strings.Lines(logged) {
				if len(line) > 8000 {
					t.Errorf("a line of %d bytes: %.200s…", len(line), line)
				}
			}
		})
	}
}

func TestAuditRecordLeavesEmptyFieldsOut(t *testing.T) {
	var b bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	logger.Info("x", "r", auth.AuditRecord{
		Status: 200, Credentials: "none", Service: service, RemoteAddr: netip.MustParseAddr("192.0.2.1"),
		Decisions: []auth.ScopeDecision{{Asked: scope.Scope{Type: "repository", Name: "a", Actions: []string{"pull"}}, Granted: []string{}, Reason: "no"}},
	})
	want := `level=INFO msg=x r.status=200 r.duration=0s r.credentials=none r.service=registry.test ` +
		`r.decisions="[{Asked:repository:a:pull Granted:[] Reason:no}]" r.remote_addr=192.0.2.1` + "\n"
	if b.String() != want {
		t.Errorf("got  %swant %s", b.String(), want)
	}
}

func TestAuditRecordLogsItself(t *testing.T) {
	var b bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{
		Level: slog.LevelWarn,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	asked := scope.Scope{Type: "repository", Name: "a", Actions: []string{"pull", "push"}}
	record := auth.AuditRecord{
		Time: time.Now(), Duration: time.Second, Status: 503,
		Decisions: []auth.ScopeDecision{{Asked: asked, Granted: asked.Actions, Reason: "rule 1"}, {Asked: asked}},
	}
	record.Log(t.Context(), logger)
	want := `level=ERROR msg="token request" request.status=503 request.duration=1s ` +
		`request.decisions="[{Asked:repository:a:pull,push Granted:[pull push] Reason:rule 1} {Asked:repository:a:pull,push Granted:[] Reason:}]"` + "\n"
	if b.String() != want {
		t.Errorf("got  %swant %s", b.String(), want)
	}
	b.Reset()
	record.Status = 200
	record.Log(t.Context(), logger)
	if b.Len() > 0 {
		t.Errorf("below the level, and logged: %s", b.String())
	}
}

// Anybody can hang up, so that is no error of the server. A dependency that is too slow is one.
func TestAClientThatHangsUpIsNoOutage(t *testing.T) {
	for name, test := range map[string]struct {
		hangUp bool
		want   slog.Level
	}{
		"the client hangs up":        {true, slog.LevelWarn},
		"the authorizer is too slow": {false, slog.LevelError},
	} {
		t.Run(name, func(t *testing.T) {
			f := newLocalFixture(t, func(cfg *auth.Config) { cfg.Timeout = 20 * time.Millisecond })
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.hangUp {
				cancel()
			}
			target := "/token?service=registry.test&scope=repository:test/hang:pull"
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
			f.handler.ServeHTTP(httptest.NewRecorder(), r)
			if got := f.recorded; len(got) != 1 || got[0].Status != 503 || got[0].Level() != test.want {
				t.Errorf("recorded %+v, want one 503 of level %v", got, test.want)
			}
		})
	}
}
