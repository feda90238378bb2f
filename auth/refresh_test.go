package auth_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/token/refresh"
)

// people is a directory whose subject can be changed at any time.
type people struct {
	mu      sync.Mutex
	subject authn.Subject
	err     error
	lookup  func() // called before each lookup
}

func (p *people) set(subject authn.Subject, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.subject, p.err = subject, err
}

func (p *people) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	return p.Lookup(ctx, r.Username)
}

func (p *people) Lookup(context.Context, string) (authn.Subject, error) {
	if p.lookup != nil {
		p.lookup()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.subject, p.err
}

func newRefreshFixture(t *testing.T, source *people) *fixture {
	t.Helper()
	return newFixture(t, func(cfg *auth.Config) {
		cfg.Authenticator = source
		cfg.Authorizer = authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
			if len(r.Subject.Labels["group"]) > 0 {
				return authz.Decision{Actions: []string{"pull"}}, nil
			}
			return authz.Decision{}, nil
		})
	})
}

// A source that confirms other facts than the login proved may confirm those of the account, in
// place of a credential that has fewer rights.
func TestARefreshTokenNeedsWhatTheLoginProved(t *testing.T) {
	proved := authn.Subject{
		Name: "alice", Stamp: "1", Labels: map[string][]string{"group": {"devs"}}, Data: "at the login",
	}
	end := time.Now().Add(time.Hour)
	for name, test := range map[string]struct {
		change func(*authn.Subject)
		want   bool
	}{
		"the same":   {func(*authn.Subject) {}, true},
		"other data": {func(s *authn.Subject) { s.Data = "now" }, true},
		"one more label": {func(s *authn.Subject) {
			s.Labels = map[string][]string{"group": {"devs"}, "a": {"b"}}
		}, false},
		"a label fewer": {func(s *authn.Subject) { s.Labels = nil }, false},
		"another value": {func(s *authn.Subject) {
			s.Labels = map[string][]string{"group": {"ops"}}
		}, false},
		"a limit":                    {func(s *authn.Subject) { s.Limit = readOnly("alice/*") }, false},
		"an end":                     {func(s *authn.Subject) { s.ValidUntil = end }, false},
		"an end that has passed":     {func(s *authn.Subject) { s.ValidUntil = end.Add(-2 * time.Hour) }, false},
		"another stamp":              {func(s *authn.Subject) { s.Stamp = "2" }, false},
		"another kind":               {func(s *authn.Subject) { s.Kind = authn.KindServiceAccount }, false},
		"another spelling of a name": {func(s *authn.Subject) { s.Name = "Alice" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			found := proved
			test.change(&found)
			f := newLocalFixture(t, func(cfg *auth.Config) {
				cfg.Authenticator = &fixedSource{authenticated: proved, found: found}
			})
			for way, r := range map[string]*reply{
				"GET":  f.get("service=registry.test&offline_token=true", "alice:wonderland"),
				"POST": f.post(passwordForm("access_type", "offline")),
			} {
				record := f.lastRecord()
				if got := r.wantStatus(200).body.RefreshToken != ""; got != test.want {
					t.Errorf("%s: a refresh token is %v, want %v", way, got, test.want)
				}
				logged := strings.Contains(f.log.String(), "no refresh token")
				if (record.RefreshTokenErr == nil) != test.want || logged == test.want {
					t.Errorf("%s: audited as %v and logged as %s", way, record.RefreshTokenErr, f.log)
				}
			}
		})
	}
}

func TestASubjectWithoutAStampGetsNoRefreshToken(t *testing.T) {
	alice := authn.Subject{Name: "alice"}
	f := newLocalFixture(t, func(cfg *auth.Config) {
		cfg.Authenticator = &fixedSource{authenticated: alice, found: alice}
	})
	r := f.get("service=registry.test&offline_token=true", "alice:x").wantStatus(200)
	err := f.lastRecord().RefreshTokenErr
	if r.body.RefreshToken != "" || !errors.Is(err, authn.ErrNoLookup) {
		t.Errorf("a refresh token %q, audited as %v", r.body.RefreshToken, err)
	}
}

// Every use confirms the subject. A failure makes the token useless and does not revoke it.
func TestEachRefreshLooksTheSubjectUp(t *testing.T) {
	alice := authn.Subject{Name: "alice", Stamp: "1", Labels: map[string][]string{"group": {"devs"}}}
	with := func(change func(*authn.Subject)) authn.Subject {
		changed := alice
		change(&changed)
		return changed
	}
	for name, test := range map[string]struct {
		subject authn.Subject
		err     error
		status  int
		granted string
	}{
		"as before":                        {alice, nil, 200, "repository:a:pull"},
		"removed":                          {authn.Subject{}, authn.ErrNoMatch, 401, ""},
		"disabled":                         {authn.Subject{}, authn.ErrRejected, 401, ""},
		"created again, or a new password": {with(func(s *authn.Subject) { s.Stamp = "2" }), nil, 401, ""},
		"a service account of that name":   {with(func(s *authn.Subject) { s.Kind = authn.KindServiceAccount }), nil, 401, ""},
		"another name":                     {with(func(s *authn.Subject) { s.Name = "Alice" }), nil, 401, ""},
		"out of the group":                 {with(func(s *authn.Subject) { s.Labels = nil }), nil, 200, ""},
		"in a directory that is down":      {authn.Subject{}, errSourceDown, 503, ""},
	} {
		t.Run(name, func(t *testing.T) {
			source := &people{subject: alice}
			f := newRefreshFixture(t, source)
			refreshToken := f.login()
			source.set(test.subject, test.err)
			reply := f.post(refreshForm(refreshToken, "scope", "repository:a:pull")).wantStatus(test.status)
			if test.status == 200 {
				if got := reply.granted(f.issuer); got != test.granted {
					t.Errorf("granted %q", got)
				}
			} else if reply.body.RefreshToken != "" {
				t.Error("a refresh token beside an error")
			}
			source.set(alice, nil)
			f.post(refreshForm(refreshToken, "scope", "repository:a:pull")).wantStatus(200)
		})
	}
}

// A refresh that was under way when a revocation was acknowledged gets no younger access token.
func TestARevocationOvertakesARefresh(t *testing.T) {
	source := &people{subject: authn.Subject{Name: "alice", Stamp: "1"}}
	f := newRefreshFixture(t, source)
	refreshToken := f.login()
	source.lookup = func() { // the refresh has found its token good by now
		if n, err := f.refresh.Revoke(t.Context(), refresh.Filter{Subject: "alice"}); n != 1 || err != nil {
			t.Errorf("revoke: %d, %v", n, err)
		}
	}
	f.post(refreshForm(refreshToken)).wantError(401, "UNAUTHORIZED", "invalid_grant")
}
