package authn

import (
	"container/heap"
	"sync"
	"sync/atomic"
)

// A recent is a bounded map that forgets what was not used for the longest time. Any number of goroutines may get from it while
// one changes it. They take no lock, and as a rule write nothing, so that none of them waits for another.
type recent[K comparable, V any] struct {
	most  int
	slack uint64
	uses  atomic.Uint64 // how many uses were noted
	byKey sync.Map      // K → *recentEntry[K, V]
	byUse recentHeap[K, V]
}

type recentEntry[K comparable, V any] struct {
	key   K
	value *V
	used  atomic.Uint64 // the number of the last use that was noted

	index  int // in the heap
	placed uint64
}

// exactRecent is up to how many entries the order is exact. Where there may be more, a use of one among the newer half is not
// noted, or each use would write what all others read. So none is forgotten before half as many others were used after it.
const exactRecent = 1000

func newRecent[K comparable, V any](most int) *recent[K, V] {
	r := &recent[K, V]{most: max(1, most)}
	if r.most > exactRecent {
		r.slack = uint64(r.most / 2)
	}
	return r
}

// get returns the value of the key, or nil.
func (r *recent[K, V]) get(key K) *V {
	found, ok := r.byKey.Load(key)
	if !ok {
		return nil
	}
	entry := r.entry(found)
	if r.uses.Load()-entry.used.Load() > r.slack {
		entry.used.Store(r.uses.Add(1))
	}
	return entry.value
}

// add puts a value in place of the one that the key has, if any.
func (r *recent[K, V]) add(key K, value *V) {
	r.drop(key)
	if len(r.byUse) >= r.most {
		r.dropOldest()
	}
	entry := &recentEntry[K, V]{key: key, value: value, placed: r.uses.Add(1)}
	entry.used.Store(entry.placed)
	heap.Push(&r.byUse, entry)
	r.byKey.Store(key, entry)
}

func (r *recent[K, V]) drop(key K) {
	if found, ok := r.byKey.LoadAndDelete(key); ok {
		heap.Remove(&r.byUse, r.entry(found).index)
	}
}

// dropOldest first moves those away that were used since they were placed, each once at most, since uses go on meanwhile.
func (r *recent[K, V]) dropOldest() {
	for range r.byUse {
		oldest := r.byUse[0]
		used := oldest.used.Load()
		if used == oldest.placed {
			break
		}
		oldest.placed = used
		heap.Fix(&r.byUse, 0)
	}
	r.drop(r.byUse[0].key)
}

func (r *recent[K, V]) clear() {
	r.byKey.Clear()
	r.byUse = nil
}

func (*recent[K, V]) entry(found any) *recentEntry[K, V] {
	return found.(*recentEntry[K, V]) //nolint:errcheck,forcetypeassert // the map holds nothing else
}

// A recentHeap has in front what was used least recently when it was placed. It implements [heap.Interface].
type recentHeap[K comparable, V any] []*recentEntry[K, V]

func (h recentHeap[K, V]) Len() int           { return len(h) }
func (h recentHeap[K, V]) Less(i, j int) bool { return h[i].placed < h[j].placed }

func (h recentHeap[K, V]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *recentHeap[K, V]) Push(pushed any) {
	entry := pushed.(*recentEntry[K, V]) //nolint:errcheck,forcetypeassert // the heap holds nothing else
	entry.index = len(*h)
	*h = append(*h, entry)
}

func (h *recentHeap[K, V]) Pop() any {
	last := len(*h) - 1
	entry := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return entry
}
