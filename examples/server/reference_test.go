package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/examples/server/internal/config"
	"github.com/berthpass/registry-auth/examples/server/internal/policy"
	"github.com/berthpass/registry-auth/token"
)

// referenceFolder has the files that reference.yml names, with @DIR@ replaced, and returns its text.
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
	cfg, err := config.Load(filepath.Join(dir, "config.yml"), getenv)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range cfg.Warnings {
		t.Errorf("a warning: %s", w)
	}
	report, err := policy.Test(t.Context(), cfg, cfg.Tests)
	if err != nil || len(report.Failures) > 0 || report.Cases == 0 {
		t.Errorf("%d cases: %v, %v", report.Cases, report.Failures, err)
	}
}

// TestReferenceHasAllKeys: what the configuration reads is in the reference, be it in a comment.
func TestReferenceHasAllKeys(t *testing.T) {
	_, text := referenceFolder(t)
	files, err := filepath.Glob("internal/config/*.go")
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`(?m)^\t+case ("[a-z_]+"(?:, "[a-z_]+")*):$`)
	found := 0
	for _, file := range files {
		if name := filepath.Base(file); strings.HasSuffix(name, "_test.go") || name == "backend.go" || name == "node.go" {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range keys.FindAllStringSubmatch(string(source), -1) {
			for key := range strings.SplitSeq(match[1], ", ") {
				key = strings.Trim(key, `"`)
				if map[string]bool{"cachedir": true, "true": true, "false": true}[key] {
					continue
				}
				found++
				if !regexp.MustCompile(`(^|[^a-z_])` + key + `:`).MatchString(text) {
					t.Errorf("%s: the key %s is not in the reference", file, key)
				}
			}
		}
	}
	if found < 40 {
		t.Errorf("%d keys were found, which cannot be all", found)
	}
}
