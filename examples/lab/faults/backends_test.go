package faults

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/htpasswd"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/internal/testkit"
)

var errRefused = fmt.Errorf("dial tcp 192.0.2.1:389: %w", syscall.ECONNREFUSED)

// hanging is the deadline where something hangs. Requests for which nothing hangs have to meet it
// too, on a busy machine.
const hanging = 1500 * time.Millisecond

// A userFault is what a source of users does when it is broken.
type userFault func(ctx context.Context) (authn.Subject, error)

// faultyUsers are users in a source that can be broken and repaired.
type faultyUsers struct {
	users interface {
		authn.Authenticator
		authn.Directory
	}
	fault atomic.Pointer[userFault]
}

func (u *faultyUsers) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	if fault := u.fault.Load(); fault != nil && r.Username != "" {
		return (*fault)(ctx)
	}
	return u.users.Authenticate(ctx, r)
}

func (u *faultyUsers) Lookup(ctx context.Context, name string) (authn.Subject, error) {
	if fault := u.fault.Load(); fault != nil {
		return (*fault)(ctx)
	}
	return u.users.Lookup(ctx, name)
}

// faultyPolicy is a policy that can be broken and repaired.
type faultyPolicy struct {
	policy authz.Authorizer
	fault  atomic.Pointer[authz.Func]
}

func (p *faultyPolicy) Authorize(ctx context.Context, r authz.Request) (authz.Decision, error) {
	if fault := p.fault.Load(); fault != nil {
		return (*fault)(ctx, r)
	}
	return p.policy.Authorize(ctx, r)
}

// TestSourceOfUsers: a source that is broken in any way never makes a client throw its credentials
// away, lets nobody in, and is no matter to those who need no source.
func TestSourceOfUsers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault       userFault
		status      int
		code, audit string
		log         string
		timeout     time.Duration // or the default
	}{
		"down": {
			fault:  func(context.Context) (authn.Subject, error) { return authn.Subject{}, errRefused },
			status: http.StatusServiceUnavailable, code: "UNAVAILABLE", audit: "connection refused",
		},
		"slow, until the deadline": {
			fault:  func(ctx context.Context) (authn.Subject, error) { <-ctx.Done(); return authn.Subject{}, ctx.Err() },
			status: http.StatusServiceUnavailable, code: "UNAVAILABLE", audit: context.DeadlineExceeded.Error(), timeout: hanging,
		},
		"answering with an error and a subject": {
			fault: func(context.Context) (authn.Subject, error) {
				return authn.Subject{Name: "root"}, errors.New("500: <html>")
			},
			status: http.StatusServiceUnavailable, code: "UNAVAILABLE", audit: "<html>",
		},
		"panicking": {
			fault:  func(context.Context) (authn.Subject, error) { panic("a bug in the source") },
			status: http.StatusInternalServerError, code: "UNKNOWN", audit: "a bug in the source", log: "faults.TestSourceOfUsers",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			users := &faultyUsers{users: newUsers(t)}
			f := newFixture(t, users, policy(), func(cfg *auth.Config) { cfg.Timeout = test.timeout })
			refreshToken := f.login(alice).want(http.StatusOK, "").body.RefreshToken // and the password is remembered

			users.fault.Store(&test.fault)
			for who, ask := range map[string]func() *answer{
				"a password that is remembered": func() *answer { return f.get(alice, "repository:alice/app:pull") },
				"a password that is not":        func() *answer { return f.get(bob, "repository:bob/app:pull") },
				"a wrong password":              func() *answer { return f.get("bob:wrong", "repository:bob/app:pull") },
				"a refresh token":               func() *answer { return f.refresh(refreshToken, "repository:alice/app:pull") },
			} {
				a := ask().want(test.status, test.code)
				if wanted := map[int]string{http.StatusServiceUnavailable: "5"}[test.status]; a.retryAfter != wanted {
					t.Errorf("%s: Retry-After is %q", who, a.retryAfter)
				}
				f.wantAudit(test.status, test.audit)
			}
			f.get("", "repository:public/app:pull").want(http.StatusOK, "")
			f.wantLog(test.log)

			users.fault.Store(nil)
			for _, credentials := range []string{alice, bob} {
				name, _, _ := strings.Cut(credentials, ":")
				wanted := "repository:" + name + "/app:pull"
				if got := f.granted(f.get(credentials, wanted).want(http.StatusOK, "")); got != wanted {
					t.Errorf("afterwards %s is granted %q", name, got)
				}
			}
			f.refresh(refreshToken, "").want(http.StatusOK, "")
			f.get("bob:wrong", "").want(http.StatusUnauthorized, "UNAUTHORIZED")
		})
	}
}

