package refreshfile

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/token"
)

func testRecord(name string) token.RefreshRecord {
	at := time.Date(2026, time.March, 1, 12, 0, 0, 1, time.UTC)
	return token.RefreshRecord{
		ID: name, Family: sha256.Sum256([]byte(name)), Hash: sha256.Sum256([]byte("token " + name)), Subject: "alice",
		SubjectKind: "user", SubjectStamp: "stamp", Service: "registry", ClientID: "docker",
		IssuedAt: at, LastUsed: at, ExpiresAt: at.Add(1000 * time.Hour), IdleAt: at.Add(100 * time.Hour),
	}
}

func testUse(r token.RefreshRecord) token.RefreshUse {
	return token.RefreshUse{
		Family: r.Family, Hash: r.Hash, Service: r.Service, Now: r.IssuedAt.Add(time.Hour), IdleAt: r.IdleAt.Add(time.Hour),
		Grace: 20 * time.Second,
	}
}

func testRotation(r token.RefreshRecord) token.RefreshUse {
	u := testUse(r)
	u.Next = sha256.Sum256([]byte("successor " + r.ID))
	return u
}

const manyTokens = 1 << 20

func mustInsert(t *testing.T, store *Store, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := store.Insert(t.Context(), testRecord(name), manyTokens); err != nil {
			t.Fatalf("insert %s: %v", name, err)
		}
	}
}

func ids(t *testing.T, store *Store) string {
	t.Helper()
	list, err := store.List(t.Context(), token.RefreshFilter{All: true}, testRecord("").IssuedAt)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, r := range list {
		text.WriteString(r.ID)
	}
	return text.String()
}

func wantIDs(t *testing.T, store *Store, want string) {
	t.Helper()
	if got := ids(t, store); got != want {
		t.Errorf("tokens %q, want %q", got, want)
	}
}

