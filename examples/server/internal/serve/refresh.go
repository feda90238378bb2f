package serve

import (
	"context"
	"crypto/rand"
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
	"github.com/berthpass/registry-auth/token/refreshfile"
)

// refreshTokens are those of the process. They outlive generations: a reload neither loses them nor opens their file again.
type refreshTokens struct {
	*token.RefreshTokens

	file *refreshfile.Store // nil when they are kept in memory
}

// openRefreshTokens opens the file of the configuration, also when clients are given none at present: that may change while
// the server runs. The error is a [*config.PositionError].
func openRefreshTokens(ctx context.Context, settings config.Refresh, logger *slog.Logger) (*refreshTokens, error) {
	opened, cfg := &refreshTokens{}, settings.Settings()
	var err error
	if settings.File == "" {
		cfg.Store = token.NewRefreshMemory()
	} else if opened.file, err = refreshfile.Open(refreshfile.Config{Path: settings.File, Logger: logger}); err == nil {
		cfg.Store = opened.file
		cfg.Key, err = refreshKey(ctx, settings, opened.file, logger)
	}
	if err == nil {
		opened.RefreshTokens, err = token.NewRefreshTokens(cfg)
	}
	if err != nil {
		_ = opened.Close()
		return nil, &config.PositionError{Position: settings.At, Err: fmt.Errorf("refresh_tokens: %w", err)}
	}
	return opened, nil
}

// Close writes what is left to write, and releases the file.
func (t *refreshTokens) Close() error {
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}

// refreshKey reads the key under which tokens are hashed, or makes it at the first start. It comes after the store is opened,
// which one process at a time can do.
func refreshKey(ctx context.Context, settings config.Refresh, store token.RefreshStore, logger *slog.Logger) ([]byte, error) {
	key, err := config.ReadRefreshKey(settings.KeyFile)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	kept, err := store.List(ctx, token.RefreshFilter{All: true}, time.Now())
	switch {
	case err != nil:
		return nil, err
	case len(kept) > 0: // with another key they would all be lost, in silence
		return nil, fmt.Errorf("key_file: %s is missing, and the tokens in %s need it; restore it, or remove both, after which clients log in again",
			settings.KeyFile, settings.File)
	}
	logger.LogAttrs(ctx, slog.LevelInfo, "new key for refresh tokens", slog.String("file", settings.KeyFile))
	return makeRefreshKey(settings.KeyFile)
}

// makeRefreshKey writes a key that nobody else may read. It is on the disk, and complete, before a token is hashed under it.
func makeRefreshKey(path string) (key []byte, err error) {
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("make key_file: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(hex.EncodeToString(key) + "\n")
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Link(file.Name(), path) // fails when there is one by now
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("make key_file: %w", err)
	}
	return key, nil
}

// syncFolder makes sure that the name of a file outlives a crash of the machine.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the owner of the configuration says which
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
