package section_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// FuzzLoad: whatever is in the file, loading comes to an end without a panic, with a configuration
// that is complete or with problems that all have the file's name and one line each.
func FuzzLoad(f *testing.F) {
	shared := newFiles(f, f.TempDir())
	for _, text := range []string{
		"", head, head + "users: {}\nacl: []\n", head + "users: {a: {password: \"@HASH@\"}, \"\": " +
			"{}}\nacl: [{match: {name: a}, actions: [\"*\"]}]\n",
		"&a [*a]", "a: &a {<<: *a}", "users: &u\n  a: *u\n", "? [a]\n: b\n", "--- |\n a\n...\n--- b\n",
		"!!binary a", "{<<: [{a: b}, {<<: {c: d}}]}",
		head + "users: {}\nacl: [{match: {name: \"/${account}/\", labels: {a: \"${labels:b}\"}}, " +
			"actions: []}]\ntests: [{scope: \"repository:a:pull\", granted: []}]\n",
		"server: {real_ip_pos: 1_0, tls_min_version: 0x0303, tls_cipher_suites: [0x1301], letsencrypt: " +
			"{email: a}}\n",
		strings.Repeat("[", 5000), strings.Repeat("a: &a\n- ", 100),
	} {
		f.Add(text)
	}
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 || strings.Contains(text, "_file") || strings.Contains(text, "_dir") ||
			strings.Contains(text, "/dev") ||
			strings.Contains(text, "/proc") {
			return // reads files that are no part of the test, perhaps endless ones
		}
		path := filepath.Join(folder, "config.yml")
		write(t, path, shared.replace(text))
		cfg, err := load(path, func(string) string { return "" })
		if err == nil {
			if cfg.Server.Addr == "" || cfg.Token.AnyService == nil && len(cfg.Token.Services) == 0 {
				t.Errorf("incomplete: %+v", cfg)
			}
			return
		}
		if _, ok := errors.AsType[*conf.PositionError](err); !ok {
			t.Fatalf("no position: %v", err)
		}
		for line := range strings.Lines(err.Error()) {
			if !strings.HasPrefix(line, path) && !strings.HasPrefix(line, "and ") {
				t.Errorf("a line without position: %q in %q", line, err)
			}
		}
	})
}
