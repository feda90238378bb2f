package serve

import (
	"context"
	"fmt"
	"log/slog"

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
