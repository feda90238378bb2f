package acl_test

import (
	"slices"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz/acl"
	"github.com/berthpass/registry-auth/authz/authztest"
)

func TestCoverageNamesTheRulesThatDecidedNothing(t *testing.T) {
	rules, err := acl.ParseJSON([]byte(`[
		{"match": {"account": "admin"}, "actions": ["*"]},
		{"match": {"account": "/.+/", "name": "${account}/*"}, "actions": ["push", "pull"]},
		{"match": {"name": "public/*"}, "actions": ["pull"]},
		{"match": {"name": "secret/*"}, "actions": []}
	]`))
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := acl.Compile(rules)
	if err != nil {
		t.Fatal(err)
	}
	coverage := acl.NewCoverage(list)
	if got := coverage.Unreached(); !slices.Equal(got, []int{1, 2, 3, 4}) {
		t.Errorf("before any question: %d", got)
	}
	authztest.Run(t, coverage, authztest.Table{
		authztest.As(authn.Subject{Name: "alice"}, authztest.Grants{
			"repository:alice/app:pull,push": "pull,push",
			"repository:secret/app:pull":     "",
			"repository:other/app:pull":      "",
		}),
		authztest.As(authn.Subject{Name: "admin", Kind: authn.KindServiceAccount}, authztest.Grants{
			"repository:other/app:pull": "", // is not the user admin
		}),
	})
	authztest.CheckInvariants(t, coverage, nil)
	if got := coverage.Unreached(); !slices.Equal(got, []int{1}) {
		t.Errorf("rules %d decided nothing, want only rule 1", got)
	}
}
