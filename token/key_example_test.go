package token_test

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/berthpass/registry-auth/token"
)

// The registries have the certificate of the authority in rootcertbundle. The keys below it come
// and go.
func ExampleAuthority_NewKeys() {
	authority, err := token.GenerateAuthority(token.ES256) // once; then LoadKey and NewAuthority
	if err != nil {
		log.Fatal(err)
	}
	keys, err := authority.NewKeys(token.AuthorityKeysConfig{})
	if err != nil {
		log.Fatal(err)
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: "auth.example.com", Keys: keys})
	if err != nil {
		log.Fatal(err)
	}
	before, bundle := issuer.KeySet().Signing(), issuer.KeySet().BundlePEM()

	// This happens by itself; here a key has leaked.
	if err := keys.Renew(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("the same key:", issuer.KeySet().Signing() == before)
	fmt.Println("the same bundle:", bytes.Equal(issuer.KeySet().BundlePEM(), bundle))
	// Output:
	// the same key: false
	// the same bundle: true
}

// At the first start the key is generated; later starts load it.
func ExampleKeyFiles() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	keyFile, certFile := filepath.Join(folder, "auth.key"), filepath.Join(folder, "auth.crt")

	config := token.IssuerConfig{
		Name: "auth.example.com", Keys: token.KeyFiles(keyFile, certFile),
	}
	first, err := token.NewIssuer(config)
	if err != nil {
		log.Print(err)
		return
	}
	second, err := token.NewIssuer(config)
	if err != nil {
		log.Print(err)
		return
	}
	same := first.KeySet().Signing().ID() == second.KeySet().Signing().ID()
	fmt.Println("the same key:", same)
	// Output: the same key: true
}

// A key for a test, which is lost when the process ends.
func ExampleGenerateKey() {
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		log.Fatal(err)
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: "auth.example.com", Keys: key})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(issuer.KeySet().Signing().Algorithm())
	// Output: ES256
}
