package token_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/berthpass/registry-auth/token"
)

// The registries have the certificate of the authority in rootcertbundle. The keys below it come and go.
func ExampleNewAuthorityKeys() {
	authority, err := token.GenerateAuthority(token.ES256) // once; then token.LoadAuthority("authority.key", "authority.crt")
	if err != nil {
		log.Fatal(err)
	}
	keys, err := token.NewAuthorityKeys(token.AuthorityConfig{Authority: authority})
	if err != nil {
		log.Fatal(err)
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: "auth.example.com", Keys: keys.Keys()})
	if err != nil {
		log.Fatal(err)
	}
	before, bundle := issuer.Keys().Signing(), issuer.Keys().BundlePEM()

	// This happens by itself; here a key has leaked.
	if err := keys.Renew(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("the same key:", issuer.Keys().Signing() == before)
	fmt.Println("the same bundle:", bytes.Equal(issuer.Keys().BundlePEM(), bundle))
	// Output:
	// the same key: false
	// the same bundle: true
}

// An operator replaces the key file. The registries know the authority of the new key.
func ExampleOpenKeyFile() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "auth.pem")
	authority, err := token.GenerateAuthority(token.ES256)
	if err != nil {
		log.Fatal(err)
	}
	replace := func() {
		key, err := authority.GenerateKey(token.ES256, token.DefaultKeyLifetime)
		if err != nil {
			log.Fatal(err)
		}
		keyPEM, err := key.PrivateKeyPEM()
		if err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, append(keyPEM, key.CertificatePEM()...), 0o600); err != nil {
			log.Fatal(err)
		}
	}

	replace()
	roots := x509.NewCertPool()
	roots.AddCert(authority.Certificate())
	file, err := token.OpenKeyFile(path, token.KeyFileConfig{
		Roots:        roots,
		PublishFirst: -1, // nobody fetches the JWKS
		Logger:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	before := file.Keys().Signing()

	replace()
	if err := file.Reload(); err != nil { // would be seen some seconds later anyway
		log.Fatal(err)
	}
	fmt.Println("the same key:", file.Keys().Signing() == before)

	if err := os.Truncate(path, 100); err != nil {
		log.Fatal(err)
	}
	if err := file.Reload(); err != nil {
		fmt.Println("not taken over; keys:", len(file.Keys().Keys()))
	}
	// Output:
	// the same key: false
	// not taken over; keys: 2
}
