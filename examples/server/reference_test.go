package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/examples/server/internal/section"
	"github.com/berthpass/registry-auth/examples/server/internal/serve"
	"github.com/berthpass/registry-auth/token"
)

// referenceFolder has the files that reference.yml names, with @DIR@ replaced, and returns its
// text.
func referenceFolder(t *testing.T) (dir, text string) {
	t.Helper()
	content, err := os.ReadFile("reference.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, name := range []string{"token", "zot"} {
		key, err := token.GenerateKey(token.ES256)
		if err != nil {
			t.Fatal(err)
		}
		private, err := key.PrivateKeyPEM()
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name+".key", string(private))
		write(t, dir, name+".crt", string(key.CertificatePEM()))
	}
	write(t, dir, "alice.hash", aHash)
	write(t, dir, "rules.yml", "- {match: {account: \"nobody\"}, actions: []}\n")
	if err := os.Mkdir(filepath.Join(dir, "rules.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir, strings.ReplaceAll(string(content), "@DIR@", dir)
}

const aHash = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"

func getenv(name string) string {
	if name == "BUILDER_HASH" {
		return aHash
	}
	return ""
}

// TestReference: the reference is a configuration without a warning, and its tests pass.
func TestReference(t *testing.T) {
	dir, text := referenceFolder(t)
	write(t, dir, "config.yml", text)
	cfg, err := serve.Load(filepath.Join(dir, "config.yml"), getenv)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range cfg.Warnings {
		t.Errorf("a warning: %s", w)
	}
	report, err := section.RunCases(t.Context(), cfg.Policy, cfg.Tests.Cases)
	if err != nil || len(report.Failures) > 0 || len(report.Requests) == 0 {
		t.Errorf("%d cases: %v, %v", len(report.Requests), report.Failures, err)
	}
}

// TestReferenceHasAllKeys: each key of a section is in the reference, be it in a comment, and says
// so if its change needs a restart.
func TestReferenceHasAllKeys(t *testing.T) {
	_, text := referenceFolder(t)
	keys := section.Keys()
	for _, key := range keys {
		name := key.Path[strings.LastIndex(key.Path, ".")+1:]
		if name == "cachedir" { // docker_auth has it beside cache_dir
			continue
		}
		found := regexp.MustCompile(`(?m)^((?: *#.*\n)*).*?\b` + name + `:(.*)$`).FindString(text)
		switch {
		case found == "":
			t.Errorf("the key %s is not in the reference", key.Path)
		case key.AtStart && !strings.Contains(found, "(at start)"):
			t.Errorf("the reference does not say that %s needs a restart", key.Path)
		}
	}
	if len(keys) < 80 {
		t.Errorf("%d keys were found, which cannot be all", len(keys))
	}
}
