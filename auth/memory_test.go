package auth_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// What one request may allocate, from the handler's first step to its record in the log. What package net/http takes to read the
// header, at most 32 KiB, and for its buffers comes on top.
const (
	mostForALegalRequest    = 256 << 10
	mostForAnIllegalRequest = 128 << 10
)

// manyScopes are as large as scopes may be, with as many actions, and all granted.
func manyScopes(count, length int) string {
	actions := make([]string, scope.MaxActions)
	for i := range actions {
		actions[i] = strings.Repeat(string(rune('a'+i)), 10)
	}
	list := make([]string, count)
	for i := range list {
		first, last := fmt.Sprintf("repository:public/%03d", i), ":"+strings.Join(actions, ",")
		list[i] = first + strings.Repeat("n", min(length-len(first)-len(last), scope.MaxNameLength-len("public/000"))) + last
	}
	return strings.Join(list, "+")
}

// TestMemoryOfARequest: the largest request that is answered, and the largest ones that are refused, cost a bounded amount of memory.
func TestMemoryOfARequest(t *testing.T) {
	const ask = "service=" + service + "&scope="
	password := "grant_type=password&username=alice&password=wonderland&" + ask
	long := func(unit string, bytes int) string { return strings.Repeat(unit, bytes/len(unit)) }
	for name, test := range map[string]struct {
		query, form, authorization string
		status, most               int
		missed                     int // where the bound is not kept yet, what is kept instead
	}{
		"legal: one scope":                         {ask + "repository:public/app:pull", "", "", 200, 16 << 10, 0},
		"legal: a query of a hundred scopes":       {ask + manyScopes(100, 320), "", "", 200, mostForALegalRequest, 800 << 10},
		"legal: a form of a hundred scopes":        {"", password + manyScopes(100, scope.MaxLength), "", 200, mostForALegalRequest, 1500 << 10},
		"legal: a form as long as it may be":       {"", password + manyScopes(100, scope.MaxLength) + "&x=" + long("x", 16<<10), "", 200, mostForALegalRequest, 1500 << 10},
		"illegal: a query of too many scopes":      {ask + long("a+", 32<<10-100), "", "", 400, mostForAnIllegalRequest, 1300 << 10},
		"illegal: a hundred malformed scopes":      {ask + long(strings.Repeat("x", 320)+"+", 100*321), "", "", 400, mostForAnIllegalRequest, 0},
		"illegal: a query of many parameters":      {long("a&", 32<<10), "", "", 400, mostForAnIllegalRequest, 0},
		"legal: a query of many other parameters":  {many("%d=&", 5000), "", "", 200, mostForALegalRequest, 1000 << 10},
		"illegal: a query that is too long":        {ask + long("a", 1<<20), "", "", 414, mostForAnIllegalRequest, 0},
		"illegal: a query of escapes":              {ask + long("%61", 32<<10-100), "", "", 400, mostForAnIllegalRequest, 0},
		"illegal: a form of too many scopes":       {"", password + long("a+", 64<<10-200), "", 400, mostForAnIllegalRequest, 3000 << 10},
		"illegal: a hundred malformed, in a form":  {"", password + long(strings.Repeat("x", 640)+"+", 100*641), "", 400, mostForAnIllegalRequest, 330 << 10},
		"illegal: a form of many parameters":       {"", long("a&", 64<<10), "", 400, mostForAnIllegalRequest, 250 << 10},
		"illegal: a form of many other parameters": {"", many("%d=&", 9000), "", 400, mostForAnIllegalRequest, 2100 << 10},
		"illegal: a form that is too long":         {"", password + long("a", 1<<20), "", 413, mostForAnIllegalRequest, 160 << 10},
		"illegal: an endless name and password":    {ask, "", "Basic " + long("QUJD", 30<<10), 401, mostForAnIllegalRequest, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := allocated(t, newMemoryServer(t), test.status, func() *http.Request {
				method, body := http.MethodGet, io.Reader(http.NoBody)
				if test.form != "" {
					method, body = http.MethodPost, strings.NewReader(test.form)
				}
				r := httptest.NewRequestWithContext(t.Context(), method, "/token?"+test.query, body)
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				if test.authorization != "" {
					r.Header.Set("Authorization", test.authorization)
				}
				return r
			})
			t.Logf("%d bytes", got)
			most := int(raceAllocates * float64(max(test.most, test.missed)))
			if got > most {
				t.Errorf("%d bytes are allocated, and %d are the most", got, most)
			}
			if got <= test.most && test.missed > 0 {
				t.Errorf("%d bytes are allocated: the bound of %d is kept now, and the table has to say so", got, test.most)
			}
		})
	}
}

func many(format string, count int) string {
	var b strings.Builder
	for i := range count {
		_, _ = fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// allocated is how many bytes are allocated for a request, the least of some tries, since other goroutines allocate too.
func allocated(t *testing.T, server http.Handler, status int, request func() *http.Request) int {
	t.Helper()
	least := 0
	for i := range 10 {
		r, w := request(), discard{header: make(http.Header)}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		server.ServeHTTP(&w, r)
		runtime.ReadMemStats(&after)
		if w.status != status {
			t.Fatalf("status %d, want %d", w.status, status)
		}
		if bytes := int(after.TotalAlloc - before.TotalAlloc); i == 0 || bytes < least {
			least = bytes
		}
	}
	return least
}

// newMemoryServer grants whatever is asked for, and logs in JSON.
func newMemoryServer(t *testing.T) *auth.Server {
	t.Helper()
	server, err := auth.NewServer(auth.Config{
		Services:         map[string]*token.Issuer{service: newIssuer(t)},
		Authenticator:    users{"alice": "wonderland"},
		AnonymousAllowed: true,
		Authorizer:       authz.AllowAll(),
		Logger:           slog.New(slog.NewJSONHandler(nowhere{}, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// nowhere is a log that is written and kept nowhere. slog leaves out the work for io.Discard.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
