package main

import (
	"errors"
	"io/fs"
	"log"
	"os"

	"github.com/berthpass/registry-auth/token"
)

// loadOrMakeKey reads the signing key, or makes one the first time. The certificate is what the registry's rootcertbundle names.
func loadOrMakeKey(keyFile, certFile string) (*token.Key, error) {
	key, err := token.LoadKey(keyFile, certFile)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(keyFile, certFile)
	}
	if err != nil {
		return nil, err
	}
	for _, warning := range key.Warnings() {
		log.Print(warning)
	}
	return key, nil
}

func makeKey(keyFile, certFile string) (*token.Key, error) {
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		return nil, err
	}
	private, err := key.PrivateKeyPEM()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(keyFile, private, 0o600); err != nil {
		return nil, err
	}
	return key, os.WriteFile(certFile, key.CertificatePEM(), 0o644) //nolint:gosec // a certificate is public
}
