package password_test

import (
	"context"
	"fmt"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// The map stands for a table of a database.
func ExampleSource() {
	hash, err := password.NewHash("wonderland")
	if err != nil {
		fmt.Println(err)
		return
	}
	rows := map[string]string{"alice": string(hash)}

	find := func(_ context.Context, name string) (authn.Subject, authn.Secret, error) {
		row, found := rows[name]
		if !found {
			return authn.Subject{}, "", authn.ErrNoMatch
		}
		return authn.Subject{Name: name}, authn.Secret(row), nil
	}
	decoy := password.Decoy() // costs as much as the hashes of NewHash
	users := password.Source(find, password.SourceConfig{Decoy: decoy})

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
	// "" credentials rejected: wrong password for "alice"
	// "" no match
}
