package htpasswd_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/authn/htpasswd"
)

// Each way of changing the file counts at the next request.
func TestChangesCountAtOnce(t *testing.T) {
	alice, bob := "alice:"+wonderland+"\n", "bobby:"+wonderland+"\n" // of the same length
	for name, change := range map[string]func(t *testing.T, path string){
		"written in place": func(t *testing.T, path string) {
			t.Helper()
			write(t, path, bob, 0)
		},
		"replaced by a newer file": func(t *testing.T, path string) {
			t.Helper()
			write(t, path+".new", bob, 0)
			rename(t, path)
		},
		"replaced by an older file": func(t *testing.T, path string) {
			t.Helper()
			write(t, path+".new", bob, 24*time.Hour)
			rename(t, path)
		},
		"replaced by a file of the same size and time": func(t *testing.T, path string) {
			t.Helper()
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path+".new", bob, 0)
			if err := os.Chtimes(path+".new", info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
			rename(t, path)
		},
		"another size at the same time": func(t *testing.T, path string) {
			t.Helper()
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, bob+"# and nobody else\n", 0)
			if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, path, _ := open(t, alice)
			if !knows(t, f, "alice") || knows(t, f, "bobby") {
				t.Fatal("alice is not there, or bobby is")
			}
			change(t, path)
			if knows(t, f, "alice") || !knows(t, f, "bobby") {
				t.Error("the change does not count")
			}
		})
	}
}

func rename(t *testing.T, path string) {
	t.Helper()
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// Time stamps can be coarse, and those of a file server can be far from our clock.
func TestASecondChangeWithinOneTickIsSeenAtOnce(t *testing.T) {
	for name, age := range map[string]time.Duration{
		"on our clock":    0,
		"a clock behind":  time.Hour,
		"a clock ahead":   -time.Hour,
		"a clock of 1970": time.Since(time.Unix(0, 0)),
	} {
		t.Run(name, func(t *testing.T) {
			tick := time.Now().Add(-age).Truncate(time.Second)
			f, path, _ := open(t, "alice:"+wonderland)
			for _, name := range []string{"bobby", "carol", "david", "ellen"} {
				writeAt(t, path, name+":"+wonderland, tick)
				if !knows(t, f, name) {
					t.Fatalf("%s is not seen", name)
				}
			}
		})
	}
}

// rsync -t and cp -p restore time stamps, so that size and time can stay the same.
func TestAChangeThatKeepsSizeAndTimeIsSeenSoon(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, path, content string, at time.Time){
		"written in place": writeAt,
		"removed and made again, perhaps with the same inode": func(
			t *testing.T, path, content string, at time.Time,
		) {
			t.Helper()
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			writeAt(t, path, content, at)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, path, _ := open(t, "alice:"+wonderland)
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				for range 2 {
					if !knows(t, f, "alice") {
						t.Fatal("alice is unknown")
					}
				}
				replace(t, path, "bobby:"+wonderland, info.ModTime())
				time.Sleep(2 * time.Second)
				if knows(t, f, "alice") || !knows(t, f, "bobby") {
					t.Error("the change is not seen after two seconds")
				}
			})
		})
	}
}

