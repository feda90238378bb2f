package section_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/examples/server/internal/section"
)

// TestNullIsAbsent: a section without a value is one that is not there, as in docker_auth.
func TestNullIsAbsent(t *testing.T) {
	const users, rules = "users: {}\n", "acl: []\n"
	texts := map[string]string{
		head + "users:\n" + rules: "config.yml:10: there is neither users nor " +
			"ext_auth…",
		head + users + "acl:\n": "config.yml:11: there is neither acl nor " +
			"ext_authz…",
		"server: {addr: \":1\"}\ntoken:\n" + users + rules: "config.yml:2: token is missing…",
		"server:\n" + head[strings.Index(head, "token:"):] + users + rules: "config.yml:1: " +
			`server.addr is missing: the address to listen at, such as ":5001"`,
		head + "users:\next_auth: {command: \"true\"}\n" + rules: "",
		head + users + rules + "google_auth:\nplugin_authz: ~\n": "",
	}
	for _, key := range section.Keys() {
		switch key.Path {
		case "server", "token", "users", "acl":
		default:
			if !strings.Contains(key.Path, ".") {
				texts[head+users+rules+key.Path+":\n"] = ""
			}
		}
	}
	for text, want := range texts {
		f := newFixture(t, text)
		got := ""
		if _, err := f.load(); err != nil {
			got = f.relative(err.Error())
		}
		if !matches(got, want) {
			t.Errorf("the error is %q and should be %q, of:\n%s", got, want, text)
		}
	}
}

// TestReadableSecretsAreWarnings: each file with a secret, and no other.
func TestReadableSecretsAreWarnings(t *testing.T) {
	text := strings.Replace(head, "server:\n",
		"server:\n  certificate: \"@DIR@/other.crt\"\n  key: \"@DIR@/other.key\"\n", 1) +
		"users: {alice: {password_file: \"@DIR@/alice.hash\"}}\nacl_file: \"@DIR@/rules.yml\"\n" +
		"refresh_admin: {addr: \"[::1]:1\", admins: {a: {token_file: \"@DIR@/oncall\"}}}\n"
	f := newFixture(t, text).file("alice.hash", "@HASH@").file("oncall", longToken)
	f.file("rules.yml", "[]")
	secrets := []string{"my.key", "other.key", "alice.hash", "oncall"}
	for _, name := range append(secrets, "my.crt", "other.crt", "rules.yml", "config.yml") {
		path := filepath.Join(f.folder, name)
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var warned []string
	for _, w := range f.mustLoad().Warnings {
		if _, after, found := strings.Cut(w.Text, "everybody on this machine can read "); found {
			path, _, _ := strings.Cut(after, ";")
			warned = append(warned, filepath.Base(path))
		}
	}
	for _, name := range secrets {
		if strings.Count(strings.Join(warned, " "), name) != 1 {
			t.Errorf("no warning about %s, or several: %v", name, warned)
		}
	}
	if len(warned) != len(secrets) {
		t.Errorf("warned of %v", warned)
	}
}
