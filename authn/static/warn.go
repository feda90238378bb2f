package static

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"

	"github.com/berthpass/registry-auth/authn/password"
)

// warn logs each kind of weakness once, and hashes that take different times to check.
func (config Config) warn(hashes []password.Hash) {
	logger := cmp.Or(config.Logger, slog.Default())
	weak := make(map[string][]string) // names by weakness
	parameters := make(map[string]bool)
	for i, hash := range hashes {
		parameters[hash.Parameters()] = true
		if weakness := hash.Weakness(); weakness != "" {
			weak[weakness] = append(weak[weakness], config.Users[i].Name)
		}
	}
	for _, weakness := range slices.Sorted(maps.Keys(weak)) {
		names := weak[weakness]
		logger.Warn("weak password hashes", slog.String("reason", weakness),
			slog.Int("count", len(names)), slog.Any("users", names[:min(len(names), 10)]))
	}
	if len(parameters) > 1 {
		logger.Warn("the time of a password check tells some users from unknown ones",
			slog.String("remedy", "make all hashes with the same algorithm and cost"),
			slog.Any("parameters", slices.Sorted(maps.Keys(parameters))))
	}
}