// TestSubjectWithoutAName: a source that returns a subject without a name lets nobody in, and no
// client reads 401.
func TestSubjectWithoutAName(t *testing.T) {
	t.Parallel()
	users := &faultyUsers{users: newUsers(t)}
	f := newFixture(t, users, policy())
	f.get(alice, "").want(http.StatusOK, "")
	nameless := userFault(func(context.Context) (authn.Subject, error) { return authn.Subject{}, nil })
	users.fault.Store(&nameless)
	f.get(alice, "repository:public/app:pull").want(http.StatusServiceUnavailable, "UNAVAILABLE")
	f.wantAudit(http.StatusServiceUnavailable, "a subject without a name")
	for _, credentials := range []string{bob, "bob:wrong"} {
		f.get(credentials, "repository:public/app:pull").want(http.StatusServiceUnavailable, "UNAVAILABLE")
		f.wantAudit(http.StatusServiceUnavailable, "a subject without a name")
	}
	users.fault.Store(nil)
	for _, credentials := range []string{alice, bob} {
		f.get(credentials, "").want(http.StatusOK, "")
	}
}

// TestUserFile: what happens to the file of users while nobody looks does not lock anybody out.
func TestUserFile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(t *testing.T, path string)
		log   string
	}{
		"removed": {func(t *testing.T, path string) { testkit.Check(t, os.Remove(path)) }, "no such file"},
		"garbage": {func(t *testing.T, path string) {
			testkit.Check(t, os.WriteFile(path, []byte("\x7fELF\x02\x01\x01"), 0o600))
		}, "line 1"},
		"without hashes": {func(t *testing.T, path string) {
			testkit.Check(t, os.WriteFile(path, []byte("alice:wonderland\n"), 0o600))
		}, "line 1"},
		"a folder of that name": {func(t *testing.T, path string) {
			testkit.Check(t, os.Remove(path))
			testkit.Check(t, os.Mkdir(path, 0o700))
		}, "users.htpasswd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "users.htpasswd")
			entry := func(name, plain string) string {
				return name + ":" + string(testkit.Must(bcrypt.GenerateFromPassword([]byte(plain), 5))(t)) + "\n"
			}
			testkit.Check(t, os.WriteFile(path, []byte(entry("alice", "wonderland")+entry("bob", "builder")), 0o600))
			log := new(lockedBuffer)
			file := testkit.Must(htpasswd.Open(htpasswd.Config{
				File: path, Logger: slog.New(slog.NewTextHandler(log, nil)),
			}))(t)
			f := newFixture(t, file, policy())
			f.get(alice, "").want(http.StatusOK, "")

			test.spoil(t, path)
			for _, credentials := range []string{alice, bob} {
				f.get(credentials, "").want(http.StatusOK, "")
			}
			f.get("bob:wrong", "").want(http.StatusUnauthorized, "UNAUTHORIZED")
			if text := log.String(); !strings.Contains(text, test.log) || strings.Contains(text, "wonderland") {
				t.Errorf("the log says %s", text)
			}

			testkit.Check(t, os.RemoveAll(path))
			testkit.Check(t, os.WriteFile(path, []byte(entry("alice", "looking-glass")), 0o600))
			f.get("alice:looking-glass", "").want(http.StatusOK, "")
			f.get(alice, "").want(http.StatusUnauthorized, "UNAUTHORIZED")
		})
	}
}

