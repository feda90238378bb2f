package main

import (
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/authztest"
)

func TestPolicy(t *testing.T) {
	anonymous, alice, bob := authn.Subject{}, authn.Subject{Name: alice().name}, authn.Subject{Name: bob().name}
	authztest.Run(t, newPolicy(), []authztest.Case{
		authztest.As(anonymous, authztest.Grants{
			"repository:public/hello:pull":             "pull",
			"repository:public/hello:pull,push,delete": "pull",
			"repository:alice/app:pull":                "",
			"registry:catalog:*":                       "",
			"repository::pull":                         "",
		}),
		authztest.As(alice, authztest.Grants{
			"repository:alice/app:pull,push,delete":    "pull,push,delete",
			"repository:alice/team/app:pull,push":      "pull,push",
			"repository:alice/app:*":                   "",
			"repository:alice:pull":                    "",
			"repository:alicex/app:pull":               "",
			"repository:public/hello:pull,push,delete": "pull,push",
			"repository:publicity/app:pull,push":       "",
			"repository:bob/app:pull,push,delete":      "",
			"registry:catalog:*":                       "",
		}),
		authztest.As(bob, authztest.Grants{
			"repository:bob/app:pull,push,delete": "pull,push,delete",
			"repository:public/app:pull,push":     "pull,push",
			"repository:alice/app:pull":           "",
		}),
	}, forService(serviceName))
	authztest.CheckInvariants(t, newPolicy(), []authn.Subject{anonymous, alice, bob}, forService(serviceName))
}

func TestUsers(t *testing.T) {
	users, err := newUsers()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		username string
		password authn.Secret
		welcome  bool
	}{
		"alice":                      {"alice", "wonderland", true},
		"bob":                        {"bob", "builder", true},
		"alice with bob's password":  {"alice", "builder", false},
		"alice in other letters":     {"Alice", "wonderland", false},
		"somebody who is not a user": {"carol", "wonderland", false},
	} {
		t.Run(name, func(t *testing.T) {
			subject, err := users.Authenticate(t.Context(), authn.Request{Username: test.username, Password: test.password})
			if test.welcome != (err == nil) {
				t.Errorf("got error %v", err)
			}
			if test.welcome && subject.Name != test.username {
				t.Errorf("got subject %q", subject.Name)
			}
		})
	}
}

// forService makes the requests of a table requests for a service.
func forService(service string) func(*authz.Request) {
	return func(r *authz.Request) { r.Service = service }
}
