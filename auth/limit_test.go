package auth_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token/share"
)

// credentials is a source in which alice has several credentials, each with a limit of its own. The
// stamp of the subject says which one was presented.
type credentials map[string]*authn.Limit

func (c credentials) Authenticate(
	ctx context.Context, r authn.Request,
) (authn.Subject, error) {
	if r.Username != "alice" {
		return authn.Subject{}, authn.ErrNoMatch
	}
	return c.Confirm(ctx, authn.Subject{Name: "alice", Stamp: string(r.Password)})
}

func (c credentials) Confirm(
	_ context.Context, remembered authn.Subject,
) (authn.Subject, error) {
	limit, known := c[remembered.Stamp]
	if !known {
		return authn.Subject{}, authn.ErrRejected
	}
	return authn.Subject{Name: "alice", Stamp: remembered.Stamp, Limit: limit}, nil
}

func readOnly(names ...string) *authn.Limit {
	limit := &authn.Limit{}
	for _, name := range names {
		limit.Scopes = append(limit.Scopes,
			scope.Scope{Type: "repository", Name: name, Actions: []string{"pull"}})
	}
	return limit
}

// newLimitFixture is a server that remembers logins, refresh tokens and access tokens, and whose
// authorizer grants everything.
func newLimitFixture(
	t *testing.T, source authn.Authenticator, change ...func(*auth.Config),
) *fixture {
	t.Helper()
	return newLocalFixture(t, append([]func(*auth.Config){func(cfg *auth.Config) {
		shared, err := share.New(cfg.Services.(auth.ServiceMap)[service], share.Config{For: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Services.(auth.ServiceMap)[service] = shared
		cfg.Authenticator = authn.Cache(source, authn.CacheConfig{Logger: discardLogger()})
		cfg.Authorizer = authz.AllowAll()
	}}, change...)...)
}

// ask asks with a credential or, if it is not empty, with a refresh token, by any of the ways in.
func (f *fixture) ask(way int, credential, refreshToken, scopes string) *reply {
	f.t.Helper()
	switch {
	case refreshToken != "":
		return f.post(refreshForm(refreshToken, "scope", scopes, "access_type", "offline"))
	case way == 0:
		return f.get(form("service", service, "scope", scopes, "offline_token", "true"),
			"alice:"+credential)
	default:
		return f.post(form("grant_type", "password", "service", service, "username", "alice",
			"password", credential, "scope", scopes, "access_type", "offline"))
	}
}

// Each token has what its credential allows now, no more and no less, after any sequence of
// requests. The cache, refresh tokens and shared tokens remember the limit of a credential, and
// never confuse it with another credential of the same subject.
func TestALimitIsKeptInAnyOrder(t *testing.T) {
	limits := []*authn.Limit{readOnly("alice/*"), readOnly("alice/app", "public/*"), readOnly(), nil}
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 0))
		source := credentials{"full": nil, "read": limits[0], "other": limits[1]}
		f := newLimitFixture(t, source)
		refreshTokens := map[string][]string{}
		for step := range 30 {
			credential := []string{"full", "read", "read", "other"}[random.IntN(4)]
			if random.IntN(10) == 0 { // an administrator narrows or widens it, but never to no limit
				source["other"] = limits[random.IntN(3)]
			}
			refreshToken := ""
			if issued := refreshTokens[credential]; len(issued) > 0 && random.IntN(2) == 0 {
				refreshToken = issued[random.IntN(len(issued))]
			}
			asked := randomScopes(random)
			r := f.ask(random.IntN(2), credential, refreshToken, scope.Format(asked)).wantStatus(200)
			if refreshToken == "" {
				refreshTokens[credential] = append(refreshTokens[credential], r.body.RefreshToken)
			}
			got, want := r.granted(f.issuer), allowedOf(asked, source[credential])
			if got != want {
				t.Fatalf("seed %d, step %d: %s asks for %q and is granted %q, want %q",
					seed, step, credential, scope.Format(asked), got, want)
			}
			if credential == "read" && strings.Contains(got, "push") {
				t.Fatalf("seed %d, step %d: a read-only credential is granted %q", seed, step, got)
			}
		}
	}
}

func randomScopes(random *rand.Rand) (asked []scope.Scope) {
	names := []string{"alice/app", "alice/base", "public/app", "alice"}
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names[:1+random.IntN(2)] {
		actions := slices.DeleteFunc([]string{"*", "delete", "pull", "push"},
			func(string) bool { return random.IntN(2) == 0 })
		asked = append(asked, scope.Scope{Type: "repository", Name: name, Actions: actions})
	}
	return asked
}

// allowedOf says what a limit of this test allows, without the code that is tested.
func allowedOf(asked []scope.Scope, limit *authn.Limit) string {
	var allowed []scope.Scope
	for _, s := range asked {
		if limit != nil {
			covered := slices.ContainsFunc(limit.Scopes, func(l scope.Scope) bool {
				prefix, wild := strings.CutSuffix(l.Name, "*")
				return l.Name == s.Name || wild && strings.HasPrefix(s.Name, prefix)
			})
			s.Actions = slices.DeleteFunc(slices.Clone(s.Actions), func(action string) bool {
				return action != "pull" || !covered
			})
		}
		if len(s.Actions) > 0 {
			allowed = append(allowed, s)
		}
	}
	return scope.Format(allowed)
}

// A credential that is deleted takes its refresh tokens along, and those of the subject's other
// credentials stay.
func TestARefreshTokenEndsWithItsCredential(t *testing.T) {
	source := credentials{"full": nil, "read": readOnly("alice/*")}
	f := newLimitFixture(t, source)
	full := f.ask(0, "full", "", "").wantStatus(200).body.RefreshToken
	read := f.ask(0, "read", "", "").wantStatus(200).body.RefreshToken
	delete(source, "read")
	f.ask(0, "", read, "").wantError(401, "UNAUTHORIZED", "invalid_grant")
	f.ask(0, "read", "", "").wantError(401, "UNAUTHORIZED", "invalid_grant")
	f.ask(0, "", full, "").wantStatus(200)
}

func TestTheAuditSaysWhatTheLimitRemoved(t *testing.T) {
	f := newLimitFixture(t, credentials{"read": readOnly("alice/*")})
	f.ask(0, "read", "", "repository:alice/app:pull,push repository:alice/base:pull").wantStatus(200)
	var got []string
	for _, d := range f.lastRecord().Decisions {
		got = append(got, strings.Join(d.Granted, ",")+": "+d.Reason)
	}
	want := []string{"pull: everything is allowed (limited by the credential)", "pull: everything is allowed"}
	if !slices.Equal(got, want) {
		t.Errorf("decisions %q, want %q", got, want)
	}
}

// A Directory knows nothing of limits, so a limited subject of one gets no refresh token, with which
// the limit would be lost.
func TestALimitThatCannotBeConfirmedGetsNoRefreshToken(t *testing.T) {
	alice := authn.Subject{Name: "alice", Stamp: "1", Limit: readOnly("alice/*")}
	f := newLimitFixture(t, &fixedSource{authenticated: alice, found: authn.Subject{Name: "alice", Stamp: "1"}})
	r := f.ask(0, "x", "", "repository:alice/app:pull,push").wantStatus(200)
	if got := r.granted(f.issuer); got != "repository:alice/app:pull" || r.body.RefreshToken != "" {
		t.Errorf("granted %q, with a refresh token: %t", got, r.body.RefreshToken != "")
	}
	if f.lastRecord().RefreshTokenErr == nil {
		t.Error("the audit does not say why there is no refresh token")
	}
}