// While the disk fails nothing is issued, what there is works on, and afterwards everything works again, by itself.
func TestTheDiskFails(t *testing.T) {
	for name, operations := range map[string][]string{
		"a write":                              {"write"},
		"a write, and nothing can be cut off":  {"write", "truncate"},
		"a sync":                               {"sync"},
		"everything, as when it is read-only":  {"write", "sync", "truncate", "open", "rename", "remove", "syncFolder"},
		"a sync, and the folder cannot be":     {"sync", "syncFolder"},
		"a sync, and the new file stays aside": {"sync", "rename"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := newFakeDisk()
				store := openFake(t, disk)
				store.logger = slog.New(slog.NewTextHandler(io.Discard, nil))
				mustInsert(t, store, "a", "b")
				disk.fail(operations...)

				for range 3 {
					if err := store.Insert(t.Context(), testRecord("c"), 2); !errors.Is(err, errDisk) {
						t.Fatalf("insert: %v", err)
					}
					if used, err := store.Use(t.Context(), testRotation(testRecord("a"))); !errors.Is(err, errDisk) || used.ID != "" {
						t.Errorf("rotate: %+v, %v", used, err)
					}
					for _, id := range []string{"a", "b"} { // as they were: not rotated, not evicted
						if used, err := store.Use(t.Context(), testUse(testRecord(id))); err != nil || used.Hash != testRecord(id).Hash {
							t.Errorf("use: %+v, %v", used, err)
						}
					}
					wantIDs(t, store, "ab")
					time.Sleep(retryInterval)
				}

				disk.fail()
				mustInsert(t, store, "c")
				if _, err := store.Use(t.Context(), testRotation(testRecord("a"))); err != nil {
					t.Errorf("rotate: %v", err)
				}
				if err := store.Close(); err != nil {
					t.Error(err)
				}
				store = openFake(t, disk)
				wantIDs(t, store, "abc")
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A revocation that could not be written is in force at once, says that it is not safe, and is written later without being asked.
func TestARevocationWhileTheDiskFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFakeDisk()
		store := openFake(t, disk)
		mustInsert(t, store, "a", "b", "c")
		disk.fail("sync")
		for range 2 { // also when there is nothing left to revoke: the answer must not sound as if it were safe
			if n, err := store.Delete(t.Context(), token.RefreshFilter{ID: "a"}); n != 0 || !errors.Is(err, errDisk) {
				t.Errorf("delete: %d, %v", n, err)
			}
		}
		if _, err := store.Use(t.Context(), testUse(testRecord("a"))); !errors.Is(err, token.ErrRefreshInvalid) {
			t.Errorf("use: %v", err)
		}
		disk.fail()
		time.Sleep(flushInterval)
		synctest.Wait()
		disk.cutPower()
		store.Close()
		found := openFake(t, disk.afterPowerCut(rand.New(rand.NewPCG(1, 1))))
		wantIDs(t, found, "bc")
		if err := found.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What a failed insertion had displaced comes back, unless it was revoked while the disk was at work.
func TestARevocationDuringAWriteThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFakeDisk()
		store := openFake(t, disk)
		mustInsert(t, store, "a", "b")
		disk.fail("sync")
		syncing, goOn := make(chan struct{}, 10), make(chan struct{})
		disk.beforeIO = func() { syncing <- struct{}{}; <-goOn }
		var failed sync.WaitGroup
		failed.Go(func() {
			if err := store.Insert(t.Context(), testRecord("c"), 1); !errors.Is(err, errDisk) {
				t.Errorf("insert: %v", err)
			}
		})
		<-syncing
		failed.Go(func() {
			if _, err := store.Delete(t.Context(), token.RefreshFilter{ID: "a"}); !errors.Is(err, errDisk) {
				t.Errorf("delete: %v", err)
			}
		})
		synctest.Wait()
		close(goOn)
		failed.Wait()
		wantIDs(t, store, "b")
		disk.fail()
		time.Sleep(retryInterval)
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Writing the file anew is for tidiness: when there is no room for a second one, the first goes on.
func TestNoRoomForASecondFile(t *testing.T) {
	disk := newFakeDisk()
	store := openFake(t, disk)
	store.logger = slog.New(slog.DiscardHandler)
	store.journal.minimum, store.journal.rewriteAt = 1, 1
	disk.fail("open")
	for range 20 {
		mustInsert(t, store, "a")
		if n, err := store.Delete(t.Context(), token.RefreshFilter{ID: "a"}); n != 1 || err != nil {
			t.Fatalf("delete: %d, %v", n, err)
		}
	}
	mustInsert(t, store, "b")
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	disk.fail()
	found := openFake(t, disk)
	wantIDs(t, found, "b")
	if err := found.Close(); err != nil {
		t.Error(err)
	}
}

// After a sync that failed nobody knows what the file holds, so nothing is added to it, even when the next sync would succeed.
func TestNothingIsAddedToAFileThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFakeDisk()
		store := openFake(t, disk)
		store.logger = slog.New(slog.DiscardHandler)
		disk.fail("sync")
		if err := store.Insert(t.Context(), testRecord("a"), manyTokens); !errors.Is(err, errDisk) {
			t.Errorf("insert: %v", err)
		}
		disk.fail("open")
		time.Sleep(retryInterval)
		if err := store.Insert(t.Context(), testRecord("a"), manyTokens); !errors.Is(err, errDisk) {
			t.Errorf("insert: %v", err)
		}
		disk.fail()
		time.Sleep(retryInterval)
		mustInsert(t, store, "a")
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A client that is gone does not wait for a disk that hangs.
func TestAHangingDiskMeetsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFakeDisk()
		store := openFake(t, disk)
		mustInsert(t, store, "a")
		goOn := make(chan struct{})
		disk.beforeIO = func() { <-goOn }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := store.Insert(ctx, testRecord("b"), manyTokens); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("insert: %v", err)
		}
		if _, err := store.Use(t.Context(), testUse(testRecord("a"))); err != nil {
			t.Errorf("use: %v", err)
		}
		close(goOn)
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// The successor of a token is on the disk before anybody is given it, whoever asked first.
func TestNobodyIsGivenASuccessorThatIsNotOnTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFakeDisk()
		store := openFake(t, disk)
		mustInsert(t, store, "a")
		goOn := make(chan struct{})
		disk.beforeIO = func() { <-goOn }
		var answers sync.WaitGroup
		var mu sync.Mutex
		answered := 0
		for range 10 {
			answers.Go(func() {
				if _, err := store.Use(t.Context(), testRotation(testRecord("a"))); err != nil {
					t.Errorf("rotate: %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				answered++
			})
		}
		synctest.Wait()
		mu.Lock()
		if answered != 0 {
			t.Errorf("%d answers before the disk", answered)
		}
		mu.Unlock()
		close(goOn)
		answers.Wait()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestTheTimeOfAUseIsWrittenWithinAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFakeDisk()
		store := openFake(t, disk)
		mustInsert(t, store, "a")
		before := disk.synced()
		used, err := store.Use(t.Context(), testUse(testRecord("a")))
		if err != nil || disk.synced() != before {
			t.Errorf("a use waits for the disk, or %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		disk.cutPower()
		store.Close()
		found := openFake(t, disk.afterPowerCut(rand.New(rand.NewPCG(1, 1))))
		list, err := found.List(t.Context(), token.RefreshFilter{ID: "a"}, used.LastUsed)
		if err != nil || len(list) != 1 || list[0] != used {
			t.Errorf("after the power cut: %+v, %v, want %+v", list, err, used)
		}
		if err := found.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestManyInsertionsShareASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFakeDisk()
		disk.beforeIO = func() { time.Sleep(10 * time.Millisecond) }
		store := openFake(t, disk)
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() { mustInsert(t, store, strconv.Itoa(i)) })
		}
		wg.Wait()
		if disk.synced() > 5 {
			t.Errorf("%d syncs", disk.synced())
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Power cuts at random moments, on a disk that loses what it may lose, and with failures before: what was answered holds.
func TestPowerCuts(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	for seed := range rounds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testPowerCut(t, uint64(seed)) })
		})
	}
}

