package serve

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/examples/server/internal/config"
)

// watchInterval is how often the files are looked at. A file that is being written is not read before it has been the same for
// as long.
const watchInterval = time.Second

// watch takes over changes until ctx is done: of the files, or when a signal comes.
func (s *Server) watch(ctx context.Context, signals <-chan os.Signal) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	read := s.start.Fingerprints // as of the last time that the files were read
	var changed map[string]string
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		case <-ticker.C:
			before := changed
			if changed = fingerprints(slices.Collect(maps.Keys(read))); maps.Equal(changed, read) || !maps.Equal(changed, before) {
				continue
			}
		}
		read, _ = s.reload(ctx)
		changed = nil
	}
}

// reload reads the configuration and takes it over, if it is in order and its tests pass. Otherwise the one from before stays
// in force, and the log says why. It returns the files to watch from now on, with their fingerprints from before they were read,
// so that a change meanwhile is seen the next time. Those of a configuration that is broken are among them, beside those of the
// one in force.
func (s *Server) reload(ctx context.Context) (read map[string]string, err error) {
	read = fingerprints(s.current.Load().cfg.Watched)
	cfg, err := config.Load(s.start.File, s.getenv)
	if err == nil {
		err = s.takeOver(ctx, cfg)
	}
	s.metrics.reloaded(err)
	fresh := cfg.Fingerprints
	s.tidyMemory()
	if err == nil {
		g := s.current.Load()
		s.logger.LogAttrs(ctx, slog.LevelInfo, "configuration reloaded", slog.Int("users", g.users), slog.Int("rules", g.rules))
		return fresh, nil
	}
	s.reloadFailed.Store(true)
	for line := range strings.Lines(err.Error()) {
		s.logger.LogAttrs(ctx, slog.LevelError, "configuration not reloaded, the old one stays in force",
			slog.String("error", strings.TrimSpace(line)))
	}
	maps.Copy(read, fresh)
	return read, err
}

func (s *Server) takeOver(ctx context.Context, cfg *config.Config) error {
	g, err := s.newGeneration(ctx, cfg)
	if err != nil {
		return err
	}
	if g.certificate == nil {
		g.certificate = s.current.Load().certificate
	}
	for _, setting := range needRestart(s.start, cfg) {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "a changed setting needs a restart", slog.String("setting", setting))
	}
	s.take(g)
	s.warn(g)
	return nil
}

// needRestart names the settings that are read at start only.
func needRestart(start, now *config.Config) []string {
	var names []string
	add := func(name string, same bool) {
		if !same {
			names = append(names, name)
		}
	}
	add("server.addr", start.Server.Addr == now.Server.Addr)
	add("server.net", start.Server.Net == now.Server.Net)
	add("metrics.addr", start.Metrics.Addr == now.Metrics.Addr)
	add("server.max_connections", start.Server.MaxConnections == now.Server.MaxConnections)
	add("refresh_tokens", withoutEnabled(start.Refresh) == withoutEnabled(now.Refresh))
	add("refresh_admin.addr", adminAddr(start.RefreshAdmin) == adminAddr(now.RefreshAdmin))
	one, other := withoutCertificate(start.Server.TLS), withoutCertificate(now.Server.TLS)
	add("server.certificate, server.tls_... or server.letsencrypt", reflect.DeepEqual(one, other))
	return names
}

// withoutEnabled returns what of the settings for refresh tokens cannot change while the server runs.
func withoutEnabled(r config.Refresh) config.Refresh {
	r.Disabled = false
	return r
}

func adminAddr(admin *config.RefreshAdmin) string {
	if admin == nil {
		return ""
	}
	return admin.Addr
}

// withoutCertificate returns what of the encryption cannot change while the server runs.
func withoutCertificate(t *config.TLS) *config.TLS {
	if t == nil {
		return nil
	}
	same := *t
	same.Certificate = nil
	return &same
}

func fingerprints(paths []string) map[string]string {
	found := make(map[string]string, len(paths))
	for _, path := range paths {
		found[path] = config.Fingerprint(path)
	}
	return found
}
