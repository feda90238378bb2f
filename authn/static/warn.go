package static

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/berthpass/registry-auth/authn/password"
)

// maxNamesLogged is how many users one warning names. The rest shows in its count.
const maxNamesLogged = 10

// warn tells the log about hashes that are weak, once for each weakness, and about hashes that take different times.
func (cfg Config) warn(users []User, hashes []password.Parsed) {
	weak := make(map[string][]string) // weakness to names
	parameters := make(map[string]bool)
	for i, hash := range hashes {
		parameters[hash.Parameters()] = true
		if weakness := hash.Weakness(); weakness != "" {
			weak[weakness] = append(weak[weakness], users[i].Name)
		}
	}
	for _, weakness := range slices.Sorted(maps.Keys(weak)) {
		names := weak[weakness]
		cfg.log("weak password hashes", slog.String("reason", weakness), slog.Int("count", len(names)),
			slog.Any("users", names[:min(len(names), maxNamesLogged)]))
	}
	if len(parameters) > 1 {
		cfg.log("password hashes take different times, which tells some users from unknown ones",
			slog.String("remedy", "make all hashes with the same algorithm and cost"),
			slog.Any("parameters", slices.Sorted(maps.Keys(parameters))))
	}
}

func (cfg Config) log(message string, attrs ...slog.Attr) {
	logger := cfg.Logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(context.Background(), slog.LevelWarn, message, attrs...)
}
