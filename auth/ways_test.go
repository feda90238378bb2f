package auth_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
)

// By every way in, the policy is asked the same.
func TestEveryWayInMeetsTheSamePolicy(t *testing.T) {
	f := newFixture(t, func(cfg *auth.Config) {
		byConnection := authn.Func(func(_ context.Context, r authn.Request) (authn.Subject, error) {
			if r.Username == "" && r.ClientID == "by-connection" {
				return users{"alice": "wonderland"}.subject("alice"), nil
			}
			return authn.Subject{}, authn.ErrNoMatch
		})
		cfg.Authenticator = authn.Chain(cfg.Authenticator, byConnection)
	})
	ways := func(scopes string) map[string]func() *reply {
		list := waysIn(f, f.login(), scopes)
		list["the connection"] = func() *reply {
			return f.get(form("service", service, "client_id", "by-connection", "scope", scopes), "")
		}
		list["GET with an account"] = func() *reply {
			return f.get(form("service", service, "account", "alice", "scope", scopes), "alice:wonderland")
		}
		return list
	}
	for scopes, want := range map[string]string{
		"repository:alice/app:pull,push,delete,*":               "repository:alice/app:pull,push",
		"repository:bob/app:pull repository:public/app:pull":    "repository:public/app:pull",
		"registry:catalog:* repository::pull":                   "",
		"repository:test/greedy:push":                           "repository:test/greedy:push",
		"repository(plugin):alice/app:pull artifact:x/app:pull": "repository:alice/app:pull",
		"": "",
	} {
		for way, ask := range ways(scopes) {
			r := ask().wantStatus(200)
			if got := r.granted(f.issuer); got != want || r.claims(f.issuer).Subject != "alice" {
				t.Errorf("%q by %s: granted %q to %q, want %q", scopes, way, got, r.claims(f.issuer).Subject, want)
			}
		}
	}
}

// The subject has the name that the source returns. It may fold case or accept an e-mail address.
func TestTheSubjectHasTheNameOfTheSource(t *testing.T) {
	alice := authn.Subject{Name: "alice", Stamp: "1"}
	f := newFixture(t, func(cfg *auth.Config) { cfg.Authenticator = &fixedSource{authenticated: alice, found: alice} })
	const scopes = "repository:alice/app:pull repository:admin/app:pull registry:catalog:*"
	for _, typed := range []string{"ALICE", "alice@example.com", "admin"} {
		for way, r := range map[string]*reply{
			"GET":  f.get(form("service", service, "scope", scopes), typed+":x"),
			"POST": f.post(form("grant_type", "password", "service", service, "username", typed, "password", "x", "scope", scopes)),
		} {
			claims := r.wantStatus(200).claims(f.issuer)
			if got := r.granted(f.issuer); claims.Subject != "alice" || got != "repository:alice/app:pull" {
				t.Errorf("%s by %s: granted %q to %q", typed, way, got, claims.Subject)
			}
		}
	}
}

// Parameters are names and values. Other languages read arrays and objects from the names.
func TestParametersAreFlat(t *testing.T) {
	f := newFixture(t)
	for _, more := range []string{
		"scope[]=repository:alice/app:pull", "scope[0]=repository:alice/app:pull", "scope.0=repository:alice/app:pull",
		"scope.1000000000=repository:alice/app:pull", "scope[$ne]=", "Scope=repository:alice/app:pull", "scope%00=repository:alice/app:pull",
		"sub=admin&subject=admin&user=admin", "role=admin&is_admin=true&admin=1&has_admin_role=true", "aud=other.test&iss=evil.test",
		"access=[{%22type%22:%22repository%22,%22name%22:%22alice/app%22,%22actions%22:[%22pull%22]}]", "actions=*&access_token=x",
	} {
		for way, r := range map[string]*reply{
			"GET":  f.get("service=registry.test&"+more, "alice:wonderland"),
			"POST": f.post(passwordForm() + "&" + more),
		} {
			claims := r.wantStatus(http.StatusOK).claims(f.issuer)
			if claims.Subject != "alice" || claims.Issuer != issuerName || len(claims.Access) > 0 {
				t.Errorf("%s by %s: %+v", more, way, claims)
			}
		}
	}
}
