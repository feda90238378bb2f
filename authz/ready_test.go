package authz_test

import (
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/authztest"
)

func TestReadyMade(t *testing.T) {
	slashed := authn.Subject{Name: "alice/app"}
	for name, test := range map[string]struct {
		policy authz.Authorizer
		cases  []authztest.Case
	}{
		"AllowAll grants everything": {authz.AllowAll(), []authztest.Case{
			authztest.As(anonymous, authztest.Grants{
				"repository:any/app:pull,push,delete": "delete,pull,push",
				"registry:catalog:*":                  "*",
			}),
			authztest.As(alice, authztest.Grants{
				"unknown:thing:act": "act",
			}),
		}},
		"DenyAll grants nothing": {authz.DenyAll(), []authztest.Case{
			authztest.As(alice, authztest.Grants{
				"repository:alice/app:pull": "",
				"registry:catalog:*":        "",
			}),
		}},
		"OwnNamespace is below the user's name": {authz.OwnNamespace(), []authztest.Case{
			authztest.As(alice, authztest.Grants{
				"repository:alice/app:pull,push,delete":    "delete,pull,push",
				"repository:alice/team/app:pull":           "pull",
				"repository:alice/app:*":                   "",
				"repository:alice:pull":                    "",
				"repository:alicex/app:pull":               "",
				"repository:bob/alice/app:pull":            "",
				"repository:localhost:5000/alice/app:pull": "",
				"artifact-repository:alice/app:pull":       "",
				"repository::pull":                         "",
			}),
			authztest.As(anonymous, authztest.Grants{
				"repository:alice/app:pull": "",
				"repository::pull":          "",
			}),
			authztest.As(robot, authztest.Grants{
				"repository:alice/app:pull": "",
			}),
			authztest.As(slashed, authztest.Grants{
				"repository:alice/app/x:pull": "",
			}),
		}},
		"OwnNamespace grants given actions": {authz.OwnNamespace("pull"), []authztest.Case{
			authztest.As(alice, authztest.Grants{
				"repository:alice/app:pull,push,delete": "pull",
			}),
		}},
		"PublicPull covers whole components": {authz.PublicPull(
			"public", "library/base",
		), []authztest.Case{
			authztest.As(anonymous, authztest.Grants{
				"repository:public/app:pull,push": "pull",
				"repository:public/team/app:pull": "pull",
				"repository:library/base/go:pull": "pull",
			}),
			authztest.As(alice, authztest.Grants{
				"repository:public/app:push": "",
			}),
			authztest.As(anonymous, authztest.Grants{
				"repository:public:pull":              "",
				"repository:publicity/app:pull":       "",
				"repository:library/other:pull":       "",
				"repository:my/public/app:pull":       "",
				"artifact-repository:public/app:pull": "",
			}),
		}},
		"PublicPull covers nothing below a malformed prefix": {authz.PublicPull(
			"", "public/",
		), []authztest.Case{
			authztest.As(anonymous, authztest.Grants{
				"repository:app:pull":        "",
				"repository:public/app:pull": "",
				"repository::pull":           "",
			}),
		}},
		"Catalog is for listed users": {authz.Catalog("alice", ""), []authztest.Case{
			authztest.As(alice, authztest.Grants{
				"registry:catalog:*":             "*",
				"registry:catalog:*,pull,delete": "*",
				"repository::pull":               "pull",
				"repository::pull,push,*":        "pull",
				"registry:other:*":               "",
				"repository:alice/app:pull":      "",
			}),
			authztest.As(anonymous, authztest.Grants{
				"registry:catalog:*": "",
			}),
			authztest.As(robot, authztest.Grants{
				"registry:catalog:*": "",
			}),
			authztest.As(authn.Subject{Name: "bob"}, authztest.Grants{
				"registry:catalog:*": "",
			}),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			authztest.Run(t, test.policy, test.cases)
			subjects := []authn.Subject{anonymous, alice, robot, slashed}
			authztest.CheckInvariants(t, test.policy, subjects)
		})
	}
}

// First asks the next authorizer about a request without a match, but not about a refused one.
func TestReadyMadeRefuseOnlyTheirOwn(t *testing.T) {
	for _, test := range []struct {
		name   string
		policy authz.Authorizer
		asked  string
		want   string
	}{
		{"another user's namespace", authz.OwnNamespace(), "repository:bob/app:pull", "no match"},
		{
			"a star in the own namespace",
			authz.OwnNamespace(), "repository:alice/app:*", "repository:alice/app: (own namespace)",
		},
		{"a private repository", authz.PublicPull("public"), "repository:bob/app:pull", "no match"},
		{
			"a push to a public repository",
			authz.PublicPull("public"), "repository:public/app:push",
			"repository:public/app: (public pull of public/)",
		},
		{
			"the catalog for an unlisted user",
			authz.Catalog("bob"), "registry:catalog:*",
			"registry:catalog: (the catalog is for listed users)",
		},
		{"a repository", authz.Catalog("alice"), "repository:alice/app:pull", "no match"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := decided(t, test.policy, request(t, alice, test.asked)); got != test.want {
				t.Errorf("%s: got %s, want %s", test.asked, got, test.want)
			}
		})
	}
}
