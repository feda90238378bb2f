package serve

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/berthpass/registry-auth/examples/server/internal/config"
	"github.com/berthpass/registry-auth/token"
)

// refreshKey reads the key under which tokens are hashed, or makes it at the first start. It comes after the store is opened,
// which one process at a time can do.
//
// Under another key all tokens would be refused, in silence. So without the key, or with one that the file beside the store was
// not made of, there is an error, unless no token would be lost. A store from before there was such a file gets one.
func refreshKey(ctx context.Context, settings config.Refresh, store token.RefreshStore, logger *slog.Logger) ([]byte, error) {
	key, err := config.ReadRefreshKey(settings.KeyFile)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return nil, err
	}
	check, err := os.ReadFile(settings.KeyCheckFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("compare key_file: %w", err)
	}
	checked := err == nil
	if !missing && checked && bytes.Equal(check, keyCheck(key)) {
		return key, nil
	}
	kept, err := store.List(ctx, token.RefreshFilter{All: true}, time.Now())
	switch {
	case err != nil:
		return nil, err
	case missing && len(kept) > 0:
		return nil, fmt.Errorf("key_file: %s is missing, and the tokens in %s need it; restore it, or remove both, after which clients log in again",
			settings.KeyFile, settings.File)
	case checked && len(kept) > 0:
		return nil, fmt.Errorf("key_file: the tokens in %s were made with another key than that in %s, as %s tells; restore the key, or remove %[1]s, after which clients log in again",
			settings.File, settings.KeyFile, settings.KeyCheckFile())
	}
	if missing {
		logger.LogAttrs(ctx, slog.LevelInfo, "new key for refresh tokens", slog.String("file", settings.KeyFile))
		if key, err = makeRefreshKey(settings.KeyFile); err != nil {
			return nil, fmt.Errorf("make key_file: %w", err)
		}
	}
	if err := writeKeyCheck(settings.KeyCheckFile(), key); err != nil {
		return nil, fmt.Errorf("note the key of key_file: %w", err)
	}
	return key, nil
}

// makeRefreshKey writes a key that nobody else may read. It is on the disk, and complete, before a token is hashed under it. What
// a crash leaves of it is too short for a key, and refused.
func makeRefreshKey(path string) (key []byte, err error) {
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails

	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the owner of the configuration says which
	if err != nil {
		return nil, err
	}
	if err = writeAndSync(file, hex.AppendEncode(nil, key)); err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return key, nil
}

// keyCheck is what tells a key from others and says nothing else of it: a MAC of a text that is no token's. It is not in the form
// of a key.
func keyCheck(key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("the key of a file of refresh tokens"))
	return fmt.Appendf(nil, "hmac-sha256 %x\n", mac.Sum(nil))
}

// writeKeyCheck writes it as a whole or not at all: half of it would be that of another key.
func writeKeyCheck(path string, key []byte) error {
	next := path + ".new"
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // beside the store
	if err != nil {
		return err
	}
	if err := writeAndSync(file, keyCheck(key)); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// writeAndSync writes and closes a new file, which then outlives a crash of the machine.
func writeAndSync(file *os.File, content []byte) error {
	_, err := file.Write(content)
	return errors.Join(err, file.Sync(), file.Close(), syncFolder(filepath.Dir(file.Name())))
}

// syncFolder makes sure that the name of a file outlives a crash of the machine.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the owner of the configuration says which
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