func testPowerCut(t *testing.T, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	quiet := Config{Path: "/refresh-tokens", Logger: slog.New(slog.DiscardHandler)}
	disk := newFakeDisk()
	store, err := open(quiet, disk)
	if err != nil {
		t.Fatal(err)
	}
	if seed%2 == 0 {
		store.journal.minimum, store.journal.rewriteAt = 5, 5 // written anew all the time
	}
	life := newLife(disk, random)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() { life.work(store, strconv.Itoa(worker)) })
	}
	wg.Wait()
	store.Close()
	found, err := open(quiet, disk.afterPowerCut(random))
	if err != nil {
		t.Fatal(err)
	}
	life.check(t, found)
	if err := found.Close(); err != nil {
		t.Error(err)
	}
}

// A life is what clients were answered.
type life struct {
	mu      sync.Mutex
	disk    *fakeDisk
	random  *rand.Rand
	steps   int
	issued  map[string]bool // to false once a revocation was begun
	revoked map[string]bool
	rotated map[string]bool
}

func newLife(disk *fakeDisk, random *rand.Rand) *life {
	return &life{
		disk: disk, random: random, steps: 20 + random.IntN(200),
		issued: map[string]bool{}, revoked: map[string]bool{}, rotated: map[string]bool{},
	}
}

func (l *life) work(store *Store, worker string) {
	for i := 0; l.step(); i++ {
		name := worker + "-" + strconv.Itoa(i)
		r := testRecord(name)
		if store.Insert(context.Background(), r, manyTokens) != nil {
			time.Sleep(retryInterval)
			continue
		}
		l.note(l.issued, name, true)
		switch i % 4 {
		case 0:
			if _, err := store.Use(context.Background(), testRotation(r)); err == nil {
				l.note(l.rotated, name, true)
			}
		case 1, 2:
			l.note(l.issued, name, false)
			if _, err := store.Delete(context.Background(), token.RefreshFilter{ID: name}); err == nil {
				l.note(l.revoked, name, true)
			}
		}
	}
}

// step makes something happen to the disk now and then, and reports false when the power is gone.
func (l *life) step() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.steps--
	switch {
	case l.steps == 0:
		l.disk.cutPower()
	case l.random.IntN(20) == 0:
		l.disk.fail([]string{"write", "sync", "truncate", "rename", "syncFolder", "open"}[l.random.IntN(6)])
	default:
		l.disk.fail()
	}
	return l.steps > 0
}

func (l *life) note(what map[string]bool, name string, value bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	what[name] = value
}

func (l *life) check(t *testing.T, store *Store) {
	t.Helper()
	for name, valid := range l.issued {
		r := testRecord(name)
		list, err := store.List(t.Context(), token.RefreshFilter{ID: name}, r.IssuedAt)
		switch {
		case err != nil:
			t.Fatal(err)
		case valid && len(list) != 1:
			t.Errorf("%s was issued and is lost", name)
		case l.revoked[name] && len(list) != 0:
			t.Errorf("%s was revoked and is back", name)
		case l.rotated[name] && list[0].Hash != testRotation(r).Next:
			t.Errorf("%s was rotated and is as before", name)
		}
	}
}

