package htpasswd_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/authntest"
	"github.com/berthpass/registry-auth/authn/htpasswd"
	"github.com/berthpass/registry-auth/authn/password"
)

// wonderland is what htpasswd -nbB alice wonderland printed.
const wonderland = "$2y$05$vorcrmoH33azSAcbh/y8c.APv1XJNGlBnj8qEAIMU4wMKGnyItaOC"

// write writes the file in place, and gives it an age.
func write(t *testing.T, path, content string, age time.Duration) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	setAge(t, path, age)
}

func setAge(t *testing.T, path string, age time.Duration) {
	t.Helper()
	changed := time.Now().Add(-age)
	if err := os.Chtimes(path, changed, changed); err != nil {
		t.Fatal(err)
	}
}

// open writes a file that settled long ago and opens it. What it logs goes to the buffer.
func open(t *testing.T, content string) (f *htpasswd.File, path string, log *bytes.Buffer) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "htpasswd")
	write(t, path, content, time.Hour)
	log = &bytes.Buffer{}
	f, err := htpasswd.Open(htpasswd.Config{File: path, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	log.Reset()
	return f, path, log
}

func login(t *testing.T, f *htpasswd.File, name string, typed authn.Secret) error {
	t.Helper()
	subject, err := f.Authenticate(t.Context(), authn.Request{Username: name, Password: typed})
	if err == nil && subject.Name != name {
		t.Fatalf("%s is logged in as %+v", name, subject)
	}
	return err
}

func knows(t *testing.T, f *htpasswd.File, name string) bool {
	t.Helper()
	_, err := f.Lookup(t.Context(), name)
	if err != nil && !errors.Is(err, authn.ErrNoMatch) {
		t.Fatal(err)
	}
	return err == nil
}

func TestContract(t *testing.T) {
	f, path, _ := open(t, "alice:"+wonderland+"\n")
	authntest.Run(t, authntest.Suite{
		Source: f,
		Logins: []authntest.Login{{
			Request: authn.Request{Username: "alice", Password: "wonderland"},
			Subject: authn.Subject{Name: "alice"},
		}},
		Wrong:   []authn.Request{{Username: "alice", Password: "Wonderland"}},
		Unknown: []authn.Request{{Username: "bob", Password: "wonderland"}},
		Change: func() authn.Request {
			hash, err := password.NewHash("jabberwocky")
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, "alice:"+string(hash)+"\n", 0)
			return authn.Request{Username: "alice", Password: "jabberwocky"}
		},
	})
}

