package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"github.com/berthpass/registry-auth/token"
)

const keygenHelp = `
Makes a signing key and a certificate for it, which is valid for ten years. The files must not
exist. The certificate goes into the registry's rootcertbundle.

With --authority, they are those of an authority, for token.authority: the server makes signing
keys below it, and renews them.
`

func (p *program) keygen(flags *flag.FlagSet) action {
	keyFile := flags.String("key", "", "`FILE` for the private key")
	certFile := flags.String("cert", "", "`FILE` for the certificate")
	algorithm := flags.String("algorithm", string(token.ES256),
		"ES256, ES384, ES512, EdDSA or RS256")
	authority := flags.Bool("authority", false,
		"make the key of an authority, and not one that signs tokens itself")
	return func(context.Context, []string) error {
		if *keyFile == "" || *certFile == "" {
			return usageError("--key and --cert are needed")
		}
		for _, file := range []string{*keyFile, *certFile} {
			if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
				return usageError(
					"%s is there already; a key that is in use must not be lost", file)
			}
		}
		var key interface {
			PrivateKeyPEM() ([]byte, error)
			CertificatePEM() []byte
			Warnings() []string
		}
		var err error
		if *authority {
			key, err = token.GenerateAuthority(token.Algorithm(*algorithm))
		} else {
			key, err = token.GenerateKey(token.Algorithm(*algorithm))
		}
		if err != nil {
			return usageError("%v", err)
		}
		private, err := key.PrivateKeyPEM()
		if err != nil {
			return err
		}
		const ownerOnly, everybody = 0o600, 0o644
		if err := writeNew(*keyFile, private, ownerOnly); err != nil {
			return err
		}
		if err := writeNew(*certFile, key.CertificatePEM(), everybody); err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "%s: private key, %s\n", *keyFile, *algorithm)
		fmt.Fprintf(p.stdout, "%s: certificate, for the registry's rootcertbundle\n", *certFile)
		for _, warning := range key.Warnings() {
			fmt.Fprintf(p.stdout, "warning: %s\n", warning)
		}
		return nil
	}
}

// writeNew writes a file that must not exist.
func writeNew(path string, content []byte, mode fs.FileMode) error {
	//nolint:gosec // the user names it
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}
