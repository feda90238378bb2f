package htpasswd

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// Without a Checker in the Config there is one nevertheless, and not a new one for each version of
// the file.
func TestTheDefaultCheckerOutlivesAReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "htpasswd")
	write := func(content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# nobody\n")
	file, err := Open(Config{File: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	unknown := authn.Request{Username: "alice", Password: "wonderland"}
	_, _ = file.Authenticate(t.Context(), unknown)
	write("# still nobody\n")
	_, _ = file.Authenticate(t.Context(), unknown)
	if compared := file.config.Checker.Stats().Compared; compared != 2 {
		t.Errorf("the checker has made %d comparisons, want 2", compared)
	}
}

// What is read and printed again, a name, a colon and a hash a line, is read as the same users. An
// error comes with no users, and repeats nothing of what stands in the place of a name or a hash.
func FuzzParse(f *testing.F) {
	const hash = "$2y$05$vorcrmoH33azSAcbh/y8c.APv1XJNGlBnj8qEAIMU4wMKGnyItaOC"
	f.Add("alice:" + hash + "\nbob:" + hash)
	f.Add("\ufeff# people\r\n\r\nalice:" + hash + "\r\n")
	f.Add("alice:$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("alice:" + hash + "\nalice:" + hash)
	f.Add("al\x00ice:" + hash)
	f.Add("a password in the clear without a colon")
	f.Add(hash + ":alice")
	file := &File{config: Config{File: "htpasswd", Checker: &password.Checker{}, Logger: slog.New(slog.DiscardHandler)}}
	f.Fuzz(func(t *testing.T, content string) {
		users, err := file.parse([]byte(content))
		if err != nil {
			if users.Users != nil {
				t.Fatal("an error comes with users")
			}
			checkError(t, err.Error(), content)
			return
		}
		entries, _, err := split([]byte(content))
		if err != nil || len(entries) != users.count {
			t.Fatalf("%d entries, but %d users: %v", len(entries), users.count, err)
		}
		var printed strings.Builder
		for _, entry := range entries {
			printed.WriteString(entry.Name + ":" + string(entry.PasswordHash) + "\n")
		}
		again, err := file.parse([]byte(printed.String()))
		if err != nil {
			t.Fatalf("%q is read, but not what it prints as: %v", content, err)
		}
		for _, entry := range entries {
			first, err := users.Lookup(t.Context(), entry.Name)
			if err != nil {
				t.Fatal(err)
			}
			if second, err := again.Lookup(t.Context(), entry.Name); err != nil || !reflect.DeepEqual(first, second) {
				t.Fatalf("%+v is read again as %+v, %v", first, second, err)
			}
		}
	})
}

// checkError looks for text of the file that is too long to be in a message by chance.
func checkError(t *testing.T, message, content string) {
	t.Helper()
	for part := range strings.FieldsFuncSeq(content, func(r rune) bool { return r == ':' || r == '\n' }) {
		if len(part) >= 20 && strings.Contains(message, part) {
			t.Fatalf("the error %q repeats %q", message, part)
		}
	}
}
