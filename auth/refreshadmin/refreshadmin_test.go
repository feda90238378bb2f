package refreshadmin_test

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
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/auth/refreshadmin"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token/refresh"
)

const service = "registry.test"

var errSourceDown = errors.New("connect to ldap.internal: refused")

// lockedBuffer collects log lines of concurrent requests.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// admin is the handler behind a real connection, in front of tokens of alice and bob.
type admin struct {
	t       *testing.T
	handler http.Handler
	url     string
	tokens  *refresh.Tokens
	log     *lockedBuffer
	text    map[string]authn.Secret
	record  map[string]refresh.Record
}

// allowRoot admits the name in a header, as a proxy in front may have set it.
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

func newAdmin(t *testing.T, change ...func(*refreshadmin.Config)) *admin {
	t.Helper()
	a := &admin{t: t, log: &lockedBuffer{}, text: map[string]authn.Secret{}, record: map[string]refresh.Record{}}
	var err error
	if a.tokens, err = refresh.New(refresh.Config{Store: refresh.NewMemoryStore()}); err != nil {
		t.Fatal(err)
	}
	alice := authn.Subject{Name: "alice", Stamp: "secret stamp"}
	robot := authn.Subject{Name: "alice", Stamp: "robot", Kind: authn.KindServiceAccount}
	for _, login := range []struct {
		name, service, clientID string
		subject                 authn.Subject
	}{
		{"alice-1", service, "docker", alice},
		{"alice-2", "other.test", "", alice},
		{"alice-robot", service, "", robot},
		{"bob", service, "", authn.Subject{Name: "bob", Stamp: "1"}},
	} {
		text, record, err := a.tokens.Issue(t.Context(), login.subject, login.service, login.clientID)
		if err != nil {
			t.Fatal(err)
		}
		a.text[login.name], a.record[login.name] = text, record
	}
	cfg := refreshadmin.Config{Tokens: a.tokens, Allow: allowRoot, Logger: slog.New(slog.NewJSONHandler(a.log, nil))}
	for _, c := range change {
		c(&cfg)
	}
	handler, err := refreshadmin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.handler = handler
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
		Next          string           `json:"next"`
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

func TestHandlerRevokes(t *testing.T) {
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

func TestHandlerLists(t *testing.T) {
	a := newAdmin(t)
	for query, want := range map[string]int{
		"all=true": 4, "subject=alice": 3, "subject=alice&kind=service_account": 1, "service=other.test": 1, "subject=carol": 0,
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
	for _, secret := range []string{string(a.text["alice-1"]), "rt1_", "secret stamp", hex.EncodeToString(record.Hash[:8])} {
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

func TestHandlerRefuses(t *testing.T) {
	a := newAdmin(t)
	for name, test := range map[string]struct {
		method, query string
		header        []string
		status        int
		code          string
	}{
		"a user without permission":          {"DELETE", "all=true", []string{"X-Admin", "alice"}, 403, "DENIED"},
		"a user without credentials":         {"GET", "all=true", []string{"X-Admin", ""}, 403, "DENIED"},
		"while it cannot be decided":         {"DELETE", "all=true", []string{"X-Admin", "broken"}, 503, "UNAVAILABLE"},
		"a client without a name":            {"DELETE", "all=true", []string{"X-Admin", "nobody"}, 500, "UNKNOWN"},
		"what selects nothing":               {"DELETE", "", nil, 400, "INVALID_REQUEST"},
		"a list of nothing":                  {"GET", "", nil, 400, "INVALID_REQUEST"},
		"a kind alone":                       {"DELETE", "kind=user", nil, 400, "INVALID_REQUEST"},
		"a parameter that is misspelt":       {"DELETE", "subjct=alice&service=" + service, nil, 400, "INVALID_REQUEST"},
		"a parameter that is empty":          {"DELETE", "subject=&service=" + service, nil, 400, "INVALID_REQUEST"},
		"a parameter that is there twice":    {"DELETE", "subject=alice&subject=bob", nil, 400, "INVALID_REQUEST"},
		"everything, not quite said":         {"DELETE", "all=1", nil, 400, "INVALID_REQUEST"},
		"a kind that there is not":           {"DELETE", "subject=alice&kind=robot", nil, 400, "INVALID_REQUEST"},
		"a page of a revocation":             {"DELETE", "all=true&limit=1", nil, 400, "INVALID_REQUEST"},
		"a revocation from somewhere on":     {"DELETE", "all=true&after=A", nil, 400, "INVALID_REQUEST"},
		"a page of nothing":                  {"GET", "all=true&limit=0", nil, 400, "INVALID_REQUEST"},
		"a page that is too large":           {"GET", "all=true&limit=1001", nil, 400, "INVALID_REQUEST"},
		"a page of no number":                {"GET", "all=true&limit=ten", nil, 400, "INVALID_REQUEST"},
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

func TestNewRefusesAnUnprotectedHandler(t *testing.T) {
	tokens, err := refresh.New(refresh.Config{Store: refresh.NewMemoryStore()})
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]refreshadmin.Config{
		"the zero value":   {},
		"without Allow":    {Tokens: tokens},
		"without a tokens": {Allow: allowRoot},
	} {
		if handler, err := refreshadmin.New(cfg); err == nil || handler != nil {
			t.Errorf("%s: %v, %v", name, handler, err)
		}
	}
}

func TestEveryRequestIsAudited(t *testing.T) {
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

	var audited []refreshadmin.Record
	a = newAdmin(t, func(cfg *refreshadmin.Config) {
		cfg.Audit = func(_ context.Context, r refreshadmin.Record) { audited = append(audited, r) }
	})
	a.do(http.MethodDelete, "all=true")
	if len(audited) != 1 || audited[0].Count != 4 || !audited[0].Filter.All || audited[0].By != "root" || a.log.String() != "" {
		t.Errorf("audited %+v, logged %q", audited, a.log)
	}
}

// A revocation that is not certain is never reported as one.
func TestABrokenStoreIsNoRevocation(t *testing.T) {
	a := newAdmin(t, func(cfg *refreshadmin.Config) {
		var err error
		cfg.Tokens, err = refresh.New(refresh.Config{Store: brokenStore{}, Key: authn.Secret(strings.Repeat("k", 32))})
		if err != nil {
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

type brokenStore struct{ refresh.Store }

var errBroken = errors.New("the disk is gone")

func (brokenStore) Delete(context.Context, refresh.Filter) (int, error) { return 0, errBroken }

func (brokenStore) List(context.Context, refresh.Filter, time.Time, string, int) ([]refresh.Record, error) {
	return nil, errBroken
}

// The pages have every token once, and only the last one has no next.
func TestAListHasPages(t *testing.T) {
	a := newAdmin(t)
	for limit := 1; limit <= 5; limit++ {
		var ids []string
		next, pages := "", 0
		for {
			query := fmt.Sprintf("all=true&limit=%d", limit)
			if next != "" {
				query += "&after=" + next
			}
			reply := a.do(http.MethodGet, query)
			if n := len(reply.body.RefreshTokens); reply.StatusCode != 200 || n == 0 || n > limit {
				t.Fatalf("limit %d: status %d: %s", limit, reply.StatusCode, reply.text)
			}
			for _, listed := range reply.body.RefreshTokens {
				ids = append(ids, fmt.Sprint(listed["id"]))
			}
			pages++
			if next = reply.body.Next; next == "" {
				break
			}
		}
		slices.Sort(ids)
		if len(slices.Compact(ids)) != 4 || pages != (4+limit-1)/limit {
			t.Errorf("limit %d: %d pages with the IDs %q", limit, pages, ids)
		}
	}
}

// The limit of a credential is listed, so that an administrator sees what a token is good for.
func TestAListHasTheLimit(t *testing.T) {
	a := newAdmin(t)
	limit := &authn.Limit{Scopes: []scope.Scope{{Type: "repository", Name: "a", Actions: []string{"pull"}}}}
	_, _, err := a.tokens.Issue(t.Context(), authn.Subject{Name: "carol", Stamp: "1", Limit: limit}, service, "")
	if err != nil {
		t.Fatal(err)
	}
	if reply := a.do(http.MethodGet, "subject=carol"); !strings.Contains(reply.text, `"limit":{"scopes":[{"type":"repository","name":"a","actions":["pull"]}]}`) {
		t.Errorf("listed %s", reply.text)
	}
}

// A panic costs one request a 500, is recorded, and does nothing.
func TestAPanicIsRecorded(t *testing.T) {
	for name, change := range map[string]func(*refreshadmin.Config){
		"in Allow":      func(cfg *refreshadmin.Config) { cfg.Allow = func(*http.Request) (string, error) { panic("a bug") } },
		"in RemoteAddr": func(cfg *refreshadmin.Config) { cfg.RemoteAddr = func(*http.Request) netip.Addr { panic("a bug") } },
	} {
		t.Run(name, func(t *testing.T) {
			var audited []refreshadmin.Record
			a := newAdmin(t, change, func(cfg *refreshadmin.Config) {
				cfg.Audit = func(_ context.Context, r refreshadmin.Record) { audited = append(audited, r) }
			})
			reply := a.do(http.MethodDelete, "all=true")
			if reply.StatusCode != 500 || reply.body.Error != "server_error" {
				t.Errorf("status %d: %s", reply.StatusCode, reply.text)
			}
			if len(audited) != 1 || audited[0].Status != 500 || audited[0].Err == nil {
				t.Errorf("audited %+v", audited)
			}
			if log := a.log.String(); !strings.Contains(log, "a bug") || !strings.Contains(log, "refreshadmin_test") {
				t.Errorf("the log has not the panic with its stack: %s", log)
			}
			if got := a.alive(); got != allAlive {
				t.Errorf("alive: %s", got)
			}
		})
	}
}

// A client that announces a body and sends none does not keep its connection.
func TestABodyHasADeadline(t *testing.T) {
	a := newAdmin(t)
	for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPost} {
		r := httptest.NewRequestWithContext(t.Context(), method, "/?subject=carol", strings.NewReader("x"))
		r.Header.Set("X-Admin", "root")
		w := &deadlineRecorder{ResponseRecorder: httptest.NewRecorder()}
		a.handler.ServeHTTP(w, r)
		if left := time.Until(w.deadline); left <= 0 || left > time.Minute {
			t.Errorf("%s: reading the body ends in %v", method, left)
		}
	}
}

// deadlineRecorder knows by when the body has to be read.
type deadlineRecorder struct {
	*httptest.ResponseRecorder

	deadline time.Time
}

func (d *deadlineRecorder) SetReadDeadline(at time.Time) error {
	d.deadline = at
	return nil
}
