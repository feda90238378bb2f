package auth_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/token"
)

// A panic costs one request and nothing else.
func TestPanicCostsOneRequest(t *testing.T) {
	f := newFixture(t)
	f.get("service=registry.test&scope=repository:test/panic:pull", "alice:wonderland").wantError(500, "UNKNOWN", "server_error")
	if log := f.log.String(); !strings.Contains(log, "a bug in the policy") || !strings.Contains(log, "auth_test.policy") {
		t.Errorf("the log has not the panic with its stack: %s", log)
	}
	f.get("service=registry.test&scope=repository:alice/app:pull", "alice:wonderland").wantStatus(200)
}

func TestPanicOfAnAuthenticator(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.RefreshTokens = nil
		cfg.Authenticator = authn.Func(func(context.Context, authn.Request) (authn.Subject, error) { panic("a bug in the source") })
	})
	f.get("service=registry.test", "alice:wonderland").wantError(500, "UNKNOWN", "server_error")
}

func TestHangingAuthorizerMeetsTheDeadline(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) { cfg.Timeout = 20 * time.Millisecond })
	f.get("service=registry.test&scope=repository:test/hang:pull", "alice:wonderland").wantError(503, "UNAVAILABLE", "temporarily_unavailable")
	f.get("service=registry.test&scope=repository:alice/app:pull", "alice:wonderland").wantStatus(200)
}

// A client that sends half a body, or announces one and sends none, keeps its connection only until
// the deadline: package net/http reads the body of every request.
func TestHalfABodyMeetsTheDeadline(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) { cfg.Timeout = 20 * time.Millisecond })
	for request, status := range map[string]int{
		"POST /token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n": 400,
		"POST /token HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n":                  415,
		"DELETE /token HTTP/1.1\r\nContent-Length: 100\r\n":                                                  405,
		"GET /token?service=registry.test HTTP/1.1\r\nContent-Length: 100\r\n":                               200,
		"GET /token?service=registry.test HTTP/1.1\r\nTransfer-Encoding: chunked\r\n":                        200,
	} {
		t.Run(request[:strings.Index(request, "\r")], func(t *testing.T) {
			host := strings.TrimSuffix(strings.TrimPrefix(f.url, "http://"), "/token")
			connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", host)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = connection.Close() }()
			if _, err := fmt.Fprintf(connection, "%sHost: %s\r\n\r\n", request, host); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(connection), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != status {
				t.Errorf("status %d, want %d", response.StatusCode, status)
			}
			if _, err := io.Copy(io.Discard, connection); err != nil {
				t.Errorf("the connection was not closed: %v", err)
			}
		})
	}
}

// No token leaves without its record.
func TestPanicOfTheAuditHook(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.Audit = func(context.Context, auth.AuditRecord) { panic("the audit's disk is full") }
	})
	f.get("service=registry.test", "alice:wonderland").wantError(500, "UNKNOWN", "server_error")
}

// RemoteAddr reads client-supplied headers, which may have too few addresses.
func TestPanicOfTheAddressFunction(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.RemoteAddr = func(r *http.Request) netip.Addr {
			return netip.MustParseAddr(strings.Split(r.Header.Get("X-Forwarded-For"), ",")[1])
		}
	})
	f.get("service=registry.test", "alice:wonderland").wantError(500, "UNKNOWN", "server_error")
	f.send("alice:wonderland", "", http.Header{"X-Forwarded-For": {"x,192.0.2.1"}}).wantStatus(200)
}

// Only an error that wraps ErrRejected or ErrNoMatch is 401, and counts as a guess, whatever else
// it wraps. Any other is 503: clients discard their password when they read 401.
func TestOnlyARefusalOfTheSourceIs401(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"a database that is down":           {fmt.Errorf("find the user: %w", errSourceDown), 503},
		"a deadline":                        {fmt.Errorf("find the user: %w", context.DeadlineExceeded), 503},
		"several servers that are down":     {errors.Join(errSourceDown, errSourceDown), 503},
		"an error whose text says rejected": {errors.New(authn.ErrRejected.Error()), 503},
		"a refusal":                         {authn.ErrRejected, 401},
		"a refusal and its cause":           {fmt.Errorf("%w: %w", authn.ErrRejected, errors.New("result code 49")), 401},
		"a refusal joined with a cause":     {errors.Join(errors.New("result code 49"), authn.ErrRejected), 401},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &people{subject: authn.Subject{Name: "alice", Stamp: "1"}}
				f := throttledFixture(t, source)
				refreshToken := f.login()
				source.set(authn.Subject{}, test.err)
				for way, ask := range waysIn(f, refreshToken, "") {
					if status := ask().StatusCode; status != test.status {
						t.Errorf("%s: status %d, want %d", way, status, test.status)
					}
				}
				statuses := make(map[int]int)
				for n := range 20 {
					statuses[f.loginFrom("192.0.2.1", "alice", "guess"+strconv.Itoa(n)).StatusCode]++
				}
				if throttled := statuses[429] > 0; throttled != (test.status == 401) {
					t.Errorf("twenty guesses are answered with %v", statuses)
				}
			})
		})
	}
}

