package token

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// KeyFiles are the key in keyFile and its certificate in certFile, both PEM. [NewIssuer] reads the
// files, or writes them: if neither exists, it generates an [ES256] key with a self-signed
// certificate for ten years, and writes the key with mode 0600 and the certificate, which is for
// rootcertbundle, with mode 0644. If only the certificate is missing, it makes one for the key. A
// certificate without its key is an error, since registries would refuse the tokens of another key.
//
// Files appear complete or not at all and are never overwritten, so processes that share them and
// start together have the same key. The file system must support hard links. Folders are not
// created, but a misspelt file name or an empty volume means a new key, which no registry knows.
func KeyFiles(keyFile, certFile string) Keys { return keyFiles{keyFile, certFile} }

type keyFiles struct{ key, cert string }

func (f keyFiles) keySet(func() time.Time) (*KeySet, error) {
	if err := completeFiles(f.key, f.cert); err != nil {
		return nil, fmt.Errorf("load or generate key: %w", err)
	}
	key, err := LoadKey(f.key, f.cert)
	if err != nil {
		return nil, err
	}
	return NewKeySet(key)
}

func completeFiles(keyFile, certFile string) error {
	if keyFile == "" || certFile == "" {
		return fmt.Errorf("%w: the name of a file is missing", ErrKey)
	}
	// Another process may write the key, then the certificate, so look for the certificate first.
	hasCert := exists(certFile)
	hasKey := exists(keyFile)
	switch {
	case hasKey && hasCert:
		return nil
	case hasCert:
		return fmt.Errorf("%w: there is %s, but no %s", ErrKey, certFile, keyFile)
	case !hasKey:
		if err := generateKeyFile(keyFile); err != nil {
			return err
		}
	}
	key, err := LoadKey(keyFile, "")
	if err != nil {
		return err
	}
	if len(key.chain) > 0 {
		return fmt.Errorf("%w: %s has certificates, and there is no %s", ErrKey, keyFile, certFile)
	}
	if key, err = key.SelfSigned("", defaultValidity); err != nil {
		return err
	}
	return publishFile(certFile, key.CertificatePEM(), 0o644)
}

func generateKeyFile(keyFile string) error {
	key, err := generateBare(ES256)
	if err != nil {
		return err
	}
	data, err := key.PrivateKeyPEM()
	if err != nil {
		return err
	}
	return publishFile(keyFile, data, 0o600)
}

// exists is also true for a file that cannot be read, which is then an error of LoadKey.
func exists(file string) bool {
	_, err := os.Stat(file)
	return !errors.Is(err, fs.ErrNotExist)
}

// publishFile creates a complete file. A file that exists already stays, and is no error. A crash
// leaves at most a temporary file with another name, which nothing reads.
func publishFile(file string, data []byte, mode fs.FileMode) error {
	temporary, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}
	if err = os.Link(temporary.Name(), file); errors.Is(err, fs.ErrExist) {
		return nil
	}
	if folder, opened := os.Open(filepath.Dir(file)); opened == nil {
		_ = folder.Sync() // the entry of the file; some systems cannot
		_ = folder.Close()
	}
	return err
}
