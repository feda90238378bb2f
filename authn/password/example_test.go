package password_test

import (
	"context"
	"fmt"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// A source of users in your own database. Unknown users are checked against a decoy.
func Example() {
	encoded, err := password.NewHash("wonderland")
	if err != nil {
		fmt.Println(err)
		return
	}
	rows := map[string]string{"alice": string(encoded)}
	checker, decoy := &password.Checker{}, password.Decoy()

	users := authn.Func(func(ctx context.Context, r authn.Request) (authn.Subject, error) {
		hash, known := decoy, false
		if row, found := rows[r.Username]; found {
			parsed, err := password.Parse(authn.Secret(row))
			if err != nil {
				return authn.Subject{}, err
			}
			hash, known = parsed, true
		}
		matches, err := checker.Check(ctx, hash, r.Password)
		switch {
		case err != nil:
			return authn.Subject{}, err
		case !known:
			return authn.Subject{}, authn.ErrNoMatch
		case !matches:
			return authn.Subject{}, authn.ErrRejected
		}
		return authn.Subject{Name: r.Username}, nil
	})

	for _, r := range []authn.Request{
		{Username: "alice", Password: "wonderland"},
		{Username: "alice", Password: "looking-glass"},
		{Username: "mallory", Password: "wonderland"},
	} {
		subject, err := users.Authenticate(context.Background(), r)
		fmt.Printf("%q %v\n", subject.Name, err)
	}
	// Output:
	// "alice" <nil>
	// "" credentials rejected
	// "" no match
}
