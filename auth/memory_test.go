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
)

// The most that one request may allocate, from the handler to its record in the log. Package
// net/http adds its buffers, and the header of at most 32 KiB.
const (
	mostForALegalRequest    = 320 << 10
	mostForAnIllegalRequest = 128 << 10
	// A hundred scopes with sixteen actions each, where registries know four, make a token of 56
	// KiB, which no header takes. They are legal and granted, and are held as text and as lists on
	// their way to the policy, the token and the log.
	mostForAnAbsurdRequest = 896 << 10

	maxActions = 16 // of a scope, in package scope
)

// scopesOf returns scopes and actions of these lengths, or longer ones if need be. All are granted.
func scopesOf(count, length, actions, lengthOfAction int) string {
	names := make([]string, actions)
	for i := range names {
		names[i] = strings.Repeat(string(rune('a'+i)), lengthOfAction)
	}
	list := make([]string, count)
	for i := range list {
		first, last := fmt.Sprintf("repository:public/%03d", i), ":"+strings.Join(names, ",")
		filling := min(max(length-len(first)-len(last), 0), 255-len("public/000"))
		list[i] = first + strings.Repeat("n", filling) + last
	}
	return strings.Join(list, "+")
}

// The largest requests that are answered or refused allocate a bounded amount of memory.
func TestMemoryOfARequest(t *testing.T) {
	const ask = "service=" + service + "&scope="
	const password = "grant_type=password&username=alice&password=wonderland&" + ask
	const wrong = "grant_type=password&username=alice&password=wrong&" + ask
	hundred, absurd := scopesOf(100, 64, 3, 6), scopesOf(100, 320, maxActions, 10)
	long := func(unit string, bytes int) string { return strings.Repeat(unit, bytes/len(unit)) }
	for name, test := range map[string]struct {
		query, form, authorization string
		status, most               int
	}{
		"legal: one scope":                         {ask + "repository:public/app:pull", "", "", 200, 16 << 10},
		"legal: a query of a hundred scopes":       {ask + hundred, "", "", 200, mostForALegalRequest},
		"legal: a form of a hundred scopes":        {"", password + hundred, "", 200, mostForALegalRequest},
		"legal: a form as long as it may be":       {"", password + "repository:public/app:pull&x=" + long("+", 32<<10-200), "", 200, mostForALegalRequest},
		"legal: a query of many other parameters":  {ask + many("&%d=", 390), "", "", 200, mostForALegalRequest},
		"absurd: a query of a hundred scopes":      {ask + absurd, "", "", 200, mostForAnAbsurdRequest},
		"absurd: a form of a hundred scopes":       {"", password + absurd, "", 200, mostForAnAbsurdRequest},
		"illegal: a query of too many scopes":      {ask + long("a+", 32<<10-100), "", "", 400, mostForAnIllegalRequest},
		"illegal: a hundred malformed scopes":      {ask + long(strings.Repeat("x", 320)+"+", 99*321), "", "", 400, mostForAnIllegalRequest},
		"illegal: a query of many parameters":      {long("a&", 32<<10), "", "", 400, mostForAnIllegalRequest},
		"illegal: a query of many other ones":      {many("%d=&", 5000), "", "", 400, mostForAnIllegalRequest},
		"illegal: a query that is too long":        {ask + long("a", 1<<20), "", "", 414, mostForAnIllegalRequest},
		"illegal: a query of escapes":              {ask + long("%61", 32<<10-100), "", "", 400, mostForAnIllegalRequest},
		"illegal: a form of too many scopes":       {"", password + long("a+", 32<<10-200), "", 400, mostForAnIllegalRequest},
		"illegal: a hundred malformed, in a form":  {"", password + long(strings.Repeat("x", 320)+"+", 99*321), "", 400, mostForAnIllegalRequest},
		"illegal: a form of many parameters":       {"", long("a&", 32<<10), "", 400, mostForAnIllegalRequest},
		"illegal: a form of many other parameters": {"", many("%d=&", 5000), "", 400, mostForAnIllegalRequest},
		"illegal: a form that is too long":         {"", password + long("a", 1<<20), "", 413, mostForAnIllegalRequest},
		"illegal: a form of parameters in escapes": {"", many("%%61%061d=%%62&", 398), "", 400, mostForAnIllegalRequest},
		"refused: a wrong password for scopes":     {"", wrong + absurd, "", 401, mostForAnIllegalRequest},
		"refused: a wrong password for commas":     {"", wrong + long("a:b:"+long("a,,", 500)+"+", 32<<10-200), "", 401, mostForAnIllegalRequest},
		"refused: all of it, a wrong password":     {"", wrong + scopesOf(100, 0, maxActions, 1) + many("&"+long("%%61", 40)+"%05d="+long("%%62", 36), 375), "", 401, mostForALegalRequest},
		"refused: a password as long as may be":    {"", strings.Replace(wrong, "wrong", long("x", 8<<10), 1) + hundred, "", 401, mostForAnIllegalRequest},
		"refused: no service for scopes":           {"", "grant_type=password&username=alice&password=wonderland&service=x&scope=" + absurd, "", 400, mostForAnIllegalRequest},
		"refused: an endless name and password":    {ask, "", "Basic " + long("QUJD", 30<<10), 401, mostForAnIllegalRequest},
	} {
		t.Run(name, func(t *testing.T) {
			for _, announced := range []bool{true, false} {
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
					if !announced && test.form != "" {
						r.ContentLength = -1
					}
					return r
				})
				t.Logf("%d bytes, with the length announced: %t", got, announced)
				if most := int(raceAllocates * float64(test.most)); got > most {
					t.Errorf("%d bytes are allocated, and %d are the most", got, most)
				}
			}
		})
	}
}

// many returns the format with each number below count.
func many(format string, count int) string {
	var b strings.Builder
	for i := range count {
		_, _ = fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// allocated returns how many bytes a request allocates: the least of some attempts, since other
// goroutines allocate too.
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

// newMemoryServer grants everything and logs in JSON.
func newMemoryServer(t *testing.T) *auth.Server {
	t.Helper()
	server, err := auth.NewServer(auth.Config{
		Services:         auth.ServiceMap{service: newIssuer(t)},
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

// nowhere discards the log after slog has formatted it. For io.Discard, slog would not.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