func TestFormat(t *testing.T) {
	for name, content := range map[string]string{
		"no line end at the end":       "alice:" + wonderland + "\nbob:" + wonderland,
		"Windows line ends":            "alice:" + wonderland + "\r\n\r\nbob:" + wonderland + "\r\n",
		"comments and empty lines":     "# people\n\nalice:" + wonderland + "\n \t\n#carol:x\nbob:" + wonderland + "\n\n",
		"a byte order mark":            "\ufeffalice:" + wonderland + "\nbob:" + wonderland,
		"argon2id beyond Apache":       "alice:$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc\nbob:" + wonderland,
		"a number sign inside of name": "alice:" + wonderland + "\nbob:" + wonderland + "\nc#arol:" + wonderland,
	} {
		t.Run(name, func(t *testing.T) {
			f, _, _ := open(t, content)
			if !knows(t, f, "alice") || !knows(t, f, "bob") || knows(t, f, "carol") {
				t.Error("not alice and bob")
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"a line without a colon":    {"# people\nalice:" + wonderland + "\nhunter2\n", "line 3: no colon"},
		"a password in the clear":   {"\nalice:hunter2\n", "line 2: unacceptable password hash: not bcrypt"},
		"MD5, htpasswd's default":   {"alice:$apr1$bn5uWm5v$4L5V4Ld9PoZpKs2kYHRqc.\n", "line 1: unacceptable password hash: not bcrypt or argon2id"},
		"a user twice":              {"alice:" + wonderland + "\r\n\r\nbob:" + wonderland + "\r\nalice:" + wonderland, "line 4: another user has the same name"},
		"no name":                   {":" + wonderland, "line 1: the user name is empty"},
		"a name with a space":       {" alice:" + wonderland, "line 1: the user name begins or ends with white space"},
		"a hash with a space":       {"alice:" + wonderland + " ", "line 1: unacceptable password hash: malformed"},
		"a hash with another field": {"alice:" + wonderland + ":hunter2", "line 1: unacceptable password hash: malformed"},
		"name and hash swapped":     {wonderland + ":alice", "line 1: unacceptable password hash: not bcrypt"},
		"a cost that blocks":        {"alice:" + strings.Replace(wonderland, "$05$", "$31$", 1), "line 1: unacceptable password hash: parameters out of bounds"},
		"more than 16 MiB":          {strings.Repeat("# nothing\n", 2<<20), "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "htpasswd")
			write(t, path, test.content, time.Hour)
			f, err := htpasswd.Open(htpasswd.Config{File: path})
			if f != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Fatalf("Open = %v, %v, want %q", f, err, test.want)
			}
			if text := err.Error(); strings.Contains(text, wonderland[10:]) || strings.Contains(text, "hunter2") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	directory := t.TempDir()
	for name, path := range map[string]string{"nothing": filepath.Join(directory, "nothing"), "a directory": directory} {
		t.Run(name, func(t *testing.T) {
			if f, err := htpasswd.Open(htpasswd.Config{File: path}); f != nil || err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("Open = %v, %v", f, err)
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "htpasswd")
	if _, err := htpasswd.Open(htpasswd.Config{File: path}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	write(t, path, "alice:hunter2", 0)
	if _, err := htpasswd.Open(htpasswd.Config{File: path}); !errors.Is(err, password.ErrHash) {
		t.Errorf("with a bad hash: %v", err)
	}
}

func TestOpenAnEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "htpasswd")
	write(t, path, "", 0)
	f, err := htpasswd.Open(htpasswd.Config{File: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, "alice:"+wonderland, 0)
	if !knows(t, f, "alice") {
		t.Error("the first user is not seen")
	}
}

func TestOneCheckerForAllVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "htpasswd")
	write(t, path, "alice:"+wonderland, 0)
	checker := &password.Checker{}
	f, err := htpasswd.Open(htpasswd.Config{File: path, Checker: checker, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	_ = login(t, f, "alice", "wonderland")
	write(t, path, "bob:"+wonderland, 0)
	_ = login(t, f, "alice", "wonderland") // unknown now
	if compared := checker.Stats().Compared; compared != 2 {
		t.Errorf("made %d comparisons, want one for the known and one for the unknown user", compared)
	}
}

func TestTheHtpasswdProgram(t *testing.T) {
	program, err := exec.LookPath("htpasswd")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI needs htpasswd, of apache2-utils")
		}
		t.Skip("htpasswd, of apache2-utils, is not installed")
	}
	path := filepath.Join(t.TempDir(), "htpasswd")
	run := func(arguments ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), program, arguments...).CombinedOutput(); err != nil {
			t.Fatalf("htpasswd %v: %v: %s", arguments, err, out)
		}
	}
	run("-cbB", path, "alice", "wonderland")
	f, err := htpasswd.Open(htpasswd.Config{File: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		title     string
		arguments []string
		name      string
		password  authn.Secret
		want      error
	}{
		{"made", []string{"-vb", path, "alice", "wonderland"}, "alice", "wonderland", nil},
		{"added", []string{"-bBC", "10", path, "bob", "builder"}, "bob", "builder", nil},
		{"a new password", []string{"-bB", path, "alice", "looking-glass"}, "alice", "looking-glass", nil},
		{"the old password", []string{"-vb", path, "alice", "looking-glass"}, "alice", "wonderland", authn.ErrRejected},
		{"removed", []string{"-D", path, "bob"}, "bob", "builder", authn.ErrNoMatch},
		{"back to MD5, which is not taken over", []string{"-bm", path, "alice", "weak"}, "alice", "looking-glass", nil},
	} {
		t.Run(step.title, func(t *testing.T) {
			run(step.arguments...)
			if err := login(t, f, step.name, step.password); !errors.Is(err, step.want) {
				t.Errorf("error is %v, want %v", err, step.want)
			}
		})
	}
}

// Time stamps of the future come from other machines' clocks. A change still counts.
func TestFileWithATimeStampOfTheFuture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "htpasswd")
	if err := os.WriteFile(path, []byte("alice:"+wonderland+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, future, future); err != nil {
		t.Fatal(err)
	}
	file, err := htpasswd.Open(htpasswd.Config{File: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Lookup(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("robert:"+wonderland+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Lookup(t.Context(), "alice"); !errors.Is(err, authn.ErrNoMatch) {
		t.Errorf("after the change alice is looked up with %v", err)
	}
}
