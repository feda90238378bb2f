package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token/refresh"
)

func Example() {
	ctx := context.Background()
	tokens := refresh.InMemory()

	// At the login, with offline_token=true or access_type=offline:
	subject := authn.Subject{Name: "alice", Stamp: "password 3"}
	token, _, err := tokens.Issue(ctx, subject, "registry.example.com", "docker")
	if err != nil {
		log.Fatal(err)
	}

	// For each access token:
	record, err := tokens.Redeem(ctx, token, "registry.example.com")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(record.Subject.Name, record.ClientID)
	// … confirm record.Subject, authorize it, sign the access token …
	if _, err := tokens.Redeem(ctx, token, "registry.example.com"); err != nil {
		log.Fatal(err)
	}
	// … send the access token …

	// When the laptop is lost:
	if _, err := tokens.Revoke(ctx, refresh.Filter{Subject: "alice"}); err != nil {
		log.Fatal(err)
	}
	_, err = tokens.Redeem(ctx, token, "registry.example.com")
	fmt.Println(errors.Is(err, refresh.ErrInvalid))

	// Output:
	// alice docker
	// true
}