func writeAt(t *testing.T, path, content string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestASymbolicLinkIsFollowed(t *testing.T) {
	// As Kubernetes mounts a secret: file -> ..data/file, ..data -> a directory that is replaced.
	directory := t.TempDir()
	for _, name := range []string{"alice", "bobby"} {
		if err := os.Mkdir(filepath.Join(directory, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(directory, name, "htpasswd"), name+":"+wonderland, time.Hour)
	}
	path := filepath.Join(directory, "htpasswd")
	link := func(to, at string) {
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
	}
	link("alice", filepath.Join(directory, "data"))
	link("data/htpasswd", path)
	f, err := htpasswd.Open(htpasswd.Config{File: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	link("bobby", filepath.Join(directory, "data.new"))
	rename(t, filepath.Join(directory, "data"))
	if !knows(t, f, "bobby") || knows(t, f, "alice") {
		t.Error("the change of the directory does not count")
	}
}

func TestABrokenFileIsNotTakenOver(t *testing.T) {
	for name, breakIt := range map[string]func(t *testing.T, path string){
		"syntax":     func(t *testing.T, path string) { t.Helper(); write(t, path, "bob:"+wonderland+"\nhunter2\n", 0) },
		"a bad hash": func(t *testing.T, path string) { t.Helper(); write(t, path, "bob:hunter2\n", 0) },
		"duplicate": func(t *testing.T, path string) {
			t.Helper()
			write(t, path, strings.Repeat("bob:"+wonderland+"\n", 2), 0)
		},
		"too large": func(t *testing.T, path string) { t.Helper(); write(t, path, strings.Repeat("# bob\n", 3<<20), 0) },
		"missing": func(t *testing.T, path string) {
			t.Helper()
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"a directory": func(t *testing.T, path string) {
			t.Helper()
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, path, log := open(t, "alice:"+wonderland+"\n")
			if err := f.Err(); err != nil {
				t.Fatalf("in good order: %v", err)
			}
			breakIt(t, path)
			for range 3 {
				if !knows(t, f, "alice") || knows(t, f, "bob") || f.Err() == nil {
					t.Fatalf("what was read before does not remain, or Err = %v", f.Err())
				}
			}
			if logged := strings.Count(log.String(), "level=ERROR"); logged != 1 || !strings.Contains(log.String(), path) {
				t.Errorf("logged %d times: %s", logged, log)
			}
			if text := log.String() + f.Err().Error(); strings.Contains(text, "hunter2") || strings.Contains(text, wonderland[10:]) {
				t.Errorf("a secret is shown: %s", text)
			}

			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			write(t, path, "alice:"+wonderland+"\nbob:"+wonderland+"\n", 0)
			if !knows(t, f, "bob") || f.Err() != nil {
				t.Errorf("mended, but Err = %v", f.Err())
			}
		})
	}
}

func TestEachBrokenVersionIsLoggedOnce(t *testing.T) {
	f, path, log := open(t, "alice:"+wonderland+"\n")
	for i := range 3 {
		write(t, path, fmt.Sprintf("bob%d\n", i), 0)
		for range 3 {
			_ = f.Err()
		}
		setAge(t, path, time.Hour) // touched, which makes no new version
		for range 3 {
			_ = f.Err()
		}
	}
	if logged := strings.Count(log.String(), "level=ERROR"); logged != 3 {
		t.Errorf("logged %d times: %s", logged, log)
	}
}

// The htpasswd program and many editors empty a file before they fill it.
func TestAnEmptyFileTakesEffectAfterTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, path, log := open(t, "alice:"+wonderland+"\n")
		time.Sleep(time.Hour)
		write(t, path, "", 0)
		if !knows(t, f, "alice") || f.Err() != nil {
			t.Errorf("while the file is being written, alice is unknown, or Err = %v", f.Err())
		}
		time.Sleep(2*time.Second - 1)
		if !knows(t, f, "alice") {
			t.Error("alice is unknown before two seconds have passed")
		}
		time.Sleep(time.Nanosecond)
		if knows(t, f, "alice") || f.Err() != nil {
			t.Errorf("the file stays empty, but alice is known: %v", f.Err())
		}
		for range 10 {
			time.Sleep(time.Minute)
			_ = f.Err()
		}
		if logged := log.String(); strings.Contains(logged, "ERROR") || strings.Count(logged, "reloaded") != 1 {
			t.Errorf("logged %s", logged)
		}
	})
}

func TestAFileThatIsEmptiedAndFilledAgain(t *testing.T) {
	f, path, _ := open(t, "alice:"+wonderland+"\n")
	write(t, path, "", 0)
	_ = f.Err()
	write(t, path, "bobby:"+wonderland+"\n", 0)
	if knows(t, f, "alice") || !knows(t, f, "bobby") {
		t.Error("the new content is not seen")
	}
}

// Reading the file again must not be reported as a reload.
func TestAnUnchangedFileIsNotReloaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, path, log := open(t, "alice:"+wonderland+"\n")
		for i := range 100 {
			time.Sleep(time.Duration(i) * 100 * time.Millisecond)
			write(t, path, "alice:"+wonderland+"\n", 0)
			if !knows(t, f, "alice") {
				t.Fatal("alice is unknown")
			}
		}
		if log.Len() > 0 {
			t.Errorf("logged %s", log)
		}
	})
}

func TestANewCommentDoesNotChangeTheStamp(t *testing.T) {
	f, path, _ := open(t, "alice:"+wonderland+"\n")
	before, err := f.Lookup(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, "# a comment\nalice:"+wonderland+"\n", 0)
	if after, err := f.Lookup(t.Context(), "alice"); err != nil || after.Stamp != before.Stamp {
		t.Errorf("with a new comment the stamp is %q, was %q, %v", after.Stamp, before.Stamp, err)
	}
}

func TestReloadIsSafeForConcurrentUse(t *testing.T) {
	f, path, _ := open(t, "alice:"+wonderland+"\nuser0:"+wonderland+"\n")
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := f.Lookup(t.Context(), "alice"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 50 {
		name := fmt.Sprintf("user%d", i+1)
		write(t, path+".new", "alice:"+wonderland+"\n"+name+":"+wonderland+"\n", 0)
		rename(t, path)
		if !knows(t, f, name) {
			t.Errorf("%s is not seen", name)
		}
	}
	close(stop)
	readers.Wait()
}
