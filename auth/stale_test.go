package auth_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/authz"
)

// waysIn are the three forms of a request by alice, whose refresh token is given.
func waysIn(f *fixture, refreshToken, scopes string) map[string]func() *reply {
	return map[string]func() *reply{
		"GET":             func() *reply { return f.get(form("service", service, "scope", scopes), "alice:wonderland") },
		"POST password":   func() *reply { return f.post(passwordForm("scope", scopes)) },
		"a refresh token": func() *reply { return f.post(refreshForm(refreshToken, "scope", scopes)) },
	}
}

// The groups of a login are not remembered with a cached password or a refresh token.
func TestAGroupThatWasLeftAllowsNothing(t *testing.T) {
	source := &people{}
	inGroups := func(groups ...string) {
		source.set(authn.Subject{Name: "alice", Stamp: "1", Labels: map[string][]string{"group": groups}}, nil)
	}
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.Authenticator = throttle.New(authn.Cache(source, authn.CacheConfig{}), throttle.Config{})
		cfg.Authorizer = authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
			for _, group := range r.Subject.Labels["group"] {
				if r.Scope.Name == group+"/app" {
					return authz.Decision{Actions: []string{"pull"}}, nil
				}
			}
			return authz.Decision{}, nil
		})
	})
	const a, b = "repository:a/app:pull", "repository:b/app:pull"
	inGroups("a", "b")
	refreshToken := f.login()
	for _, step := range []struct {
		groups []string
		want   string
	}{
		{[]string{"a", "b"}, a + " " + b},
		{[]string{"a"}, a},
		{[]string{"b"}, b},
		{nil, ""},
		{[]string{"a", "b"}, a + " " + b},
	} {
		inGroups(step.groups...)
		for way, ask := range waysIn(f, refreshToken, a+" "+b) {
			if got := ask().wantStatus(200).granted(f.issuer); got != step.want {
				t.Errorf("in the groups %q, by %s: granted %q", step.groups, way, got)
			}
		}
	}
}

// replaceable is a list of users that can be replaced, as by a reload.
type replaceable struct{ atomic.Pointer[password.Users] }

func (r *replaceable) Authenticate(ctx context.Context, request authn.Request) (authn.Subject, error) {
	return r.Load().Authenticate(ctx, request)
}

func (r *replaceable) Lookup(ctx context.Context, name string) (authn.Subject, error) {
	return r.Load().Lookup(ctx, name)
}

// A disabled user is refused at once, also with remembered logins, and returns without a new login.
func TestADisabledUserGetsNothing(t *testing.T) {
	synctest.Test(t, aDisabledUserGetsNothing)
}

func aDisabledUserGetsNothing(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("wonderland"), 5)
	if err != nil {
		t.Fatal(err)
	}
	alice := static.User{Name: "alice", PasswordHash: authn.Secret(hash)}
	list := func(users ...static.User) *password.Users {
		made, err := static.New(static.Config{Users: users, Logger: discardLogger()})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	disabled := alice
	disabled.Disabled = true
	source := &replaceable{}
	source.Store(list(alice))
	f := throttledFixture(t, source)
	refreshToken := f.login()
	for _, step := range []struct {
		name   string
		users  *password.Users
		status int
	}{
		{"enabled", list(alice), 200},
		{"disabled", list(disabled), 401},
		{"enabled again", list(alice), 200},
		{"removed", list(), 401},
	} {
		source.Store(step.users)
		time.Sleep(2 * time.Second) // the throttle answers for a second as before
		for way, ask := range waysIn(f, refreshToken, "repository:alice/app:pull") {
			if r := ask(); r.StatusCode != step.status {
				t.Errorf("%s, by %s: status %d: %s", step.name, way, r.StatusCode, r.text)
			}
		}
	}
}

// A service that is no longer configured gets no tokens, and neither do logins for it.
func TestAServiceThatIsGoneGetsNoTokens(t *testing.T) {
	before := newFixture(t)
	refreshToken := before.login()
	for _, ask := range waysIn(before, refreshToken, "") {
		ask().wantStatus(200)
	}
	after := newFixture(t, func(cfg *auth.Config) {
		cfg.Services = auth.ServiceMap{"other.test": newIssuer(t)}
		cfg.RefreshTokens = before.refresh
	})
	for way, ask := range waysIn(after, refreshToken, "") {
		if r := ask(); r.StatusCode != 400 || r.body.Token != "" {
			t.Errorf("%s: status %d: %s", way, r.StatusCode, r.text)
		}
	}
	after.post(form("grant_type", "refresh_token", "service", "other.test", "refresh_token", refreshToken)).wantStatus(401)
}
