package acl

import (
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz/authztest"
)

// Who may do what under the tutorial's rules, as a text that a review can read.
func TestTutorialMatrix(t *testing.T) {
	authztest.Golden(t, mustCompile(t, mustParse(t, tutorial)...), authztest.Matrix{
		Subjects: []authn.Subject{
			{},
			{Name: "admin"},
			{Name: "firstuser", Labels: map[string][]string{"group": {"first_user_group"}}},
			{Name: "seconduser"},
		},
		Repositories: []string{
			"publicrepos/app", "first_user_group-shared/app", "firstuser/app", "seconduser/app", "seconduser/team/app", "registry:catalog",
		},
	}, "testdata/tutorial.txt")
}
