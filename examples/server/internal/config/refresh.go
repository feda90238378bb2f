package config

import (
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/berthpass/registry-auth/token/refresh"
)

// Refresh says whether clients may have refresh tokens, and for how long. They are kept in memory.
type Refresh struct {
	Disabled      bool
	IdleLifetime  time.Duration
	Lifetime      time.Duration
	MaxPerSubject int
}

// defaultRefresh returns the defaults of [refresh.Config].
func defaultRefresh() Refresh {
	const day = 24 * time.Hour
	return Refresh{
		IdleLifetime:  30 * day,
		Lifetime:      180 * day,
		MaxPerSubject: 100,
	}
}

// Settings are those for the library, without the store and the key.
func (r Refresh) Settings() refresh.Config {
	return refresh.Config{
		IdleLifetime: r.IdleLifetime, Lifetime: r.Lifetime, MaxPerSubject: r.MaxPerSubject,
	}
}

// The settings that earlier versions had, with the reason why they are gone.
const (
	refreshInMemory   = "refresh tokens are kept in memory and end with a restart"
	refreshNotRotated = "docker, podman and skopeo cannot follow a replaced refresh token"
)

func (r *reader) refreshTokens(n *yaml.Node) {
	config := &r.cfg.Refresh
	r.entries(n, "refresh_tokens", func(name, value *yaml.Node) {
		switch key := name.Value; key {
		case "enabled":
			config.Disabled = !r.boolean(value, key)
		case "idle_lifetime":
			config.IdleLifetime = r.duration(value, key)
		case "lifetime":
			config.Lifetime = r.duration(value, key)
		case "max_per_user":
			config.MaxPerSubject = r.atLeastOne(value, key)
		default:
			r.removedRefreshSetting(name)
		}
	})
	if config.IdleLifetime > config.Lifetime {
		r.fail(n, "refresh_tokens: idle_lifetime is longer than lifetime")
	}
	settings := config.Settings()
	settings.Store = refresh.NewMemoryStore()
	if _, err := refresh.New(settings); err != nil {
		r.fail(n, "refresh_tokens: %w", err)
	}
}

// removedRefreshSetting reports a setting of an earlier version, or one that never existed.
func (r *reader) removedRefreshSetting(name *yaml.Node) {
	reason := map[string]string{
		"file": refreshInMemory, "key_file": refreshInMemory,
		"rotate": refreshNotRotated, "grace": refreshNotRotated,
	}[name.Value]
	if reason == "" {
		r.fail(name, "unknown key %q in refresh_tokens", name.Value)
		return
	}
	r.fail(name, "refresh_tokens.%s was removed: %s; delete this setting", name.Value, reason)
}
