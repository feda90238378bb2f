package refreshtest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// A race that is rare shows itself when it is tried often enough.
const (
	goroutines = 100
	often      = 1000
)

func testConcurrentUse(t *testing.T, store token.RefreshStore) {
	r := record(0)
	insert(t, store, noLimit, r)
	for round := range often {
		begun := start().Add(time.Duration(round*goroutines) * time.Second)
		latest := begun.Add(goroutines * time.Second)
		var wg sync.WaitGroup
		for i := range goroutines {
			wg.Go(func() {
				used, err := store.Use(t.Context(), use(r, begun.Add(time.Duration(i+1)*time.Second)))
				if err != nil || used.ID != r.ID || used.Subject != r.Subject {
					t.Errorf("use: %+v, %v", used, err)
				}
			})
		}
		wg.Wait()
		if used := mustUse(t, store, use(r, begun)); !used.LastUsed.Equal(latest) {
			t.Errorf("last used %v, want the latest use, %v: one was lost", used.LastUsed, latest)
		}
	}
}

// testDeleteRacesUse looks for a use that began after an acknowledged delete and succeeded, or that brought the record
// back by writing what it had read before.
func testDeleteRacesUse(t *testing.T, store token.RefreshStore) {
	for round := range often / 5 { // each writes twice
		r := record(round)
		insert(t, store, noLimit, r)
		var deleted atomic.Bool
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					after := deleted.Load()
					_, err := store.Use(t.Context(), use(r, r.IssuedAt.Add(time.Hour)))
					if err != nil && !errors.Is(err, token.ErrRefreshInvalid) {
						t.Errorf("use: %v", err)
						return
					}
					if after {
						if err == nil {
							t.Error("a use succeeded after the delete had returned")
						}
						return
					}
				}
			})
		}
		if n, err := store.Delete(t.Context(), token.RefreshFilter{ID: r.ID}); n != 1 || err != nil {
			t.Errorf("delete: %d, %v", n, err)
		}
		deleted.Store(true)
		wg.Wait()
		mustBeInvalid(t, store, use(r, r.IssuedAt.Add(time.Hour)))
	}
}

func testConcurrentInsert(t *testing.T, store token.RefreshStore) {
	const limit = 10
	var wg sync.WaitGroup
	for i := range goroutines {
		wg.Go(func() {
			if err := store.Insert(t.Context(), record(i), limit); err != nil {
				t.Errorf("insert: %v", err)
			}
		})
	}
	wg.Wait()
	if n := len(listed(t, store, token.RefreshFilter{Subject: "alice"})); n != limit {
		t.Errorf("%d tokens, want %d", n, limit)
	}
}

func testConcurrentRotation(t *testing.T, store token.RefreshStore) {
	for round := range often {
		r := record(round)
		insert(t, store, noLimit, r)
		at := r.IssuedAt.Add(time.Hour)
		results := make([]token.RefreshHash, goroutines)
		var wg sync.WaitGroup
		for i := range goroutines {
			wg.Go(func() {
				used, err := store.Use(t.Context(), rotation(r, r.Hash, i, at))
				if err != nil || used.Previous != r.Hash {
					t.Errorf("rotate: %+v, %v", used, err)
				}
				results[i] = used.Hash
			})
		}
		wg.Wait()
		winners := 0
		for i, got := range results {
			if got == hash("next", i) {
				winners++
			}
			if got != results[0] {
				t.Errorf("two tokens took the place of one")
			}
		}
		if winners != 1 {
			t.Errorf("%d winners", winners)
		}
	}
}

func testConcurrentReuse(t *testing.T, store token.RefreshStore) {
	const rounds = 20
	for round := range rounds {
		r := record(round)
		insert(t, store, noLimit, r)
		mustUse(t, store, rotation(r, r.Hash, 1, r.IssuedAt))
		var reused atomic.Int64
		var wg sync.WaitGroup
		for range goroutines {
			wg.Go(func() {
				_, err := store.Use(t.Context(), use(r, r.IssuedAt.Add(grace)))
				if !errors.Is(err, token.ErrRefreshInvalid) {
					t.Errorf("reuse: error %v", err)
				}
				if errors.Is(err, token.ErrRefreshReused) {
					reused.Add(1)
				}
			})
		}
		wg.Wait()
		if n := reused.Load(); n != 1 {
			t.Errorf("%d uses say that they revoked the family", n)
		}
	}
}
