package auth_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/token"
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

func newRefreshFixture(t *testing.T, source *people, config token.RefreshConfig) *fixture {
	t.Helper()
	config.Store = token.NewRefreshMemory()
	tokens, err := token.NewRefreshTokens(config)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.RefreshTokens = tokens
		cfg.Authenticator = source
		cfg.Authorizer = authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
			if len(r.Subject.Labels["group"]) > 0 {
				return authz.Decision{Actions: []string{"pull"}}, nil
			}
			return authz.Decision{}, nil
		})
	})
	f.refresh = tokens
	return f
}

// Every use looks the subject up. What is wrong with it makes the token useless and does not revoke it.
func TestEachRefreshLooksTheSubjectUp(t *testing.T) {
	alice := authn.Subject{Name: "alice", Stamp: "1", Labels: map[string][]string{"group": {"devs"}}}
	with := func(change func(*authn.Subject)) authn.Subject {
		changed := alice
		change(&changed)
		return changed
	}
	for _, rotate := range []bool{false, true} {
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
				f := newRefreshFixture(t, source, token.RefreshConfig{Rotate: rotate})
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
}

func TestRotatedRefreshTokens(t *testing.T) {
	var elapsed atomic.Int64
	start := time.Now()
	clock := func() time.Time { return start.Add(time.Duration(elapsed.Load())) }
	source := &people{subject: authn.Subject{Name: "alice"}}
	f := newRefreshFixture(t, source, token.RefreshConfig{Rotate: true, Now: clock})
	first := f.login()

	second := f.post(refreshForm(first)).wantStatus(200).body.RefreshToken // without access_type=offline
	if second == "" || second == first || !f.lastRecord().RefreshTokenIssued {
		t.Fatalf("the first refresh was answered with %q", second)
	}
	if again := f.post(refreshForm(first, "access_type", "offline")).wantStatus(200).body.RefreshToken; again != second {
		t.Error("the same refresh, repeated within the time of grace, has another answer")
	}
	if soon := f.post(refreshForm(second, "access_type", "offline")).wantStatus(200).body.RefreshToken; soon != second {
		t.Error("a new token is replaced within the time of grace")
	}
	if soon := f.post(refreshForm(second)).wantStatus(200).body.RefreshToken; soon != "" {
		t.Error("a refresh token that is neither new nor asked for")
	}

	elapsed.Add(int64(token.DefaultRefreshGrace))
	source.set(authn.Subject{}, errSourceDown) // an error does not cost the client its token, however long it lasts
	f.post(refreshForm(second)).wantStatus(503)
	elapsed.Add(int64(time.Hour))
	source.set(authn.Subject{Name: "alice"}, nil)
	third := f.post(refreshForm(second)).wantStatus(200).body.RefreshToken
	if third == "" || third == second {
		t.Errorf("the refresh after an hour was answered with %q", third)
	}

	f.post(refreshForm(first)).wantError(401, "UNAUTHORIZED", "invalid_grant") // stolen by somebody
	if got := f.lastRecord().Err; got == nil || got.Error() == "" {
		t.Error("the audit does not say why")
	}
	f.post(refreshForm(third)).wantError(401, "UNAUTHORIZED", "invalid_grant")
}

func TestAHundredRotationsAtOnceHaveOneWinner(t *testing.T) {
	f := newRefreshFixture(t, &people{subject: authn.Subject{Name: "alice"}}, token.RefreshConfig{Rotate: true})
	first := f.login()
	successors := make([]string, 100)
	var wg sync.WaitGroup
	for i := range successors {
		wg.Go(func() { successors[i] = f.post(refreshForm(first)).wantStatus(200).body.RefreshToken })
	}
	wg.Wait()
	for _, got := range successors {
		if got != successors[0] || got == "" || got == first {
			t.Fatal("the family has branched")
		}
	}
}

// A refresh that was under way when a revocation was acknowledged gets no access token that is younger.
func TestARevocationOvertakesARefresh(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		source := &people{subject: authn.Subject{Name: "alice"}}
		f := newRefreshFixture(t, source, token.RefreshConfig{Rotate: rotate})
		refreshToken := f.login()
		source.lookup = func() { // the refresh has found its token good by now
			if n, err := f.refresh.Revoke(t.Context(), token.RefreshFilter{Subject: "alice"}); n != 1 || err != nil {
				t.Errorf("revoke: %d, %v", n, err)
			}
		}
		f.post(refreshForm(refreshToken)).wantError(401, "UNAUTHORIZED", "invalid_grant")
	}
}