// The record of a timeout has to be written after it.
func TestAuditContextOutlivesTheTimeout(t *testing.T) {
	seen := make(chan error, 1)
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.Timeout = 20 * time.Millisecond
		cfg.Audit = func(ctx context.Context, _ auth.AuditRecord) { seen <- ctx.Err() }
	})
	f.get("service=registry.test&scope=repository:test/hang:pull", "alice:wonderland").wantStatus(503)
	if err := <-seen; err != nil {
		t.Errorf("the hook's context has ended: %v", err)
	}
}

// Actions beside NoMatch do not count.
func TestNoMatchGrantsNothing(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.Authorizer = authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
			return authz.Decision{Actions: r.Scope.Actions, NoMatch: true}, nil
		})
	})
	if got := f.get("service=registry.test&scope=repository:a:pull", "alice:wonderland").wantStatus(200).granted(f.issuer); got != "" {
		t.Errorf("granted %q", got)
	}
}

// An authenticator that forgets the name would make everybody anonymous.
func TestASubjectWithoutANameIsAnOutage(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.RefreshTokens = nil
		cfg.Authenticator = authn.Func(func(context.Context, authn.Request) (authn.Subject, error) { return authn.Subject{}, nil })
	})
	f.get("service=registry.test&scope=repository:public/app:pull", "alice:wonderland").wantError(503, "UNAVAILABLE", "temporarily_unavailable")
}

// An issuer that returns nothing, and no error, is broken.
func TestAnEmptyTokenIsAnOutage(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.Services = auth.ServiceMap{service: emptyIssuer{}}
	})
	f.get("service=registry.test&scope=repository:public/app:pull&offline_token=true", "alice:wonderland").
		wantError(503, "UNAVAILABLE", "temporarily_unavailable")
}

type emptyIssuer struct{}

func (emptyIssuer) Issue(context.Context, token.Request) (token.Token, error) {
	return token.Token{}, nil
}

// A subject beside an error does not count.
func TestSubjectBesideAnErrorIsDropped(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.RefreshTokens = nil
		cfg.Authenticator = authn.Func(func(context.Context, authn.Request) (authn.Subject, error) {
			return authn.Subject{Name: "admin"}, authn.ErrNoMatch
		})
	})
	if got := f.get("service=registry.test&scope=registry:catalog:*", "").wantStatus(200).claims(f.issuer); got.Subject != "" || len(got.Access) > 0 {
		t.Errorf("a token for %q with %v", got.Subject, got.Access)
	}
}

// An authenticator may know a client by other means than a password, such as its certificate.
func TestAuthenticatorSeesTheWholeRequest(t *testing.T) {
	address := netip.MustParseAddr("192.0.2.7")
	var seen authn.Request
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.RefreshTokens = nil
		cfg.AnonymousAllowed = false
		cfg.RemoteAddr = func(*http.Request) netip.Addr { return address }
		cfg.Authenticator = authn.Func(func(_ context.Context, r authn.Request) (authn.Subject, error) {
			seen = r
			return authn.Subject{Name: "node-1", Kind: authn.KindServiceAccount}, nil
		})
	})
	r := f.get("service=registry.test&client_id=containerd", "").wantStatus(200)
	if got := r.claims(f.issuer).Subject; got != "node-1" {
		t.Errorf("sub is %q", got)
	}
	if seen.Username != "" || seen.Password != "" || seen.RemoteAddr != address || seen.Service != service || seen.ClientID != "containerd" {
		t.Errorf("the authenticator saw %+v", seen)
	}
	f.get("service=registry.test&account=alice", "").wantStatus(200) // a name that nobody typed
	if record := f.lastRecord(); record.Credentials != "connection" || record.Subject.Name != "node-1" {
		t.Errorf("audited as %+v", record)
	}
}

