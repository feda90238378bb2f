package acl_test

import (
	"context"
	"fmt"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/acl"
	"github.com/berthpass/registry-auth/scope"
)

func Example() {
	rules, err := acl.ParseJSON([]byte(`[
		{"match": {"name": "public/*"}, "actions": ["pull"], "comment": "anybody may pull these"},
		{"match": {"name": "${account}/*"}, "actions": ["*"], "comment": "the user's namespace"}
	]`))
	if err != nil {
		fmt.Println(err)
		return
	}
	list, warnings, err := acl.Compile(rules)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range warnings {
		fmt.Println("warning:", w)
	}

	alice := authn.Subject{Name: "alice"}
	for _, text := range []string{
		"repository:public/app:pull,push", "repository:alice/app:pull,push",
		"repository:bob/app:pull",
	} {
		asked, _ := scope.Parse(text)
		d, _ := list.Authorize(context.Background(), authz.Request{Subject: alice, Scope: asked})
		fmt.Printf("%s: %v %s\n", text, d.Actions, d.Reason)
	}
	// Output:
	// repository:public/app:pull,push: [pull] rule 1: anybody may pull these
	// repository:alice/app:pull,push: [pull push] rule 2: the user's namespace
	// repository:bob/app:pull: []
}

func ExampleList_Explain() {
	public, pattern := "public/*", "team/*"
	list, _, err := acl.Compile([]acl.Rule{
		{Match: &acl.Match{Name: &public}, Actions: []string{"pull"}},
		{
			Match:   &acl.Match{Name: &pattern, Labels: map[string]string{"group": "devs"}},
			Actions: []string{"*"},
			Comment: "the team's own",
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	asked, _ := scope.Parse("repository:team/app:push")
	alice := authn.Subject{Name: "alice", Labels: map[string][]string{"group": {"ops"}}}
	fmt.Print(list.Explain(authz.Request{Subject: alice, Scope: asked}))
	// Output:
	// user "alice" requests "repository:team/app:push"
	// no rule matches, so nothing is granted
	// close: rule 2: the team's own; label "group" is "ops", not "devs"
}

// A test can report the rules that none of its cases reaches.
func ExampleExplanation() {
	rules, err := acl.ParseJSON([]byte(`[
		{"match": {"account": "admin"}, "actions": ["*"]},
		{"match": {"name": "${account}/*"}, "actions": ["*"]},
		{"match": {"name": "public/*"}, "actions": ["pull"]}
	]`))
	if err != nil {
		fmt.Println(err)
		return
	}
	list, _, err := acl.Compile(rules)
	if err != nil {
		fmt.Println(err)
		return
	}
	reached := make(map[int]bool)
	for _, text := range []string{"repository:alice/app:push", "repository:public/app:pull"} {
		asked, _ := scope.Parse(text)
		alice := authn.Subject{Name: "alice"}
		reached[list.Explain(authz.Request{Subject: alice, Scope: asked}).Rule] = true
	}
	for number := 1; number <= list.Len(); number++ {
		if !reached[number] {
			fmt.Printf("no case reaches rule %d\n", number)
		}
	}
	// Output:
	// no case reaches rule 1
}
