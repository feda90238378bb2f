package share_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/share"
)

func Example() {
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		log.Fatal(err)
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: "auth.example.com", Keys: key})
	if err != nil {
		log.Fatal(err)
	}
	shared, err := share.New(issuer, share.Config{For: 30 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	request := token.Request{Subject: "alice", Audience: "registry.example.com"}
	first, err := shared.Issue(context.Background(), request)
	if err != nil {
		log.Fatal(err)
	}
	second, err := shared.Issue(context.Background(), request)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the same token:", first.Value == second.Value)
	// Output: the same token: true
}