func TestAuthorizerSeesTheWholeQuestion(t *testing.T) {
	var seen authz.Request
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.Authorizer = authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
			seen = r
			r.Scope.Actions[0] = "push" // must not change what was asked
			return authz.Decision{Actions: []string{"pull", "push"}}, nil
		})
	})
	r := f.get("service=registry.test&client_id=crane&scope=repository:a:pull", "alice:wonderland").wantStatus(200)
	if seen.Subject.Name != "alice" || seen.Service != service || seen.ClientID != "crane" || !seen.RemoteAddr.IsLoopback() || seen.Scope.Name != "a" {
		t.Errorf("the authorizer saw %+v", seen)
	}
	if got := r.granted(f.issuer); got != "repository:a:pull" {
		t.Errorf("granted %q, want pull alone, which was asked", got)
	}
}

// Groups are read at each use of a refresh token, so losing one takes effect with the next access
// token.
func TestRefreshReadsTheSubjectAnew(t *testing.T) {
	source := &labelled{groups: []string{"staff"}}
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.Authenticator = source
		cfg.Authorizer = authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
			if len(r.Subject.Labels["group"]) > 0 {
				return authz.Decision{Actions: []string{"pull"}}, nil
			}
			return authz.Decision{}, nil
		})
	})
	refreshToken := f.login()
	if got := f.post(refreshForm(refreshToken, "scope", "repository:a:pull")).wantStatus(200).granted(f.issuer); got != "repository:a:pull" {
		t.Fatalf("granted %q with the group", got)
	}
	source.groups = nil
	if got := f.post(refreshForm(refreshToken, "scope", "repository:a:pull")).wantStatus(200).granted(f.issuer); got != "" {
		t.Errorf("granted %q without the group", got)
	}
	source.disabled = true
	f.post(refreshForm(refreshToken, "scope", "repository:a:pull")).wantError(401, "UNAUTHORIZED", "invalid_grant")
}

// labelled is a source of one user with groups.
type labelled struct {
	groups   []string
	disabled bool
}

func (l *labelled) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	return l.Lookup(ctx, r.Username)
}

func (l *labelled) Lookup(_ context.Context, name string) (authn.Subject, error) {
	if l.disabled {
		return authn.Subject{}, fmt.Errorf("%w: the account is disabled", authn.ErrRejected)
	}
	return authn.Subject{Name: name, Stamp: "1", Labels: map[string][]string{"group": l.groups}}, nil
}

// A subject that cannot be looked up gets no refresh token, which could not be redeemed.
func TestNoRefreshTokenWithoutLookup(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) {
		byPassword := cfg.Authenticator
		cfg.Authenticator = authn.Chain(byPassword, authn.Func(func(_ context.Context, r authn.Request) (authn.Subject, error) {
			return authn.Subject{Name: r.Username}, nil
		}))
	})
	if r := f.get("service=registry.test&offline_token=true", "carol:x").wantStatus(200); r.body.RefreshToken != "" {
		t.Error("a refresh token")
	}
	if err := f.lastRecord().RefreshTokenErr; !errors.Is(err, authn.ErrNoLookup) && !errors.Is(err, authn.ErrNoMatch) {
		t.Errorf("the audit has %v", err)
	}
	if !strings.Contains(f.log.String(), "no refresh token") {
		t.Errorf("logged: %s", f.log.String())
	}
	if r := f.get("service=registry.test&offline_token=true", "alice:wonderland").wantStatus(200); r.body.RefreshToken == "" {
		t.Error("no refresh token for a subject of the other member")
	}
}

// When a client leaves, its request is cancelled.
func TestClientThatLeavesIsNotWaitedFor(t *testing.T) {
	entered, left := make(chan struct{}), make(chan error, 1)
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.Authorizer = authz.Func(func(ctx context.Context, _ authz.Request) (authz.Decision, error) {
			close(entered)
			<-ctx.Done()
			left <- ctx.Err()
			return authz.Decision{}, ctx.Err()
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"?scope=repository:a:pull", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-entered
		cancel()
	}()
	response, err := http.DefaultClient.Do(r)
	if err == nil {
		_ = response.Body.Close()
		t.Fatal("the request was answered")
	}
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the authorizer's context ended with %v", err)
	}
}
