package scope_test

import (
	"fmt"

	"github.com/berthpass/registry-auth/scope"
)

func Example() {
	// A push that mounts a layer of another repository needs both.
	asked, malformed := scope.ParseList(
		"repository:team/app:push,pull",
		"repository:base/go:pull repository:Bad:pull",
	)
	for _, s := range scope.Merge(asked) {
		fmt.Println("asked:  ", s)
		fmt.Println("granted:", s.Intersect([]string{"pull"}))
	}
	for _, err := range malformed {
		fmt.Println("left out:", err)
	}
	// Output:
	// asked:   repository:team/app:pull,push
	// granted: repository:team/app:pull
	// asked:   repository:base/go:pull
	// granted: repository:base/go:pull
	// left out: scope "repository:Bad:pull": upper case 'B' in the name
}

func ExampleParse() {
	s, err := scope.Parse("repository:localhost:5000/alice/app:push,pull")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Type, s.Name, s.Actions)
	// Output: repository localhost:5000/alice/app [pull push]
}
