package acl

import (
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz/authztest"
)

// TestTutorialMatrix shows reviewers how a change affects the decisions of the tutorial's rules.
func TestTutorialMatrix(t *testing.T) {
	authztest.Golden(t, mustCompile(t, mustParse(t, tutorial)...), authztest.Matrix{
		Subjects: []authn.Subject{
			{},
			{Name: "admin"},
			{Name: "firstuser", Labels: map[string][]string{"group": {"first_user_group"}}},
			{Name: "seconduser"},
		},
		Resources: []string{
			"publicrepos/app", "first_user_group-shared/app", "firstuser/app", "seconduser/app",
			"seconduser/team/app", "registry:catalog",
		},
	}, "testdata/tutorial.txt")
}
