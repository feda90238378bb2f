package refreshfile_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refreshfile"
)

// A refresh token outlives the process that issued it.
func Example() {
	folder, err := os.MkdirTemp("", "refresh")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	key := make([]byte, 32) // from a secret store, the same every time

	start := func() (*refreshfile.Store, *token.RefreshTokens) {
		store, err := refreshfile.Open(refreshfile.Config{Path: filepath.Join(folder, "refresh-tokens")})
		if err != nil {
			log.Fatal(err)
		}
		tokens, err := token.NewRefreshTokens(token.RefreshConfig{Store: store, Key: key})
		if err != nil {
			log.Fatal(err)
		}
		return store, tokens
	}

	store, tokens := start()
	text, _, err := tokens.Issue(context.Background(), token.RefreshGrant{Subject: "alice", Service: "registry.example.com"})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Close(); err != nil {
		log.Fatal(err)
	}

	store, tokens = start()
	record, err := tokens.Redeem(context.Background(), text, "registry.example.com")
	fmt.Println(record.Subject, err, store.Close())

	// Output: alice <nil> <nil>
}
