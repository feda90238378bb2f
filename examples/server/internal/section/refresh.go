package section

import (
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
	"github.com/berthpass/registry-auth/token/refresh"
)

// refreshTokens lets clients have refresh tokens. They are kept in memory.
type refreshTokens struct {
	conf.Place

	enabled  bool
	settings refresh.Config
	tokens   *refresh.Tokens // once it is built
}

// The reasons why settings of earlier versions are gone.
const (
	refreshInMemory   = "refresh tokens are kept in memory and end with a restart"
	refreshNotRotated = "docker, podman and skopeo cannot follow a replaced refresh token"
)

func (t *refreshTokens) Keys() []string { return []string{"refresh_tokens"} }

func (t *refreshTokens) Read(n *conf.Node) {
	const day = 24 * time.Hour
	t.Place, t.enabled = n.Place, true
	s := &t.settings
	s.IdleLifetime, s.Lifetime, s.MaxPerSubject = 30*day, 180*day, 100
	n.Fields(
		conf.Bool("enabled", &t.enabled),
		conf.Duration("idle_lifetime", &s.IdleLifetime).AtStart(),
		conf.Duration("lifetime", &s.Lifetime).AtStart(),
		conf.Int("max_per_user", &s.MaxPerSubject, 1).AtStart(),
		conf.Removed("file", refreshInMemory), conf.Removed("key_file", refreshInMemory),
		conf.Removed("rotate", refreshNotRotated), conf.Removed("grace", refreshNotRotated),
	)
	if s.IdleLifetime > s.Lifetime {
		n.Errorf("refresh_tokens: idle_lifetime is longer than lifetime")
	}
}

// Build keeps the tokens of the first load, also if they are disabled for a while.
func (t *refreshTokens) Build(s *Site) (Part, error) {
	t.settings.Store = refresh.NewMemoryStore()
	tokens, err := refresh.New(t.settings)
	if err != nil {
		t.Errorf("refresh_tokens: %w", err)
		return Part{}, nil
	}
	t.tokens, err = Hold(s, "refresh_tokens", func() (*refresh.Tokens, error) { return tokens, nil })
	if err != nil || !t.enabled {
		return Part{}, err
	}
	tokens = t.tokens
	return Part{Config: func(c *auth.Config) { c.RefreshTokens = tokens }}, nil
}
