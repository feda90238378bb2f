package token_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// A token is issued, and a registry's side checks it.
func Example() {
	key, err := token.GenerateKey(token.ES256) // or token.KeyFiles
	if err != nil {
		log.Fatal(err)
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: "auth.example.com", Keys: key})
	if err != nil {
		log.Fatal(err)
	}
	issued, err := issuer.Issue(context.Background(), token.Request{
		Subject:  "alice",
		Audience: "registry.example.com",
		Access:   []scope.Scope{{Type: "repository", Name: "alice/app", Actions: []string{"pull"}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("issued", issued.Value)

	// The registry has the certificates, as distribution has them in rootcertbundle.
	trusted, err := token.ParseBundle(key.CertificatePEM())
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := token.NewVerifier(token.VerifierConfig{
		Issuer:   "auth.example.com",
		Audience: "registry.example.com",
		Keys:     trusted,
	})
	if err != nil {
		log.Fatal(err)
	}
	claims, err := verifier.Verify(string(issued.Value))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Subject, "may", scope.Format(claims.Access))
	push := scope.Scope{Type: "repository", Name: "alice/app", Actions: []string{"push"}}
	fmt.Println("push:", claims.Allows(push))

	// Output:
	// issued ***
	// alice may repository:alice/app:pull
	// push: false
}

// A token carries further claims, for services that read it besides the registry.
func ExampleRequest_extra() {
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		log.Fatal(err)
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: "auth.example.com", Keys: key})
	if err != nil {
		log.Fatal(err)
	}
	issued, err := issuer.Issue(context.Background(), token.Request{
		Subject:  "alice",
		Audience: "registry.example.com",
		Extra:    map[string]any{"user_id": 1848, "tenants": []string{"acme"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := issuer.Verifier("registry.example.com")
	if err != nil {
		log.Fatal(err)
	}
	claims, err := verifier.Verify(string(issued.Value))
	if err != nil {
		log.Fatal(err)
	}
	id, isNumber := claims.Extra["user_id"].(json.Number)
	tenants, isList := claims.Extra["tenants"].([]any)
	fmt.Println(id, isNumber, tenants, isList)
	// Output: 1848 true [acme] true
}

// The signing key is changed by hand.
func ExampleKeySet() {
	first, err := token.GenerateKey(token.ES256)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := token.NewKeySet(first)
	if err != nil {
		log.Fatal(err)
	}

	second, err := token.GenerateKey(token.ES256)
	if err != nil {
		log.Fatal(err)
	}
	if err := keys.Add(second); err != nil { // in BundlePEM and JWKS from now on
		log.Fatal(err)
	}
	// Here the bundle is given to the registries, and distribution and zot are started again.
	if err := keys.Promote(second.ID()); err != nil {
		log.Fatal(err)
	}
	// Here the last token of the first key expires: a lifetime and a minute later.
	if err := keys.Retire(first.ID()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(keys.Keys()), keys.Signing() == second)

	// Output: 1 true
}
