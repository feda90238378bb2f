package refresh_test

import (
	"crypto/sha256"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token/refresh"
	"github.com/berthpass/registry-auth/token/refresh/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) refresh.Store { return refresh.NewMemoryStore() })
}

// A hundred thousand tokens that live a minute, one a second, must not need the memory of a hundred
// thousand.
func TestMemoryStoreRemovesExpiredRecords(t *testing.T) {
	store := refresh.NewMemoryStore()
	before := heap()
	now := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	for i := range 100_000 {
		now = now.Add(time.Second)
		id := strconv.Itoa(i)
		err := store.Insert(t.Context(), refresh.Record{
			ID: id, Hash: sha256.Sum256([]byte(id)),
			Subject: authn.Subject{Name: id}, Service: "registry", IssuedAt: now, LastUsed: now,
			ExpiresAt: now.Add(time.Minute), IdleAt: now.Add(time.Minute),
		}, 1)
		if err != nil {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown > 4<<20 {
		t.Errorf("the store holds %d KiB", grown>>10)
	}
	runtime.KeepAlive(store)
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
