package authz_test

import (
	"testing"

	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

func BenchmarkAuthorize(b *testing.B) {
	policy := authz.ByType{
		"repository": authz.First(authz.OwnNamespace(), authz.PublicPull("public", "library")),
		"registry":   authz.Catalog("admin"),
	}
	r := authz.Request{
		Subject: alice,
		Scope:   scope.Scope{Type: "repository", Name: "library/app", Actions: []string{"pull"}},
	}
	b.ReportAllocs()
	for b.Loop() {
		if d, err := policy.Authorize(b.Context(), r); err != nil || len(d.Actions) != 1 {
			b.Fatal(d, err)
		}
	}
}
