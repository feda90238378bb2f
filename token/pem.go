package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// The types of PEM block (RFC 7468, and what openssl wrote before it).
const (
	blockCertificate  = "CERTIFICATE"
	blockPKCS8        = "PRIVATE KEY"
	blockEncrypted    = "ENCRYPTED PRIVATE KEY"
	blockPKCS1        = "RSA PRIVATE KEY"
	blockSEC1         = "EC PRIVATE KEY"
	blockECParameters = "EC PARAMETERS"
)

// LoadKey reads a private key and its certificates from PEM files, as [ParseKey] does. An empty certFile means that the
// certificates are in keyFile, or that there are none. A file that everybody may read is worth a warning, see
// [Key.Warnings].
func LoadKey(keyFile, certFile string) (*Key, error) {
	keyPEM, err := os.ReadFile(keyFile) //nolint:gosec // the file that the operator names
	if err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	var certPEM []byte
	if certFile != "" {
		if certPEM, err = os.ReadFile(certFile); err != nil { //nolint:gosec // the same
			return nil, fmt.Errorf("load certificate: %w", err)
		}
		if len(certPEM) == 0 {
			return nil, fmt.Errorf("load certificate: %s is empty", certFile)
		}
	}
	key, err := ParseKey(keyPEM, certPEM)
	if err != nil {
		return nil, fmt.Errorf("load key %s: %w", keyFile, err)
	}
	if readableByAll(keyFile) {
		key.warnings = append(key.warnings, fmt.Sprintf("the key file %s may be read by everybody on this machine", keyFile))
	}
	return key, nil
}

// ParseKey reads one private key from PEM: PKCS #8, PKCS #1 ("RSA PRIVATE KEY") or SEC 1 ("EC PRIVATE KEY", which "EC
// PARAMETERS" may precede), without a passphrase. The certificates follow it in keyPEM or are in certPEM, that of the key
// first. Without any the key works, but only with the registries that [Key.Warnings] does not name.
//
// Anything else in the input is refused, and so is a block that is cut off: a file may be read while it is written. The
// error wraps [errEncryptedKey], [errUnsupportedKey], [errKeyMismatch] or [errBadCertificate] where one of them fits. It
// never contains a part of the input.
func ParseKey(keyPEM, certPEM []byte) (*Key, error) {
	blocks, err := decodePEM(keyPEM)
	if err != nil {
		return nil, err
	}
	signer, chain, err := readBlocks(blocks)
	if err != nil {
		return nil, err
	}
	if signer == nil {
		return nil, errors.New("no private key in the PEM data")
	}
	if len(certPEM) > 0 {
		if len(chain) > 0 {
			return nil, errors.New("certificates beside the private key and in the certificate file: one place only")
		}
		if chain, err = parseCertificates(certPEM); err != nil {
			return nil, err
		}
	}
	return NewKey(signer, chain...)
}

// PrivateKeyPEM returns the private key as PKCS #8 in PEM. For a key that is not held in memory the error wraps
// [errPublicOnly].
func (k *Key) PrivateKeyPEM() ([]byte, error) {
	switch k.signer.(type) {
	case *ecdsa.PrivateKey, *rsa.PrivateKey, ed25519.PrivateKey:
	default:
		return nil, fmt.Errorf("encode private key: %w", errPublicOnly)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.signer)
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockPKCS8, Bytes: der}), nil
}

// readBlocks reads at most one private key, and certificates.
func readBlocks(blocks []*pem.Block) (crypto.Signer, []*x509.Certificate, error) {
	var signer crypto.Signer
	var chain []*x509.Certificate
	for _, block := range blocks {
		switch block.Type {
		case blockECParameters: // the curve, which the key names again
		case blockCertificate:
			certificate, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("%w: %w", errBadCertificate, err)
			}
			chain = append(chain, certificate)
		default:
			if signer != nil {
				return nil, nil, errors.New("more than one private key in the PEM data")
			}
			var err error
			if signer, err = parsePrivateKey(block); err != nil {
				return nil, nil, err
			}
		}
	}
	return signer, chain, nil
}

func parsePrivateKey(block *pem.Block) (crypto.Signer, error) {
	if block.Type == blockEncrypted || block.Headers["DEK-Info"] != "" { // PKCS #8, and RFC 1423
		return nil, fmt.Errorf("%w: decrypt it first, for example with openssl pkey", errEncryptedKey)
	}
	var private any
	var err error
	switch block.Type {
	case blockPKCS8:
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case blockPKCS1:
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case blockSEC1:
		private, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("unexpected PEM block %q", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: %T cannot sign", errUnsupportedKey, private)
	}
	return signer, nil
}

// parseCertificates reads certificates and refuses anything else, above all a private key where public things belong.
func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	blocks, err := decodePEM(data)
	if err != nil {
		return nil, err
	}
	for _, block := range blocks {
		if block.Type != blockCertificate {
			return nil, fmt.Errorf("unexpected PEM block %q among certificates", block.Type)
		}
	}
	_, chain, err := readBlocks(blocks)
	return chain, err
}

// decodePEM returns all blocks. Package pem skips what it cannot read, so the blocks that begin are counted.
func decodePEM(data []byte) ([]*pem.Block, error) {
	var blocks []*pem.Block
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		blocks = append(blocks, block)
	}
	switch begun := bytes.Count(data, []byte("-----BEGIN ")); {
	case begun == 0:
		return nil, errors.New("no PEM data")
	case begun != len(blocks):
		return nil, errors.New("a PEM block is damaged or cut off")
	}
	return blocks, nil
}

// readableByAll reports whether everybody may read a file. That it exists was seen before.
func readableByAll(file string) bool {
	info, err := os.Stat(file)
	return err == nil && readableByOthers(info)
}

// readableByOthers looks at the permission bits, which mean nothing on Windows.
func readableByOthers(info fs.FileInfo) bool {
	const others fs.FileMode = 0o004
	return runtime.GOOS != "windows" && info.Mode().Perm()&others != 0
}