// A file that is cut anywhere opens with all whole groups before; one with a changed byte does too if that is in the last group,
// and does not open otherwise.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "refresh-tokens")
	store, err := Open(Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	ends := []int{headerLength}
	for _, name := range []string{"a", "b", "c"} {
		mustInsert(t, store, name)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, int(info.Size()))
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wantAfter := []string{"", "a", "ab", "abc"}
	for length := headerLength; length <= len(whole); length++ {
		groups := 0
		for ends[groups] < length && ends[min(groups+1, 3)] <= length && groups < 3 {
			groups++
		}
		found, err := openContent(t, whole[:length])
		if err != nil {
			t.Fatalf("cut at byte %d: %v", length, err)
		}
		if got := ids(t, found); got != wantAfter[groups] || found.Cut() != int64(length-ends[groups]) {
			t.Errorf("cut at byte %d: %q, and %d bytes cut off", length, got, found.Cut())
		}
		mustInsert(t, found, "d")
		if err := found.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range whole {
		changed := append([]byte(nil), whole...)
		changed[i] ^= 1 << (i % 8)
		found, err := openContent(t, changed)
		if i < ends[2] {
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("byte %d changed: %v", i, err)
			}
			continue
		}
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("byte %d changed: %v", i, err)
			}
			continue
		}
		if got := ids(t, found); got != "ab" || found.Cut() == 0 {
			t.Errorf("byte %d changed: %q", i, got)
		}
		if err := found.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string][]byte{
		"a group is missing":         append(append([]byte(nil), whole[:ends[1]]...), whole[ends[2]:]...),
		"a group is there twice":     append(append([]byte(nil), whole[:ends[2]]...), whole[ends[1]:]...),
		"bytes between two groups":   append(append(append([]byte(nil), whole[:ends[2]]...), "xyz"...), whole[ends[2]:]...),
		"zeros in place of a group":  append(append(append([]byte(nil), whole[:ends[1]]...), make([]byte, ends[2]-ends[1])...), whole[ends[2]:]...),
		"a group of another file":    append(append([]byte(nil), whole[:headerLength-8]...), whole[headerLength:]...),
		"the beginning is cut off":   whole[headerLength:],
		"a byte is gone from within": append(append([]byte(nil), whole[:ends[1]+40]...), whole[ends[1]+41:]...),
	} {
		if _, err := openContent(t, content); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func openContent(t *testing.T, content []byte) (*Store, error) {
	t.Helper()
	disk := newFakeDisk()
	disk.names["/refresh-tokens"] = &fakeFile{disk: disk, content: append([]byte(nil), content...)}
	return open(Config{Path: "/refresh-tokens", Logger: slog.New(slog.DiscardHandler)}, disk)
}

// Whatever is in the file, it is read or refused, and what is read is written and read as the same. A refused file is not changed.
func FuzzOpen(f *testing.F) {
	format := newFormat()
	r := testRecord("a")
	whole := format.snapshot([]token.RefreshRecord{r})
	whole = append(whole, format.group([]change{{family: r.Family}, {family: r.Family, after: &r}})...)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, content []byte) {
		disk := newFakeDisk()
		file := &fakeFile{disk: disk, content: append([]byte(nil), content...)}
		disk.names["/refresh-tokens"] = file
		store, err := open(Config{Path: "/refresh-tokens", Logger: slog.New(slog.DiscardHandler)}, disk)
		if err != nil {
			if string(file.content) != string(content) {
				t.Error("a refused file was changed")
			}
			return
		}
		before := ids(t, store)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		again := openFake(t, disk)
		if ids(t, again) != before || again.Cut() != 0 {
			t.Errorf("%q was read, then %q", before, ids(t, again))
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// Every record comes back from its encoding as it was; half of one never does.
func FuzzEncoding(f *testing.F) {
	f.Add("id", "alice", "user", "stamp", "registry", "docker", int64(1), []byte("hash"))
	f.Fuzz(func(t *testing.T, id, subject, kind, stamp, service, client string, at int64, hash []byte) {
		when := time.Unix(at%1e11, at%1e9).UTC()
		r := token.RefreshRecord{
			ID: id, Family: sha256.Sum256(hash), Hash: sha256.Sum256(append(hash, 1)), Subject: subject, SubjectKind: kind,
			SubjectStamp: stamp, Service: service, ClientID: client, IssuedAt: when, LastUsed: when.Add(time.Hour), IdleAt: when,
		}
		b := appendChange(nil, change{family: r.Family, after: &r})
		var got token.RefreshRecord
		if err := decode(b, func(c change) { got = *c.after }); err != nil || got != r {
			t.Errorf("%+v, %v\nwant %+v", got, err, r)
		}
		if err := decode(b[:len(b)-1], func(change) {}); err == nil {
			t.Error("half of it was read")
		}
	})
}
