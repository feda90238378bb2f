package auth_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/token/refresh"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refreshfile"
)

// admin is the handler behind a real connection, in front of tokens of alice and bob.
type admin struct {
	t      *testing.T
	url    string
	tokens *refresh.Tokens
	log    *lockedBuffer
	text   map[string]token.Secret
	record map[string]refresh.Record
}

// allowRoot lets those through whose header says so, as a proxy in front may have set it.
func allowRoot(r *http.Request) (string, error) {
	switch name := r.Header.Get("X-Admin"); name {
	case "root":
		return name, nil
	case "broken":
		return "", errSourceDown
	case "nobody":
		return "", nil
	default:
		return name, fmt.Errorf("%q: %w", name, authn.ErrRejected)
	}
}

func newAdmin(t *testing.T, change ...func(*auth.RefreshAdminConfig)) *admin {
	t.Helper()
	a := &admin{t: t, log: &lockedBuffer{}, text: map[string]token.Secret{}, record: map[string]refresh.Record{}}
	var err error
	if a.tokens, err = refresh.New(refresh.Config{Store: refresh.NewMemoryStore()}); err != nil {
		t.Fatal(err)
	}
	for name, grant := range map[string]token.RefreshGrant{
		"alice-1":     {Subject: "alice", SubjectKind: "user", SubjectStamp: "secret stamp", Service: service, ClientID: "docker"},
		"alice-2":     {Subject: "alice", SubjectKind: "user", Service: "other.test"},
		"alice-robot": {Subject: "alice", SubjectKind: "service account", Service: service},
		"bob":         {Subject: "bob", SubjectKind: "user", Service: service},
	} {
		if a.text[name], a.record[name], err = a.tokens.Issue(t.Context(), grant); err != nil {
			t.Fatal(err)
		}
	}
	cfg := auth.RefreshAdminConfig{Tokens: a.tokens, Allow: allowRoot, Logger: slog.New(slog.NewJSONHandler(a.log, nil))}
	for _, c := range change {
		c(&cfg)
	}
	handler, err := auth.NewRefreshAdmin(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

type adminReply struct {
	*http.Response

	text string
	body struct {
		Revoked       *int             `json:"revoked"`
		RefreshTokens []map[string]any `json:"refresh_tokens"`
		Errors        []struct{ Code, Message string }
		Error         string
	}
}

func (a *admin) do(method, query string, header ...string) *adminReply {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.url+"/?"+query, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("X-Admin", "root")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	reply := &adminReply{Response: response, text: string(text)}
	if method != http.MethodHead {
		if err := json.Unmarshal(text, &reply.body); err != nil {
			a.t.Fatalf("status %d, and not JSON: %q", response.StatusCode, text)
		}
	}
	if response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("Access-Control-Allow-Origin") != "" {
		a.t.Errorf("headers: %v", response.Header)
	}
	return reply
}

// alive returns the names of the tokens that are still redeemed.
func (a *admin) alive() string {
	a.t.Helper()
	var alive []string
	for _, name := range []string{"alice-1", "alice-2", "alice-robot", "bob"} {
		_, err := a.tokens.Redeem(a.t.Context(), a.text[name], a.record[name].Service)
		if err == nil {
			alive = append(alive, name)
		} else if !errors.Is(err, refresh.ErrInvalid) {
			a.t.Error(err)
		}
	}
	return strings.Join(alive, " ")
}

const allAlive = "alice-1 alice-2 alice-robot bob"

func TestRefreshAdminRevokes(t *testing.T) {
	for name, test := range map[string]struct {
		query func(a *admin) string
		n     int
		alive string
	}{
		"one":                          {func(a *admin) string { return "id=" + a.record["alice-2"].ID }, 1, "alice-1 alice-robot bob"},
		"one that is not there":        {func(*admin) string { return "id=x" }, 0, allAlive},
		"all of a subject":             {func(*admin) string { return "subject=alice" }, 3, "bob"},
		"all of a subject of one kind": {func(*admin) string { return "subject=alice&kind=user" }, 2, "alice-robot bob"},
		"all for a service":            {func(*admin) string { return "service=" + service }, 3, "alice-2"},
		"those of a subject at one":    {func(*admin) string { return "subject=alice&service=other.test" }, 1, "alice-1 alice-robot bob"},
		"everything":                   {func(*admin) string { return "all=true" }, 4, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAdmin(t)
			reply := a.do(http.MethodDelete, test.query(a))
			if reply.StatusCode != 200 || reply.body.Revoked == nil || *reply.body.Revoked != test.n {
				t.Errorf("status %d: %s", reply.StatusCode, reply.text)
			}
			if got := a.alive(); got != test.alive {
				t.Errorf("alive: %s, want %s", got, test.alive)
			}
		})
	}
}

func TestRefreshAdminLists(t *testing.T) {
	a := newAdmin(t)
	for query, want := range map[string]int{
		"all=true": 4, "subject=alice": 3, "subject=alice&kind=service+account": 1, "service=other.test": 1, "subject=carol": 0,
		"id=" + a.record["bob"].ID: 1,
	} {
		reply := a.do(http.MethodGet, query)
		if reply.StatusCode != 200 || reply.body.RefreshTokens == nil || len(reply.body.RefreshTokens) != want {
			t.Errorf("%s: status %d: %s", query, reply.StatusCode, reply.text)
		}
	}
	reply := a.do(http.MethodGet, "id="+a.record["alice-1"].ID)
	listed, record := reply.body.RefreshTokens[0], a.record["alice-1"]
	for key, want := range map[string]string{
		"id": record.ID, "subject": "alice", "kind": "user", "service": service, "client_id": "docker",
	} {
		if listed[key] != want {
			t.Errorf("%s is %v", key, listed[key])
		}
	}
	for _, secret := range []string{string(a.text["alice-1"]), "rt1_", "secret stamp", hex.EncodeToString(record.Hash[:8]), hex.EncodeToString(record.Family[:8])} {
		if strings.Contains(reply.text, secret) {
			t.Errorf("%q is listed: %s", secret, reply.text)
		}
	}
	if len(listed) != 9 { // and no other field
		t.Errorf("listed %v", listed)
	}
	if got := a.alive(); got != allAlive {
		t.Errorf("alive: %s", got)
	}
}

func TestRefreshAdminRefuses(t *testing.T) {
	a := newAdmin(t)
	for name, test := range map[string]struct {
		method, query string
		header        []string
		status        int
		code          string
	}{
		"who may not":                        {"DELETE", "all=true", []string{"X-Admin", "alice"}, 403, "DENIED"},
		"who gives no proof":                 {"GET", "all=true", []string{"X-Admin", ""}, 403, "DENIED"},
		"while it cannot be decided":         {"DELETE", "all=true", []string{"X-Admin", "broken"}, 503, "UNAVAILABLE"},
		"whom Allow does not name":           {"DELETE", "all=true", []string{"X-Admin", "nobody"}, 500, "UNKNOWN"},
		"what selects nothing":               {"DELETE", "", nil, 400, "INVALID_REQUEST"},
		"a list of nothing":                  {"GET", "", nil, 400, "INVALID_REQUEST"},
		"a kind alone":                       {"DELETE", "kind=user", nil, 400, "INVALID_REQUEST"},
		"a parameter that is misspelt":       {"DELETE", "subjct=alice&service=" + service, nil, 400, "INVALID_REQUEST"},
		"a parameter that is empty":          {"DELETE", "subject=&service=" + service, nil, 400, "INVALID_REQUEST"},
		"a parameter that is there twice":    {"DELETE", "subject=alice&subject=bob", nil, 400, "INVALID_REQUEST"},
		"everything, not quite said":         {"DELETE", "all=1", nil, 400, "INVALID_REQUEST"},
		"a query that is cut at a semicolon": {"DELETE", "service=" + service + ";subject=alice", nil, 400, "INVALID_REQUEST"},
		"POST":                               {"POST", "all=true", nil, 405, "UNSUPPORTED"},
		"POST that says DELETE":              {"POST", "all=true&_method=DELETE", []string{"X-HTTP-Method-Override", "DELETE"}, 405, "UNSUPPORTED"},
		"a preflight":                        {"OPTIONS", "all=true", []string{"Origin", "https://evil.test", "Access-Control-Request-Method", "DELETE"}, 405, "UNSUPPORTED"},
		"another site's page":                {"DELETE", "all=true", []string{"Sec-Fetch-Site", "cross-site"}, 403, "DENIED"},
		"another origin's":                   {"DELETE", "all=true", []string{"Origin", "https://evil.test"}, 403, "DENIED"},
	} {
		t.Run(name, func(t *testing.T) {
			reply := a.do(test.method, test.query, test.header...)
			if reply.StatusCode != test.status || len(reply.body.Errors) != 1 || reply.body.Errors[0].Code != test.code || reply.body.Error == "" {
				t.Errorf("status %d: %s", reply.StatusCode, reply.text)
			}
			if allow := reply.Header.Get("Allow"); (allow == "GET, DELETE") != (test.status == 405) {
				t.Errorf("Allow: %q", allow)
			}
			if strings.Contains(reply.text, "ldap") {
				t.Errorf("the answer tells the cause: %s", reply.text)
			}
			if got := a.alive(); got != allAlive {
				t.Errorf("alive: %s", got)
			}
		})
	}
	if reply := a.do(http.MethodHead, "all=true"); reply.StatusCode != 405 {
		t.Errorf("HEAD: status %d", reply.StatusCode)
	}
}

func TestRefreshAdminIsNotMountedUnprotected(t *testing.T) {
	tokens, err := refresh.New(refresh.Config{Store: refresh.NewMemoryStore()})
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]auth.RefreshAdminConfig{
		"the zero value":   {},
		"without Allow":    {Tokens: tokens},
		"without a tokens": {Allow: allowRoot},
	} {
		if handler, err := auth.NewRefreshAdmin(cfg); err == nil || handler != nil {
			t.Errorf("%s: %v, %v", name, handler, err)
		}
	}
}