// TestAuthorizer: a policy that is broken grants nothing that was not asked for, and costs nothing
// but the requests it is asked about.
func TestAuthorizer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault       authz.Func
		status      int
		code, audit string
		log         string
		granted     string
		timeout     time.Duration // or the default
	}{
		"panics": {
			fault:  func(context.Context, authz.Request) (authz.Decision, error) { panic("a bug in the policy") },
			status: http.StatusInternalServerError, code: "UNKNOWN", audit: "a bug in the policy", log: "faults.TestAuthorizer",
		},
		"writes to a nil map": {
			fault: func(_ context.Context, r authz.Request) (authz.Decision, error) {
				r.Subject.Labels["group"] = nil // alice has no labels
				return authz.Decision{}, nil
			},
			status: http.StatusInternalServerError, code: "UNKNOWN", audit: "nil map", log: "faults.TestAuthorizer",
		},
		"hangs until the deadline": {
			fault: func(ctx context.Context, _ authz.Request) (authz.Decision, error) {
				<-ctx.Done()
				return authz.Decision{}, ctx.Err()
			},
			status: http.StatusServiceUnavailable, code: "UNAVAILABLE", audit: context.DeadlineExceeded.Error(), timeout: hanging,
		},
		"is down": {
			fault:  func(context.Context, authz.Request) (authz.Decision, error) { return authz.Decision{}, errRefused },
			status: http.StatusServiceUnavailable, code: "UNAVAILABLE", audit: "connection refused",
		},
		"is down and grants": {
			fault: func(_ context.Context, r authz.Request) (authz.Decision, error) {
				return authz.Decision{Actions: r.Scope.Actions}, errRefused
			},
			status: http.StatusServiceUnavailable, code: "UNAVAILABLE", audit: "connection refused",
		},
		"grants more than was asked": {
			fault: func(context.Context, authz.Request) (authz.Decision, error) {
				return authz.Decision{Actions: []string{"*", "delete", "pull", "push", "pull"}}, nil
			},
			status: http.StatusOK, granted: "repository:alice/app:pull",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := &faultyPolicy{policy: policy()}
			f := newFixture(t, newUsers(t), rules, func(cfg *auth.Config) { cfg.Timeout = test.timeout })
			refreshToken := f.login(alice).body.RefreshToken
			asks := []func() *answer{
				func() *answer { return f.get(alice, "repository:alice/app:pull") },
				func() *answer { return f.refresh(refreshToken, "repository:alice/app:pull") },
			}
			rules.fault.Store(&test.fault)
			for _, ask := range asks {
				a := ask().want(test.status, test.code)
				f.wantAudit(test.status, test.audit)
				if wanted := map[int]string{http.StatusServiceUnavailable: "5"}[test.status]; a.retryAfter != wanted {
					t.Errorf("Retry-After is %q", a.retryAfter)
				}
				if test.status != http.StatusOK {
					continue
				}
				if got := f.granted(a); got != test.granted {
					t.Errorf("granted %q, want %q", got, test.granted)
				}
				if got := f.audit.last().Decisions[0].Granted; len(got) != 1 || got[0] != "pull" {
					t.Errorf("audited as granted: %q", got)
				}
			}
			f.login(bob).want(http.StatusOK, "") // without a scope the policy is not asked
			f.wantLog(test.log)

			rules.fault.Store(nil)
			for _, ask := range asks {
				if got := f.granted(ask().want(http.StatusOK, "")); got != "repository:alice/app:pull" {
					t.Errorf("afterwards granted %q", got)
				}
			}
		})
	}
}

// TestOnePanicInAHundred: just those requests fail, whatever else is under way on the same
// connections.
func TestOnePanicInAHundred(t *testing.T) {
	t.Parallel()
	rules := authz.Func(func(ctx context.Context, r authz.Request) (authz.Decision, error) {
		if r.Scope.Name == "alice/panic" {
			panic("a bug in the policy")
		}
		return policy().Authorize(ctx, r)
	})
	f := newFixture(t, newUsers(t), rules)
	const clients, each = 8, 100
	var failed, granted atomic.Int64
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for i := range each {
				name, status := "alice/app", http.StatusOK
				if i == each/2 {
					name, status = "alice/panic", http.StatusInternalServerError
				}
				switch a := f.get(alice, "repository:"+name+":pull"); {
				case a.status != status:
					t.Errorf("%s: status %d", name, a.status)
				case status == http.StatusOK:
					granted.Add(1)
				default:
					failed.Add(1)
				}
			}
		})
	}
	group.Wait()
	if failed.Load() != clients || granted.Load() != clients*(each-1) {
		t.Errorf("%d requests failed and %d did not", failed.Load(), granted.Load())
	}
	if got := strings.Count(f.log.String(), "a bug in the policy"); got != clients {
		t.Errorf("%d panics in the log", got)
	}
}
