package htpasswd

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

const aliceLine = "alice:$2y$05$vorcrmoH33azSAcbh/y8c.APv1XJNGlBnj8qEAIMU4wMKGnyItaOC\n"

func openAlice(tb testing.TB) *File {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "htpasswd")
	if err := os.WriteFile(path, []byte(aliceLine), 0o600); err != nil {
		tb.Fatal(err)
	}
	file, err := Open(Config{File: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	return file
}

// Each read makes a new version.
func TestHowOftenTheFileIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := openAlice(t)
		if first := file.current(); file.current() == first {
			t.Error("a file that has just changed is not read by each request")
		}
		time.Sleep(2 * time.Second)
		settled := file.current()
		time.Sleep(2*time.Second - 1)
		if file.current() != settled {
			t.Error("a file that has not changed for two seconds is read again within two seconds")
		}
		time.Sleep(time.Nanosecond)
		again := file.current()
		if again == settled {
			t.Error("a file that has not changed is not read again after two seconds")
		}
		if again.users != settled.users {
			t.Error("a file that has not changed is parsed again")
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	file := openAlice(b)
	for name, recheck := range map[string]time.Time{
		"settled":      time.Now().Add(time.Hour),
		"just changed": {},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				file.latest.Load().recheck = recheck
				if _, err := file.Lookup(b.Context(), "alice"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
