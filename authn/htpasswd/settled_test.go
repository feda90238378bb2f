package htpasswd

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file is read again at each request only while its time stamp is so young that another change might not show in it.
func TestSettled(t *testing.T) {
	for name, test := range map[string]struct {
		age  time.Duration
		want bool
	}{
		"just written":   {0, false},
		"a minute old":   {time.Minute, true},
		"of the future":  {-time.Hour, true},
		"a second ahead": {-time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "htpasswd")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			stamp := time.Now().Add(-test.age)
			if err := os.Chtimes(path, stamp, stamp); err != nil {
				t.Fatal(err)
			}
			file, err := Open(path, Config{})
			if err != nil {
				t.Fatal(err)
			}
			if got := file.latest.Load().settled; got != test.want {
				t.Errorf("settled is %v, want %v", got, test.want)
			}
		})
	}
}
