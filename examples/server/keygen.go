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

const keygenHelp = `Usage: server keygen --key FILE --cert FILE [--algorithm ES256] [--authority]

Makes a signing key and a certificate for it, which is valid for ten years. The files must not exist. The certificate goes into
the registry's rootcertbundle.

With --authority, they are those of an authority, for token.authority: the server makes signing keys below it, and renews them.

`

// A pair is a private key with its certificate.
type pair interface {
	PrivateKeyPEM() ([]byte, error)
	CertificatePEM() []byte
	Warnings() []string
}

func generate(algorithm token.Algorithm, authority bool) (pair, error) {
	if authority {
		return token.GenerateAuthority(algorithm)
	}
	return token.GenerateKey(algorithm)
}

// keygen is the command that makes a key.
func (p *program) keygen(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("server keygen", flag.ContinueOnError)
	keyFile := flags.String("key", "", "`FILE` for the private key")
	certFile := flags.String("cert", "", "`FILE` for the certificate")
	algorithm := flags.String("algorithm", string(token.ES256), "ES256, ES384, ES512, EdDSA or RS256")
	authority := flags.Bool("authority", false, "make the key of an authority, and not one that signs tokens itself")
	if _, err := p.parse(flags, args, keygenHelp); err != nil {
		return err
	}
	if *keyFile == "" || *certFile == "" {
		return &usageError{"--key and --cert are needed"}
	}
	for _, file := range []string{*keyFile, *certFile} {
		if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
			return &usageError{fmt.Sprintf("%s is there already; a key that is in use must not be lost", file)}
		}
	}
	key, err := generate(token.Algorithm(*algorithm), *authority)
	if err != nil {
		return &usageError{err.Error()}
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
	fmt.Fprintf(p.stdout, "%s: private key, %s\n%s: certificate, for the registry's rootcertbundle\n", *keyFile, *algorithm, *certFile)
	for _, warning := range key.Warnings() {
		fmt.Fprintf(p.stdout, "warning: %s\n", warning)
	}
	return nil
}

// writeNew writes a file that must not exist.
func writeNew(path string, content []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) //nolint:gosec // the user names it
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}
