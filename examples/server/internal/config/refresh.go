package config

import (
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/berthpass/registry-auth/token"
)

// Refresh says whether clients may have refresh tokens, and for how long. They are kept in memory.
type Refresh struct {
	Disabled      bool
	IdleLifetime  time.Duration
	Lifetime      time.Duration
	MaxPerSubject int
}

func defaultRefresh() Refresh {
	return Refresh{
		IdleLifetime:  token.DefaultRefreshIdleLifetime,
		Lifetime:      token.DefaultRefreshLifetime,
		MaxPerSubject: token.DefaultRefreshMaxPerSubject,
	}
}

// Settings are those for the library, without the store and the key.
func (r Refresh) Settings() token.RefreshConfig {
	return token.RefreshConfig{
		IdleLifetime: r.IdleLifetime, Lifetime: r.Lifetime, MaxPerSubject: r.MaxPerSubject,
	}
}

// The settings that earlier versions had, with the reason why they are gone.
const (
	refreshInMemory   = "refresh tokens are kept in memory and end with a restart"
	refreshNotRotated = "docker, podman and skopeo cannot follow a replaced refresh token"
)

func (r *reader) refreshTokens(n *yaml.Node) {
	refresh := &r.cfg.Refresh
	r.entries(n, "refresh_tokens", func(name, value *yaml.Node) {
		switch key := name.Value; key {
		case "enabled":
			refresh.Disabled = !r.boolean(value, key)
		case "idle_lifetime":
			refresh.IdleLifetime = r.duration(value, key)
		case "lifetime":
			refresh.Lifetime = r.duration(value, key)
		case "max_per_user":
			refresh.MaxPerSubject = r.atLeastOne(value, key)
		default:
			r.removedRefreshSetting(name)
		}
	})
	if refresh.IdleLifetime > refresh.Lifetime {
		r.fail(n, "refresh_tokens: idle_lifetime is longer than lifetime")
	}
	settings := refresh.Settings()
	settings.Store = token.NewRefreshMemory()
	if _, err := token.NewRefreshTokens(settings); err != nil {
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
