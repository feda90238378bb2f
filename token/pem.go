package token

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// LoadKey reads a private key and its certificates from PEM files, as [ParseKey] does. An empty
// certFile means that the certificates are in keyFile, or that there are none. [Key.Warnings]
// mentions a key file that all users can read.
func LoadKey(keyFile, certFile string) (*Key, error) {
	keyPEM, err := os.ReadFile(keyFile) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	var certPEM []byte
	if certFile != "" {
		if certPEM, err = os.ReadFile(certFile); err != nil { //nolint:gosec // likewise
			return nil, fmt.Errorf("load certificate: %w", err)
		}
		certPEM = append(certPEM, '\n') // an empty file has no certificate, and is not ignored
	}
	key, err := ParseKey(keyPEM, certPEM)
	if err != nil {
		return nil, fmt.Errorf("load key %s: %w", keyFile, err)
	}
	const others fs.FileMode = 0o004 // means nothing on Windows
	info, err := os.Stat(keyFile)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&others != 0 {
		key.warnings = append(key.warnings, "all users can read the key file "+keyFile)
	}
	return key, nil
}

// ParseKey reads one private key from PEM: PKCS #8, PKCS #1 ("RSA PRIVATE KEY") or SEC 1 ("EC
// PRIVATE KEY", after optional "EC PARAMETERS"), without a passphrase. The certificates, if any,
// follow it in keyPEM or are in certPEM, that of the key first. Anything else is an error, and so
// is a truncated block, since a file can be read while it is written. The error wraps [ErrKey] and
// never contains a part of the input.
func ParseKey(keyPEM, certPEM []byte) (*Key, error) {
	signer, chain, err := parsePEM(keyPEM)
	if err != nil {
		return nil, err
	}
	switch {
	case signer == nil:
		return nil, fmt.Errorf("%w: no private key", errPEM)
	case len(certPEM) > 0 && len(chain) > 0:
		return nil, fmt.Errorf("%w: certificates beside the key and in a file of their own", errPEM)
	case len(certPEM) > 0:
		if chain, err = parseCertificates(certPEM); err != nil {
			return nil, err
		}
	}
	return NewKey(signer, chain...)
}

// PrivateKeyPEM returns the private key as PKCS #8 in PEM, or [ErrKey] if it is not in memory.
func (k *Key) PrivateKeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.signer) // knows the keys of the standard library
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w: %w", errPublicOnly, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// parsePEM reads at most one private key, and certificates. It counts where blocks begin, since
// package pem skips bad ones.
func parsePEM(data []byte) (signer crypto.Signer, chain []*x509.Certificate, err error) {
	begun := bytes.Count(data, []byte("-----BEGIN "))
	if begun == 0 {
		return nil, nil, fmt.Errorf("%w: no PEM data", errPEM)
	}
	for ; begun > 0; begun-- {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return nil, nil, fmt.Errorf("%w: a block is damaged or truncated", errPEM)
		}
		switch {
		case block.Type == "EC PARAMETERS": // the key repeats the curve
		case block.Type == "CERTIFICATE":
			certificate, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("%w: %w", errBadCertificate, err)
			}
			chain = append(chain, certificate)
		case signer != nil:
			return nil, nil, fmt.Errorf("%w: more than one private key", errPEM)
		default:
			if signer, err = parsePrivateKey(block); err != nil {
				return nil, nil, err
			}
		}
	}
	return signer, chain, nil
}

func parsePrivateKey(block *pem.Block) (crypto.Signer, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, fmt.Errorf("%w: decrypt it first, with openssl pkey", errEncryptedKey)
	}
	var private any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("%w: unexpected block %q", errPEM, block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: parse private key: %w", errPEM, err)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: %T cannot sign", errUnsupportedKey, private)
	}
	return signer, nil
}

// parseCertificates reads certificates only: a private key must not be in a public file.
func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	signer, chain, err := parsePEM(data)
	if err == nil && (signer != nil || len(chain) == 0) {
		err = fmt.Errorf("%w: a private key among certificates, or no certificate", errPEM)
	}
	return chain, err
}