func TestRefreshAdminIsAudited(t *testing.T) {
	a := newAdmin(t)
	a.do(http.MethodDelete, "subject="+url.QueryEscape("bob"))
	a.do(http.MethodDelete, "service=x%0ay", "X-Admin", "mallory")
	lines := strings.Split(strings.TrimSpace(a.log.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("logged %q", lines)
	}
	for i, want := range [][]string{
		{`"INFO"`, `"by":"root"`, `"method":"DELETE"`, `"subject":"bob"`, `"count":1`, `"status":200`, `"remote_addr":"127.0.0.1"`},
		{`"WARN"`, `"by":"mallory"`, `"status":403`, `"count":0`},
	} {
		for _, part := range want {
			if !strings.Contains(lines[i], part) {
				t.Errorf("line %d has no %s: %s", i, part, lines[i])
			}
		}
	}

	var audited []auth.RefreshAdminRecord
	a = newAdmin(t, func(cfg *auth.RefreshAdminConfig) {
		cfg.Audit = func(_ context.Context, r auth.RefreshAdminRecord) { audited = append(audited, r) }
	})
	a.do(http.MethodDelete, "all=true")
	if len(audited) != 1 || audited[0].Count != 4 || !audited[0].Filter.All || audited[0].By != "root" || a.log.String() != "" {
		t.Errorf("audited %+v, logged %q", audited, a.log)
	}
}

// A revocation that is not certain is never reported as one.
func TestRefreshAdminWithABrokenStore(t *testing.T) {
	store, err := refreshfile.Open(refreshfile.Config{Path: t.TempDir() + "/tokens"})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	a := newAdmin(t, func(cfg *auth.RefreshAdminConfig) {
		if cfg.Tokens, err = refresh.New(refresh.Config{Store: store}); err != nil {
			t.Fatal(err)
		}
	})
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		reply := a.do(method, "subject=alice")
		if reply.StatusCode != 503 || reply.Header.Get("Retry-After") == "" || reply.body.Revoked != nil {
			t.Errorf("%s: status %d: %s", method, reply.StatusCode, reply.text)
		}
	}
}
