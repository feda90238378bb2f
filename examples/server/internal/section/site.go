package section

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
)

// A Keeper keeps what outlives a load: pools, caches, counts. Each of it is open while a load uses
// it.
type Keeper struct {
	mu   sync.Mutex
	kept map[string]*kept
}

type kept struct {
	value any
	sites int
}

// A Site is where the sections of one load are built. [Keeper.NewSite] makes one.
type Site struct {
	Logger *slog.Logger
	// Operators answers for metrics and health.
	Operators http.Handler
	// Secrets are the environment variables that programs do not get.
	Secrets []string

	keeper *Keeper
	keys   map[string]bool
}

// NewSite returns the site of a load.
func (k *Keeper) NewSite(logger *slog.Logger, operators http.Handler) *Site {
	return &Site{Logger: logger, Operators: operators, keeper: k, keys: make(map[string]bool)}
}

// Hold returns what an earlier load opened under this key, or opens it. It is closed, if it is an
// [io.Closer], when every load that holds it has been released. open must not call Hold.
func Hold[T any](s *Site, key string, open func() (T, error)) (T, error) {
	s.keeper.mu.Lock()
	defer s.keeper.mu.Unlock()
	held := s.keeper.kept[key]
	if held == nil {
		value, err := open()
		if err != nil {
			return value, err
		}
		held = &kept{value: value}
		if s.keeper.kept == nil {
			s.keeper.kept = make(map[string]*kept)
		}
		s.keeper.kept[key] = held
	}
	if !s.keys[key] {
		s.keys[key] = true
		held.sites++
	}
	value, _ := held.value.(T) // each key has one type
	return value, nil
}

// Release closes what no other load holds. It may be called again.
func (s *Site) Release() {
	s.keeper.mu.Lock()
	defer s.keeper.mu.Unlock()
	for key := range s.keys {
		held := s.keeper.kept[key]
		if held.sites--; held.sites > 0 {
			continue
		}
		delete(s.keeper.kept, key)
		if closer, ok := held.value.(io.Closer); ok {
			if err := closer.Close(); err != nil {
				s.Logger.Warn("close", slog.Any("error", err))
			}
		}
	}
	clear(s.keys)
}

// environ returns the environment of programs.
func (s *Site) environ() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(s.Secrets, name)
	})
}
